/* SPDX-License-Identifier: ISC */
#include "record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>

enum {
	RECORD_TAG = 16,
	RECORD_KEY = 16,
	RECORD_EXPLICIT = 8,    /* of the nonce, in TLS 1.2 */
	RECORD_VERSION = 0x0303,
};

static void record_must(int result)
{
	if (result != 1)
		abort();
}

static void record_derive(const char *kdf_name, const OSSL_PARAM *params, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);

	record_must(EVP_KDF_derive(context, out, len, params));
	EVP_KDF_CTX_free(context);
	EVP_KDF_free(kdf);
}

/* HKDF-Expand-Label with an empty context (RFC 8446, 7.1). */
static void record_expand(const uint8_t *secret, const char *label, uint8_t *out, size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	uint8_t info[64] = { (uint8_t)(len >> 8), (uint8_t)len };
	size_t label_len = strlen(label) + 6;

	info[2] = (uint8_t)label_len;
	memcpy(info + 3, "tls13 ", 6);
	memcpy(info + 9, label, label_len - 6);
	record_derive("HKDF",
	              (OSSL_PARAM[]){
			      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
			      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	                                                       (char *)"SHA256", 0),
			      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret,
	                                                        RECORD_SECRET),
			      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
	                                                        3 + label_len + 1),
			      OSSL_PARAM_construct_end(),
		      },
	              out, len);
}

static void record_set_key(struct record_keys *keys, const uint8_t *key)
{
	if (keys->aead == NULL)
		keys->aead = EVP_CIPHER_CTX_new();
	record_must(EVP_CipherInit_ex(keys->aead, EVP_aes_128_gcm(), NULL, key, NULL, -1));
	keys->sequence = 0;
}

void record_keys_13(struct record_keys *keys, const uint8_t secret[static RECORD_SECRET])
{
	uint8_t key[RECORD_KEY];

	memmove(keys->secret, secret, RECORD_SECRET);
	record_expand(secret, "key", key, sizeof(key));
	record_expand(secret, "iv", keys->iv, sizeof(keys->iv));
	record_set_key(keys, key);
	keys->tls13 = true;
}

void record_keys_update(struct record_keys *keys)
{
	uint8_t next[RECORD_SECRET];

	record_expand(keys->secret, "traffic upd", next, sizeof(next));
	record_keys_13(keys, next);
}

void record_keys_12(struct record_keys *client, struct record_keys *server,
                    const uint8_t master[static 48], const uint8_t client_random[static 32],
                    const uint8_t server_random[static 32])
{
	uint8_t block[2 * RECORD_KEY + 2 * 4];
	uint8_t seed[13 + 64] = "key expansion";

	memcpy(seed + 13, server_random, 32);
	memcpy(seed + 45, client_random, 32);
	record_derive(
		"TLS1-PRF",
		(OSSL_PARAM[]){
			OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256",
	                                                 0),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)master,
	                                                  48),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
			OSSL_PARAM_construct_end(),
		},
		block, sizeof(block));
	record_set_key(client, block);
	record_set_key(server, block + RECORD_KEY);
	memcpy(client->iv, block + 2 * RECORD_KEY, 4);
	memcpy(server->iv, block + 2 * RECORD_KEY + 4, 4);
	client->sequence = server->sequence = 1;
	client->tls13 = server->tls13 = false;
}

void record_keys_clear(struct record_keys *keys)
{
	EVP_CIPHER_CTX_free(keys->aead);
	memset(keys, 0, sizeof(*keys));
}

static void record_put(uint8_t *at, uint64_t number, int bytes)
{
	while (bytes-- > 0) {
		at[bytes] = (uint8_t)number;
		number >>= 8;
	}
}

/* What is authenticated but not sealed; returns its length. */
static int record_additional(const struct record_keys *keys, uint8_t type, size_t len,
                             uint8_t *room)
{
	if (keys->tls13) {
		room[0] = RECORD_DATA;
		record_put(room + 1, RECORD_VERSION, 2);
		record_put(room + 3, len, 2);
		return 5;
	}
	record_put(room, keys->sequence, 8);
	room[8] = type;
	record_put(room + 9, RECORD_VERSION, 2);
	record_put(room + 11, len, 2);
	return 13;
}

