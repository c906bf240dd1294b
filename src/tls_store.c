/* SPDX-License-Identifier: ISC */
#include "tls_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "tls_context.h"
#include "tls_loader.h"
#include "tls_staple.h"

struct tls_store {
	struct table by_path;   /* of the file with the certificate */
	struct tls_credential **credentials;
	size_t n;
	size_t n_kept;
	const struct tls_store *previous;
	struct tls_loader *loader;
};

struct tls_store *tls_store_new(const struct tls_store *previous)
{
	struct tls_store *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	store->previous = previous;
	store->loader = tls_loader_new();
	if (store->loader == NULL) {
		tls_store_free(store);
		return NULL;
	}
	return store;
}

void tls_store_free(struct tls_store *store)
{
	if (store == NULL)
		return;
	tls_store_settle(store);
	for (size_t i = 0; i < store->n; i++)
		tls_credential_release(store->credentials[i]);
	free(store->credentials);
	table_clear(&store->by_path);
	free(store);
}

void tls_store_settle(struct tls_store *store)
{
	tls_loader_free(store->loader);
	store->loader = NULL;
	store->previous = NULL;
}

struct tls_loader *tls_store_loader(struct tls_store *store)
{
	return store->loader;
}

size_t tls_store_count(const struct tls_store *store)
{
	return store->n;
}

size_t tls_store_count_kept(const struct tls_store *store)
{
	return store->n_kept;
}

/* Takes credential; NULL: out of memory. */
static struct tls_credential *tls_store_add(struct tls_store *store,
                                            struct tls_credential *credential, char *reason)
{
	const char *path = credential->cert_file.path;
	struct tls_credential **grown =
		realloc(store->credentials, (store->n + 1) * sizeof(struct tls_credential *));

	if (grown != NULL)
		store->credentials = grown;
	/* One certificate with two keys is odd, and only the first is found again. */
	if (grown == NULL || (table_find(&store->by_path, path) == NULL &&
	                      !table_add(&store->by_path, path, credential))) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		tls_credential_release(credential);
		return NULL;
	}
	store->credentials[store->n++] = credential;
	return credential;
}

static bool tls_store_same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct tls_credential *tls_store_find(const struct tls_store *store,
                                             const struct tls_source *source)
{
	struct tls_credential *credential =
		store != NULL ? table_find(&store->by_path, source->cert) : NULL;
	const struct tls_staple *staple = credential != NULL ? credential->staple : NULL;

	if (credential == NULL || !tls_store_same_text(source->key, credential->key_file.path) ||
	    !tls_store_same_text(source->ocsp,
	                         staple != NULL && staple->named ? staple->file.path : NULL))
		return NULL;
	return credential;
}

/* What the files were before they are read: a change in between is found by the next reload. */
struct tls_look {
	struct tls_file cert;
	struct tls_file key;
	struct tls_file staple;
	bool stapled;           /* there is something to be read */
};

/* Where the staple is, if there is one; NULL: out of memory. */
static char *tls_store_staple_path(const struct tls_source *source)
{
	char *path;

	if (source->ocsp != NULL)
		return strdup(source->ocsp);
	return asprintf(&path, "%s.ocsp", source->cert) < 0 ? NULL : path;
}

/* Loading says what is wrong with a file that is not there. */
static void tls_store_look(struct tls_look *look, const struct tls_source *source, char *staple)
{
	*look = (struct tls_look){ .cert = { .path = (char *)source->cert },
		                   .key = { .path = (char *)source->key },
		                   .staple = { .path = staple } };
	(void)tls_file_look(&look->cert, source->cert);
	if (source->key != NULL)
		(void)tls_file_look(&look->key, source->key);
	look->stapled = tls_file_look(&look->staple, staple) || source->ocsp != NULL;
}

static bool tls_store_is_current(const struct tls_credential *credential,
                                 const struct tls_look *look)
{
	return tls_file_is_same(&credential->cert_file, &look->cert) &&
	       (credential->key_file.path == NULL ||
	        tls_file_is_same(&credential->key_file, &look->key));
}

static bool tls_store_is_stapled(const struct tls_credential *credential,
                                 const struct tls_look *look)
{
	const struct tls_staple *staple = credential->staple;

	if (staple == NULL || !look->stapled)
		return staple == NULL && !look->stapled;
	return tls_file_is_same(&staple->file, &look->staple);
}

static bool tls_store_complete(struct tls_store *store, struct tls_credential *credential,
                               const struct tls_source *source, const struct tls_look *look)
{
	credential->cert_file = look->cert;
	credential->key_file = look->key;
	credential->cert_file.path = strdup(source->cert);
	credential->key_file.path = source->key != NULL ? strdup(source->key) : NULL;
	if (look->stapled)
		credential->staple =
			tls_staple_load(&look->staple, source->ocsp != NULL,
		                        credential->certificate, credential->chain, store->loader);
	return credential->cert_file.path != NULL &&
	       (source->key == NULL || credential->key_file.path != NULL) &&
	       (!look->stapled || credential->staple != NULL);
}

/* Anew, or from what one of the generation before has but for the staple. */
static struct tls_credential *tls_store_load(struct tls_store *store,
                                             const struct tls_credential *old,
                                             const struct tls_source *source,
                                             const struct tls_look *look, char *reason)
{
	struct tls_credential *credential =
		old != NULL ? tls_credential_copy(old, reason)
			    : tls_loader_load(store->loader, source->cert, source->key, reason);

	if (credential == NULL)
		return NULL;
	if (tls_store_complete(store, credential, source, look))
		return tls_store_add(store, credential, reason);
	(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	tls_credential_release(credential);
	return NULL;
}

static struct tls_credential *tls_store_make(struct tls_store *store,
                                             const struct tls_source *source,
                                             const struct tls_look *look, char *reason)
{
	struct tls_credential *old = tls_store_find(store->previous, source);
	struct tls_credential *made;

	if (old == NULL || !tls_store_is_current(old, look))
		return tls_store_load(store, NULL, source, look, reason);
	if (tls_store_is_stapled(old, look))
		made = tls_store_add(store, tls_credential_hold(old), reason);
	else
		made = tls_store_load(store, old, source, look, reason);
	if (made != NULL)
		store->n_kept++;
	return made;
}

struct tls_credential *tls_store_get(struct tls_store *store, const struct tls_source *source,
                                     char *reason)
{
	struct tls_credential *found = tls_store_find(store, source);
	struct tls_look look;
	char *staple;

	if (found != NULL)
		return found;
	staple = tls_store_staple_path(source);
	if (staple == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return NULL;
	}
	tls_store_look(&look, source, staple);
	found = tls_store_make(store, source, &look, reason);
	free(staple);
	return found;
}

struct tls_credential *tls_store_keep(struct tls_store *store, const struct tls_source *source,
                                      time_t now)
{
	struct tls_credential *kept = tls_store_find(store->previous, source);
	char reason[TLS_REASON_ROOM];

	if (kept == NULL || kept->not_after <= now)
		return NULL;
	kept = tls_store_add(store, tls_credential_hold(kept), reason);
	if (kept != NULL)
		store->n_kept++;
	return kept;
}
