/* SPDX-License-Identifier: ISC */
#include "catalog.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "tls_route.h"

/* Contexts need their routes as long as they live, which nobody tells us. */
static struct kept {
	struct tls_routes *routes;
	struct kept *next;
} *kept;

static void catalog_on_finding(void *arg, const struct tls_finding *finding)
{
	struct catalog *catalog = arg;
	const size_t len = strlen(catalog->findings);

	(void)snprintf(catalog->findings + len, sizeof(catalog->findings) - len, "%s %s: %s\n",
	               finding->file, finding->problem, finding->detail);
}

bool catalog_open(struct catalog *catalog, const struct listener_config *listener,
                  const struct catalog *previous, char *reason)
{
	catalog->findings[0] = '\0';
	catalog->store = tls_store_new(previous != NULL ? previous->store : NULL);
	ck_assert_ptr_nonnull(catalog->store);
	catalog->catalog =
		tls_catalog_new(listener, catalog->store, catalog_on_finding, catalog, reason);
	tls_store_settle(catalog->store);
	catalog->routes = NULL;
	if (catalog->catalog != NULL)
		catalog->routes = tls_routes_new(listener, catalog->catalog, catalog_on_finding,
		                                 catalog, reason);
	if (catalog->routes != NULL)
		return true;
	catalog_close(catalog);
	return false;
}

void catalog_close(struct catalog *catalog)
{
	tls_routes_free(catalog->routes);
	tls_catalog_free(catalog->catalog);
	tls_store_free(catalog->store);
	catalog->catalog = NULL;
	catalog->routes = NULL;
	catalog->store = NULL;
}

struct tls_context *catalog_context(const struct listener_config *listener,
                                    struct tls_tickets *tickets, char *reason)
{
	struct catalog catalog;
	struct tls_context *context;
	struct kept *keep;

	if (!catalog_open(&catalog, listener, NULL, reason))
		return NULL;
	context = tls_context_server(
		listener,
		&(struct tls_supply){ .catalog = catalog.catalog, .routes = catalog.routes },
		tickets, reason);
	keep = calloc(1, sizeof(*keep));
	ck_assert_ptr_nonnull(keep);
	*keep = (struct kept){ catalog.routes, kept };
	kept = keep;
	catalog.routes = NULL;
	catalog_close(&catalog);
	return context;
}
