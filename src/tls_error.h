/* SPDX-License-Identifier: ISC */
/*
 * tls_error - OpenSSL's error queue and alert numbers in words
 *
 * The words for alerts are those of RFC 8446, 6.2 (and of the RFCs that came
 * before and after it); the causes of a failed handshake are a list of ours.
 * All text returned is static.
 */
#ifndef TLS_ERROR_H
#define TLS_ERROR_H

#include <stddef.h>

#include "ending.h"

/* "bad_record_mac"; "unknown" for a number that nobody has defined. */
const char *tls_alert_name(int description);

/*
 * Takes the thread's error queue, which a failed call of OpenSSL filled, and
 * says what happened: the name of the fatal alert that the peer sent goes to
 * *alert, or NULL; the return value is the cause from our list, or NULL when
 * the queue is empty or the list has no word for it. Empties the queue.
 */
const char *tls_error_take(const char **alert);

/*
 * The cause to log for a handshake that failed with this ending, when
 * tls_error_take() had no better word. side is who sent the alert, if one was
 * sent: "client" or "backend". Writes to room and returns it.
 */
const char *tls_error_cause(struct ending ending, const char *side, char *room, size_t len);

/*
 * The error queue as one sentence for an error in a configuration, with the
 * name of the file it is about. Empties the queue; writes to room, returns it.
 */
const char *tls_error_sentence(const char *about, char *room, size_t len);

#endif
