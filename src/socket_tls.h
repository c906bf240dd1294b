/* SPDX-License-Identifier: ISC */
/*
 * socket_tls - the TLS kind's own struct, and its parts; for socket_*.c and tls_*.c only
 *
 * A TLS socket is opened by OpenSSL (socket_tls_open.c). What it then carries
 * goes through OpenSSL's record layer (socket_tls_carry.c), or, once that has been
 * taken over (tls_takeover.h), through our own (socket_tls_sealed.c).
 */
#ifndef SOCKET_TLS_H
#define SOCKET_TLS_H

#include <openssl/ssl.h>

#include "buffer.h"
#include "socket_impl.h"
#include "tls_bio.h"
#include "tls_framing.h"
#include "tls_io.h"
#include "tls_keys.h"
#include "tls_takeover.h"

/* Of our own record layer: what one record leaves for the next. */
struct socket_sealed {
	uint8_t message[5];     /* the beginning of a KeyUpdate, or of another hello */
	unsigned n_message:3;   /* bytes of it */
	unsigned n_warnings:3;  /* in a row */
	unsigned n_empty:6;     /* in a row */
	bool update_due:1;      /* the peer asks for another key of ours */
	uint32_t hello_left;    /* TLS 1.2: what is still to come of another hello */
};

struct socket_tls {
	struct socket base;
	SSL *ssl;               /* NULL once released or taken over */
	struct tls_keys *keys;  /* owned; NULL unless it was taken over */
	struct tls_io *io;
	struct buffer in;       /* read from the wire, not yet asked for */
	struct buffer ticket;   /* a record, goes before our first data */
	struct tls_facts facts;
	struct tls_memory *memory;      /* of the server, borrowed; NULL: none */
	struct tls_framing framing;
	struct tls_takeover takeover;
	struct socket_sealed sealed;
	uint8_t alert_sent;     /* the fatal one that we sent, if base.alerted */
	bool dead:1;            /* TLS failed and must not be used again */
	bool ticket_due:1;      /* TLS 1.3: to be sent with our first data */
	bool certified:1;       /* it has other certificates than its context */
	unsigned n_small:4;     /* records that were small, since it was silent */
	uint32_t wrote_at;      /* as poller_now(), which wraps around here */
};

static inline struct socket_tls *socket_tls_of(struct socket *sock)
{
	return (struct socket_tls *)sock;
}

/* ---- socket_tls.c: what both record layers share ---- */

/* The wire is over and no close_notify came. */
struct ending socket_tls_wire_ending(const struct socket_tls *tls);
/* OpenSSL is at its end, which is not the peer's doing: nothing works from here on. */
struct ending socket_tls_own_ending(struct socket_tls *tls);
/* Data of how many of the next len bytes the record to send now should have. */
size_t socket_tls_record_size(struct socket_tls *tls, size_t len);
/* A record without data came; ends a stream that has too many of them in a row. */
void socket_tls_bound_idling(struct socket_tls *tls);
/*
 * A turn of the worker's tls_io in which a record layer reads or writes; what comes of
 * it is what socket_recv() and the send of socket_ops want to know.
 */
typedef enum io socket_tls_reader(struct socket_tls *tls, unsigned char *room, size_t len,
                                  size_t *got);
typedef bool socket_tls_writer(struct socket_tls *tls, const unsigned char *data, size_t len,
                               bool last);
enum io socket_tls_receive(struct socket *sock, void *room, size_t len, size_t *got,
                           socket_tls_reader *read);
bool socket_tls_transmit(struct socket *sock, const void *data, size_t len, bool last,
                         socket_tls_writer *write);
/* Nothing can be sent any more. Returns false. */
bool socket_tls_fail_send(struct socket_tls *tls);
/* SNI, as it was sent. Without memory it is not known. */
void socket_tls_learn_name(struct socket_tls *tls);
/* The SSL object goes; what is worth knowing of it is known by then. */
void socket_tls_drop_ssl(struct socket_tls *tls);
void socket_tls_release(struct socket *sock);
void socket_tls_clear(struct socket *sock);
const struct tls_facts *socket_tls_get_facts(const struct socket *sock);

/* ---- socket_tls_open.c ---- */

enum io socket_tls_open(struct socket *sock);
/* For SSL_set_info_callback(3): an alert, or a step of the handshake. */
void socket_tls_on_info(const SSL *ssl, int where, int value);
/* Latches how the peer's direction ended, after a call that failed for good. */
enum io socket_tls_ended(struct socket_tls *tls, int ssl_error);
/* Why a call returned nothing; IO_DONE: only because the turn's share is used. */
enum io socket_tls_refused(struct socket_tls *tls);

/* ---- socket_tls_carry.c ---- */

enum io socket_tls_recv(struct socket *sock, void *room, size_t len, size_t *got);
bool socket_tls_send(struct socket *sock, const void *data, size_t len, bool last);
/* In a turn: the ticket that is due. Without it the session is only not resumable. */
void socket_tls_make_ticket(struct socket_tls *tls);

/* ---- socket_tls_sealed.c ---- */

/* From here on it has keys instead of an SSL object; takes them. */
void socket_sealed_begin(struct socket_tls *tls, struct tls_keys *keys);

#endif
