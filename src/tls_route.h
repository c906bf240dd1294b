/* SPDX-License-Identifier: ISC */
/*
 * tls_route - what counts for a client, by the name that it asks for
 *
 * The routes of one listener, and the rest: clients that are on none. Each has
 * rules for clients' certificates and protocols, its own or the listener's, and
 * its part of the context of sessions. Loaded once for all workers, by the main
 * thread, and constant.
 */
#ifndef TLS_ROUTE_H
#define TLS_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "tls_inspect.h"

struct socket_tls;
struct tls_alpn;
struct tls_catalog;
struct tls_client;
struct tls_routes;

enum { TLS_ROUTE_ID = 32 };

struct tls_route {
	unsigned number;                /* of the listener's routes, from 1; 0: the rest */
	struct tls_client *client;      /* whom it lets in; NULL: it asks for no certificate */
	struct tls_alpn *alpn;          /* NULL: it says nothing of protocols */
	unsigned char id[TLS_ROUTE_ID]; /* of the listener, the route, and whom it lets in */
};

/*
 * Those of listener, which outlives them. What is notable about files of client-*,
 * or that catalog has no certificate for a route's name, is reported. NULL:
 * reason (TLS_REASON_ROOM) says why.
 */
struct tls_routes *tls_routes_new(const struct listener_config *listener,
                                  const struct tls_catalog *catalog, tls_report *report, void *arg,
                                  char *reason);
/* NULL is fine. */
void tls_routes_free(struct tls_routes *routes);

/* For who asks for name; "": for none. */
const struct tls_route *tls_routes_find(const struct tls_routes *routes, const char *name);

/* The one that a client's socket is on, since its first message. NULL: it is a server's. */
const struct tls_route *tls_route_of(const struct socket_tls *tls);

/* How many there are beside the rest, and whether any asks for certificates or protocols. */
size_t tls_routes_count(const struct tls_routes *routes);
bool tls_routes_have_client(const struct tls_routes *routes);
bool tls_routes_have_alpn(const struct tls_routes *routes);
/* The rest. */
const struct tls_route *tls_routes_rest(const struct tls_routes *routes);

#endif
