/* SPDX-License-Identifier: ISC */
/*
 * tls_explain - what a listener's TLS comes to, for a person to read
 */
#ifndef TLS_EXPLAIN_H
#define TLS_EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

struct tls_store;

enum { TLS_ORIGIN_ROOM = 64 };

/*
 * Where value i of a key of route, or of the listener (NULL), is from: "line 12",
 * "default". Who explains knows the file.
 */
struct tls_origin {
	const char *(*find)(void *arg, const struct route_config *route, const char *key, size_t i,
	                    char room[TLS_ORIGIN_ROOM]);
	void *arg;
};

/*
 * Loads what the listener names, through store, and writes protocols, ciphers,
 * certificates, names and a grade to out. False: reason (TLS_REASON_ROOM) says
 * what is wrong.
 */
bool tls_explain(const struct listener_config *listener, struct tls_store *store,
                 const struct tls_origin *origin, FILE *out, char *reason);

#endif
