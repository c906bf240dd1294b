/* SPDX-License-Identifier: ISC */
/*
 * record - a TLS record layer of the tests' own
 *
 * OpenSSL only speaks TLS well. A peer that is to send half a close_notify, a
 * record that is too long, an alert with a wrong tag or anything at all after
 * its close_notify needs a record layer that does as it is told. This one
 * takes the secrets of a handshake that OpenSSL made and seals and opens what
 * it is given, with AES-128-GCM, in TLS 1.2 (RFC 5246, RFC 5288) and TLS 1.3
 * (RFC 8446, 5.2).
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

enum record_type {
	RECORD_CHANGE_CIPHER_SPEC = 20,
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	RECORD_DATA = 23,
};

enum {
	RECORD_HEADER = 5,
	RECORD_LONGEST = 16384,         /* plaintext, as the protocol has it */
	RECORD_OVERHEAD = 5 + 8 + 1 + 16,
	RECORD_ROOM = RECORD_HEADER + 65535,
	RECORD_SECRET = 32,             /* SHA-256 throughout */
};

/* One direction of one connection. Zeroed before its first keys. */
struct record_keys {
	EVP_CIPHER_CTX *aead;
	uint8_t secret[RECORD_SECRET];  /* TLS 1.3: for the next key update */
	uint8_t iv[12];                 /* TLS 1.2: the first 4 */
	uint64_t sequence;
	bool tls13;
};

/* From a TLS 1.3 traffic secret; also the first record's. */
void record_keys_13(struct record_keys *keys, const uint8_t secret[static RECORD_SECRET]);
/* To the next generation of keys (RFC 8446, 7.2). */
void record_keys_update(struct record_keys *keys);

/*
 * From a TLS 1.2 master secret (48 bytes) and both randoms; one direction each.
 * The handshake's Finished was record 0.
 */
void record_keys_12(struct record_keys *client, struct record_keys *server,
                    const uint8_t master[static 48], const uint8_t client_random[static 32],
                    const uint8_t server_random[static 32]);

void record_keys_clear(struct record_keys *keys);

/*
 * Seals len bytes, however many, into room (len + RECORD_OVERHEAD bytes) and
 * returns the length of the record.
 */
size_t record_seal(struct record_keys *keys, uint8_t type, const void *data, size_t len,
                   uint8_t *room);

/*
 * Opens one whole record in place: *data and *len are its plaintext, *type
 * what it holds. False: it was not sealed with these keys.
 */
bool record_open(struct record_keys *keys, uint8_t *record, size_t record_len, uint8_t *type,
                 uint8_t **data, size_t *len);

/* The whole length of the record that begins here; 0: not enough to tell. */
size_t record_length(const uint8_t *bytes, size_t len);

#endif
