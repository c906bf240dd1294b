/* SPDX-License-Identifier: ISC */
/*
 * Records against the trace that RFC 8448, 3 prints, and against whoever has the
 * same keys; what OpenSSL makes of them is in test_socket_tls_sealed.c.
 */
#include "tls_record.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>

#include "suite.h"

enum { ROOM = TLS_RECORD_MOST + 64 };

static struct tls_ciphers *ciphers;
static struct tls_keys keys;
static uint8_t record[ROOM];
static uint8_t out[ROOM];

/* ---- OpenSSL's memory, to look for keys in ---- */

struct block {
	LIST_ENTRY(block) link;
	size_t len;
	_Alignas(16) uint8_t bytes[];
};

static LIST_HEAD(, block) blocks = LIST_HEAD_INITIALIZER(blocks);

static struct block *block_of(void *bytes)
{
	return (struct block *)(void *)((uint8_t *)bytes - sizeof(struct block));
}

static void block_free(void *bytes, const char *file, int line)
{
	(void)file;
	(void)line;
	if (bytes == NULL)
		return;
	LIST_REMOVE(block_of(bytes), link);
	free(block_of(bytes));
}

static void *block_new(size_t len, const char *file, int line)
{
	struct block *block = calloc(1, sizeof(*block) + len);

	(void)file;
	(void)line;
	if (block == NULL)
		return NULL;
	block->len = len;
	LIST_INSERT_HEAD(&blocks, block, link);
	return block->bytes;
}

static void *block_resize(void *bytes, size_t len, const char *file, int line)
{
	const size_t before = bytes != NULL ? block_of(bytes)->len : 0;
	void *resized = len > 0 ? block_new(len, file, line) : NULL;

	if (resized == NULL && len > 0)
		return NULL;
	if (resized != NULL && before > 0)
		memcpy(resized, bytes, before < len ? before : len);
	block_free(bytes, file, line);
	return resized;
}

static bool openssl_has(const uint8_t *key, size_t len)
{
	struct block *block;

	LIST_FOREACH(block, &blocks, link)
	if (memmem(block->bytes, block->len, key, len) != NULL)
		return true;
	return false;
}

/* ---- */

static size_t bytes(const char *digits, uint8_t *room)
{
	size_t len;

	ck_assert_int_eq(OPENSSL_hexstr2buf_ex(room, ROOM, &len, digits, ' '), 1);
	return len;
}

/* Client's and server's traffic secret, as printed there. */
static void set_up_trace(void)
{
	uint8_t client[ROOM];
	uint8_t server[ROOM];

	ciphers = tls_ciphers_new();
	(void)bytes("9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 "
	            "87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 04 a5",
	            client);
	(void)bytes("a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 "
	            "82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f cb 63 16 43",
	            server);
	ck_assert(tls_keys_derive_13(&keys, TLS_AES_128_GCM, client, server));
}

static void tear_down(void)
{
	tls_ciphers_free(ciphers);
}

static void expect_bytes(const uint8_t *seen, size_t len, const char *digits)
{
	uint8_t expected[ROOM];

	ck_assert_uint_eq(bytes(digits, expected), len);
	ck_assert_mem_eq(seen, expected, len);
}

START_TEST(keys_are_those_of_the_trace)
{
	expect_bytes(keys.in.key, 16, "17 42 2d da 59 6e d5 d9 ac d8 90 e3 c6 3f 50 51");
	expect_bytes(keys.in.iv, TLS_IV_LEN, "5b 78 92 3d ee 08 57 90 33 e5 23 d9");
	expect_bytes(keys.out.key, 16, "9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56");
	expect_bytes(keys.out.iv, TLS_IV_LEN, "cf 78 2b 88 dd 83 54 9a ad f1 e9 84");
}
END_TEST

START_TEST(the_clients_records_are_opened)
{
	struct tls_opened opened;

	(void)bytes("17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 "
	            "f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 "
	            "4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4",
	            record);
	ck_assert_int_eq(tls_record_open(ciphers, &keys, record, out, &opened), 0);
	ck_assert_uint_eq(opened.type, TLS_CONTENT_DATA);
	ck_assert_uint_eq(opened.len, 50);
	for (uint8_t i = 0; i < 50; i++)
		ck_assert_uint_eq(out[i], i);
	(void)bytes("17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3",
	            record);
	ck_assert_int_eq(tls_record_open(ciphers, &keys, record, out, &opened), 0);
	ck_assert_uint_eq(opened.type, TLS_CONTENT_ALERT);
	expect_bytes(out, opened.len, "01 00");
}
END_TEST

