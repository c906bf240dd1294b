/* SPDX-License-Identifier: ISC */
/*
 * tls_credential - a certificate, its chain and its key
 *
 * It is loaded once, by the main thread, and constant from then on: workers,
 * and generations in which its files did not change, share it by references.
 */
#ifndef TLS_CREDENTIAL_H
#define TLS_CREDENTIAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include <openssl/x509.h>

#include "tls_file.h"

struct tls_staple;

/* OpenSSL has a place for one credential of each kind, and takes the best that a client can use. */
enum tls_kind {
	TLS_KIND_RSA,
	TLS_KIND_RSA_PSS,
	TLS_KIND_ECDSA,
	TLS_KIND_ED25519,
	TLS_KIND_ED448,
	TLS_KINDS,
};

struct tls_credential {
	atomic_uint references;
	X509 *certificate;
	STACK_OF(X509) * chain; /* without the certificate; NULL: none */
	EVP_PKEY *key;
	enum tls_kind kind;
	time_t not_before;
	time_t not_after;
	size_t n_names;
	char *names; /* in lower case, one behind the other; the last one is empty */
	struct tls_file cert_file;
	struct tls_file key_file; /* without a path: cert_file holds the key */
	struct tls_staple *staple; /* owned; NULL: there is none */
};

/*
 * From its parts, all taken: names, kind and dates are read off the
 * certificate. NULL: reason (TLS_REASON_ROOM), after about, says why.
 */
struct tls_credential *tls_credential_new(X509 *certificate, STACK_OF(X509) * chain, EVP_PKEY *key,
                                          const char *about, char *reason);

/* The same once more, but for its files and staple. NULL: reason says why. */
struct tls_credential *tls_credential_copy(const struct tls_credential *credential, char *reason);

/* From any thread. */
struct tls_credential *tls_credential_hold(struct tls_credential *credential);
/* NULL is fine. */
void tls_credential_release(struct tls_credential *credential);

/* True when it is neither expired nor of the future. */
bool tls_credential_is_valid(const struct tls_credential *credential, time_t now);

/* 0: it is malformed. */
time_t tls_time(const ASN1_TIME *time);

#endif
