/* SPDX-License-Identifier: ISC */
#include "tls_context.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "catalog.h"
#include "certificates.h"
#include "config.h"
#include "folder.h"
#include "suite.h"
#include "tls_tickets.h"

enum { PATH_ROOM = FOLDER_ROOM + 32 };

static char folder[FOLDER_ROOM];
static char cert[PATH_ROOM];
static char key[PATH_ROOM];
static char *cert_text = cert;
static char *key_text = key;
static char reason[TLS_REASON_ROOM];
static struct tls_tickets *tickets;
static struct listener_config listener;
static struct backend_config backend;

static char *file_in_folder(char *room, const char *name)
{
	(void)snprintf(room, PATH_ROOM, "%s/%s", folder, name);
	return room;
}

static void set_up(void)
{
	cert_text = file_in_folder(cert, "adieu.pem");
	listener = (struct listener_config){ .name = (char *)"test",
		                             .certs = { &cert_text, 1 },
		                             .tls_max = TLS_1_3 };
	backend = (struct backend_config){ .name = (char *)"test", .tls = true };
	tickets = tls_tickets_new();
	ck_assert_ptr_nonnull(tickets);
}

static void expect_reason(const char *about, const char *text)
{
	ck_assert_msg(strncmp(reason, about, strlen(about)) == 0 && strstr(reason, text) != NULL,
	              "it says: %s", reason);
}

static void expect_refusal(const char *about, const char *text)
{
	ck_assert_ptr_null(catalog_context(&listener, tickets, reason));
	expect_reason(about, text);
}

static void tear_down(void)
{
	tls_tickets_free(tickets);
}

static struct tls_context *server(void)
{
	struct tls_context *context = catalog_context(&listener, tickets, reason);

	ck_assert_msg(context != NULL, "%s", reason);
	return context;
}

/* ---- certificates ---- */

START_TEST(one_file_may_hold_certificate_and_key)
{
	tls_context_free(server());
	listener.keys = listener.certs;
	tls_context_free(server());
}
END_TEST

START_TEST(a_file_that_is_not_there_is_named)
{
	cert_text = (char *)"/no/such.pem";
	expect_refusal("/no/such.pem: ", "No such file");
	cert_text = cert;
	(void)snprintf(key, sizeof(key), "/no/such.key");
	listener.keys = (struct text_list){ &key_text, 1 };
	expect_refusal("/no/such.key: ", "No such file");
}
END_TEST

START_TEST(a_file_without_a_key_is_named)
{
	/* The authority's, which is a certificate alone. */
	expect_refusal(file_in_folder(cert, "ca.pem"), "holds no private key");
}
END_TEST

START_TEST(a_key_with_a_passphrase_is_refused_and_nobody_is_asked)
{
	EVP_PKEY *pair = EVP_EC_gen("P-256");
	FILE *file;

	listener.keys = (struct text_list){ &key_text, 1 };
	(void)file_in_folder(key, "encrypted.pem");
	file = fopen(key, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_PrivateKey(file, pair, EVP_aes_128_cbc(),
	                                      (const unsigned char *)"secret", 6, NULL, NULL),
	                 1);
	ck_assert_int_eq(fclose(file), 0);
	EVP_PKEY_free(pair);
	expect_refusal(key, "encrypted, and adieu takes no passphrase");
}
END_TEST

START_TEST(a_key_that_everybody_may_read_is_refused)
{
	listener.keys = (struct text_list){ &key_text, 1 };
	(void)file_in_folder(key, "adieu.pem");
	ck_assert_int_eq(chmod(key, 0640), 0);
	tls_context_free(server());
	ck_assert_int_eq(chmod(key, 0644), 0);
	expect_refusal(key, "everybody may read this private key");
	ck_assert_int_eq(chmod(key, 0600), 0);
}
END_TEST

START_TEST(a_key_that_is_not_the_certificates_is_told)
{
	listener.keys = (struct text_list){ &key_text, 1 };
	(void)file_in_folder(key, "backend.pem");
	expect_refusal(key, "key values mismatch");
}
END_TEST

START_TEST(a_key_of_another_kind_is_told)
{
	listener.keys = (struct text_list){ &key_text, 1 };
	(void)file_in_folder(key, "adieu-rsa.pem");
	expect_refusal(key, "different key types");
}
END_TEST

START_TEST(an_authority_that_cannot_be_loaded_is_named)
{
	backend.verify = true;
	backend.ca = (char *)"/no/such.pem";
	ck_assert_ptr_null(tls_context_client(&backend, reason));
	expect_reason("/no/such.pem: ", "No such file");
}
END_TEST

