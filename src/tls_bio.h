/* SPDX-License-Identifier: ISC */
/*
 * tls_bio - how OpenSSL gets at a worker's tls_io
 *
 * Four answers of this BIO are the reason that it is ours:
 *
 * - A write is never refused. So SSL_write() and SSL_shutdown() complete at
 *   once, and "bad write retry" in the middle of a stream cannot happen.
 * - End of file is not for OpenSSL. BIO_CTRL_EOF answers no, so that an end
 *   without close_notify leaves the SSL object usable, sends no alert, and is
 *   ours to judge: socket.eof tells.
 * - The framing of the record layer is followed as bytes pass.
 * - Records of a connection that may be taken over (tls_takeover.h) are handed
 *   over as a whole or not at all, so that OpenSSL never keeps half of one.
 */
#ifndef TLS_BIO_H
#define TLS_BIO_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/bio.h>

struct tls_io;

/* Owned by the caller. NULL: out of memory. */
BIO *tls_bio_new(struct tls_io *io);

/*
 * Lets the framing see what there is of the record that OpenSSL refused by its
 * header alone. In the turn in which it did.
 */
void tls_bio_look_on(struct tls_io *io);

/*
 * Gives the alert that OpenSSL said last in this turn, in the clear, another
 * description. False: it was no such alert.
 */
bool tls_bio_replace_alert(struct tls_io *io, uint8_t description);

#endif
