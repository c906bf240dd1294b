/* SPDX-License-Identifier: ISC */
/*
 * Files that nothing is wrong with, and what becomes of them. What is wrong with
 * others is test_config_check.c's business.
 */
#include "config.h"

#include <string.h>

#include "config_draft.h"
#include "parse.h"
#include "suite.h"

enum { TEXT_ROOM = 1 << 17 };

static struct config *read_good(const char *text)
{
	FILE *file = fmemopen((char *)text, strlen(text), "r");
	char *said;
	size_t len;
	FILE *errors = open_memstream(&said, &len);
	struct config *config;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(errors);
	config = config_read(file, "f", errors);
	(void)fclose(file);
	(void)fclose(errors);
	ck_assert_msg(config != NULL, "refused: %s", said);
	ck_assert_str_eq(said, "");
	free(said);
	return config;
}

/* A listener that nothing is wrong with, and whatever comes before or in it. */
#define CRYPT "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /dev/null\n"
#define PLAIN "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n"

START_TEST(five_lines_are_a_proxy)
{
	struct config *config = read_good("[listener:https]\n"
	                                  "bind = :443\n"
	                                  "cert = /dev/null\n"
	                                  "key = /dev/null\n"
	                                  "backend = 127.0.0.1:8080\n");
	const struct listener_config *listener = config->listeners[0];

	ck_assert_str_eq(listener->name, "https");
	ck_assert_int_eq(listener->mode, LISTENER_TLS);
	ck_assert_uint_eq(listener->n_binds, 1);
	ck_assert_str_eq(listener->certs.texts[0], "/dev/null");
	ck_assert_str_eq(listener->backend->name, "127.0.0.1:8080");
	ck_assert_uint_eq(listener->backend->n_servers, 1);
	config_free(config);
}
END_TEST

START_TEST(defaults_are_those_of_the_manual)
{
	struct config *config = read_good(PLAIN);
	const struct listener_config *listener = config->listeners[0];

	ck_assert_uint_eq(config->workers, 0);
	ck_assert_uint_eq(config->max_connections, 10000);
	ck_assert_uint_eq(config->drain_timeout, 60000);
	ck_assert_ptr_null(config->user);
	ck_assert_int_eq(config->log.target, LOG_TO_STDERR);
	ck_assert_int_eq(config->log.format, LOG_LOGFMT);
	ck_assert_int_eq(config->log.level, LEVEL_INFO);
	ck_assert_uint_eq(listener->timeouts.handshake, 10000);
	ck_assert_uint_eq(listener->timeouts.connect, 5000);
	ck_assert_uint_eq(listener->timeouts.idle, 3600000);
	ck_assert_uint_eq(listener->timeouts.half_close, 300000);
	ck_assert_uint_eq(listener->timeouts.close, 10000);
	ck_assert_int_eq(listener->close, CLOSE_WAIT);
	ck_assert_int_eq(listener->on_truncation, TRUNCATION_RESET);
	ck_assert_int_eq(listener->tls_min, TLS_1_2);
	ck_assert_int_eq(listener->tls_max, TLS_1_3);
	ck_assert_uint_eq(listener->buffer_size, 262144);
	config_free(config);
}
END_TEST

START_TEST(a_key_counts_before_defaults_wherever_they_stand)
{
	struct config *config = read_good(PLAIN "idle-timeout = 2s\n"
	                                        "[listener:b]\nmode = tcp\n"
	                                        "bind = 127.0.0.1:0\nbackend = b\n"
	                                        "[defaults]\nidle-timeout = 1s\nclose = fast\n"
	                                        "[backend:b]\nserver = 127.0.0.1:1\n");

	ck_assert_uint_eq(config->listeners[0]->timeouts.idle, 2000);
	ck_assert_uint_eq(config->listeners[1]->timeouts.idle, 1000);
	ck_assert_int_eq(config->listeners[0]->close, CLOSE_FAST);
	config_free(config);
}
END_TEST

START_TEST(what_need_not_be_used_is_no_error)
{
	config_free(read_good("[defaults]\n[global]\n" PLAIN
	                      "[backend:spare]\nserver = 127.0.0.1:1\n"
	                      "[backend:named]\nserver = unix:/x\ntls = yes\nserver-name = n\n"
	                      "[backend:any]\nserver = unix:/x\ntls = yes\nverify = no\n"));
}
END_TEST

