/* SPDX-License-Identifier: ISC */
#include "tls_catalog.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sni.h"
#include "table.h"
#include "tls_context.h"
#include "tls_loader.h"
#include "tls_staple.h"
#include "tls_store.h"

struct tls_catalog {
	struct table names;             /* to a tls_set of its own each */
	struct tls_set first;           /* the default */
	time_t now;
	size_t n;
	size_t n_staples;
	bool is_stapled;                /* now or later: there may be stale ones */
	size_t n_skipped;
};

/* What is only of interest while it is made. */
struct tls_catalog_maker {
	struct tls_catalog *catalog;
	struct tls_store *store;
	tls_report *report;
	void *arg;
	char *reason;
};

static void tls_catalog_say(const struct tls_catalog_maker *maker, const char *file,
                            const char *problem, const char *detail)
{
	maker->report(maker->arg, &(struct tls_finding){ file, problem, detail });
}

static bool tls_catalog_lacks_memory(const struct tls_catalog_maker *maker)
{
	(void)snprintf(maker->reason, TLS_REASON_ROOM, "out of memory");
	return false;
}

/* ---- names ---- */

/* The one of two that is served under a name that both have. */
static const struct tls_credential *tls_catalog_better(const struct tls_credential *first,
                                                       const struct tls_credential *second,
                                                       time_t now)
{
	return !tls_credential_is_valid(first, now) && tls_credential_is_valid(second, now) ? second
	                                                                                    : first;
}

static void tls_catalog_say_overlap(const struct tls_catalog_maker *maker, const char *name,
                                    const struct tls_credential *served,
                                    const struct tls_credential *other)
{
	char detail[PATH_MAX + SNI_ROOM];

	(void)snprintf(detail, sizeof(detail), "%s is served from %s", name,
	               served->cert_file.path);
	tls_catalog_say(maker, other->cert_file.path, "overlap", detail);
}

static struct tls_set *tls_catalog_set_of(struct tls_catalog_maker *maker, const char *name)
{
	struct table *names = &maker->catalog->names;
	struct tls_set *set = table_find(names, name);

	if (set != NULL)
		return set;
	set = calloc(1, sizeof(*set));
	if (set != NULL && table_add(names, name, set))
		return set;
	free(set);
	(void)tls_catalog_lacks_memory(maker);
	return NULL;
}

/* One overlap is told for each credential, however many names it is about. */
static bool tls_catalog_add_name(struct tls_catalog_maker *maker, const char *name,
                                 const struct tls_credential *credential, bool *told)
{
	struct tls_set *set = tls_catalog_set_of(maker, name);
	const struct tls_credential **place;
	const struct tls_credential *served = credential;

	if (set == NULL)
		return false;
	place = &set->of[credential->kind];
	if (*place != NULL && *place != credential) {
		served = tls_catalog_better(*place, credential, maker->catalog->now);
		if (!*told)
			tls_catalog_say_overlap(maker, name, served,
			                        served == credential ? *place : credential);
		*told = true;
	}
	*place = served;
	return true;
}

static bool tls_catalog_add(struct tls_catalog_maker *maker,
                            const struct tls_credential *credential)
{
	struct tls_catalog *catalog = maker->catalog;
	bool told = false;

	if (tls_staple_holds(credential->staple, catalog->now))
		catalog->n_staples++;
	if (credential->staple != NULL && credential->staple->der != NULL)
		catalog->is_stapled = true;
	if (catalog->n++ == 0)
		catalog->first.of[credential->kind] = credential;
	tls_inspect(credential, tls_store_loader(maker->store), maker->report, maker->arg);
	for (const char *name = credential->names; *name != '\0'; name += strlen(name) + 1)
		if (!tls_catalog_add_name(maker, name, credential, &told))
			return false;
	return true;
}

/* ---- files ---- */

/* A file that somebody named. */
static bool tls_catalog_add_named(struct tls_catalog_maker *maker, const struct tls_source *source)
{
	const struct tls_credential *credential =
		tls_store_get(maker->store, source, maker->reason);

	return credential != NULL && tls_catalog_add(maker, credential);
}

/* One that was found: if it is of no use the others are, and so is what was there before it. */
static bool tls_catalog_try_found(struct tls_catalog_maker *maker, const char *cert,
                                  const char *key)
{
	const struct tls_source source = { .cert = cert, .key = key };
	char why[TLS_REASON_ROOM];
	const struct tls_credential *credential = tls_store_get(maker->store, &source, why);

	if (credential != NULL)
		return tls_catalog_add(maker, credential);
	credential = tls_store_keep(maker->store, &source, maker->catalog->now);
	if (credential != NULL) {
		tls_catalog_say(maker, cert, "not_renewed", why);
		return tls_catalog_add(maker, credential);
	}
	maker->catalog->n_skipped++;
	tls_catalog_say(maker, cert, "skipped", why);
	return true;
}

static bool tls_catalog_is_there(const char *path, bool folder)
{
	struct stat status;

	if (stat(path, &status) == 0)
		return S_ISDIR(status.st_mode) == folder;
	/* One that cannot be reached is there, and is told of when it is to be read. */
	return !folder && errno != ENOENT && errno != ENOTDIR;
}