START_TEST(the_servers_records_are_sealed)
{
	uint8_t data[50];
	size_t len;

	for (uint8_t i = 0; i < 50; i++)
		data[i] = i;
	keys.out.n_records = 1; /* a ticket came before */
	len = tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, data, sizeof(data), out);
	expect_bytes(out, len,
	             "17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 "
	             "25 d0 5f 82 aa 1b 36 e3 0e fa f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 "
	             "9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2 95 5d");
	len = tls_record_seal(ciphers, &keys, TLS_CONTENT_ALERT, "\1\0", 2, out);
	expect_bytes(out, len,
	             "17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9");
}
END_TEST

/* ---- whoever has the same keys ---- */

/* Every suite in both versions; what we send is what the other one receives. */
static void set_up_mirror(int i, struct tls_keys *other)
{
	uint8_t secret[2][TLS_SECRET_MOST];
	const enum tls_suite suite = (enum tls_suite)(i / 2);

	memset(secret[0], 'c', sizeof(secret[0]));
	memset(secret[1], 's', sizeof(secret[1]));
	if (i % 2 == 0)
		ck_assert(tls_keys_derive_13(&keys, suite, secret[0], secret[1]));
	else
		ck_assert(tls_keys_derive_12(&keys, suite, secret[0], secret[1], secret[1]));
	*other = keys;
	other->in = keys.out;
	other->out = keys.in;
}

START_TEST(whoever_has_the_keys_opens_what_was_sealed)
{
	static const size_t lens[] = { 0, 1, 15, 16, 17, 4096, TLS_PLAIN_MOST };
	static uint8_t data[TLS_PLAIN_MOST];
	struct tls_keys other;
	struct tls_opened opened;

	set_up_mirror(_i, &other);
	memset(data, 'd', sizeof(data));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len =
			tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, data, lens[i], record);

		ck_assert_uint_eq(len, tls_framing_record_len(record, len));
		ck_assert_uint_le(len, lens[i] + TLS_RECORD_OVERHEAD);
		ck_assert_int_eq(tls_record_open(ciphers, &other, record, out, &opened), 0);
		ck_assert_uint_eq(opened.type, TLS_CONTENT_DATA);
		ck_assert_uint_eq(opened.len, lens[i]);
		ck_assert(lens[i] == 0 || memcmp(out, data, lens[i]) == 0);
	}
}
END_TEST

/* Each byte of a record counts, and so does its place among the others. */
START_TEST(nothing_else_is_opened)
{
	uint8_t copy[64];
	struct tls_keys other;
	struct tls_keys before;
	struct tls_opened opened;
	size_t len;

	set_up_mirror(_i, &other);
	len = tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "adieu", 5, record);
	memcpy(copy, record, len);
	before = other;
	for (size_t i = 0; i < len; i++) {
		/* Other lengths would need other bytes. */
		if (i == 3 || i == 4)
			continue;
		record[i] ^= 1;
		other = before;
		ck_assert_int_ne(tls_record_open(ciphers, &other, record, out, &opened), 0);
		record[i] ^= 1;
	}
	other = before;
	ck_assert_int_eq(tls_record_open(ciphers, &other, copy, out, &opened), 0);
	ck_assert_int_eq(tls_record_open(ciphers, &other, copy, out, &opened),
	                 SSL_AD_BAD_RECORD_MAC);
}
END_TEST

START_TEST(connections_may_take_turns)
{
	struct tls_keys other;
	struct tls_keys third;
	struct tls_keys fourth;
	struct tls_opened opened;

	set_up_mirror(_i, &other);
	third = keys;
	fourth = other;
	third.out.key[0] ^= 1;
	fourth.in.key[0] ^= 1;
	for (int i = 0; i < 3; i++) {
		(void)tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "one", 3, record);
		ck_assert_int_eq(tls_record_open(ciphers, &other, record, out, &opened), 0);
		ck_assert_mem_eq(out, "one", 3);
		(void)tls_record_seal(ciphers, &third, TLS_CONTENT_DATA, "two", 3, record);
		ck_assert_int_eq(tls_record_open(ciphers, &fourth, record, out, &opened), 0);
		ck_assert_mem_eq(out, "two", 3);
	}
}
END_TEST

