/* SPDX-License-Identifier: ISC */
/*
 * tls_error - OpenSSL's error queue and alert numbers in words
 *
 * The words for alerts are those of RFC 8446, 6.2 (and of the RFCs that came
 * before and after it). All text returned is static.
 */
#ifndef TLS_ERROR_H
#define TLS_ERROR_H

#include <stddef.h>

/* "bad_record_mac"; "unknown" for a number that nobody has defined. */
const char *tls_alert_name(int description);

/* What OpenSSL says of a call of TLS that failed. */
struct tls_error {
	int reason;             /* SSL_R_*; 0: it says nothing, or nothing of TLS */
	int alert;              /* the fatal one that the peer has sent; -1: none */
	const char *text;       /* the reason in its own words, or NULL */
};

/* Takes the thread's error queue, which that call has filled, and empties it. */
struct tls_error tls_error_take(void);

/*
 * The error queue as one sentence for an error in a configuration, with the
 * name of the file it is about. Empties the queue; writes to room, returns it.
 */
const char *tls_error_sentence(const char *about, char *room, size_t len);

#endif
