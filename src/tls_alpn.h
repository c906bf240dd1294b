/* SPDX-License-Identifier: ISC */
/*
 * tls_alpn - agreeing on what is spoken inside TLS (RFC 7301)
 *
 * A listener, or a route, has a list of protocols, its favourite first, and takes the first
 * that a client offers as well. A TLS server behind it is offered that one, and
 * nothing else, for the bytes that will pass are of that protocol.
 */
#ifndef TLS_ALPN_H
#define TLS_ALPN_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "config.h"

struct tls_alpn;

/* Borrows known, for the names are told to others. NULL: out of memory. */
struct tls_alpn *tls_alpn_new(const struct text_list *known, enum alpn_mismatch mismatch);
/* NULL is fine. Contexts that use it are gone before. */
void tls_alpn_free(struct tls_alpn *alpn);

/* Lets ctx choose as the client's route has it; the choice goes to the facts of the socket. */
void tls_alpn_apply(SSL_CTX *ctx);

/* Before a handshake with a server; one that chooses another fails in it. False: out of memory. */
bool tls_alpn_offer(SSL *ssl, const char *protocol);

#endif
