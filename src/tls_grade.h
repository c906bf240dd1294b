/* SPDX-License-Identifier: ISC */
/*
 * tls_grade - which of Mozilla's profiles a listener keeps to
 *
 * "Server Side TLS", version 6.0: a listener keeps to a profile if all that it
 * would agree to, and every certificate that it shows, is in it. Whose order of
 * ciphers counts is said beside the grade and does not lower it, for all of them
 * are in the profile (tls_context.c has the reason).
 */
#ifndef TLS_GRADE_H
#define TLS_GRADE_H

#include <stdio.h>

#include <openssl/ssl.h>

#include "config.h"
#include "tls_credential.h"

/*
 * Writes the best profile's name, and what keeps it from each better one, a line
 * each behind indent. ssl is one that the listener would accept with.
 */
void tls_grade_print(FILE *out, const char *indent, SSL *ssl,
                     const struct listener_config *listener,
                     const struct tls_credential *const *credentials, size_t n);

#endif
