/* SPDX-License-Identifier: ISC */
/*
 * tls_context - what a listener or a backend says about TLS, as an SSL_CTX
 *
 * Each worker has contexts of its own: sharing one costs locks. What they must
 * agree on, the ticket keys, is lent to each.
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "config.h"

struct backend_config;
struct listener_config;
struct tls_context;
struct tls_outlook;
struct tls_supply;
struct tls_tickets;

enum { TLS_REASON_ROOM = 512 };

/*
 * A context to accept with, of what supply holds; tickets are for a listener that
 * has no keys of its own. They outlive it, and it outlives handshakes.
 * NULL: *reason (TLS_REASON_ROOM bytes) says what is wrong.
 */
struct tls_context *tls_context_server(const struct listener_config *listener,
                                       const struct tls_supply *supply, struct tls_tickets *tickets,
                                       char *reason);

/* A context to connect with. NULL: see above. */
struct tls_context *tls_context_client(const struct backend_config *backend, char *reason);

/* NULL is fine. The sockets that it has accepted are gone. */
void tls_context_free(struct tls_context *context);

/* Whether the connections that it accepts are to be taken over. */
enum record_layer tls_context_record_layer(const struct tls_context *context);
/* Whether they tend to stay; borrowed, as old as the context. */
struct tls_outlook *tls_context_outlook(struct tls_context *context);

/* A new connection's SSL, owned by the caller; NULL: out of memory. */
SSL *tls_context_new_ssl(struct tls_context *context);

/*
 * The library's name and version, and in *lacks what it does not have of what
 * policies would begin with; NULL: it has all.
 */
const char *tls_library(const char **lacks);

#endif
