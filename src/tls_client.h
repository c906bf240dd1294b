/* SPDX-License-Identifier: ISC */
/*
 * tls_client - what a listener or a route wants to see of its clients, loaded
 *
 * The authorities whose word counts, what they have revoked, and who may come
 * in of those they vouch for. Loaded once for all workers, and constant.
 *
 * Authorities: one whose issuer is in client-ca as well only helps to build
 * chains, so that a list can revoke it. Every other one is trusted as it
 * stands, whoever issued it, and nobody looks whether it was revoked.
 *
 * Revocation: with client-crl every certificate below the trusted one needs a
 * list of its issuer's. A list that is out of date refuses whoever it is about:
 * it does not tell who was revoked since.
 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include <stdbool.h>

#include <openssl/ssl.h>

#include "config.h"
#include "tls_inspect.h"

struct socket_tls;
struct tls_client;

enum { TLS_CLIENT_DIGEST = 32 };

/*
 * What is notable about a file is reported. rules, whose auth is not no, outlive
 * it. NULL: reason (TLS_REASON_ROOM) names the file and says what is wrong.
 */
struct tls_client *tls_client_new(const struct client_config *rules, tls_report *report, void *arg,
                                  char *reason);
/* NULL is fine. */
void tls_client_free(struct tls_client *client);

/* Of all that decides who comes in: a session made under another one is of no use. */
const unsigned char *tls_client_digest(const struct tls_client *client);

/*
 * Has ctx judge certificates as the route of a client has it. The authorities of
 * usual (NULL: of nobody) are named unless tls_client_ask() says otherwise. False:
 * out of memory.
 */
bool tls_client_apply(const struct tls_client *usual, SSL_CTX *ctx);

/*
 * Before OpenSSL decides anything: ssl asks for a certificate as client has it;
 * NULL: it asks for none. Both outlive it; usual is the one of its context. It may
 * be told again, and something else. False: out of memory.
 */
bool tls_client_ask(const struct tls_client *client, const struct tls_client *usual, SSL *ssl);

/* The handshake is over: frees what it held. */
void tls_client_end(SSL *ssl);

/*
 * For a handshake that OpenSSL calls complete, resumed ones too: true when its
 * client may come in, or nobody has asked who it is. Then tls->facts.client
 * says who it is. False: tls_client_refuse() says so to the client.
 */
bool tls_client_is_welcome(struct socket_tls *tls);

/* Fails, as OpenSSL's calls do, with a fatal alert sent: access_denied. */
void tls_client_refuse(SSL *ssl);

/* For a handshake that failed over it: says in tls->facts whose certificate it was. */
void tls_client_note(struct socket_tls *tls);

#endif