static void record_nonce(const struct record_keys *keys, const uint8_t *explicit_part,
                         uint8_t nonce[static 12])
{
	memcpy(nonce, keys->iv, 12);
	if (!keys->tls13) {
		memcpy(nonce + 4, explicit_part, RECORD_EXPLICIT);
		return;
	}
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(keys->sequence >> (56 - 8 * i));
}

/* Seals in place; the tag goes behind. */
static void record_encrypt(struct record_keys *keys, const uint8_t *nonce, const uint8_t *extra,
                           int extra_len, uint8_t *data, int len)
{
	int n;

	record_must(EVP_EncryptInit_ex(keys->aead, NULL, NULL, NULL, nonce));
	record_must(EVP_EncryptUpdate(keys->aead, NULL, &n, extra, extra_len));
	record_must(EVP_EncryptUpdate(keys->aead, data, &n, data, len));
	record_must(EVP_EncryptFinal_ex(keys->aead, data + len, &n));
	record_must(EVP_CIPHER_CTX_ctrl(keys->aead, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG, data + len));
}

size_t record_seal(struct record_keys *keys, uint8_t type, const void *data, size_t len,
                   uint8_t *room)
{
	uint8_t *body = room + RECORD_HEADER;
	uint8_t *text = keys->tls13 ? body : body + RECORD_EXPLICIT;
	uint8_t nonce[12];
	uint8_t extra[13];
	size_t total;
	int extra_len;

	memmove(text, data, len);
	if (keys->tls13)
		text[len++] = type;
	else
		record_put(body, keys->sequence, RECORD_EXPLICIT);
	total = (size_t)(text - body) + len + RECORD_TAG;
	assert(total <= UINT16_MAX);
	record_nonce(keys, body, nonce);
	extra_len = record_additional(keys, type, keys->tls13 ? total : len, extra);
	record_encrypt(keys, nonce, extra, extra_len, text, (int)len);
	room[0] = keys->tls13 ? RECORD_DATA : type;
	record_put(room + 1, RECORD_VERSION, 2);
	record_put(room + 3, total, 2);
	keys->sequence++;
	return RECORD_HEADER + total;
}

static bool record_decrypt(struct record_keys *keys, const uint8_t *nonce, const uint8_t *extra,
                           int extra_len, uint8_t *data, int len)
{
	uint8_t last[16];
	int n;

	return EVP_DecryptInit_ex(keys->aead, NULL, NULL, NULL, nonce) == 1 &&
	       EVP_DecryptUpdate(keys->aead, NULL, &n, extra, extra_len) == 1 &&
	       EVP_DecryptUpdate(keys->aead, data, &n, data, len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(keys->aead, EVP_CTRL_AEAD_SET_TAG, RECORD_TAG, data + len) ==
	               1 &&
	       EVP_DecryptFinal_ex(keys->aead, last, &n) == 1;
}

bool record_open(struct record_keys *keys, uint8_t *record, size_t record_len, uint8_t *type,
                 uint8_t **data, size_t *len)
{
	uint8_t *body = record + RECORD_HEADER;
	size_t before = keys->tls13 ? 0 : RECORD_EXPLICIT;
	size_t body_len = record_len - RECORD_HEADER;
	uint8_t nonce[12];
	uint8_t extra[13];
	int extra_len;

	if (body_len < before + RECORD_TAG)
		return false;
	*type = record[0];
	*data = body + before;
	*len = body_len - before - RECORD_TAG;
	record_nonce(keys, body, nonce);
	extra_len = record_additional(keys, *type, keys->tls13 ? body_len : *len, extra);
	if (!record_decrypt(keys, nonce, extra, extra_len, *data, (int)*len))
		return false;
	keys->sequence++;
	/* TLS 1.3: the type comes last, and padding may follow it. */
	if (keys->tls13) {
		while (*len > 0 && (*data)[*len - 1] == 0)
			--*len;
		*type = *len > 0 ? (*data)[--*len] : 0;
	}
	return true;
}

size_t record_length(const uint8_t *bytes, size_t len)
{
	return len < RECORD_HEADER ? 0 : RECORD_HEADER + (size_t)bytes[3] * 256 + (size_t)bytes[4];
}
