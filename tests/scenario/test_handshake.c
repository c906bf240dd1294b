/* SPDX-License-Identifier: ISC */
/*
 * A handshake that comes to nothing: its cause is in the log, in words, there
 * is no relay, and no backend ever hears of it.
 */
#include <string.h>

#include "record.h"
#include "scene.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

enum { VERSIONS = 2 };

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "log-level = debug",
		.defaults = "handshake-timeout = 300ms\nclose-timeout = 1s",
		.more = "[listener:modern]\nbind = 127.0.0.1:0\ncert = FOLDER/adieu.pem\n"
			"tls-min = 1.3\nbackend = PLAIN_BACKEND\n"
			"[listener:old]\nbind = 127.0.0.1:0\ncert = FOLDER/adieu.pem\n"
			"tls-max = 1.2\nbackend = PLAIN_BACKEND\n",
	});
}

static struct peer *connect_to(const char *listener, SSL_CTX *tls, bool mute)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);
	struct peer_setup setup = { .tls = tls, .mute = mute };

	peer_set_context(listener);
	return peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
}

/* The log has this line, and nothing else has happened. */
static void expect_failure(struct peer *client, const char *words)
{
	(void)daemon_expect_log(stage_daemon(), "event=handshake side=client peer=%s %s",
	                        peer_name(client), words);
	daemon_expect_settled(stage_daemon());
	ck_assert(door_is_quiet(stage_plain_door()));
	ck_assert(door_is_quiet(stage_tls_door()));
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=relay"), 0);
}

START_TEST(plain_http_is_called_by_its_name)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: adieu.test\r\n\r\n";
	struct peer *client = connect_to("tls-plain", NULL, false);

	peer_raw(client, request, strlen(request));
	expect_failure(client, "level=info cause=plain_http");
}
END_TEST

START_TEST(what_is_no_tls_is_called_that)
{
	static const char noise[] = "\x80\x40 and nothing that makes sense to anybody at all";
	struct peer *client = connect_to("tls-plain", NULL, false);

	peer_raw(client, "SSH-2.0-OpenSSH_9.2\r\n", 21);
	expect_failure(client, "level=info cause=not_tls");
	client = connect_to("tls-tls", NULL, false);
	peer_raw(client, noise, sizeof(noise));
	expect_failure(client, "level=info cause=not_tls");
}
END_TEST

START_TEST(a_version_that_is_not_allowed_is_refused)
{
	SSL_CTX *ancient = SSL_CTX_new(TLS_client_method());
	uint8_t hello[PEER_HELLO_ROOM];
	struct peer *client;
	size_t len;

	SSL_CTX_set_security_level(ancient, 0);
	ck_assert_int_eq(SSL_CTX_set_min_proto_version(ancient, TLS1_1_VERSION), 1);
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(ancient, TLS1_1_VERSION), 1);
	len = peer_hello(ancient, hello, sizeof(hello));
	SSL_CTX_free(ancient);
	client = connect_to("tls-plain", NULL, false);
	peer_raw(client, hello, len);
	expect_failure(client, "level=info cause=version_too_low");

	client = connect_to("modern", stage_client_tls(TLS1_2_VERSION), false);
	peer_fails_to_open(client);
	peer_expect(client, "alert:protocol_version handshake-failed ...");
	expect_failure(client, "level=info cause=version_too_low");

	client = connect_to("old", stage_client_tls(TLS1_3_VERSION), false);
	peer_fails_to_open(client);
	peer_expect(client, "alert:protocol_version handshake-failed ...");
	expect_failure(client, "level=info cause=version_too_high");
}
END_TEST

