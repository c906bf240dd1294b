/* SPDX-License-Identifier: ISC */
/*
 * tls_client_impl - what tls_client.c and tls_client_judge.c share
 */
#ifndef TLS_CLIENT_IMPL_H
#define TLS_CLIENT_IMPL_H

#include <stdint.h>

#include "tls_client.h"

struct tls_client {
	const struct client_config *rules;
	X509_STORE *store;              /* whom we trust, and all lists */
	STACK_OF(X509) * helpers;       /* authorities that others there vouch for */
	STACK_OF(X509_NAME) * names;    /* of all; NULL: they are not told */
	int64_t until;                  /* when the first list goes out of date */
	unsigned char digest[TLS_CLIENT_DIGEST];
};

#define TLS_CLIENT_FOREVER INT64_MAX

/* *until, in seconds since 1970, is no later than date; one that cannot be read is long past. */
void tls_client_bound(int64_t *until, const ASN1_TIME *date);

#endif
