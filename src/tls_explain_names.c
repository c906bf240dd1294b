/* SPDX-License-Identifier: ISC */
#include "tls_explain_names.h"

#include <stdlib.h>
#include <string.h>

#include "sni.h"
#include "table.h"
#include "tls_catalog.h"
#include "tls_route.h"
#include "tls_supply.h"

/* What every row needs. */
struct names_writer {
	const struct listener_config *listener;
	const struct tls_supply *supply;
	const struct tls_origin *origin;
	const char *indent;
	FILE *out;
};

/* " (line 12)"; nothing where there are no routes, and so only one place to look. */
static void names_from(const struct names_writer *writer, const struct route_config *route,
                       const char *key, size_t i)
{
	const struct tls_origin *origin = writer->origin;
	char room[TLS_ORIGIN_ROOM];

	if (writer->listener->n_routes > 0)
		(void)fprintf(writer->out, " (%s)", origin->find(origin->arg, route, key, i, room));
}

/* ---- certificates ---- */

static bool names_is_within(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* One that is named counts before a folder that it is found in as well. */
static void names_write_file(const struct names_writer *writer, const char *path)
{
	const struct text_list *certs = &writer->listener->certs;
	const struct text_list *folders = &writer->listener->cert_dirs;

	(void)fprintf(writer->out, "%s", path);
	for (size_t i = 0; i < certs->n; i++) {
		if (strcmp(certs->texts[i], path) == 0) {
			names_from(writer, NULL, "cert", i);
			return;
		}
	}
	for (size_t i = 0; i < folders->n; i++) {
		if (names_is_within(path, folders->texts[i])) {
			names_from(writer, NULL, "cert-dir", i);
			return;
		}
	}
}

static void names_write_set(const struct names_writer *writer, const char *name,
                            const struct tls_set *set)
{
	for (int i = 0; i < TLS_KINDS; i++) {
		if (set->of[i] == NULL)
			continue;
		(void)fprintf(writer->out, "%s%-28s ", writer->indent, name);
		names_write_file(writer, set->of[i]->cert_file.path);
		(void)fprintf(writer->out, "\n");
		name = "";
	}
}

static void names_write_refusal(const struct names_writer *writer, const char *name,
                                const char *why)
{
	(void)fprintf(writer->out, "%s%-28s refused%s\n", writer->indent, name, why);
}

/* ---- routes ---- */

/* Which of the route's names it is that stands for this one. */
static size_t names_index(const struct route_config *route, const char *name)
{
	char lower[SNI_ROOM];
	const char *known = lower;

	sni_lower(name, strlen(name), lower);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < route->names.n; i++)
			if (strcmp(route->names.texts[i], known) == 0)
				return i;
		known = sni_widen(lower);
	}
	abort(); /* it was found by one of them */
}

static void names_write_route(const struct names_writer *writer, const char *name,
                              const struct route_config *route)
{
	static const char *const auths[] = { "no", "optional", "require" };
	const struct listener_config *listener = writer->listener;
	const struct client_config *client = config_client_of(listener, route);
	const bool own_backend = route != NULL && route->backend != NULL;
	const bool own_client = route != NULL && route->has_client;

	(void)fprintf(writer->out, "%s  %s%s", writer->indent,
	              route != NULL ? "route " : "no route", route != NULL ? route->name : "");
	if (route != NULL)
		names_from(writer, route, "sni", names_index(route, name));
	(void)fprintf(writer->out, ", backend %s", config_backend_of(listener, route)->name);
	names_from(writer, own_backend ? route : NULL, "backend", 0);
	(void)fprintf(writer->out, ", client-auth %s", auths[client->auth]);
	names_from(writer, own_client ? route : NULL, "client-auth", 0);
	(void)fprintf(writer->out, "\n");
}

/* ---- rows ---- */

/* name: "": for who asks for none, or for one that nobody knows. */
static void names_write_row(const struct names_writer *writer, const char *name, const char *label)
{
	const struct listener_config *listener = writer->listener;
	const unsigned number = tls_routes_find(writer->supply->routes, name)->number;
	const struct route_config *route = number > 0 ? listener->routes[number - 1] : NULL;
	const struct tls_set *set =
		*name != '\0' ? tls_catalog_find(writer->supply->catalog, name) : NULL;

	if (listener->n_routes > 0 && config_backend_of(listener, route) == NULL) {
		names_write_refusal(writer, label, ": there is no backend for it");
		return;
	}
	if (set == NULL && *name != '\0' && listener->unknown_sni == UNKNOWN_SNI_REJECT) {
		names_write_refusal(writer, label, ": no certificate is for it");
		return;
	}
	names_write_set(writer, label,
	                set != NULL ? set : tls_catalog_default(writer->supply->catalog));
	if (listener->n_routes > 0)
		names_write_route(writer, name, route);
}

static void names_write_others(const struct names_writer *writer)
{
	const struct listener_config *listener = writer->listener;
	const bool reject = listener->unknown_sni == UNKNOWN_SNI_REJECT &&
	                    (listener->backend != NULL || listener->n_routes == 0);

	names_write_row(writer, "", reject ? "(none)" : "(others, none)");
	if (reject)
		names_write_refusal(writer, "(others)", "");
}

/* ---- all ---- */

static int names_compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of certificates and of routes, each once, in order; the caller's. NULL: out of memory. */
static const char **names_gather(const struct names_writer *writer, size_t *n)
{
	const struct table *table = tls_catalog_names(writer->supply->catalog);
	const struct listener_config *listener = writer->listener;
	size_t room = table->n + 1;
	size_t all = 0;
	const char **names;

	for (size_t i = 0; i < listener->n_routes; i++)
		room += listener->routes[i]->names.n;
	names = calloc(room, sizeof(*names));
	if (names == NULL)
		return NULL;
	for (size_t i = 0; i < table->n_slots; i++)
		if (table->slots[i].name != NULL)
			names[all++] = table->slots[i].name;
	for (size_t i = 0; i < listener->n_routes; i++)
		for (size_t k = 0; k < listener->routes[i]->names.n; k++)
			names[all++] = listener->routes[i]->names.texts[k];
	qsort(names, all, sizeof(*names), names_compare);
	*n = 0;
	for (size_t i = 0; i < all; i++)
		if (*n == 0 || strcmp(names[*n - 1], names[i]) != 0)
			names[(*n)++] = names[i];
	return names;
}

bool tls_explain_names(const struct listener_config *listener, const struct tls_supply *supply,
                       const struct tls_origin *origin, const char *indent, FILE *out)
{
	const struct names_writer writer = { listener, supply, origin, indent, out };
	size_t n;
	const char **names = names_gather(&writer, &n);

	if (names == NULL)
		return false;
	(void)fprintf(out, "  names\n");
	for (size_t i = 0; i < n; i++)
		names_write_row(&writer, names[i], names[i]);
	names_write_others(&writer);
	free(names);
	return true;
}