static void expect_warnings(const char *text, const char *expected)
{
	struct config *config = read_good(text);
	char *said;
	size_t len;
	FILE *warnings = open_memstream(&said, &len);

	ck_assert_ptr_nonnull(warnings);
	draft_report_warnings(config->draft, warnings);
	(void)fclose(warnings);
	ck_assert_str_eq(said, expected);
	free(said);
	config_free(config);
}

START_TEST(a_backend_that_nobody_uses_is_warned_of)
{
	expect_warnings(CRYPT "[backend:b]\nserver = 127.0.0.1:1\n"
	                      "[backend:spare]\nserver = 127.0.0.1:1\n"
	                      "[route:r]\nlistener = a\nsni = a.test\nbackend = b\n",
	                "f:7: [backend:spare]: warning: no listener and no route uses it\n");
	expect_warnings("[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = b\n"
	                "[backend:b]\nserver = 127.0.0.1:1\n",
	                "");
}
END_TEST

START_TEST(a_name_that_openssl_passes_over_is_warned_of)
{
	expect_warnings(CRYPT "ciphers = ECDHE+AESGCM:ROT13:!MD5:!ROT14\n"
	                      "[defaults]\nciphersuites = TLS_AES_128_GCM_SHA256:TLS_ROT13\n",
	                "f:5: [listener:a] ciphers: warning: \"ECDHE+AESGCM:ROT13:!MD5:!ROT14\" "
	                "has \"ROT13\", which is no cipher of TLS 1.2 that OpenSSL knows; it is "
	                "passed over\n"
	                "f:7: [defaults] ciphersuites: warning: "
	                "\"TLS_AES_128_GCM_SHA256:TLS_ROT13\" has \"TLS_ROT13\", which is no "
	                "cipher of TLS 1.3 that OpenSSL knows; it is passed over\n");
}
END_TEST

START_TEST(any_free_port_may_be_asked_for_twice)
{
	config_free(read_good("[listener:a]\nmode = tcp\nbackend = 127.0.0.1:1\n"
	                      "bind = 127.0.0.1:0, 127.0.0.1:0, :0\n"
	                      "bind = [::]:5, 0.0.0.0:5, unix:/x, :65535\n"));
}
END_TEST

START_TEST(lists_are_repeated_or_separated_by_commas)
{
	struct config *config = read_good("[listener:a]\nmode = tcp\nbackend = b\n"
	                                  "bind = 127.0.0.1:0, [::1]:0\nbind = unix:/x\n"
	                                  "[backend:b]\nserver = 127.0.0.1:1,127.0.0.1:2\n"
	                                  "server = unix:/y\nbalance = first\n");

	ck_assert_uint_eq(config->listeners[0]->n_binds, 3);
	ck_assert_uint_eq(config->backends[0]->n_servers, 3);
	ck_assert_int_eq(config->backends[0]->balance, BALANCE_FIRST);
	config_free(config);
}
END_TEST

