/* SPDX-License-Identifier: ISC */
/*
 * socket_tls - the TLS kind's own struct; for socket_tls.c and tls_bio.c only
 */
#ifndef SOCKET_TLS_H
#define SOCKET_TLS_H

#include <openssl/ssl.h>

#include "socket_impl.h"
#include "tls_bio.h"

struct socket_tls {
	struct socket base;
	SSL *ssl;               /* NULL once released */
	struct tls_io *io;
	struct buffer in;       /* read from the wire, not yet asked for */
	struct tls_facts facts;
	struct tls_memory *memory;      /* of the server, borrowed; NULL: none */
	struct tls_framing framing;
	uint8_t alert_sent;     /* the fatal one that we sent, if base.alerted */
	bool dead:1;            /* SSL failed and must not be used again */
	bool ticket_due:1;      /* TLS 1.3: to be sent with our first data */
	bool certified:1;       /* it has other certificates than its context */
	unsigned n_small:4;     /* records that were small, since it was silent */
	uint32_t wrote_at;      /* as poller_now(), which wraps around here */
};

#endif
