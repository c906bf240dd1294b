/* SPDX-License-Identifier: ISC */
#include "tls_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "tls_context.h"
#include "tls_loader.h"

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

static struct tls_credential *tls_store_find(const struct tls_store *store, const char *cert,
                                             const char *key)
{
	struct tls_credential *credential =
		store != NULL ? table_find(&store->by_path, cert) : NULL;
	const char *its_key;

	if (credential == NULL)
		return NULL;
	its_key = credential->key_file.path;
	if (key == NULL || its_key == NULL)
		return key == its_key ? credential : NULL;
	return strcmp(key, its_key) == 0 ? credential : NULL;
}

static bool tls_store_is_current(const struct tls_credential *credential,
                                 const struct tls_file *cert, const struct tls_file *key)
{
	return tls_file_is_same(&credential->cert_file, cert) &&
	       (credential->key_file.path == NULL || tls_file_is_same(&credential->key_file, key));
}

/* What the files were before they are read: a change in between is found by the next reload. */
static struct tls_credential *tls_store_load(struct tls_store *store, const struct tls_file *cert,
                                             const struct tls_file *key, char *reason)
{
	struct tls_credential *credential =
		tls_loader_load(store->loader, cert->path, key->path, reason);

	if (credential == NULL)
		return NULL;
	credential->cert_file = *cert;
	credential->key_file = *key;
	credential->cert_file.path = strdup(cert->path);
	credential->key_file.path = key->path != NULL ? strdup(key->path) : NULL;
	if (credential->cert_file.path != NULL &&
	    (key->path == NULL || credential->key_file.path != NULL))
		return tls_store_add(store, credential, reason);
	(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	tls_credential_release(credential);
	return NULL;
}

struct tls_credential *tls_store_get(struct tls_store *store, const char *cert, const char *key,
                                     char *reason)
{
	struct tls_credential *found = tls_store_find(store, cert, key);
	struct tls_file cert_file = { .path = (char *)cert };
	struct tls_file key_file = { .path = (char *)key };

	if (found != NULL)
		return found;
	/* Loading says what is wrong with a file that is not there. */
	(void)tls_file_look(&cert_file, cert);
	if (key != NULL)
		(void)tls_file_look(&key_file, key);
	found = tls_store_find(store->previous, cert, key);
	if (found == NULL || !tls_store_is_current(found, &cert_file, &key_file))
		return tls_store_load(store, &cert_file, &key_file, reason);
	found = tls_store_add(store, tls_credential_hold(found), reason);
	if (found != NULL)
		store->n_kept++;
	return found;
}