START_TEST(every_key_arrives_where_it_belongs)
{
	struct config *config =
		read_good("[global]\nworkers = 3\nmax-connections = 7\n"
	                  "drain-timeout = off\nlog = file:/var/log/adieu\n"
	                  "log-format = json\nlog-level = error\nuser = nobody\n"
	                  "keylog = /k\ncore-dumps = yes\n"
	                  "[listener:a]\nbind = 127.0.0.1:0\nbackend = b\n"
	                  "cert = /dev/null\nkey = /dev/zero\n"
	                  "ocsp = /no/such\n"
	                  "cert-dir = /, /tmp\nunknown-sni = reject\n"
	                  "handshake-timeout = 1s\nconnect-timeout = 2s\n"
	                  "idle-timeout = off\nhalf-close-timeout = 4s\n"
	                  "close-timeout = 5s\nclose = fast\non-truncation = fin\n"
	                  "tls-min = 1.3\ntls-max = 1.3\nciphers = ECDHE+AESGCM\n"
	                  "ciphersuites = TLS_AES_128_GCM_SHA256\n"
	                  "groups = P-256:X25519\nsigalgs = ed25519\n"
	                  "alpn = h2, http/1.1\nalpn-mismatch = reject\n"
	                  "tls-policy = custom\ntickets = yes\nticket-keys = /dev/null, /dev/zero\n"
	                  "client-auth = optional\nclient-depth = 0\n"
	                  "client-ca = /dev/null, /dev/zero\n"
	                  "client-crl = /dev/null\n"
	                  "client-allow = dns:a, cn:b\nclient-allow = uri:c:d\n"
	                  "buffer-size = 16m\n"
	                  "[backend:b]\nserver = 127.0.0.1:1\ntls = on\n"
	                  "verify = true\nca = /dev/null\nserver-name = n\n"
	                  "balance = first\nalpn = off\ncrl = /dev/null\n"
	                  "verify-name = v\ncert = /dev/null\nkey = /dev/zero\n"
	                  "tls-min = 1.3\nsession-reuse = no\n");
	const struct listener_config *listener = config->listeners[0];
	const struct backend_config *backend = config->backends[0];

	ck_assert_uint_eq(config->workers, 3);
	ck_assert_uint_eq(config->max_connections, 7);
	ck_assert_uint_eq(config->drain_timeout, PARSE_OFF);
	ck_assert_int_eq(config->log.target, LOG_TO_FILE);
	ck_assert_str_eq(config->log.path, "/var/log/adieu");
	ck_assert_int_eq(config->log.format, LOG_JSON);
	ck_assert_int_eq(config->log.level, LEVEL_ERROR);
	ck_assert_str_eq(config->user, "nobody");
	ck_assert_str_eq(config->keylog, "/k");
	ck_assert(config->core_dumps);

	ck_assert_uint_eq(listener->certs.n, 1);
	ck_assert_str_eq(listener->certs.texts[0], "/dev/null");
	ck_assert_uint_eq(listener->keys.n, 1);
	ck_assert_str_eq(listener->keys.texts[0], "/dev/zero");
	ck_assert_uint_eq(listener->ocsps.n, 1);
	ck_assert_str_eq(listener->ocsps.texts[0], "/no/such");
	ck_assert_uint_eq(listener->cert_dirs.n, 2);
	ck_assert_str_eq(listener->cert_dirs.texts[1], "/tmp");
	ck_assert_int_eq(listener->unknown_sni, UNKNOWN_SNI_REJECT);
	ck_assert_uint_eq(listener->timeouts.handshake, 1000);
	ck_assert_uint_eq(listener->timeouts.connect, 2000);
	ck_assert_uint_eq(listener->timeouts.idle, PARSE_OFF);
	ck_assert_uint_eq(listener->timeouts.half_close, 4000);
	ck_assert_uint_eq(listener->timeouts.close, 5000);
	ck_assert_int_eq(listener->close, CLOSE_FAST);
	ck_assert_int_eq(listener->on_truncation, TRUNCATION_FIN);
	ck_assert_int_eq(listener->tls_min, TLS_1_3);
	ck_assert_int_eq(listener->tls_max, TLS_1_3);
	ck_assert_str_eq(listener->ciphers, "ECDHE+AESGCM");
	ck_assert_str_eq(listener->ciphersuites, "TLS_AES_128_GCM_SHA256");
	ck_assert_str_eq(listener->groups, "P-256:X25519");
	ck_assert_str_eq(listener->sigalgs, "ed25519");
	ck_assert_int_eq(listener->tls_policy, TLS_POLICY_CUSTOM);
	ck_assert_uint_eq(listener->alpn.n, 2);
	ck_assert_str_eq(listener->alpn.texts[1], "http/1.1");
	ck_assert_int_eq(listener->alpn_mismatch, ALPN_MISMATCH_REJECT);
	ck_assert(listener->tickets);
	ck_assert_uint_eq(listener->ticket_keys.n, 2);
	ck_assert_str_eq(listener->ticket_keys.texts[1], "/dev/zero");
	ck_assert_int_eq(listener->client.auth, CLIENT_AUTH_OPTIONAL);
	ck_assert_uint_eq(listener->client.depth, 0);
	ck_assert_uint_eq(listener->client.ca.n, 2);
	ck_assert_str_eq(listener->client.ca.texts[1], "/dev/zero");
	ck_assert_uint_eq(listener->client.crl.n, 1);
	ck_assert_str_eq(listener->client.crl.texts[0], "/dev/null");
	ck_assert_uint_eq(listener->client.allow.n, 3);
	ck_assert_str_eq(listener->client.allow.texts[1], "cn:b");
	ck_assert_str_eq(listener->client.allow.texts[2], "uri:c:d");
	ck_assert_uint_eq(listener->buffer_size, 16 << 20);

	ck_assert_ptr_eq(listener->backend, backend);
	ck_assert_str_eq(backend->name, "b");
	ck_assert_str_eq(backend->servers[0].text, "127.0.0.1:1");
	ck_assert(backend->tls);
	ck_assert(backend->verify);
	ck_assert_str_eq(backend->ca, "/dev/null");
	ck_assert_str_eq(backend->server_name, "n");
	ck_assert_int_eq(backend->balance, BALANCE_FIRST);
	ck_assert_int_eq(backend->alpn, BACKEND_ALPN_OFF);
	ck_assert_str_eq(backend->crl, "/dev/null");
	ck_assert_str_eq(backend->verify_name, "v");
	ck_assert_str_eq(backend->cert, "/dev/null");
	ck_assert_str_eq(backend->key, "/dev/zero");
	ck_assert_int_eq(backend->tls_min, TLS_1_3);
	ck_assert(!backend->session_reuse);
	config_free(config);
}
END_TEST

