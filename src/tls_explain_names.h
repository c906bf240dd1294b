/* SPDX-License-Identifier: ISC */
/*
 * tls_explain_names - what a listener does with each name that it knows
 */
#ifndef TLS_EXPLAIN_NAMES_H
#define TLS_EXPLAIN_NAMES_H

#include <stdbool.h>
#include <stdio.h>

#include "tls_explain.h"

struct tls_supply;

/*
 * A table of names: the certificate of each, and if the listener has routes also
 * where it leads and what its clients have to show. False: out of memory.
 */
bool tls_explain_names(const struct listener_config *listener, const struct tls_supply *supply,
                       const struct tls_origin *origin, const char *indent, FILE *out);

#endif
