/* SPDX-License-Identifier: ISC */
#include "tls_keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

static const struct {
	int nid;
	uint8_t key_len;
	uint8_t secret_len;
	const char *digest;
} tls_suites[TLS_SUITES] = {
	[TLS_AES_128_GCM] = { NID_aes_128_gcm, 16, 32, "SHA256" },
	[TLS_AES_256_GCM] = { NID_aes_256_gcm, 32, 48, "SHA384" },
	[TLS_CHACHA20_POLY1305] = { NID_chacha20_poly1305, 32, 32, "SHA256" },
};

bool tls_suite_of_nid(int nid, enum tls_suite *suite)
{
	for (enum tls_suite i = 0; i < TLS_SUITES; i++) {
		*suite = i;
		if (tls_suites[i].nid == nid)
			return true;
	}
	return false;
}

size_t tls_suite_key_len(enum tls_suite suite)
{
	return tls_suites[suite].key_len;
}

size_t tls_suite_secret_len(enum tls_suite suite)
{
	return tls_suites[suite].secret_len;
}

static OSSL_PARAM tls_keys_text(const char *name, const char *text)
{
	return OSSL_PARAM_construct_utf8_string(name, (char *)text, 0);
}

static OSSL_PARAM tls_keys_octets(const char *name, const void *octets, size_t len)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)octets, len);
}

static bool tls_keys_derive(const char *algorithm, const OSSL_PARAM *params, uint8_t *out,
                            size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, algorithm, NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool fine = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return fine;
}

/* HKDF-Expand-Label with an empty context (RFC 8446, 7.1). */
static bool tls_keys_expand(enum tls_suite suite, const uint8_t *secret, const char *label,
                            uint8_t *out, size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		tls_keys_text(OSSL_KDF_PARAM_DIGEST, tls_suites[suite].digest),
		tls_keys_octets(OSSL_KDF_PARAM_KEY, secret, tls_suites[suite].secret_len),
		tls_keys_octets(OSSL_KDF_PARAM_PREFIX, "tls13 ", 6),
		tls_keys_octets(OSSL_KDF_PARAM_LABEL, label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	return tls_keys_derive("TLS13-KDF", params, out, len);
}

/* From its secret, which is there. */
static bool tls_keys_begin(enum tls_suite suite, struct tls_key *key)
{
	key->serial = 0;
	key->n_records = 0;
	return tls_keys_expand(suite, key->secret, "key", key->key, tls_suites[suite].key_len) &&
	       tls_keys_expand(suite, key->secret, "iv", key->iv, TLS_IV_LEN);
}

bool tls_keys_derive_13(struct tls_keys *keys, enum tls_suite suite, const uint8_t *client,
                        const uint8_t *server)
{
	*keys = (struct tls_keys){ .suite = suite, .is_tls13 = true };
	memcpy(keys->in.secret, client, tls_suites[suite].secret_len);
	memcpy(keys->out.secret, server, tls_suites[suite].secret_len);
	return tls_keys_begin(suite, &keys->in) && tls_keys_begin(suite, &keys->out);
}

bool tls_keys_derive_12(struct tls_keys *keys, enum tls_suite suite,
                        const uint8_t master[static TLS_MASTER_LEN],
                        const uint8_t client_random[static TLS_RANDOM_LEN],
                        const uint8_t server_random[static TLS_RANDOM_LEN])
{
	const size_t key_len = tls_suites[suite].key_len;
	const size_t iv_len = suite == TLS_CHACHA20_POLY1305 ? TLS_IV_LEN : 4;
	uint8_t block[2 * TLS_KEY_MOST + 2 * TLS_IV_LEN] = { 0 };
	const uint8_t *at = block;
	uint8_t seed[13 + 2 * TLS_RANDOM_LEN] = "key expansion";
	const OSSL_PARAM params[] = {
		tls_keys_text(OSSL_KDF_PARAM_DIGEST, tls_suites[suite].digest),
		tls_keys_octets(OSSL_KDF_PARAM_SECRET, master, TLS_MASTER_LEN),
		tls_keys_octets(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
		OSSL_PARAM_construct_end(),
	};
	bool fine;

	memcpy(seed + 13, server_random, TLS_RANDOM_LEN);
	memcpy(seed + 13 + TLS_RANDOM_LEN, client_random, TLS_RANDOM_LEN);
	*keys = (struct tls_keys){ .suite = suite };
	fine = tls_keys_derive("TLS1-PRF", params, block, 2 * (key_len + iv_len));
	memcpy(keys->in.key, at, key_len);
	memcpy(keys->out.key, at += key_len, key_len);
	memcpy(keys->in.iv, at += key_len, iv_len);
	memcpy(keys->out.iv, at + iv_len, iv_len);
	OPENSSL_cleanse(block, sizeof(block));
	return fine;
}

bool tls_keys_update(struct tls_keys *keys, struct tls_key *key)
{
	uint8_t next[TLS_SECRET_MOST];
	const size_t len = tls_suites[keys->suite].secret_len;
	bool fine = tls_keys_expand(keys->suite, key->secret, "traffic upd", next, len);

	if (fine)
		memcpy(key->secret, next, len);
	OPENSSL_cleanse(next, sizeof(next));
	return fine && tls_keys_begin(keys->suite, key);
}

void tls_keys_free(struct tls_keys *keys)
{
	if (keys == NULL)
		return;
	OPENSSL_cleanse(keys, sizeof(*keys));
	free(keys);
}