/* ---- settings ---- */

START_TEST(a_value_that_openssl_does_not_take_is_told_by_its_key)
{
	static const struct {
		const char *key;
		char **member;
		const char *value;
		const char *reason;
	} wrong[] = {
		{ "ciphers: ", &listener.ciphers, "ROT13", "no cipher match" },
		{ "ciphers: ", &listener.ciphers, "ECDHE-RSA-NULL-SHA:@SECLEVEL=0",
		  "insufficient security" },
		{ "ciphers: ", &listener.ciphers, "ECDHE+AESGCM:@SECLEVEL=1",
		  "insufficient security" },
		{ "ciphersuites: ", &listener.ciphersuites, "TLS_ROT13", "" },
		{ "groups: ", &listener.groups, "X25519:P-1", "" },
		{ "sigalgs: ", &listener.sigalgs, "ROT13", "passed invalid argument" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		*wrong[i].member = (char *)wrong[i].value;
		expect_refusal(wrong[i].key, wrong[i].reason);
		*wrong[i].member = NULL;
	}
}
END_TEST

START_TEST(versions_are_the_listeners)
{
	static const int expected[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (int min = TLS_1_2; min <= TLS_1_3; min++) {
		for (int max = min; max <= TLS_1_3; max++) {
			struct tls_context *context;
			SSL *ssl;

			listener.tls_min = (enum tls_version)min;
			listener.tls_max = (enum tls_version)max;
			context = server();
			ssl = tls_context_new_ssl(context);
			ck_assert_int_eq(SSL_get_min_proto_version(ssl), expected[min]);
			ck_assert_int_eq(SSL_get_max_proto_version(ssl), expected[max]);
			SSL_free(ssl);
			tls_context_free(context);
		}
	}
}
END_TEST

/* Every cipher has forward secrecy and authenticates what it encrypts. */
static void expect_good_ciphers(struct tls_context *context)
{
	SSL *ssl = tls_context_new_ssl(context);
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get1_supported_ciphers(ssl);

	ck_assert_int_eq(sk_SSL_CIPHER_num(ciphers), 3 + 6);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
		int exchange = SSL_CIPHER_get_kx_nid(cipher);

		ck_assert_msg(SSL_CIPHER_is_aead(cipher), "%s", SSL_CIPHER_get_name(cipher));
		ck_assert_msg(exchange == NID_kx_ecdhe || exchange == NID_kx_any, "%s",
		              SSL_CIPHER_get_name(cipher));
	}
	sk_SSL_CIPHER_free(ciphers);
	ck_assert_int_eq(SSL_get_min_proto_version(ssl), TLS1_2_VERSION);
	ck_assert_int_ge(SSL_get_security_level(ssl), 2);
	SSL_free(ssl);
}

START_TEST(what_nobody_has_set_is_safe)
{
	struct tls_context *context = server();

	expect_good_ciphers(context);
	tls_context_free(context);
	context = tls_context_client(&backend, reason);
	expect_good_ciphers(context);
	tls_context_free(context);
}
END_TEST

START_TEST(a_list_may_ask_for_more_security_and_not_for_less)
{
	struct tls_context *context;
	SSL *ssl;

	listener.ciphers = (char *)"ECDHE+AESGCM:@SECLEVEL=3";
	context = server();
	ssl = tls_context_new_ssl(context);
	ck_assert_int_eq(SSL_get_security_level(ssl), 3);
	SSL_free(ssl);
	tls_context_free(context);
}
END_TEST

START_TEST(ciphers_are_the_listeners)
{
	struct tls_context *context;
	SSL *ssl;

	listener.ciphers = (char *)"ECDHE-ECDSA-AES256-GCM-SHA384";
	listener.ciphersuites = (char *)"";
	context = server();
	ssl = tls_context_new_ssl(context);
	ck_assert_str_eq(SSL_get_cipher_list(ssl, 0), "ECDHE-ECDSA-AES256-GCM-SHA384");
	ck_assert_ptr_null(SSL_get_cipher_list(ssl, 1));
	SSL_free(ssl);
	tls_context_free(context);
}
END_TEST

/* The listener's end of it. */
static SSL *shake_hands(struct tls_context *context, SSL *client)
{
	/* Its socket is not there: it looks into one when it sends an alert only. */
	SSL *ssl = tls_context_new_ssl(context);
	BIO *ours;
	BIO *theirs;

	ck_assert_int_eq(BIO_new_bio_pair(&ours, 0, &theirs, 0), 1);
	SSL_set_bio(ssl, ours, ours);
	SSL_set_bio(client, theirs, theirs);
	SSL_set_accept_state(ssl);
	SSL_set_connect_state(client);
	for (int i = 0; i < 8; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(ssl);
	}
	ck_assert(SSL_is_init_finished(ssl));
	return ssl;
}

/* What a client that can do all gets is the first. */
static int negotiated_group(const char *groups)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *client = SSL_new(client_ctx);
	struct tls_context *context;
	int group;
	SSL *ssl;

	listener.groups = (char *)groups;
	context = server();
	ssl = shake_hands(context, client);
	group = (int)SSL_get_shared_group(ssl, 0);
	SSL_free(client);
	SSL_free(ssl);
	tls_context_free(context);
	SSL_CTX_free(client_ctx);
	return group;
}

