/* SPDX-License-Identifier: ISC */
/*
 * tls_inspect - what a person should know about a certificate that works
 */
#ifndef TLS_INSPECT_H
#define TLS_INSPECT_H

#include "tls_credential.h"

struct tls_finding {
	const char *file;
	const char *problem;    /* a word of a fixed list, as in adieu(8) */
	const char *detail;
};

/* Told of each, one after the other; what it points to is gone afterwards. */
typedef void tls_report(void *arg, const struct tls_finding *finding);

struct tls_loader;

enum { TLS_DATE_ROOM = 32 };

/* "2026-11-24T13:00:00Z"; returns text. */
const char *tls_date(time_t date, char text[TLS_DATE_ROOM]);

/* Dates, chain, usage and staple of one that is served from now on. */
void tls_inspect(const struct tls_credential *credential, struct tls_loader *loader,
                 tls_report *report, void *arg);

#endif
