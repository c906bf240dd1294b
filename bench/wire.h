/* SPDX-License-Identifier: ISC */
/*
 * wire - one end of a connection, with or without TLS
 *
 * Never blocks. The socket is watched level-triggered: whoever leaves bytes in
 * it is told again. Bytes that TLS has taken from the socket and not yet given
 * away are nobody's readiness, though: so whoever stops without having been
 * refused (WIRE_YIELDED) waits for either direction, of which one is ready.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum wire_result {
	WIRE_DONE,
	WIRE_WANT_READ,
	WIRE_WANT_WRITE,
	WIRE_YIELDED, /* no answer of these functions: nothing refused, but others are due */
	WIRE_ENDED,   /* the peer ended its direction, in good order */
	WIRE_LOST,
};

struct wire {
	int fd;
	SSL *ssl; /* NULL: plain TCP */
};

/* What client and server want of TLS alike: exits the program if there is no memory. */
SSL_CTX *wire_context_new(const SSL_METHOD *method);

/* Takes fd. Give an SSL that knows its side, or NULL; it is taken too. */
void wire_init(struct wire *wire, int fd, SSL *ssl);
/* The connect, the handshake. Repeat until WIRE_DONE. */
enum wire_result wire_open(struct wire *wire);
enum wire_result wire_read(struct wire *wire, void *room, size_t len, size_t *got);
enum wire_result wire_write(struct wire *wire, const void *data, size_t len, size_t *sent);
/* From now on TLS records wait for each other, until there are many or wire_flush() is called. */
void wire_gather(struct wire *wire);
void wire_flush(struct wire *wire);
/* Ends our direction: close_notify if there is TLS, then FIN. */
void wire_finish(struct wire *wire);
/* What epoll has to look out for after such a result; 0 if the connection is over. */
uint32_t wire_interest(enum wire_result result);
void wire_clear(struct wire *wire);

#endif