START_TEST(groups_are_the_listeners)
{
	ck_assert_int_eq(negotiated_group("P-384:P-256"), NID_secp384r1);
	ck_assert_int_eq(negotiated_group("P-256:P-384"), NID_X9_62_prime256v1);
}
END_TEST

/* The number of X25519MLKEM768, which headers before OpenSSL 3.5 do not have. */
enum { HYBRID = 0x11ec };

START_TEST(what_no_quantum_computer_breaks_comes_first_where_there_is_any)
{
	const char *lacks;
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	struct tls_context *context = server();
	SSL *client;
	SSL *ssl;

	ck_assert(strstr(tls_library(&lacks), "OpenSSL") != NULL);
	if (OpenSSL_version_num() < 0x30500000UL) {
		ck_assert_str_eq(lacks, "X25519MLKEM768");
		ck_assert_int_eq(SSL_CTX_set1_groups_list(client_ctx, "P-256:X25519"), 1);
	} else {
		ck_assert_ptr_null(lacks);
		ck_assert_int_eq(SSL_CTX_set1_groups_list(client_ctx, "X25519:X25519MLKEM768"), 1);
	}
	client = SSL_new(client_ctx);
	ssl = shake_hands(context, client);
	if (lacks == NULL)
		ck_assert_int_eq(SSL_get_negotiated_group(ssl) & 0xffff, HYBRID);
	SSL_free(client);
	SSL_free(ssl);
	tls_context_free(context);
	SSL_CTX_free(client_ctx);
}
END_TEST

/* To a client that has these, in its order; one of TLS 1.2 if suites is NULL. */
static void expect_cipher(const char *expected, const char *suites, const char *ciphers)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	struct tls_context *context = server();
	SSL *client;
	SSL *ssl;

	if (suites == NULL) {
		ck_assert_int_eq(SSL_CTX_set_max_proto_version(client_ctx, TLS1_2_VERSION), 1);
		ck_assert_int_eq(SSL_CTX_set_cipher_list(client_ctx, ciphers), 1);
	} else {
		ck_assert_int_eq(SSL_CTX_set_ciphersuites(client_ctx, suites), 1);
	}
	client = SSL_new(client_ctx);
	ssl = shake_hands(context, client);
	ck_assert_str_eq(SSL_get_cipher_name(ssl), expected);
	SSL_free(client);
	SSL_free(ssl);
	tls_context_free(context);
	SSL_CTX_free(client_ctx);
}

START_TEST(our_ciphers_come_first_unless_the_clients_first_is_chacha20)
{
	expect_cipher("TLS_AES_128_GCM_SHA256",
	              "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
	              NULL);
	expect_cipher("TLS_CHACHA20_POLY1305_SHA256",
	              "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", NULL);
	expect_cipher("ECDHE-ECDSA-AES128-GCM-SHA256", NULL,
	              "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256");
	expect_cipher("ECDHE-ECDSA-CHACHA20-POLY1305", NULL,
	              "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256");
}
END_TEST

START_TEST(renegotiation_and_the_stateful_cache_are_off)
{
	struct tls_context *context = server();
	SSL *ssl = tls_context_new_ssl(context);

	ck_assert((SSL_get_options(ssl) & SSL_OP_NO_RENEGOTIATION) != 0);
	ck_assert((SSL_get_options(ssl) & SSL_OP_NO_COMPRESSION) != 0);
	ck_assert_int_eq(SSL_CTX_get_session_cache_mode(SSL_get_SSL_CTX(ssl)), SSL_SESS_CACHE_OFF);
	SSL_free(ssl);
	tls_context_free(context);
}
END_TEST

START_TEST(a_listeners_name_may_be_long)
{
	char name[200];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	listener.name = name;
	tls_context_free(server());
}
END_TEST

