/* SPDX-License-Identifier: ISC */
/*
 * tls_hello - what a client's first message decides
 *
 * Before OpenSSL looks at anything in it, tickets included: which route it is
 * on, so which certificate it has to show, and which sessions it may resume. One
 * is only resumed where it was begun: by the same listener, on the same route,
 * under the same name and the same rules for clients' certificates. And once
 * OpenSSL knows the name: whether anybody is here of that name.
 */
#ifndef TLS_HELLO_H
#define TLS_HELLO_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "config.h"

struct tls_hello;
struct tls_supply;

/* For the listener of supply, which outlives it. NULL: out of memory. */
struct tls_hello *tls_hello_new(const struct listener_config *listener,
                                const struct tls_supply *supply);
/* NULL is fine. */
void tls_hello_free(struct tls_hello *hello);

/* For handshakes of ctx, which it outlives. False: out of memory. */
bool tls_hello_apply(struct tls_hello *hello, SSL_CTX *ctx);

#endif
