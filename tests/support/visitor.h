/* SPDX-License-Identifier: ISC */
/*
 * visitor - a client that shows a certificate, and what comes of it
 *
 * On the stage, whose folder the files are in (see certificates.h); backends are
 * plain. The versions are those of a context: TLS1_2_VERSION, TLS1_3_VERSION.
 */
#ifndef VISITOR_H
#define VISITOR_H

#include "scene.h"

enum { VISITOR_UPLOAD = 100000 };

/* One that asks for certificates: the keys that do so. */
struct visitor_listener {
	const char *name;
	const char *keys;
};

/* Their sections, for a stage_config's more. Static, with room for more behind them. */
char *visitor_sections(const struct visitor_listener *listeners, size_t n);

/* With a certificate and its key; behind it in the chain go those of more, up to a NULL. */
SSL_CTX *visitor_tls(int version, const char *file, const char *const *more);
/* It will say that it has the key of the certificate in file, and sign with that of other. */
void visitor_pretend(SSL_CTX *tls, const char *file, const char *other);
/* A client that does. */
SSL_CTX *visitor_impostor(int version, const char *file, const char *other);

/* What is in a file of any folder; the caller's. */
EVP_PKEY *visitor_key(const char *folder, const char *file);
X509 *visitor_certificate(const char *folder, const char *file);

/* session: to be resumed; NULL: none. */
struct peer *visitor_connect(const char *listener, SSL_CTX *tls, SSL_SESSION *session);

/*
 * It gets this alert, the log says these words of the handshake, and nobody else
 * hears of it. In TLS 1.3 it is through with the handshake by then, and its
 * data is right behind. The first takes tls.
 */
void visitor_is_refused(SSL_CTX *tls, const char *listener, const char *alert, const char *words);
void visitor_is_refused_session(SSL_CTX *tls, SSL_SESSION *session, const char *listener,
                                const char *alert, const char *words);

/*
 * It comes in, resuming session if there is one; data goes both ways, both sides
 * end well, and the relay's line says these words. Both take tls; the second
 * returns what can be resumed, with the ticket that has come.
 */
void visitor_comes_in(SSL_CTX *tls, const char *listener, const char *words);
SSL_SESSION *visitor_relays(SSL_CTX *tls, SSL_SESSION *session, const char *listener,
                            const char *words);

#endif
