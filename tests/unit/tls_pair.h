/* SPDX-License-Identifier: ISC */
/*
 * tls_pair - our TLS socket at one end of a wire, OpenSSL at the other
 *
 * One thread plays both. What the peer says stays with it until it is posted,
 * so that a test decides what arrives together, what in pieces and what never;
 * and a record can be sealed by hand, for what OpenSSL would not say.
 */
#ifndef TLS_PAIR_H
#define TLS_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "socket_tls.h"
#include "tls_context.h"
#include "tls_tickets.h"
#include "wire.h"

enum { TLS_PAIR_ROOM = 65536 };

struct tls_pair {
	struct socket *sock;            /* ours */
	SSL *peer;
	int fd;    /* the peer's end of the wire; -1: closed */
	struct poller poller;
	struct tls_io *io;
	struct tls_context *context;    /* ours */
	SSL_CTX *peer_ctx;
	char room[TLS_PAIR_ROOM + SOCKET_RECV_SLACK];   /* for what our side received */
};

/* The one that a test plays with. */
extern struct tls_pair pair;

/* Makes all but the connection. The first: ours accepts; the other: it connects. */
void tls_pair_set_up(void);
void tls_pair_set_up_connecting(const struct backend_config *backend, const char *cert);
void tls_pair_tear_down(void);

/* Of the contexts that are made from now on. */
extern enum record_layer tls_pair_record_layer;

/* A server's context as ours is, with a certificate of its own. */
struct tls_context *tls_pair_context(struct tls_tickets *tickets);
extern struct tls_tickets *tls_pair_tickets;

/* A wire, and nobody has said anything. Ends the connection before it. */
void tls_pair_join(enum wire_kind kind, int version);
/* The same for the connecting kind. */
void tls_pair_join_connecting(int version, const char *name);
/* Both go on with the handshake until neither can. Returns what ours said last. */
enum io tls_pair_shake(void);
/* A wire with a handshake done. */
void tls_pair_meet(enum wire_kind kind, int version);

/* Puts on the wire what the peer has to say. */
void tls_pair_post(void);
/* The peer says something, at once. */
void tls_pair_say(const char *text);
void tls_pair_say_close_notify(void);
/* Raw bytes from the peer. */
void tls_pair_write(const void *bytes, size_t len);
/* Half a close, a close, and a RST; nothing is posted. */
void tls_pair_fin(void);
void tls_pair_leave(void);
void tls_pair_reset(void);

/*
 * Seals a record as the peer would have: type as in record.h. Only for the first
 * record after the handshake, or in a row from there. Returns its length.
 */
size_t tls_pair_seal(unsigned char type, const void *data, size_t len, unsigned char *room);

/* Our side takes the kernel's news, then receives until it has to wait; the bytes. */
size_t tls_pair_receive(void);
/* Waits for the kernel's news first. */
size_t tls_pair_await(void);
/* Our side's ending. */
enum ending_kind tls_pair_ending(void);

/* The peer receives: the bytes, until there are no more or the end. */
size_t tls_pair_peer_receive(void);
/* How the peer's last call ended: SSL_ERROR_ZERO_RETURN is a close_notify. */
int tls_pair_peer_error(void);

#endif
