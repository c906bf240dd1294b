/* SPDX-License-Identifier: ISC */
/*
 * tls_secrets - overhears the traffic secrets of TLS 1.3 (RFC 8446, 7.1)
 *
 * OpenSSL tells them to its key log callback (SSL_CTX_set_keylog_callback(3)) and to
 * nobody else. That callback is handed them as text, which costs 3 us for each
 * of five, so it is only there while those two are due.
 */
#ifndef TLS_SECRETS_H
#define TLS_SECRETS_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "tls_keys.h"

struct socket_tls;

/* Of a connection that we accepted. Secret. */
struct tls_secrets {
	uint8_t client[TLS_SECRET_MOST];
	uint8_t server[TLS_SECRET_MOST];
	bool has_client;
	bool has_server;
};

/* Around each call that goes on with the handshake of a socket that is to be taken over. */
void tls_secrets_begin(struct socket_tls *tls);
void tls_secrets_end(struct socket_tls *tls);
/* From the context's info callback. */
void tls_secrets_on_state(const SSL *ssl);

/* A line of the key log, from whoever else has set the callback. */
void tls_secrets_hear(const SSL *ssl, const char *line);

/* Wipes them; NULL is fine. */
void tls_secrets_free(struct tls_secrets *secrets);

#endif
