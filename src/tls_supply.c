/* SPDX-License-Identifier: ISC */
#include "tls_supply.h"

#include <stdio.h>

#include "tls_alpn.h"
#include "tls_catalog.h"
#include "tls_client.h"
#include "tls_context.h"
#include "tls_tickets.h"

bool tls_supply_load(struct tls_supply *supply, const struct listener_config *listener,
                     struct tls_store *store, tls_report *report, void *arg, char *reason)
{
	*supply = (struct tls_supply){ .catalog = NULL };
	supply->catalog = tls_catalog_new(listener, store, report, arg, reason);
	if (supply->catalog == NULL)
		return false;
	if (listener->client.auth != CLIENT_AUTH_NO) {
		supply->client = tls_client_new(&listener->client, report, arg, reason);
		if (supply->client == NULL)
			goto fail;
	}
	if (listener->ticket_keys.n > 0) {
		supply->tickets = tls_tickets_load(&listener->ticket_keys, reason);
		if (supply->tickets == NULL)
			goto fail;
	}
	if (listener->alpn.n > 0) {
		supply->alpn = tls_alpn_new(listener);
		if (supply->alpn == NULL) {
			(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
			goto fail;
		}
	}
	return true;
fail:
	tls_supply_clear(supply);
	return false;
}

void tls_supply_clear(struct tls_supply *supply)
{
	tls_catalog_free(supply->catalog);
	tls_client_free(supply->client);
	tls_alpn_free(supply->alpn);
	tls_tickets_free(supply->tickets);
	*supply = (struct tls_supply){ .catalog = NULL };
}
