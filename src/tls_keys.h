/* SPDX-License-Identifier: ISC */
/*
 * tls_keys - what protects the two directions of a TLS connection
 *
 * From the secrets of a handshake to keys, and from those to the next ones:
 * RFC 8446, 7.3 and 7.2 for TLS 1.3, RFC 5246, 6.3 for TLS 1.2, for the
 * three AEAD ciphers that both know. Keys are numbers here; what computes with
 * them is tls_record.h. The derivations are OpenSSL's (EVP_KDF(3)).
 */
#ifndef TLS_KEYS_H
#define TLS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tls_suite {
	TLS_AES_128_GCM,
	TLS_AES_256_GCM,
	TLS_CHACHA20_POLY1305,
	TLS_SUITES,
};

enum {
	TLS_KEY_MOST = 32,
	TLS_IV_LEN = 12,
	TLS_SECRET_MOST = 48,
	TLS_MASTER_LEN = 48,
	TLS_RANDOM_LEN = 32,
};

/* One direction. */
struct tls_key {
	uint64_t serial;        /* tls_record's name for this key; 0: it has none yet */
	uint64_t n_records;     /* that it protected: the sequence number of the next one */
	uint8_t key[TLS_KEY_MOST];
	/* TLS 1.2 with GCM: the first 4 bytes, the rest is in each record (RFC 5288, 3). */
	uint8_t iv[TLS_IV_LEN];
	uint8_t secret[TLS_SECRET_MOST];        /* TLS 1.3: what the next key is made from */
};

/* A server's. Secret. */
struct tls_keys {
	struct tls_key in;
	struct tls_key out;
	uint64_t explicit_base; /* TLS 1.2 with GCM: out's nonces, less their sequence number */
	enum tls_suite suite;
	bool is_tls13;
};

/* By OpenSSL's number of a cipher (NID_aes_128_gcm). False: none of the three. */
bool tls_suite_of_nid(int nid, enum tls_suite *suite);

size_t tls_suite_key_len(enum tls_suite suite);
/* Of the traffic secrets. */
size_t tls_suite_secret_len(enum tls_suite suite);

/* TLS 1.3, from the client's and the server's traffic secret. False: out of memory. */
bool tls_keys_derive_13(struct tls_keys *keys, enum tls_suite suite, const uint8_t *client,
                        const uint8_t *server);
/* TLS 1.2. False: out of memory. */
bool tls_keys_derive_12(struct tls_keys *keys, enum tls_suite suite,
                        const uint8_t master[static TLS_MASTER_LEN],
                        const uint8_t client_random[static TLS_RANDOM_LEN],
                        const uint8_t server_random[static TLS_RANDOM_LEN]);

/* Wipes keys that calloc(3) made room for; NULL is fine. */
void tls_keys_free(struct tls_keys *keys);

/*
 * TLS 1.3: one of the two is followed by its next one. False: out of memory. For one that has
 * been computed with, tls_record_update().
 */
bool tls_keys_update(struct tls_keys *keys, struct tls_key *key);

#endif