START_TEST(a_route_belongs_to_its_listeners)
{
	struct config *config = read_good(
		"[route:admin]\nlistener = a, b\nsni = Admin.Test, *.ADMIN.test\nsni = x_1\n"
		"backend = app\nclient-auth = require\nclient-ca = /dev/null\n"
		"client-crl = /dev/zero\nclient-allow = cn:a\nclient-depth = 0\nalpn = h2\n"
		"[listener:a]\nbind = 127.0.0.1:0\ncert = /dev/null\nalpn-mismatch = reject\n"
		"[listener:b]\nbind = 127.0.0.1:0\ncert = /dev/null\nbackend = 127.0.0.1:2\n"
		"client-auth = optional\nclient-ca = /dev/null\nalpn = http/1.1\n"
		"[route:rest]\nlistener = b\nsni = *.test\n"
		"[backend:app]\nserver = 127.0.0.1:1\n");
	const struct listener_config *a = config->listeners[0];
	const struct listener_config *b = config->listeners[1];
	const struct route_config *admin = config->routes[0];
	const struct route_config *rest = config->routes[1];

	ck_assert_uint_eq(config->n_routes, 2);
	ck_assert_str_eq(admin->name, "admin");
	ck_assert_uint_eq(admin->names.n, 3);
	ck_assert_str_eq(admin->names.texts[0], "admin.test");
	ck_assert_str_eq(admin->names.texts[1], "*.admin.test");
	ck_assert_str_eq(admin->names.texts[2], "x_1");
	ck_assert_int_eq(admin->client.auth, CLIENT_AUTH_REQUIRE);
	ck_assert_str_eq(admin->client.ca.texts[0], "/dev/null");
	ck_assert_str_eq(admin->client.crl.texts[0], "/dev/zero");
	ck_assert_str_eq(admin->client.allow.texts[0], "cn:a");
	ck_assert_uint_eq(admin->client.depth, 0);
	ck_assert_str_eq(admin->alpn.texts[0], "h2");

	ck_assert_uint_eq(a->n_routes, 1);
	ck_assert_ptr_eq(a->routes[0], admin);
	ck_assert_uint_eq(b->n_routes, 2);
	ck_assert_ptr_eq(b->routes[1], rest);

	/* What it says counts, and the listener's where it says nothing. */
	ck_assert_str_eq(config_backend_of(b, admin)->name, "app");
	ck_assert_str_eq(config_backend_of(b, rest)->name, "127.0.0.1:2");
	ck_assert_str_eq(config_backend_of(b, NULL)->name, "127.0.0.1:2");
	ck_assert_ptr_null(config_backend_of(a, NULL));
	ck_assert_ptr_eq(config_client_of(b, admin), &admin->client);
	ck_assert_ptr_eq(config_client_of(b, rest), &b->client);
	ck_assert_ptr_eq(config_client_of(b, NULL), &b->client);
	ck_assert_ptr_eq(config_alpn_of(b, admin), &admin->alpn);
	ck_assert_ptr_eq(config_alpn_of(b, rest), &b->alpn);
	config_free(config);
}
END_TEST

