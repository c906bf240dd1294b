/* SPDX-License-Identifier: ISC */
/*
 * tls_loader - certificates and keys from PEM files, by the thousand
 *
 * OpenSSL looks for a decoder anew for each key, which takes twenty times as
 * long as to decode it, so there is one for all; and since those who sign are
 * few, their certificates, the chains, are parsed and kept once.
 */
#ifndef TLS_LOADER_H
#define TLS_LOADER_H

#include "tls_credential.h"

struct tls_loader;

/* NULL: out of memory. */
struct tls_loader *tls_loader_new(void);
/* NULL is fine. What was loaded stays. */
void tls_loader_free(struct tls_loader *loader);

/*
 * The certificate in the file cert, with the rest of its chain, and the key in
 * the file key; NULL: it is in cert. NULL: reason (TLS_REASON_ROOM) names the
 * file and says what is wrong with it.
 */
struct tls_credential *tls_loader_load(struct tls_loader *loader, const char *cert, const char *key,
                                       char *reason);

/* Who issued it, of those whom the system trusts; a new reference. NULL: none of them. */
X509 *tls_loader_find_issuer(struct tls_loader *loader, X509 *certificate);

#endif
