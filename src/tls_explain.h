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

/*
 * Loads what the listener names, through store, and writes protocols, ciphers,
 * certificates, names and a grade to out. False: reason (TLS_REASON_ROOM) says
 * what is wrong.
 */
bool tls_explain(const struct listener_config *listener, struct tls_store *store, FILE *out,
                 char *reason);

#endif