START_TEST(a_name_may_be_on_a_route_of_each_listener)
{
	config_free(read_good("[listener:a]\nbind = 127.0.0.1:0\ncert = /dev/null\n"
	                      "[listener:b]\nbind = 127.0.0.1:0\ncert = /dev/null\n"
	                      "[route:one]\nlistener = a\nsni = a.test\nbackend = 127.0.0.1:1\n"
	                      "[route:two]\nlistener = b\nsni = a.test\nbackend = 127.0.0.1:2\n"
	                      "client-auth = no\n"));
}
END_TEST

#define TLS_LISTENER                                                \
	"[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n" \
	"cert = /dev/null\n"

START_TEST(a_policy_is_stronger_than_defaults_for_others)
{
	static const char defaults[] = "[defaults]\nciphers = AESGCM\n"
				       "ciphersuites = TLS_AES_128_GCM_SHA256\n"
				       "groups = P-256\n"
				       "tls-max = 1.2\n";
	char text[512];
	struct config *config;

	(void)snprintf(text, sizeof(text), "%s" TLS_LISTENER "tls-policy = modern\n", defaults);
	config = read_good(text);
	ck_assert_int_eq(config->listeners[0]->tls_min, TLS_1_3);
	ck_assert_int_eq(config->listeners[0]->tls_max, TLS_1_3);
	ck_assert_ptr_null(config->listeners[0]->ciphers);
	ck_assert_ptr_null(config->listeners[0]->ciphersuites);
	ck_assert_ptr_null(config->listeners[0]->groups);
	config_free(config);

	(void)snprintf(text, sizeof(text), "%s" TLS_LISTENER "tls-policy = custom\n", defaults);
	config = read_good(text);
	ck_assert_int_eq(config->listeners[0]->tls_max, TLS_1_2);
	ck_assert_str_eq(config->listeners[0]->ciphers, "AESGCM");
	config_free(config);

	config =
		read_good("[defaults]\ntls-policy = intermediate\n" TLS_LISTENER "tls-min = 1.3\n");
	ck_assert_int_eq(config->listeners[0]->tls_min, TLS_1_3);
	config_free(config);
}
END_TEST

START_TEST(a_long_value_is_taken_whole)
{
	static char text[TEXT_ROOM];
	char *keylog = malloc(60001);
	struct config *config;

	memset(keylog, 'A', 60000);
	keylog[60000] = '\0';
	(void)snprintf(text, sizeof(text), PLAIN "[global]\nkeylog = %s\n", keylog);
	config = read_good(text);
	ck_assert_str_eq(config->keylog, keylog);
	config_free(config);
	free(keylog);
}
END_TEST

START_TEST(a_long_section_name_is_taken_whole)
{
	struct config *config =
		read_good("[listener:a-name-that-is-a-good-deal-longer-than-fifty-characters-are]\n"
	                  "mode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n");

	ck_assert_str_eq(config->listeners[0]->name,
	                 "a-name-that-is-a-good-deal-longer-than-fifty-characters-are");
	config_free(config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("files");

	tcase_add_test(tcase, five_lines_are_a_proxy);
	tcase_add_test(tcase, defaults_are_those_of_the_manual);
	tcase_add_test(tcase, a_key_counts_before_defaults_wherever_they_stand);
	tcase_add_test(tcase, what_need_not_be_used_is_no_error);
	tcase_add_test(tcase, a_backend_that_nobody_uses_is_warned_of);
	tcase_add_test(tcase, a_name_that_openssl_passes_over_is_warned_of);
	tcase_add_test(tcase, any_free_port_may_be_asked_for_twice);
	tcase_add_test(tcase, lists_are_repeated_or_separated_by_commas);
	tcase_add_test(tcase, every_key_arrives_where_it_belongs);
	tcase_add_test(tcase, a_route_belongs_to_its_listeners);
	tcase_add_test(tcase, a_name_may_be_on_a_route_of_each_listener);
	tcase_add_test(tcase, a_policy_is_stronger_than_defaults_for_others);
	tcase_add_test(tcase, a_long_value_is_taken_whole);
	tcase_add_test(tcase, a_long_section_name_is_taken_whole);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