/* NAME.pem, or NAME/fullchain.pem with its privkey.pem; anything else is none of ours. */
static bool tls_catalog_add_entry(struct tls_catalog_maker *maker, const char *folder,
                                  const char *name)
{
	const size_t len = strlen(name);
	char cert[PATH_MAX];
	char key[PATH_MAX];

	if (*name == '.')
		return true;
	if (snprintf(cert, sizeof(cert), "%s/%s/fullchain.pem", folder, name) >= PATH_MAX ||
	    snprintf(key, sizeof(key), "%s/%s/privkey.pem", folder, name) >= PATH_MAX)
		return true;
	if (tls_catalog_is_there(cert, false))
		return tls_catalog_try_found(maker, cert, key);
	cert[strlen(folder) + 1 + len] = '\0';
	if (len > 4 && strcmp(name + len - 4, ".pem") == 0 && !tls_catalog_is_there(cert, true))
		return tls_catalog_try_found(maker, cert, NULL);
	return true;
}

static bool tls_catalog_add_folder(struct tls_catalog_maker *maker, const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);
	bool fine = true;

	if (n < 0) {
		(void)snprintf(maker->reason, TLS_REASON_ROOM, "%s: cannot be read", folder);
		return false;
	}
	for (int i = 0; i < n; i++) {
		fine = fine && tls_catalog_add_entry(maker, folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return fine;
}

static bool tls_catalog_fill(struct tls_catalog_maker *maker,
                             const struct listener_config *listener)
{
	for (size_t i = 0; i < listener->certs.n; i++) {
		const struct tls_source source = {
			.cert = listener->certs.texts[i],
			.key = listener->keys.n > 0 ? listener->keys.texts[i] : NULL,
			.ocsp = listener->ocsps.n > 0 ? listener->ocsps.texts[i] : NULL,
		};

		if (!tls_catalog_add_named(maker, &source))
			return false;
	}
	for (size_t i = 0; i < listener->cert_dirs.n; i++)
		if (!tls_catalog_add_folder(maker, listener->cert_dirs.texts[i]))
			return false;
	if (maker->catalog->n > 0)
		return true;
	(void)snprintf(maker->reason, TLS_REASON_ROOM, "%s: there is no certificate that works",
	               listener->cert_dirs.texts[0]);
	return false;
}

/* The first credential, and of other kinds those that go by its first name. */
static void tls_catalog_choose_default(struct tls_catalog *catalog)
{
	const struct tls_credential *first = NULL;
	const struct tls_set *set;

	for (int i = 0; i < TLS_KINDS; i++)
		if (catalog->first.of[i] != NULL)
			first = catalog->first.of[i];
	set = first != NULL ? table_find(&catalog->names, first->names) : NULL;
	if (set != NULL)
		catalog->first = *set;
}

struct tls_catalog *tls_catalog_new(const struct listener_config *listener, struct tls_store *store,
                                    tls_report *report, void *arg, char *reason)
{
	struct tls_catalog_maker maker = { .catalog = calloc(1, sizeof(*maker.catalog)),
		                           .store = store,
		                           .report = report,
		                           .arg = arg,
		                           .reason = reason };

	if (maker.catalog == NULL) {
		(void)tls_catalog_lacks_memory(&maker);
		return NULL;
	}
	maker.catalog->now = time(NULL);
	if (tls_catalog_fill(&maker, listener)) {
		tls_catalog_choose_default(maker.catalog);
		return maker.catalog;
	}
	tls_catalog_free(maker.catalog);
	return NULL;
}

void tls_catalog_free(struct tls_catalog *catalog)
{
	if (catalog == NULL)
		return;
	for (size_t i = 0; i < catalog->names.n_slots; i++)
		free(catalog->names.slots[i].thing);
	table_clear(&catalog->names);
	free(catalog);
}

/* ---- asking ---- */

const struct tls_set *tls_catalog_default(const struct tls_catalog *catalog)
{
	return &catalog->first;
}

const char *tls_catalog_default_path(const struct tls_catalog *catalog)
{
	for (int i = 0; i < TLS_KINDS; i++)
		if (catalog->first.of[i] != NULL)
			return catalog->first.of[i]->cert_file.path;
	abort(); /* there is one, or no catalog */
}

static bool tls_catalog_set_is_valid(const struct tls_set *set, time_t now)
{
	for (int i = 0; i < TLS_KINDS; i++)
		if (set->of[i] != NULL && tls_credential_is_valid(set->of[i], now))
			return true;
	return false;
}

const struct tls_set *tls_catalog_find(const struct tls_catalog *catalog, const char *name)
{
	char lower[SNI_ROOM];
	const struct tls_set *exact;
	const struct tls_set *wild = NULL;
	const char *wide;

	sni_lower(name, strlen(name), lower);
	exact = table_find(&catalog->names, lower);
	if (exact != NULL && tls_catalog_set_is_valid(exact, catalog->now))
		return exact;
	wide = sni_widen(lower);
	if (wide != NULL)
		wild = table_find(&catalog->names, wide);
	if (exact == NULL || (wild != NULL && tls_catalog_set_is_valid(wild, catalog->now)))
		return wild;
	return exact;
}

const struct tls_set *tls_catalog_choose(const struct tls_catalog *catalog, const char *name)
{
	const struct tls_set *set = name != NULL ? tls_catalog_find(catalog, name) : NULL;

	return set != NULL ? set : tls_catalog_default(catalog);
}

size_t tls_catalog_count(const struct tls_catalog *catalog)
{
	return catalog->n;
}

size_t tls_catalog_count_names(const struct tls_catalog *catalog)
{
	return catalog->names.n;
}

const struct table *tls_catalog_names(const struct tls_catalog *catalog)
{
	return &catalog->names;
}

bool tls_catalog_is_stapled(const struct tls_catalog *catalog)
{
	return catalog->is_stapled;
}

size_t tls_catalog_count_staples(const struct tls_catalog *catalog)
{
	return catalog->n_staples;
}

size_t tls_catalog_count_skipped(const struct tls_catalog *catalog)
{
	return catalog->n_skipped;
}
