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
#include <sys/stat.h>
#include <time.h>

#include <openssl/x509.h>

/* OpenSSL has a place for one credential of each kind, and takes the best that a client can use. */
enum tls_kind {
	TLS_KIND_RSA,
	TLS_KIND_RSA_PSS,
	TLS_KIND_ECDSA,
	TLS_KIND_ED25519,
	TLS_KIND_ED448,
	TLS_KINDS,
};

/* A file as it was when it was read; equal: it has not changed since. */
struct tls_file {
	char *path;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
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
};

/*
 * From its parts, all taken: names, kind and dates are read off the
 * certificate. NULL: reason (TLS_REASON_ROOM), after about, says why.
 */
struct tls_credential *tls_credential_new(X509 *certificate, STACK_OF(X509) * chain, EVP_PKEY *key,
                                          const char *about, char *reason);

/* From any thread. */
struct tls_credential *tls_credential_hold(struct tls_credential *credential);
/* NULL is fine. */
void tls_credential_release(struct tls_credential *credential);

/* True when it is neither expired nor of the future. */
bool tls_credential_is_valid(const struct tls_credential *credential, time_t now);

/* What it is at path now. False: errno. */
bool tls_file_look(struct tls_file *file, const char *path);
bool tls_file_is_same(const struct tls_file *a, const struct tls_file *b);

#endif
