/* SPDX-License-Identifier: ISC */
/*
 * tls_record - the record layer of TLS 1.2 and 1.3, without OpenSSL's SSL object
 *
 * Seals plain text straight into what is sent, and opens what was received
 * straight into where it is wanted, one record at a time (RFC 8446, 5.2; RFC 5246,
 * 6.2.3.3; RFC 5288; RFC 7905). The ciphers are OpenSSL's (EVP). A connection
 * is nothing but its keys here: the contexts that compute with them are the worker's,
 * and take another key when it is another connection's turn.
 */
#ifndef TLS_RECORD_H
#define TLS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls_framing.h"
#include "tls_keys.h"

enum {
	TLS_TAG_LEN = 16,
	TLS_EXPLICIT_LEN = 8,   /* of the nonce, in TLS 1.2 with GCM */
	TLS_PLAIN_MOST = 16384,
	TLS_INNER_MOST = TLS_PLAIN_MOST + 1,    /* with its type, in TLS 1.3 (RFC 8446, 5.4) */
	TLS_RECORD_OVERHEAD = TLS_HEADER_LEN + TLS_EXPLICIT_LEN + 1 + TLS_TAG_LEN,
	/* Far within what a key may protect (RFC 8446, 5.5: 2^24.5 full records with GCM). */
	TLS_RECORDS_MOST = 1 << 24,
};

struct tls_ciphers;

/* For one thread. NULL: out of memory. */
struct tls_ciphers *tls_ciphers_new(void);
/* NULL is fine. */
void tls_ciphers_free(struct tls_ciphers *ciphers);
/* False: the library does not let us have that one, and so no connection may need it. */
bool tls_ciphers_have(const struct tls_ciphers *ciphers, enum tls_suite suite);
/* These keys are not needed any more, and whoever looks into memory is not to find them. */
void tls_ciphers_forget(struct tls_ciphers *ciphers, const struct tls_keys *keys);
/*
 * TLS 1.3: one of the two, keys->in or keys->out, is followed by its next one, and it is not
 * to be found any more. False: out of memory.
 */
bool tls_record_update(struct tls_ciphers *ciphers, struct tls_keys *keys, struct tls_key *key);

/*
 * Makes a record of type of len bytes, at most TLS_PLAIN_MOST, in out, which
 * has room for len + TLS_RECORD_OVERHEAD. Returns its length; 0: OpenSSL fails.
 */
size_t tls_record_seal(struct tls_ciphers *ciphers, struct tls_keys *keys, uint8_t type,
                       const void *data, size_t len, uint8_t *out);

/* A record that was opened. */
struct tls_opened {
	uint8_t type;           /* of what it holds */
	size_t len;
};

/*
 * Opens a whole record into out, which has room for TLS_INNER_MOST bytes. Returns
 * 0, or the alert for whoever sent it, after which the keys must not be used again.
 */
int tls_record_open(struct tls_ciphers *ciphers, struct tls_keys *keys, const uint8_t *record,
                    uint8_t *out, struct tls_opened *opened);

#endif
