/* SPDX-License-Identifier: ISC */
/*
 * tls_bio - what OpenSSL reads from and writes to: one BIO per worker
 *
 * Large buffers make TLS fast and large numbers of them make a proxy fat, so
 * there is one pair per worker, lent to the socket whose turn it is:
 *
 *	kernel --recv--> in --BIO_read--> SSL --BIO_write--> out --send--> kernel
 *
 * A turn takes ciphertext in one large recv() and gathers every record it
 * makes into one send(). Between turns both buffers are empty: what SSL did not
 * ask for waits in the socket (rare: data that came with the end of the
 * handshake), what the kernel refused waits in the socket's queue.
 *
 * Three answers of this BIO are the reason that it is ours:
 *
 * - A write is never refused. So SSL_write() and SSL_shutdown() complete at
 *   once, and "bad write retry" in the middle of a stream cannot happen.
 * - End of file is not for OpenSSL. BIO_CTRL_EOF answers no, so that an end
 *   without close_notify leaves the SSL object usable, sends no alert, and is
 *   ours to judge: socket.eof tells.
 * - The framing of the record layer (RFC 8446, 5.1) is followed as bytes pass,
 *   so that an end inside a record is told from one between records.
 */
#ifndef TLS_BIO_H
#define TLS_BIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/bio.h>

struct socket_tls;
struct tls_io;

/* Where the stream of records stands. */
struct tls_framing {
	uint32_t n_records;     /* begun since its owner last set this to 0 */
	uint16_t body_left;     /* of the record that header announces */
	uint8_t n_start;        /* valid bytes of start */
	uint8_t start[7];       /* the header and the first two bytes of the body */
};

/*
 * One recv(2) takes at most size bytes from the wire; writes of about as much
 * are sent at once. NULL: out of memory.
 */
struct tls_io *tls_io_new(size_t size);
/* NULL is fine; no SSL may use it any more. */
void tls_io_free(struct tls_io *io);

/* The BIO, borrowed: take a reference of your own. */
BIO *tls_io_bio(struct tls_io *io);

/* The socket whose turn it is; NULL between turns. */
struct socket_tls *tls_io_socket(struct tls_io *io);

/* Begins the turn of a socket that may read allowance bytes from the wire. */
void tls_io_begin(struct tls_io *io, struct socket_tls *tls, size_t allowance);
/*
 * Ends it: sends what was gathered (last: a FIN follows at once), puts aside
 * what was not asked for.
 */
void tls_io_end(struct tls_io *io, bool last);

/*
 * Lets the framing see what there is of the record that OpenSSL refused by its
 * header alone. In the turn in which it did.
 */
void tls_io_look_on(struct tls_io *io);

/*
 * Gives the alert that OpenSSL said last in this turn, in the clear, another
 * description. False: it was no such alert.
 */
bool tls_io_replace_alert(struct tls_io *io, uint8_t description);

/* True when the stream stands within a record. */
bool tls_framing_in_record(const struct tls_framing *framing);
/* True when the last record was a close_notify that nobody had encrypted. */
bool tls_framing_is_bare_close_notify(const struct tls_framing *framing);

#endif
