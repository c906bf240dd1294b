/* SPDX-License-Identifier: ISC */
/*
 * catalog - the certificates and routes of one listener, as a generation loads them
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdbool.h>

#include "config.h"
#include "tls_catalog.h"
#include "tls_context.h"
#include "tls_route.h"
#include "tls_store.h"
#include "tls_supply.h"
#include "tls_tickets.h"

struct catalog {
	struct tls_store *store;
	struct tls_catalog *catalog;
	struct tls_routes *routes;
	char findings[4096];            /* "FILE PROBLEM: DETAIL" each, a line */
};

/* False: reason says why. What previous (NULL: none) has is kept. */
bool catalog_open(struct catalog *catalog, const struct listener_config *listener,
                  const struct catalog *previous, char *reason);
void catalog_close(struct catalog *catalog);

/* A context that has all it needs of them itself: for listeners with one certificate. */
struct tls_context *catalog_context(const struct listener_config *listener,
                                    struct tls_tickets *tickets, char *reason);

#endif
