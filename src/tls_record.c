/* SPDX-License-Identifier: ISC */
#include "tls_record.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "tls_heap.h"

enum tls_direction {
	TLS_IN,
	TLS_OUT,
	TLS_DIRECTIONS,
};

/* One cipher in one direction. */
struct tls_cipher {
	EVP_CIPHER_CTX *ctx;    /* NULL: the library lacks it */
	uint64_t serial;        /* of the key that it has; 0: none */
};

struct tls_ciphers {
	uint64_t n_serials;
	struct tls_cipher of[TLS_SUITES][TLS_DIRECTIONS];
};

static const EVP_CIPHER *tls_cipher_of(int suite)
{
	switch (suite) {
	case TLS_AES_128_GCM: return EVP_aes_128_gcm();
	case TLS_AES_256_GCM: return EVP_aes_256_gcm();
	default:              return EVP_chacha20_poly1305();
	}
}

/* False: out of memory. One that the library lacks, as in FIPS mode, stays away. */
static bool tls_cipher_make(struct tls_cipher *cipher, int suite, enum tls_direction direction)
{
	cipher->ctx = EVP_CIPHER_CTX_new();
	if (cipher->ctx == NULL)
		return false;
	if (EVP_CipherInit_ex(cipher->ctx, tls_cipher_of(suite), NULL, NULL, NULL,
	                      direction == TLS_OUT) == 1)
		return true;
	ERR_clear_error();
	EVP_CIPHER_CTX_free(cipher->ctx);
	cipher->ctx = NULL;
	return !tls_heap_was_short();
}

struct tls_ciphers *tls_ciphers_new(void)
{
	struct tls_ciphers *ciphers = calloc(1, sizeof(*ciphers));
	bool fine = ciphers != NULL;

	for (int i = 0; fine && i < TLS_SUITES * TLS_DIRECTIONS; i++)
		fine = tls_cipher_make(&ciphers->of[i / TLS_DIRECTIONS][i % TLS_DIRECTIONS],
		                       i / TLS_DIRECTIONS, i % TLS_DIRECTIONS);
	if (fine)
		return ciphers;
	tls_ciphers_free(ciphers);
	return NULL;
}

bool tls_ciphers_have(const struct tls_ciphers *ciphers, enum tls_suite suite)
{
	return ciphers->of[suite][TLS_IN].ctx != NULL && ciphers->of[suite][TLS_OUT].ctx != NULL;
}

void tls_ciphers_free(struct tls_ciphers *ciphers)
{
	if (ciphers == NULL)
		return;
	for (int i = 0; i < TLS_SUITES * TLS_DIRECTIONS; i++)
		EVP_CIPHER_CTX_free(ciphers->of[i / TLS_DIRECTIONS][i % TLS_DIRECTIONS].ctx);
	free(ciphers);
}

void tls_ciphers_forget(struct tls_ciphers *ciphers, const struct tls_keys *keys)
{
	static const uint8_t none[TLS_KEY_MOST];

	for (int i = 0; i < TLS_DIRECTIONS; i++) {
		struct tls_cipher *cipher = &ciphers->of[keys->suite][i];
		const struct tls_key *key = i == TLS_IN ? &keys->in : &keys->out;

		if (key->serial == 0 || key->serial != cipher->serial)
			continue;
		cipher->serial = 0;
		(void)EVP_CipherInit_ex(cipher->ctx, NULL, NULL, none, none, -1);
	}
}

bool tls_record_update(struct tls_ciphers *ciphers, struct tls_keys *keys, struct tls_key *key)
{
	tls_ciphers_forget(ciphers, keys);
	return tls_keys_update(keys, key);
}

static bool tls_is_explicit(const struct tls_keys *keys)
{
	return !keys->is_tls13 && keys->suite != TLS_CHACHA20_POLY1305;
}

static void tls_put_number(uint8_t out[static 8], uint64_t number)
{
	for (int i = 7; i >= 0; i--, number >>= 8)
		out[i] = (uint8_t)number;
}

/* RFC 8446, 5.3 and RFC 7905, 2; or RFC 5288, 3, with what stands in the record. */
static void tls_make_nonce(const struct tls_keys *keys, const struct tls_key *key,
                           const uint8_t *explicit_part, uint8_t nonce[static TLS_IV_LEN])
{
	uint8_t number[8];

	memcpy(nonce, key->iv, TLS_IV_LEN);
	if (tls_is_explicit(keys)) {
		memcpy(nonce + 4, explicit_part, TLS_EXPLICIT_LEN);
		return;
	}
	tls_put_number(number, key->n_records);
	for (int i = 0; i < 8; i++)
		nonce[4 + i] ^= number[i];
}

/* What is authenticated beside the text: RFC 8446, 5.2, or RFC 5246, 6.2.3.3. */
struct tls_beside {
	uint8_t bytes[13];
	int len;
};

static struct tls_beside tls_make_beside(const struct tls_keys *keys, const struct tls_key *key,
                                         const uint8_t *header, size_t plain_len)
{
	struct tls_beside beside;

	if (keys->is_tls13) {
		memcpy(beside.bytes, header, TLS_HEADER_LEN);
		beside.len = TLS_HEADER_LEN;
		return beside;
	}
	tls_put_number(beside.bytes, key->n_records);
	memcpy(beside.bytes + 8, header, 3);
	beside.bytes[11] = (uint8_t)(plain_len >> 8);
	beside.bytes[12] = (uint8_t)plain_len;
	beside.len = 13;
	return beside;
}

