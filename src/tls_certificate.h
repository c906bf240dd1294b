/* SPDX-License-Identifier: ISC */
/*
 * tls_certificate - a self-signed certificate, for the demo
 */
#ifndef TLS_CERTIFICATE_H
#define TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes a new P-256 key and a certificate for localhost, 127.0.0.1 and ::1,
 * valid for a month, to file as PEM. False: OpenSSL or the file refused.
 */
bool tls_certificate_make(FILE *file);

#endif
