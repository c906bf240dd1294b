/* SPDX-License-Identifier: ISC */
/*
 * tls_supply - what the contexts of one listener are made of
 *
 * Loaded once for all workers, by the main thread, and constant from then on.
 */
#ifndef TLS_SUPPLY_H
#define TLS_SUPPLY_H

#include <stdbool.h>

#include "config.h"
#include "tls_inspect.h"

struct tls_catalog;
struct tls_routes;
struct tls_store;
struct tls_tickets;

struct tls_supply {
	struct tls_catalog *catalog;    /* certificates */
	struct tls_routes *routes;      /* whom it lets in, and what they speak */
	struct tls_tickets *tickets;    /* keys of its own; NULL: the process's */
};

/*
 * All that the listener names; certificates through store, which outlives it.
 * What is notable is reported, what is wrong is an error: false, and reason
 * (TLS_REASON_ROOM) says why.
 */
bool tls_supply_load(struct tls_supply *supply, const struct listener_config *listener,
                     struct tls_store *store, tls_report *report, void *arg, char *reason);

/* One that is all zeros is fine. */
void tls_supply_clear(struct tls_supply *supply);

#endif