START_TEST(no_shared_cipher_is_called_that)
{
	SSL_CTX *tls = peer_client_tls(TLS1_2_VERSION);
	struct peer *client;

	ck_assert_int_eq(SSL_CTX_set_cipher_list(tls, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
	client = connect_to("tls-plain", tls, false);
	SSL_CTX_free(tls);
	peer_fails_to_open(client);
	peer_expect(client, "alert:handshake_failure handshake-failed ...");
	expect_failure(client, "level=info cause=no_shared_cipher");
}
END_TEST

START_TEST(a_client_that_rejects_our_certificate_is_believed)
{
	SSL_CTX *tls = peer_client_tls(versions[_i]);
	struct peer *client;

	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	client = connect_to("tls-plain", tls, false);
	SSL_CTX_free(tls);
	peer_fails_to_open(client);
	peer_expect(client, "handshake-failed ...");
	expect_failure(client, "level=info cause=client_rejects_our_cert:unknown_ca");
}
END_TEST

START_TEST(a_probe_is_no_news)
{
	struct peer *client = connect_to("tls-plain", NULL, false);

	peer_fin(client);
	expect_failure(client, "level=debug cause=closed");
	client = connect_to("tls-tls", NULL, false);
	peer_rst(client);
	expect_failure(client, "level=debug cause=reset");
}
END_TEST

/* A client that says this much of its first word, and then what the test does. */
static struct peer *begin_to_say_hello(int version, size_t bytes)
{
	struct peer *client = connect_to("tls-plain", NULL, false);
	uint8_t hello[PEER_HELLO_ROOM];
	size_t len = peer_hello(stage_client_tls(version), hello, sizeof(hello));

	ck_assert_uint_lt(bytes, len);
	peer_raw(client, hello, bytes);
	return client;
}

START_TEST(it_may_be_cut_in_the_first_word)
{
	struct peer *client = begin_to_say_hello(versions[_i], 100);

	peer_fin(client);
	peer_expect(client, "fin|rst");
	expect_failure(client, "level=info cause=closed");
	client = begin_to_say_hello(versions[_i], 3);
	peer_fin(client);
	expect_failure(client, "level=info cause=closed");
	client = begin_to_say_hello(versions[_i], 100);
	peer_rst(client);
	expect_failure(client, "level=info cause=reset");
}
END_TEST

START_TEST(it_may_be_cut_behind_the_first_word)
{
	struct peer *client = connect_to("tls-plain", stage_client_tls(versions[_i]), true);

	peer_fin(client);
	expect_failure(client, "level=info cause=closed");
	client = connect_to("tls-tls", stage_client_tls(versions[_i]), true);
	peer_rst(client);
	expect_failure(client, "level=info cause=reset");
}
END_TEST

START_TEST(it_may_be_given_up_by_an_alert)
{
	static const uint8_t alert[] = { RECORD_ALERT, 3, 3, 0, 2, 2, SSL_AD_HANDSHAKE_FAILURE };
	struct peer *client = connect_to("tls-plain", stage_client_tls(versions[_i]), true);

	peer_raw(client, alert, sizeof(alert));
	expect_failure(client, "level=info cause=alert:handshake_failure");
}
END_TEST

START_TEST(a_stalled_one_has_a_timer)
{
	struct peer *silent = connect_to("tls-plain", NULL, false);
	struct peer *hesitant = begin_to_say_hello(versions[_i], 100);
	struct peer *mute = connect_to("tls-tls", stage_client_tls(versions[_i]), true);

	peer_expect(silent, "fin|rst");
	peer_expect(hesitant, "fin|rst");
	peer_expect(mute, "fin|rst");
	expect_failure(silent, "level=debug cause=timeout*");
	expect_failure(hesitant, "level=info cause=timeout*");
	expect_failure(mute, "level=info cause=timeout*");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handshake");
	TCase *tcase = scene_case(suite, "failed handshakes", open_stage);

	tcase_add_test(tcase, plain_http_is_called_by_its_name);
	tcase_add_test(tcase, what_is_no_tls_is_called_that);
	tcase_add_test(tcase, a_version_that_is_not_allowed_is_refused);
	tcase_add_test(tcase, no_shared_cipher_is_called_that);
	tcase_add_loop_test(tcase, a_client_that_rejects_our_certificate_is_believed, 0, VERSIONS);
	tcase_add_test(tcase, a_probe_is_no_news);
	tcase_add_loop_test(tcase, it_may_be_cut_in_the_first_word, 0, VERSIONS);
	tcase_add_loop_test(tcase, it_may_be_cut_behind_the_first_word, 0, VERSIONS);
	tcase_add_loop_test(tcase, it_may_be_given_up_by_an_alert, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_stalled_one_has_a_timer, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
