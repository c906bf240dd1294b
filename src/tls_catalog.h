/* SPDX-License-Identifier: ISC */
/*
 * tls_catalog - which certificate a client gets that asks for a name
 *
 * A name is looked for as it is, then with a "*" for its first label. For each
 * there may be one credential of each kind of key, of which OpenSSL takes what
 * the client can use. Where two of a kind have the same name, one that is valid
 * goes before one that is not, and otherwise the first.
 */
#ifndef TLS_CATALOG_H
#define TLS_CATALOG_H

#include "config.h"
#include "tls_credential.h"
#include "tls_inspect.h"

struct tls_catalog;
struct tls_store;

/* For one name; NULL where there is none of that kind. */
struct tls_set {
	const struct tls_credential *of[TLS_KINDS];
};

/*
 * All that the listener names, through store, which outlives it. What is wrong
 * with a file of a cert-dir, or notable about any, is reported; what is wrong
 * with one that is named itself is an error. NULL: reason (TLS_REASON_ROOM).
 */
struct tls_catalog *tls_catalog_new(const struct listener_config *listener, struct tls_store *store,
                                    tls_report *report, void *arg, char *reason);
/* NULL is fine. */
void tls_catalog_free(struct tls_catalog *catalog);

/* For who asks for no name, or for one that nobody knows. */
const struct tls_set *tls_catalog_default(const struct tls_catalog *catalog);
/* The file that it is from, or one of them. */
const char *tls_catalog_default_path(const struct tls_catalog *catalog);
/* NULL: nobody knows that name. */
const struct tls_set *tls_catalog_find(const struct tls_catalog *catalog, const char *name);

/* What a client gets that asks for name; NULL: for none. */
const struct tls_set *tls_catalog_choose(const struct tls_catalog *catalog, const char *name);

struct table;
/* All names, each with its tls_set. */
const struct table *tls_catalog_names(const struct tls_catalog *catalog);

/* True when there is a staple that holds, or did, or will. */
bool tls_catalog_is_stapled(const struct tls_catalog *catalog);

/* Certificates, names and staples that hold there are, and files that were skipped. */
size_t tls_catalog_count(const struct tls_catalog *catalog);
size_t tls_catalog_count_names(const struct tls_catalog *catalog);
size_t tls_catalog_count_staples(const struct tls_catalog *catalog);
size_t tls_catalog_count_skipped(const struct tls_catalog *catalog);

#endif