static bool verifies(struct tls_context *context)
{
	SSL *ssl = tls_context_new_ssl(context);
	const int mode = SSL_get_verify_mode(ssl);

	SSL_free(ssl);
	return mode == SSL_VERIFY_PEER;
}

static int count_trusted(void)
{
	struct tls_context *context = tls_context_client(&backend, reason);
	SSL *ssl;
	X509_STORE *store;
	int n;

	ck_assert_msg(context != NULL, "%s", reason);
	ssl = tls_context_new_ssl(context);
	store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	n = sk_X509_OBJECT_num(X509_STORE_get0_objects(store));
	SSL_free(ssl);
	tls_context_free(context);
	return n;
}

/* A worker's sandbox has no files: what OpenSSL would look for in a folder it would not find. */
START_TEST(authorities_of_the_system_in_folders_are_loaded_beforehand)
{
	char folders[2 * FOLDER_ROOM];
	char authority[PATH_ROOM];
	char link[PATH_ROOM];

	ck_assert_int_eq(
		symlink(file_in_folder(authority, "ca.pem"), file_in_folder(link, "0123abcd.0")),
		0);
	(void)snprintf(folders, sizeof(folders), "/no/such:%s", folder);
	ck_assert_int_eq(setenv("SSL_CERT_FILE", "/no/such.pem", 1), 0);
	ck_assert_int_eq(setenv("SSL_CERT_DIR", folders, 1), 0);
	backend.verify = true;
	ck_assert_int_eq(count_trusted(), 1);
	/* Both count. */
	ck_assert_int_eq(setenv("SSL_CERT_FILE", file_in_folder(authority, "stranger.pem"), 1), 0);
	ck_assert_int_eq(count_trusted(), 2);
	ck_assert_int_eq(unlink(link), 0);
	(void)unsetenv("SSL_CERT_FILE");
	(void)unsetenv("SSL_CERT_DIR");
}
END_TEST

START_TEST(a_backend_is_verified_where_that_was_asked_for)
{
	struct tls_context *context = tls_context_client(&backend, reason);

	ck_assert(!verifies(context));
	tls_context_free(context);
	backend.verify = true;
	for (int i = 0; i < 2; i++) {
		context = tls_context_client(&backend, reason);
		ck_assert_msg(context != NULL, "%s", reason);
		ck_assert(verifies(context));
		tls_context_free(context);
		backend.ca = file_in_folder(cert, "ca.pem");
	}
}
END_TEST

START_TEST(a_connection_outlives_its_context)
{
	struct tls_context *context = server();
	SSL *ssl = tls_context_new_ssl(context);

	tls_context_free(context);
	tls_context_free(NULL);
	ck_assert_ptr_nonnull(SSL_get_certificate(ssl));
	SSL_free(ssl);
}
END_TEST

static void make_folder(void)
{
	folder_make(folder);
	certificates_write(folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("tls_context");
	TCase *tcase = tcase_create("contexts");

	tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, one_file_may_hold_certificate_and_key);
	tcase_add_test(tcase, a_file_that_is_not_there_is_named);
	tcase_add_test(tcase, a_file_without_a_key_is_named);
	tcase_add_test(tcase, a_key_with_a_passphrase_is_refused_and_nobody_is_asked);
	tcase_add_test(tcase, a_key_that_everybody_may_read_is_refused);
	tcase_add_test(tcase, a_key_that_is_not_the_certificates_is_told);
	tcase_add_test(tcase, a_key_of_another_kind_is_told);
	tcase_add_test(tcase, an_authority_that_cannot_be_loaded_is_named);
	tcase_add_test(tcase, a_value_that_openssl_does_not_take_is_told_by_its_key);
	tcase_add_test(tcase, groups_are_the_listeners);
	tcase_add_test(tcase, versions_are_the_listeners);
	tcase_add_test(tcase, what_nobody_has_set_is_safe);
	tcase_add_test(tcase, a_list_may_ask_for_more_security_and_not_for_less);
	tcase_add_test(tcase, ciphers_are_the_listeners);
	tcase_add_test(tcase, what_no_quantum_computer_breaks_comes_first_where_there_is_any);
	tcase_add_test(tcase, our_ciphers_come_first_unless_the_clients_first_is_chacha20);
	tcase_add_test(tcase, renegotiation_and_the_stateful_cache_are_off);
	tcase_add_test(tcase, a_listeners_name_may_be_long);
	tcase_add_test(tcase, authorities_of_the_system_in_folders_are_loaded_beforehand);
	tcase_add_test(tcase, a_backend_is_verified_where_that_was_asked_for);
	tcase_add_test(tcase, a_connection_outlives_its_context);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
