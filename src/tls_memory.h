/* SPDX-License-Identifier: ISC */
/*
 * tls_memory - the last session with a server, for the next connection to resume
 *
 * Of one server, under one name, in one worker: sessions never go from one to
 * another. One is used until the server gives another, by several
 * connections if need be: what RFC 8446, C.4 warns of, being recognized by
 * an onlooker, is no loss for a proxy that always comes from the same address.
 */
#ifndef TLS_MEMORY_H
#define TLS_MEMORY_H

#include <openssl/ssl.h>

struct tls_memory;

/* NULL: out of memory. */
struct tls_memory *tls_memory_new(void);
/* NULL is fine. Sockets that use it are gone before. */
void tls_memory_free(struct tls_memory *memory);

/* Lets connections of ctx learn sessions. */
void tls_memory_apply(SSL_CTX *ctx);

/* Before a handshake. */
void tls_memory_recall(const struct tls_memory *memory, SSL *ssl);
/* A handshake has failed, perhaps because of it. */
void tls_memory_forget(struct tls_memory *memory);

#endif