START_TEST(no_nonce_is_used_twice)
{
	struct tls_keys other;

	set_up_mirror(_i, &other);
	keys.out.n_records = UINT64_MAX - 1;
	ck_assert_uint_gt(tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "x", 1, record), 0);
	ck_assert_uint_eq(tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "x", 1, record), 0);
}
END_TEST

START_TEST(what_cannot_be_a_record_is_refused_by_its_header)
{
	static const struct {
		const char *header;
		int alert;
	} cases[] = {
		{ "17 03 03 41 01", SSL_AD_RECORD_OVERFLOW },
		{ "17 03 03 40 40", SSL_AD_RECORD_OVERFLOW },
		{ "17 03 03 00 03", SSL_AD_BAD_RECORD_MAC },
		{ "47 45 54 20 2f", SSL_AD_UNEXPECTED_MESSAGE },
	};
	struct tls_keys other;
	struct tls_opened opened;

	set_up_mirror(_i, &other);
	memset(record, 0, sizeof(record));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)bytes(cases[i].header, record);
		ck_assert_int_eq(tls_record_open(ciphers, &keys, record, out, &opened),
		                 cases[i].alert);
	}
}
END_TEST

START_TEST(the_next_key_is_another_one_and_begins_anew)
{
	struct tls_keys other;
	struct tls_opened opened;
	uint8_t before[TLS_KEY_MOST];

	set_up_mirror(0, &other);
	memcpy(before, keys.out.key, sizeof(before));
	(void)tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "one", 3, record);
	ck_assert(tls_keys_update(&keys, &keys.out));
	ck_assert_mem_ne(before, keys.out.key, 16);
	ck_assert_uint_eq(keys.out.n_records, 0);
	(void)tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "two", 3, record);
	ck_assert(tls_keys_update(&other, &other.in));
	ck_assert_int_eq(tls_record_open(ciphers, &other, record, out, &opened), 0);
	ck_assert_mem_eq(out, "two", 3);
}
END_TEST

START_TEST(the_key_before_the_next_one_is_not_to_be_found)
{
	struct tls_keys other;
	struct tls_opened opened;
	uint8_t before[TLS_KEY_MOST];
	size_t len;

	set_up_mirror(2 * _i, &other);
	len = tls_suite_key_len(keys.suite);
	memcpy(before, keys.out.key, len);
	(void)tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "one", 3, record);
	ck_assert_int_eq(tls_record_open(ciphers, &other, record, out, &opened), 0);
	/* AES may keep it in another form. */
	ck_assert(keys.suite != TLS_CHACHA20_POLY1305 || openssl_has(before, len));
	ck_assert(tls_record_update(ciphers, &keys, &keys.out));
	ck_assert(tls_record_update(ciphers, &other, &other.in));
	ck_assert(!openssl_has(before, len));
	(void)tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "two", 3, record);
	ck_assert_int_eq(tls_record_open(ciphers, &other, record, out, &opened), 0);
	ck_assert_mem_eq(out, "two", 3);
}
END_TEST

START_TEST(keys_that_were_forgotten_are_set_anew)
{
	struct tls_keys other;
	struct tls_opened opened;

	set_up_mirror(_i, &other);
	for (int i = 0; i < 3; i++) {
		(void)tls_record_seal(ciphers, &keys, TLS_CONTENT_DATA, "one", 3, record);
		tls_ciphers_forget(ciphers, &keys);
		ck_assert_int_eq(tls_record_open(ciphers, &other, record, out, &opened), 0);
		tls_ciphers_forget(ciphers, &other);
		ck_assert_mem_eq(out, "one", 3);
	}
}
END_TEST

/* ---- a library that has not all of them ---- */

static OSSL_PROVIDER *usual;

