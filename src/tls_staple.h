/* SPDX-License-Identifier: ISC */
/*
 * tls_staple - an authority's word that a certificate is not revoked (OCSP)
 *
 * A client may ask for it with its handshake (RFC 6066, 8; RFC 8446, 4.4.2.1).
 * Somebody else fetches it; we read it from a file, see whether a client would
 * believe it (RFC 6960, 3.2), and hand it on for as long as it holds. It belongs
 * to a tls_credential and is, but for told, as constant as that.
 */
#ifndef TLS_STAPLE_H
#define TLS_STAPLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <openssl/x509.h>

#include "tls_file.h"

struct tls_loader;

struct tls_staple {
	struct tls_file file;
	bool named;             /* by the configuration; else it was found */
	int error;              /* errno: why it cannot be read */
	const char *flaw;       /* why nobody would believe it; NULL: it can be used */
	bool revoked;           /* that is what it says */
	time_t from;
	time_t until;
	unsigned char *der;
	size_t len;
	atomic_bool told;       /* that it is stale */
};

/*
 * What is in file is about certificate, whose issuer is in chain or among those
 * whom the system trusts. Of no use: flaw. NULL: out of memory.
 */
struct tls_staple *tls_staple_load(const struct tls_file *file, bool named, X509 *certificate,
                                   STACK_OF(X509) * chain, struct tls_loader *loader);
/* NULL is fine. */
void tls_staple_free(struct tls_staple *staple);

/* True when it may be given to a client. NULL is fine. */
bool tls_staple_holds(const struct tls_staple *staple, time_t now);

/* True when certificate tells clients to insist on one (RFC 7633). */
bool tls_staple_is_a_must(X509 *certificate);

#endif
