/* SPDX-License-Identifier: ISC */
/*
 * tls_tickets - the keys that session tickets are sealed with
 *
 * RFC 5077, 4, and RFC 8446, 4.6.1. Whoever has such a key can read what was
 * recorded of the sessions in TLS 1.2, so keys are made in memory, and one is
 * in use for half an hour; tickets of the ones before are opened as long as
 * the sessions in them live. All workers use the same, and a reload keeps them.
 * Or they come from files, so that several instances resume each other's
 * sessions; then whoever writes the files changes them, and reloads.
 */
#ifndef TLS_TICKETS_H
#define TLS_TICKETS_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "config.h"

struct tls_tickets;

/* In seconds. */
enum {
	TLS_SESSION_LIFETIME = 2 * 3600,
	TLS_TICKETS_PERIOD = 1800,
};

/* One key, made by chance. NULL: there is no memory, or no chance. */
struct tls_tickets *tls_tickets_new(void);

/*
 * Keys from files, at least one, of which the first seals: 80 bytes each, name,
 * HMAC key and AES key, as nginx, hitch and HAProxy have them. NULL: reason
 * (TLS_REASON_ROOM) names the file and says what is wrong with it.
 */
struct tls_tickets *tls_tickets_load(const struct text_list *files, char *reason);

/*
 * The keys made by chance, for another process that is to open the tickets of
 * this one. Returns their length; who has them wipes them.
 */
enum { TLS_TICKETS_ROOM = 80 * (1 + TLS_SESSION_LIFETIME / TLS_TICKETS_PERIOD) };
size_t tls_tickets_save(struct tls_tickets *tickets, unsigned char room[static TLS_TICKETS_ROOM]);

/* Instead of those that are there. False: these are no keys; all stays as it is. */
bool tls_tickets_restore(struct tls_tickets *tickets, const unsigned char *bytes, size_t len);

/* NULL is fine. Contexts that use them are gone before. */
void tls_tickets_free(struct tls_tickets *tickets);

/*
 * Every TLS_TICKETS_PERIOD: another key seals from now on, and the one that has
 * not done so for TLS_SESSION_LIFETIME is wiped. From any thread. False: no
 * randomness; all stays as it is.
 */
bool tls_tickets_rotate(struct tls_tickets *tickets);

/* For the main thread: lets ctx seal and open tickets with them. False: out of memory. */
bool tls_tickets_apply(struct tls_tickets *tickets, SSL_CTX *ctx);

#endif