/* Of what the default provider has, AES-GCM alone may be used, as in FIPS mode. */
static const OSSL_ALGORITHM *strict_query(void *context, int operation, int *no_cache)
{
	static OSSL_ALGORITHM some[8];
	const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(usual, operation, no_cache);
	size_t n = 0;

	(void)context;
	if (operation != OSSL_OP_CIPHER)
		return NULL;
	for (; all->algorithm_names != NULL && n < 7; all++) {
		if (strstr(all->algorithm_names, "AES-") == NULL ||
		    strstr(all->algorithm_names, "-GCM") == NULL)
			continue;
		some[n] = *all;
		some[n++].property_definition = "fips=yes";
	}
	return some;
}

static int strict_begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                        const OSSL_DISPATCH **dispatch, void **context)
{
	static const OSSL_DISPATCH ours[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))strict_query },
		{ 0, NULL },
	};

	(void)handle;
	(void)in;
	*dispatch = ours;
	*context = OSSL_PROVIDER_get0_provider_ctx(usual);
	return 1;
}

START_TEST(a_cipher_that_the_library_lacks_is_not_needed)
{
	OSSL_PROVIDER *strict;

	usual = OSSL_PROVIDER_load(NULL, "default");
	ck_assert_ptr_nonnull(usual);
	ck_assert_int_eq(OSSL_PROVIDER_add_builtin(NULL, "strict", strict_begin), 1);
	strict = OSSL_PROVIDER_load(NULL, "strict");
	ck_assert_ptr_nonnull(strict);
	ck_assert_int_eq(EVP_set_default_properties(NULL, "fips=yes"), 1);
	ciphers = tls_ciphers_new();
	ck_assert_ptr_nonnull(ciphers);
	ck_assert(tls_ciphers_have(ciphers, TLS_AES_128_GCM));
	ck_assert(tls_ciphers_have(ciphers, TLS_AES_256_GCM));
	ck_assert(!tls_ciphers_have(ciphers, TLS_CHACHA20_POLY1305));
	ck_assert_int_eq(EVP_set_default_properties(NULL, ""), 1);
	ck_assert_int_eq(OSSL_PROVIDER_unload(strict), 1);
	ck_assert_int_eq(OSSL_PROVIDER_unload(usual), 1);
}
END_TEST

int main(void)
{
	enum { KINDS = TLS_SUITES * 2 };
	Suite *suite = suite_create("tls_record");
	TCase *trace = tcase_create("the trace of RFC 8448");
	TCase *mirror = tcase_create("both ends");
	TCase *strict = tcase_create("a strict library");

	/* Before OpenSSL has any. */
	if (CRYPTO_set_mem_functions(block_new, block_resize, block_free) != 1)
		return EXIT_FAILURE;
	tcase_add_checked_fixture(trace, set_up_trace, tear_down);
	tcase_add_test(trace, keys_are_those_of_the_trace);
	tcase_add_test(trace, the_clients_records_are_opened);
	tcase_add_test(trace, the_servers_records_are_sealed);
	suite_add_tcase(suite, trace);
	tcase_add_checked_fixture(mirror, set_up_trace, tear_down);
	tcase_add_loop_test(mirror, whoever_has_the_keys_opens_what_was_sealed, 0, KINDS);
	tcase_add_loop_test(mirror, nothing_else_is_opened, 0, KINDS);
	tcase_add_loop_test(mirror, connections_may_take_turns, 0, KINDS);
	tcase_add_loop_test(mirror, no_nonce_is_used_twice, 0, KINDS);
	tcase_add_loop_test(mirror, what_cannot_be_a_record_is_refused_by_its_header, 0, KINDS);
	tcase_add_test(mirror, the_next_key_is_another_one_and_begins_anew);
	tcase_add_loop_test(mirror, the_key_before_the_next_one_is_not_to_be_found, 0, TLS_SUITES);
	tcase_add_loop_test(mirror, keys_that_were_forgotten_are_set_anew, 0, KINDS);
	suite_add_tcase(suite, mirror);
	tcase_add_checked_fixture(strict, NULL, tear_down);
	tcase_add_test(strict, a_cipher_that_the_library_lacks_is_not_needed);
	suite_add_tcase(suite, strict);
	return suite_run(suite);
}
