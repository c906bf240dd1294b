/* SPDX-License-Identifier: ISC */
/*
 * tls_identity - who a client's certificate says it is
 */
#ifndef TLS_IDENTITY_H
#define TLS_IDENTITY_H

#include <stdbool.h>

#include <openssl/x509.h>

#include "config.h"
#include "socket.h"

/* Each text of a struct tls_identity is shorter than this. */
enum { TLS_IDENTITY_ROOM = 256 };

/* True when one of the rules (client_rule.h) lets it in; no rules let in everybody. */
bool tls_identity_is_allowed(X509 *certificate, const struct text_list *rules);

/*
 * For the log: the subject, as RFC 2253 writes it, and what it was let in by, or
 * without rules its first alternative name. To be freed with free(); NULL: out of memory.
 */
struct tls_identity *tls_identity_new(X509 *certificate, const struct text_list *rules);

/* The same of one that was not let in: nothing but the subject is of interest. */
struct tls_identity *tls_identity_new_refused(X509 *certificate);

#endif