/* The context for a record of this direction, with its key, nonce, and what stands beside. */
static EVP_CIPHER_CTX *tls_cipher_begin(struct tls_ciphers *ciphers, const struct tls_keys *keys,
                                        enum tls_direction direction, struct tls_key *key,
                                        const uint8_t *nonce, const struct tls_beside *beside)
{
	struct tls_cipher *cipher = &ciphers->of[keys->suite][direction];
	const bool has_key = key->serial != 0 && cipher->serial == key->serial;
	int len;

	if (key->serial == 0)
		key->serial = ++ciphers->n_serials;
	cipher->serial = key->serial;
	if (EVP_CipherInit_ex(cipher->ctx, NULL, NULL, has_key ? NULL : key->key, nonce, -1) == 1 &&
	    EVP_CipherUpdate(cipher->ctx, NULL, &len, beside->bytes, beside->len) == 1)
		return cipher->ctx;
	cipher->serial = 0;
	return NULL;
}

/* Of what is yet to be sealed, for a record of type. */
static void tls_put_header(const struct tls_keys *keys, uint8_t type, size_t len, uint8_t *out)
{
	size_t body = len + TLS_TAG_LEN;

	if (tls_is_explicit(keys))
		body += TLS_EXPLICIT_LEN;
	if (keys->is_tls13)
		body++;
	out[0] = keys->is_tls13 ? TLS_CONTENT_DATA : type;
	out[1] = 3;
	out[2] = 3;
	out[3] = (uint8_t)(body >> 8);
	out[4] = (uint8_t)body;
}

size_t tls_record_seal(struct tls_ciphers *ciphers, struct tls_keys *keys, uint8_t type,
                       const void *data, size_t len, uint8_t *out)
{
	struct tls_key *key = &keys->out;
	uint8_t *at = out + TLS_HEADER_LEN;
	uint8_t nonce[TLS_IV_LEN];
	struct tls_beside beside;
	EVP_CIPHER_CTX *ctx;
	int n = 0;

	if (key->n_records == UINT64_MAX)
		return 0;
	tls_put_header(keys, type, len, out);
	if (tls_is_explicit(keys)) {
		tls_put_number(at, keys->explicit_base + key->n_records);
		at += TLS_EXPLICIT_LEN;
	}
	tls_make_nonce(keys, key, out + TLS_HEADER_LEN, nonce);
	beside = tls_make_beside(keys, key, out, len);
	key->n_records++; /* no nonce is used twice, whatever happens now */
	ctx = tls_cipher_begin(ciphers, keys, TLS_OUT, key, nonce, &beside);
	if (ctx == NULL || (len > 0 && EVP_EncryptUpdate(ctx, at, &n, data, (int)len) != 1))
		return 0;
	at += n;
	if (keys->is_tls13) {
		if (EVP_EncryptUpdate(ctx, at, &n, &type, 1) != 1)
			return 0;
		at += n;
	}
	if (EVP_EncryptFinal_ex(ctx, at, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TLS_TAG_LEN, at) != 1)
		return 0;
	return (size_t)(at + TLS_TAG_LEN - out);
}

/* The type is the last byte that is not 0 (RFC 8446, 5.4). */
static int tls_strip_padding(const uint8_t *inner, struct tls_opened *opened)
{
	while (opened->len > 0 && inner[opened->len - 1] == 0)
		opened->len--;
	if (opened->len == 0)
		return SSL_AD_UNEXPECTED_MESSAGE;
	opened->type = inner[--opened->len];
	return 0;
}

/* The header alone, and whether there can be something in it. */
static int tls_judge_header(const struct tls_keys *keys, const uint8_t *record, size_t body)
{
	const size_t around = TLS_TAG_LEN + (tls_is_explicit(keys) ? TLS_EXPLICIT_LEN : 0);

	if (body > TLS_BODY_MOST)
		return SSL_AD_RECORD_OVERFLOW;
	if (tls_framing_is_absurd(record) || (keys->is_tls13 && record[0] != TLS_CONTENT_DATA))
		return SSL_AD_UNEXPECTED_MESSAGE;
	if (body < around)
		return SSL_AD_BAD_RECORD_MAC;
	if (body - around > (keys->is_tls13 ? TLS_INNER_MOST : TLS_PLAIN_MOST))
		return SSL_AD_RECORD_OVERFLOW;
	return 0;
}

int tls_record_open(struct tls_ciphers *ciphers, struct tls_keys *keys, const uint8_t *record,
                    uint8_t *out, struct tls_opened *opened)
{
	struct tls_key *key = &keys->in;
	const size_t body = tls_framing_record_len(record, TLS_HEADER_LEN) - TLS_HEADER_LEN;
	const uint8_t *at = record + TLS_HEADER_LEN;
	int alert = tls_judge_header(keys, record, body);
	size_t len = body - TLS_TAG_LEN;
	uint8_t nonce[TLS_IV_LEN];
	struct tls_beside beside;
	EVP_CIPHER_CTX *ctx;
	int n = 0;
	int rest;

	if (alert != 0)
		return alert;
	tls_make_nonce(keys, key, at, nonce);
	if (tls_is_explicit(keys)) {
		at += TLS_EXPLICIT_LEN;
		len -= TLS_EXPLICIT_LEN;
	}
	beside = tls_make_beside(keys, key, record, len);
	ctx = tls_cipher_begin(ciphers, keys, TLS_IN, key, nonce, &beside);
	if (ctx == NULL || key->n_records == UINT64_MAX ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TLS_TAG_LEN, (void *)(at + len)) != 1)
		return SSL_AD_INTERNAL_ERROR;
	if ((len > 0 && EVP_DecryptUpdate(ctx, out, &n, at, (int)len) != 1) ||
	    EVP_DecryptFinal_ex(ctx, out + n, &rest) != 1)
		return SSL_AD_BAD_RECORD_MAC;
	key->n_records++;
	*opened = (struct tls_opened){ .type = record[0], .len = len };
	return keys->is_tls13 ? tls_strip_padding(out, opened) : 0;
}
