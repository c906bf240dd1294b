/* SPDX-License-Identifier: ISC */
/*
 * tls_store - all certificates of a generation, each loaded once
 *
 * Listeners and workers share what is in it. A new generation's takes from the
 * one before whatever has not changed in its files, and loads the rest; if only
 * a staple has changed, that alone. The
 * main thread fills it; then it is constant.
 */
#ifndef TLS_STORE_H
#define TLS_STORE_H

#include "tls_credential.h"

struct tls_loader;
struct tls_store;

/* previous (NULL: none) is looked into until tls_store_settle(). NULL: out of memory. */
struct tls_store *tls_store_new(const struct tls_store *previous);
/* NULL is fine. */
void tls_store_free(struct tls_store *store);

/* Which files a credential is made of. */
struct tls_source {
	const char *cert;
	const char *key;        /* NULL: it is in cert */
	const char *ocsp; /* NULL: what is named like cert, with .ocsp behind, if it is there */
};

/* See tls_loader_load(). The store's. */
struct tls_credential *tls_store_get(struct tls_store *store, const struct tls_source *source,
                                     char *reason);

/*
 * The one that the store before had of them, whatever the files are now, unless it has
 * expired. NULL: none, or no memory.
 */
struct tls_credential *tls_store_keep(struct tls_store *store, const struct tls_source *source,
                                      time_t now);

/* What loads them; not after tls_store_settle(). */
struct tls_loader *tls_store_loader(struct tls_store *store);

/* Nothing more is asked for: lets go of what was only needed to load. */
void tls_store_settle(struct tls_store *store);

/* How many there are, and how many of them were taken from the one before, staple or not. */
size_t tls_store_count(const struct tls_store *store);
size_t tls_store_count_kept(const struct tls_store *store);

#endif
