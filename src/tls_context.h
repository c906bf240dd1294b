/* SPDX-License-Identifier: ISC */
/*
 * tls_context - what a listener or a backend says about TLS, as an SSL_CTX
 *
 * Each worker has contexts of its own: sharing one costs locks. What they must
 * agree on, the ticket keys, is made once and copied into each.
 */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct backend_config;
struct listener_config;
struct tls_catalog;
struct tls_client;
struct tls_context;

enum { TLS_REASON_ROOM = 512 };

/* Keys for session tickets (RFC 5077, RFC 8446 4.6.1), the same in all workers. */
struct tls_ticket_keys {
	unsigned char bytes[80];
};

/* False: no randomness. */
bool tls_ticket_keys_make(struct tls_ticket_keys *keys);

/*
 * A context to accept with, the certificates in catalog, and what client (NULL:
 * nothing) wants to see of who connects; both outlive it. NULL: *reason (TLS_REASON_ROOM bytes)
 * says what is wrong.
 */
struct tls_context *tls_context_server(const struct listener_config *listener,
                                       struct tls_catalog *catalog, struct tls_client *client,
                                       const struct tls_ticket_keys *keys, char *reason);

/* A context to connect with. NULL: see above. */
struct tls_context *tls_context_client(const struct backend_config *backend, char *reason);

/* NULL is fine. Sockets made from it keep what they need. */
void tls_context_free(struct tls_context *context);

/* A new connection's SSL, owned by the caller; NULL: out of memory. */
SSL *tls_context_new_ssl(struct tls_context *context);

#endif
