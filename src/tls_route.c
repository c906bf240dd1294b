/* SPDX-License-Identifier: ISC */
#include "tls_route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "sni.h"
#include "socket_tls.h"
#include "table.h"
#include "tls_alpn.h"
#include "tls_catalog.h"
#include "tls_client.h"
#include "tls_context.h"

struct tls_routes {
	struct table names;             /* to a tls_route of those below */
	size_t n;
	struct tls_route of[];          /* n and the rest, which is the first */
};

/* What is only of interest while they are made. */
struct tls_routes_maker {
	struct tls_routes *routes;
	const struct listener_config *listener;
	const struct tls_catalog *catalog;
	tls_report *report;
	void *arg;
	char *reason;
};

static bool tls_routes_lack_memory(const struct tls_routes_maker *maker)
{
	(void)snprintf(maker->reason, TLS_REASON_ROOM, "out of memory");
	return false;
}

/* ---- one route; NULL stands for the rest ---- */

/* What is the listener's is loaded for the rest, and shared. */
static bool tls_route_load(const struct tls_routes_maker *maker, struct tls_route *route,
                           const struct route_config *config)
{
	const struct listener_config *listener = maker->listener;
	const struct client_config *client = config_client_of(listener, config);
	const struct text_list *alpn = config_alpn_of(listener, config);

	if (config != NULL && client == &listener->client)
		route->client = maker->routes->of[0].client;
	else if (client->auth != CLIENT_AUTH_NO)
		route->client = tls_client_new(client, maker->report, maker->arg, maker->reason);
	if (route->client == NULL && client->auth != CLIENT_AUTH_NO)
		return false;
	if (config != NULL && alpn == &listener->alpn)
		route->alpn = maker->routes->of[0].alpn;
	else if (alpn->n > 0)
		route->alpn = tls_alpn_new(alpn, listener->alpn_mismatch);
	return route->alpn != NULL || alpn->n == 0 || tls_routes_lack_memory(maker);
}

/* Names end with a NUL there, so that no two of them run together. */
static bool tls_route_identify(const struct tls_routes_maker *maker, struct tls_route *route,
                               const char *name)
{
	const char *listener = maker->listener->name;
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	bool fine =
		hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(hash, listener, strlen(listener) + 1) == 1 &&
		EVP_DigestUpdate(hash, name, strlen(name) + 1) == 1 &&
		(route->client == NULL || EVP_DigestUpdate(hash, tls_client_digest(route->client),
	                                                   TLS_CLIENT_DIGEST) == 1) &&
		EVP_DigestFinal_ex(hash, route->id, NULL) == 1;

	EVP_MD_CTX_free(hash);
	return fine || tls_routes_lack_memory(maker);
}

/* Its clients are shown the default one, or refused: either way it is hardly what was meant. */
static void tls_route_say_uncertified(const struct tls_routes_maker *maker,
                                      const struct route_config *config, const char *name)
{
	const bool reject = maker->listener->unknown_sni == UNKNOWN_SNI_REJECT;
	char detail[2 * SNI_ROOM];

	(void)snprintf(detail, sizeof(detail), "no certificate is for %s of [route:%s]: %s", name,
	               config->name,
	               reject ? "unknown-sni = reject refuses it" : "this one is shown");
	maker->report(maker->arg, &(struct tls_finding){ tls_catalog_default_path(maker->catalog),
	                                                 "not_for_route", detail });
}

static bool tls_route_add_names(const struct tls_routes_maker *maker, struct tls_route *route,
                                const struct route_config *config)
{
	for (size_t i = 0; i < config->names.n; i++) {
		const char *name = config->names.texts[i];

		if (!table_add(&maker->routes->names, name, route))
			return tls_routes_lack_memory(maker);
		if (tls_catalog_find(maker->catalog, name) == NULL)
			tls_route_say_uncertified(maker, config, name);
	}
	return true;
}

/* ---- all ---- */

static bool tls_routes_load(const struct tls_routes_maker *maker)
{
	const struct listener_config *listener = maker->listener;
	struct tls_route *of = maker->routes->of;

	if (!tls_route_load(maker, &of[0], NULL) || !tls_route_identify(maker, &of[0], ""))
		return false;
	for (size_t i = 0; i < listener->n_routes; i++) {
		const struct route_config *config = listener->routes[i];
		struct tls_route *route = &of[i + 1];

		route->number = (unsigned)i + 1;
		if (!tls_route_load(maker, route, config) ||
		    !tls_route_identify(maker, route, config->name) ||
		    !tls_route_add_names(maker, route, config))
			return false;
	}
	return true;
}

struct tls_routes *tls_routes_new(const struct listener_config *listener,
                                  const struct tls_catalog *catalog, tls_report *report, void *arg,
                                  char *reason)
{
	const size_t n = listener->n_routes;
	struct tls_routes_maker maker = {
		.routes = calloc(1, sizeof(*maker.routes) + (n + 1) * sizeof(*maker.routes->of)),
		.listener = listener,
		.catalog = catalog,
		.report = report,
		.arg = arg,
		.reason = reason
	};

	if (maker.routes == NULL) {
		(void)tls_routes_lack_memory(&maker);
		return NULL;
	}
	maker.routes->n = n;
	if (tls_routes_load(&maker))
		return maker.routes;
	tls_routes_free(maker.routes);
	return NULL;
}

void tls_routes_free(struct tls_routes *routes)
{
	if (routes == NULL)
		return;
	/* From the last one, for the first lends to others. */
	for (size_t i = routes->n + 1; i-- > 0;) {
		const bool is_first = i == 0;

		if (is_first || routes->of[i].client != routes->of[0].client)
			tls_client_free(routes->of[i].client);
		if (is_first || routes->of[i].alpn != routes->of[0].alpn)
			tls_alpn_free(routes->of[i].alpn);
	}
	table_clear(&routes->names);
	free(routes);
}

/* ---- asking ---- */

const struct tls_route *tls_routes_find(const struct tls_routes *routes, const char *name)
{
	char lower[SNI_ROOM];
	const struct tls_route *found;
	const char *wide;

	if (routes->n == 0 || *name == '\0')
		return &routes->of[0];
	sni_lower(name, strlen(name), lower);
	found = table_find(&routes->names, lower);
	if (found == NULL) {
		wide = sni_widen(lower);
		found = wide != NULL ? table_find(&routes->names, wide) : NULL;
	}
	return found != NULL ? found : &routes->of[0];
}

const struct tls_route *tls_route_of(const struct socket_tls *tls)
{
	const struct tls_routes *routes = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls->ssl));

	return routes != NULL ? &routes->of[tls->facts.route] : NULL;
}

size_t tls_routes_count(const struct tls_routes *routes)
{
	return routes->n;
}

bool tls_routes_have_client(const struct tls_routes *routes)
{
	for (size_t i = 0; i <= routes->n; i++)
		if (routes->of[i].client != NULL)
			return true;
	return false;
}

bool tls_routes_have_alpn(const struct tls_routes *routes)
{
	for (size_t i = 0; i <= routes->n; i++)
		if (routes->of[i].alpn != NULL)
			return true;
	return false;
}

const struct tls_route *tls_routes_rest(const struct tls_routes *routes)
{
	return &routes->of[0];
}
