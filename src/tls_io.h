/* SPDX-License-Identifier: ISC */
/*
 * tls_io - what a TLS socket takes from the wire and puts on it, a turn at a time
 *
 * Large buffers make TLS fast and large numbers of them make a proxy fat, so
 * there is one pair per worker (and a spare one), lent to the socket whose turn it is:
 *
 *	kernel --recv--> in --records--> plain text
 *	plain text --records--> out --send--> kernel
 *
 * Between the buffers and the plain text is OpenSSL (tls_bio.h), or our own
 * record layer (tls_record.h). A turn takes cipher text in one large recv() and
 * gathers every record it makes into one send(). Between turns both buffers are
 * empty: what nobody asked for, such as the beginning of a record, waits in the
 * socket, and so does what the kernel refused, in its queue.
 */
#ifndef TLS_IO_H
#define TLS_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/bio.h>

#include "socket.h"

struct socket_tls;
struct tls_ciphers;
struct tls_io;

/*
 * One recv(2) takes at most size bytes from the wire; writes of about as much
 * are sent at once. NULL: out of memory.
 */
struct tls_io *tls_io_new(size_t size);
/* NULL is fine; no SSL may use its BIO any more. */
void tls_io_free(struct tls_io *io);

/* OpenSSL's way to it, borrowed: take a reference of your own. */
BIO *tls_io_bio(struct tls_io *io);
/* The worker's, borrowed. */
struct tls_ciphers *tls_io_ciphers(struct tls_io *io);

/* The socket whose turn it is; NULL between turns. */
struct socket_tls *tls_io_socket(struct tls_io *io);

/* Begins the turn of a socket that may read allowance bytes from the wire; 0: it only sends. */
void tls_io_begin(struct tls_io *io, struct socket_tls *tls, size_t allowance);
/*
 * Ends it: sends what was gathered (last: a FIN follows at once), puts aside
 * what was not asked for.
 */
void tls_io_end(struct tls_io *io, bool last);

/* ---- a respite ---- */

/*
 * A handshake is a call of a third of a millisecond and more, in a dozen steps. Between two of
 * them its worker may let others take their turns: the io is theirs meanwhile, and after it
 * again what it was. respite must leave alone the socket that shakes hands, and whatever
 * else cannot be done in the middle of a turn. NULL: there is none.
 */
typedef void tls_io_respite(void *owner);
/* Whether somebody may be waiting for it. */
typedef bool tls_io_respite_due(void *owner);
void tls_io_set_respite(struct tls_io *io, tls_io_respite_due *is_due, tls_io_respite *respite,
                        void *owner);
/* The turn that has begun is a handshake's, and may be interrupted. */
void tls_io_shake_hands(struct tls_io *io);
/* Between two steps. Calls respite if it is due, unless the turn is none of a handshake, or itself
 * in a respite. */
void tls_io_give_respite(struct tls_io *io);

/* ---- in ---- */

/* What was read and not taken yet: *len bytes, valid until the next call here. */
const unsigned char *tls_io_front(const struct tls_io *io, size_t *len);
/*
 * One recv(2) more behind that. IO_DONE: there is more now. IO_WAIT: not yet,
 * or the turn's allowance is used up. IO_ENDED: there will be none.
 */
enum io tls_io_fill(struct tls_io *io);
/*
 * True when a record is there as a whole, or the header of one that cannot be.
 * Else it fills; *io_result says why that did not do.
 */
bool tls_io_await_record(struct tls_io *io, enum io *io_result);
/* Takes len bytes of it away. */
void tls_io_take(struct tls_io *io, size_t len);

/* ---- out ---- */

/* Room for at least len bytes, at most a record's; what is there already is sent if need be. */
unsigned char *tls_io_room(struct tls_io *io, size_t len);
/* len bytes of that room are to be sent. */
void tls_io_put(struct tls_io *io, size_t len);
/* The same for bytes from elsewhere, any number of them. */
void tls_io_say(struct tls_io *io, const void *bytes, size_t len);
/* What the turn has gathered so far, and not sent: *len bytes, which may be changed. */
unsigned char *tls_io_gathered(struct tls_io *io, size_t *len);
/* Takes that back, as if it had never been said. */
void tls_io_forget(struct tls_io *io);

#endif
