/* SPDX-License-Identifier: ISC */
/*
 * tls_stapling - gives a client that asks for it the staple of its certificate
 */
#ifndef TLS_STAPLING_H
#define TLS_STAPLING_H

#include <openssl/ssl.h>

struct tls_catalog;

/* For the connections of ctx. catalog outlives it. */
void tls_stapling_set(SSL_CTX *ctx, struct tls_catalog *catalog);

/* The handshake is over: frees what it held. */
void tls_stapling_end(SSL *ssl);

#endif
