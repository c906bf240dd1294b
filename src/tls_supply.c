/* SPDX-License-Identifier: ISC */
#include "tls_supply.h"

#include "tls_catalog.h"
#include "tls_route.h"
#include "tls_tickets.h"

bool tls_supply_load(struct tls_supply *supply, const struct listener_config *listener,
                     struct tls_store *store, tls_report *report, void *arg, char *reason)
{
	*supply = (struct tls_supply){ .catalog = NULL };
	supply->catalog = tls_catalog_new(listener, store, report, arg, reason);
	if (supply->catalog == NULL)
		return false;
	supply->routes = tls_routes_new(listener, supply->catalog, report, arg, reason);
	if (supply->routes == NULL)
		goto fail;
	if (listener->ticket_keys.n > 0) {
		supply->tickets = tls_tickets_load(&listener->ticket_keys, reason);
		if (supply->tickets == NULL)
			goto fail;
	}
	return true;
fail:
	tls_supply_clear(supply);
	return false;
}

void tls_supply_clear(struct tls_supply *supply)
{
	tls_catalog_free(supply->catalog);
	tls_routes_free(supply->routes);
	tls_tickets_free(supply->tickets);
	*supply = (struct tls_supply){ .catalog = NULL };
}
