/* SPDX-License-Identifier: ISC */
/*
 * Each word that the log has for a handshake that failed is brought about here,
 * by clients and by servers, but for those about certificates
 * (test_causes_certificate.c), and counted. No relay comes of it, and to the
 * other side it is no empty stream.
 */
#include <stdio.h>
#include <string.h>

#include "causes.h"
#include "record.h"
#include "scene.h"

enum { VERSIONS = 2 };

static const int versions[VERSIONS] = { TLS1_2_VERSION, TLS1_3_VERSION };

static const char *const words[CAUSES_END][SIDES] = {
#define X(name, words, meaning) [CAUSE_##name] = words,
	CAUSES(X)
#undef X
};

static unsigned seen[CAUSES_END][SIDES];

#define LISTENER(name, keys)                                                           \
	"[listener:" name "]\nbind = 127.0.0.1:0\ncert = FOLDER/adieu.pem\nbackend = " \
	"PLAIN_BACKEND\n" keys "\n"

static const char more[] =
	/* clang-format off */
	LISTENER("modern", "tls-min = 1.3")
	LISTENER("old", "tls-max = 1.2")
	LISTENER("alpn", "alpn = h2\nalpn-mismatch = reject")
	LISTENER("named", "unknown-sni = reject")
	LISTENER("quick", "handshake-timeout = 300ms")
	"[listener:quick-b]\nbind = 127.0.0.1:0\nmode = tcp\nbackend = tls\n"
	"handshake-timeout = 300ms\n";
/* clang-format on */

static void open_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 1s", .more = more });
}

/* ---- clients ---- */

static struct peer *connect_as(const char *listener, const struct peer_setup *setup)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);

	peer_set_context(listener);
	return peer_connect((const struct sockaddr *)&to, sizeof(to), setup);
}

static struct peer *connect_to(const char *listener, SSL_CTX *tls)
{
	return connect_as(listener, &(struct peer_setup){ .tls = tls });
}

static struct peer *connect_mute(int version)
{
	return connect_as("tls-plain",
	                  &(struct peer_setup){ .tls = stage_client_tls(version), .mute = true });
}

/* The log says so, no relay came of it, and no server has heard of it. */
static void expect_client(const struct peer *client, enum cause cause, const char *said)
{
	(void)daemon_expect_log(stage_daemon(),
	                        "level=info event=handshake side=client peer=%s cause=%s %s",
	                        peer_name(client), words[cause][SIDE_CLIENT], said);
	ck_assert(door_is_quiet(stage_plain_door()));
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=relay"), 0);
	seen[cause][SIDE_CLIENT]++;
}

START_TEST(what_is_no_tls)
{
	static const char http[] = "GET / HTTP/1.1\r\n\r\n";
	static const char proxy[] = "CONNECT a:443 HTTP/1.1\r\n\r\n";
	static const char ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
	struct peer *client = connect_to("tls-plain", NULL);

	peer_raw(client, http, strlen(http));
	expect_client(client, CAUSE_PLAIN_HTTP, "");
	client = connect_to("tls-plain", NULL);
	peer_raw(client, proxy, strlen(proxy));
	expect_client(client, CAUSE_PLAIN_HTTP, "");
	client = connect_to("tls-plain", NULL);
	peer_raw(client, ssh, strlen(ssh));
	expect_client(client, CAUSE_NOT_TLS, "");
}
END_TEST

static void expect_refused(const char *listener, SSL_CTX *tls, const char *alert, enum cause cause)
{
	struct peer *client = connect_to(listener, tls);
	char said[64];

	peer_fails_to_open(client);
	peer_expect(client, "alert:%s handshake-failed ...", alert);
	(void)snprintf(said, sizeof(said), "alert=%s !reason", alert);
	expect_client(client, cause, said);
}

START_TEST(versions_that_do_not_meet)
{
	SSL_CTX *ancient = peer_client_tls(TLS1_2_VERSION);
	SSL_CTX *fallen = peer_client_tls(TLS1_2_VERSION);

	ck_assert_int_eq(SSL_CTX_set_min_proto_version(ancient, TLS1_1_VERSION), 1);
	ck_assert_int_eq(SSL_CTX_set_max_proto_version(ancient, TLS1_1_VERSION), 1);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(ancient, "ALL"), 1);
	(void)SSL_CTX_set_mode(fallen, SSL_MODE_SEND_FALLBACK_SCSV);
	expect_refused("tls-plain", ancient, "protocol_version", CAUSE_VERSION_TOO_LOW);
	expect_refused("modern", stage_client_tls(TLS1_2_VERSION), "protocol_version",
	               CAUSE_VERSION_TOO_LOW);
	expect_refused("old", stage_client_tls(TLS1_3_VERSION), "protocol_version",
	               CAUSE_VERSION_TOO_HIGH);
	expect_refused("tls-plain", fallen, "inappropriate_fallback", CAUSE_INAPPROPRIATE_FALLBACK);
	SSL_CTX_free(ancient);
	SSL_CTX_free(fallen);
}
END_TEST

START_TEST(nothing_in_common)
{
	SSL_CTX *ciphers = peer_client_tls(versions[_i]);
	SSL_CTX *groups = peer_client_tls(versions[_i]);
	SSL_CTX *signatures = peer_client_tls(versions[_i]);
	SSL_CTX *protocols = peer_client_tls(versions[_i]);
	const bool is_old = versions[_i] == TLS1_2_VERSION;

	ck_assert_int_eq(SSL_CTX_set_cipher_list(ciphers, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
	ck_assert_int_eq(SSL_CTX_set_ciphersuites(ciphers, "TLS_AES_128_CCM_SHA256"), 1);
	ck_assert_int_eq(SSL_CTX_set1_groups_list(groups, "P-521"), 1);
	ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(signatures, "ed448"), 1);
	ck_assert_int_eq(SSL_CTX_set_alpn_protos(protocols, (const uint8_t *)"\5other", 6), 0);
	expect_refused("tls-plain", ciphers, "handshake_failure", CAUSE_NO_SHARED_CIPHER);
	/* In TLS 1.2 a cipher comes with both of the following. */
	expect_refused("tls-plain", groups, "handshake_failure",
	               is_old ? CAUSE_NO_SHARED_CIPHER : CAUSE_NO_SHARED_GROUP);
	expect_refused("tls-plain", signatures, "handshake_failure",
	               is_old ? CAUSE_NO_SHARED_CIPHER : CAUSE_NO_SHARED_SIGNATURE_ALGORITHM);
	expect_refused("alpn", protocols, "no_application_protocol", CAUSE_NO_SHARED_PROTOCOL);
	SSL_CTX_free(ciphers);
	SSL_CTX_free(groups);
	SSL_CTX_free(signatures);
	SSL_CTX_free(protocols);
}
END_TEST

START_TEST(a_name_that_nobody_has)
{
	struct peer *client =
		connect_as("named", &(struct peer_setup){ .tls = stage_client_tls(versions[_i]),
	                                                  .name = "nobody.test" });

	peer_fails_to_open(client);
	peer_expect(client, "alert:unrecognized_name handshake-failed ...");
	expect_client(client, CAUSE_UNKNOWN_NAME, "sni=nobody.test alert=unrecognized_name");
}
END_TEST

START_TEST(a_client_that_goes_away)
{
	struct peer *client = connect_mute(versions[_i]);

	peer_fin(client);
	expect_client(client, CAUSE_CLOSED, "!alert !reason");
	client = connect_mute(versions[_i]);
	peer_rst(client);
	expect_client(client, CAUSE_RESET, "!alert !reason");
	client = connect_as("quick", &(struct peer_setup){ .tls = stage_client_tls(versions[_i]),
	                                                   .mute = true });
	expect_client(client, CAUSE_TIMEOUT, "!alert !reason");
}
END_TEST

START_TEST(a_client_that_is_lost)
{
	struct peer *client = connect_to("tls-plain", NULL);
	uint8_t hello[PEER_HELLO_ROOM];
	size_t len = peer_hello(stage_client_tls(versions[_i]), hello, sizeof(hello));

	peer_open(client);
	peer_raw(client, hello, 10);
	peer_wait_sent(client);
	daemon_expect_descriptors(stage_daemon(), 1); /* it has been accepted */
	daemon_lose_patience(stage_daemon(), peer_fd(client));
	peer_vanish(client);
	peer_raw(client, hello + 10, len - 10);
	expect_client(client, CAUSE_LOST, "!alert !reason");
}
END_TEST

START_TEST(a_client_that_breaks_the_protocol)
{
	static const uint8_t early[] = { RECORD_HANDSHAKE, 3, 3, 0, 4, 20, 0, 0, 0 };
	struct peer *client = connect_mute(versions[_i]);

	peer_raw(client, early, sizeof(early));
	expect_client(client, CAUSE_VIOLATION, "alert=unexpected_message reason=*");
}
END_TEST

/* ---- servers ---- */

/* Our hello is at the door, and who opens it is this. */
static struct peer *let_in(const char *listener, const struct peer_setup *setup,
                           struct peer **client)
{
	*client = connect_to(listener, NULL);
	door_set_setup(stage_tls_door(), setup);
	return door_accept(stage_tls_door());
}

static void expect_server(struct peer *client, enum cause cause, const char *said)
{
	(void)daemon_expect_log(stage_daemon(),
	                        "level=info event=handshake side=backend peer=%s cause=%s %s",
	                        door_address(stage_tls_door()), words[cause][SIDE_BACKEND], said);
	peer_expect(client, "rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "level=warning event=relay client=%s backend-end=refused:%s "
	                        "client-end=sink-gone up=0 down=0",
	                        peer_name(client), words[cause][SIDE_BACKEND]);
	seen[cause][SIDE_BACKEND]++;
}

static void expect_answer(const void *answer, size_t len, enum cause cause, const char *said)
{
	struct peer *client;
	struct peer *server = let_in("plain-tls", &(struct peer_setup){ 0 }, &client);

	peer_raw(server, answer, len);
	expect_server(client, cause, said);
}

START_TEST(a_server_that_answers_something_else)
{
	/* TLS 1.1, a random number that is none, no session, a cipher, no compression. */
	static const uint8_t old[5 + 4 + 38] = {
		RECORD_HANDSHAKE, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, [44] = 0xc0, [45] = 0x13
	};
	static const uint8_t nonsense[] = { RECORD_HANDSHAKE, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3 };
	static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	expect_answer(http, strlen(http), CAUSE_NOT_TLS, "!reason");
	expect_answer(old, sizeof(old), CAUSE_VERSION_TOO_LOW, "alert=protocol_version !reason");
	expect_answer(nonsense, sizeof(nonsense), CAUSE_VIOLATION, "alert=decode_error reason=*");
}
END_TEST

START_TEST(a_server_that_goes_away)
{
	struct peer *client;

	peer_fin(let_in("plain-tls", &(struct peer_setup){ 0 }, &client));
	expect_server(client, CAUSE_CLOSED, "!alert !reason");
	peer_rst(let_in("plain-tls", &(struct peer_setup){ 0 }, &client));
	expect_server(client, CAUSE_RESET, "!alert !reason");
	(void)let_in("quick-b", &(struct peer_setup){ 0 }, &client);
	expect_server(client, CAUSE_TIMEOUT, "!alert !reason");
}
END_TEST

/* In TLS 1.3 the handshake is over for us before it could have answered. */
START_TEST(a_server_that_is_lost)
{
	struct peer *client;
	struct peer *server =
		let_in("plain-tls", &(struct peer_setup){ .tls = stage_server_tls(TLS1_2_VERSION) },
	               &client);

	daemon_lose_patience(stage_daemon(), peer_fd(server));
	peer_vanish(server);
	expect_server(client, CAUSE_LOST, "!alert !reason");
}
END_TEST

/* ---- alerts ---- */

static const struct {
	int alert;
	enum cause cause;
} alerts[] = {
	{ SSL_AD_UNEXPECTED_MESSAGE, CAUSE_ALERT_UNEXPECTED_MESSAGE },
	{ SSL_AD_BAD_RECORD_MAC, CAUSE_ALERT_BAD_RECORD_MAC },
	{ SSL_AD_RECORD_OVERFLOW, CAUSE_ALERT_RECORD_OVERFLOW },
	{ SSL_AD_HANDSHAKE_FAILURE, CAUSE_ALERT_HANDSHAKE_FAILURE },
	{ SSL_AD_ILLEGAL_PARAMETER, CAUSE_ALERT_ILLEGAL_PARAMETER },
	{ SSL_AD_DECODE_ERROR, CAUSE_ALERT_DECODE_ERROR },
	{ SSL_AD_DECRYPT_ERROR, CAUSE_ALERT_DECRYPT_ERROR },
	{ SSL_AD_PROTOCOL_VERSION, CAUSE_ALERT_PROTOCOL_VERSION },
	{ SSL_AD_INSUFFICIENT_SECURITY, CAUSE_ALERT_INSUFFICIENT_SECURITY },
	{ SSL_AD_INTERNAL_ERROR, CAUSE_ALERT_INTERNAL_ERROR },
	{ SSL_AD_INAPPROPRIATE_FALLBACK, CAUSE_ALERT_INAPPROPRIATE_FALLBACK },
	{ SSL_AD_USER_CANCELLED, CAUSE_ALERT_USER_CANCELED },
	{ SSL_AD_MISSING_EXTENSION, CAUSE_ALERT_MISSING_EXTENSION },
	{ SSL_AD_UNSUPPORTED_EXTENSION, CAUSE_ALERT_UNSUPPORTED_EXTENSION },
	{ SSL_AD_UNRECOGNIZED_NAME, CAUSE_ALERT_UNRECOGNIZED_NAME },
	{ SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE, CAUSE_ALERT_BAD_STAPLE },
	{ SSL_AD_UNKNOWN_PSK_IDENTITY, CAUSE_ALERT_UNKNOWN_PSK },
	{ SSL_AD_NO_APPLICATION_PROTOCOL, CAUSE_ALERT_NO_PROTOCOL },
	{ 200, CAUSE_ALERT_OTHER },
	{ SSL_AD_BAD_CERTIFICATE, CAUSE_REJECTED_BAD },
	{ SSL_AD_UNSUPPORTED_CERTIFICATE, CAUSE_REJECTED_UNSUPPORTED },
	{ SSL_AD_CERTIFICATE_REVOKED, CAUSE_REJECTED_REVOKED },
	{ SSL_AD_CERTIFICATE_EXPIRED, CAUSE_REJECTED_EXPIRED },
	{ SSL_AD_CERTIFICATE_UNKNOWN, CAUSE_REJECTED_UNKNOWN },
	{ SSL_AD_UNKNOWN_CA, CAUSE_REJECTED_UNKNOWN_CA },
	{ SSL_AD_CERTIFICATE_REQUIRED, CAUSE_REJECTED_NONE },
	{ SSL_AD_ACCESS_DENIED, CAUSE_REJECTED_DENIED },
};
enum { ALERTS = sizeof(alerts) / sizeof(alerts[0]) };

START_TEST(each_alert_of_a_client)
{
	const uint8_t record[] = {
		RECORD_ALERT, 3, 3, 0, 2, 2, (uint8_t)alerts[_i / VERSIONS].alert
	};
	const int version = versions[_i % VERSIONS];
	struct peer *client = connect_mute(version);

	peer_raw(client, record, sizeof(record));
	if (version == TLS1_3_VERSION && alerts[_i / VERSIONS].alert == SSL_AD_USER_CANCELLED) {
		/* Of whatever level, it is no end there (RFC 8446, 6.1). */
		peer_fin(client);
		expect_client(client, CAUSE_CLOSED, "!alert !reason");
		return;
	}
	expect_client(client, alerts[_i / VERSIONS].cause, "!alert !reason");
}
END_TEST

START_TEST(each_alert_of_a_server)
{
	const uint8_t record[] = { RECORD_ALERT, 3, 3, 0, 2, 2, (uint8_t)alerts[_i].alert };

	expect_answer(record, sizeof(record), alerts[_i].cause, "!alert !reason");
}
END_TEST

/* ---- behind our own end of the handshake ---- */

static const struct casting late_clients[] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },
	{ TLS_PLAIN, TLS1_3_VERSION, true },
	{ TLS_TLS, TLS1_3_VERSION, true },
};
static const struct casting late_servers[] = {
	{ PLAIN_TLS, TLS1_3_VERSION, false },
	{ TLS_TLS, TLS1_3_VERSION, false },
};
enum { LATE_CLIENTS = 3, LATE_SERVERS = 2 };

/* A relay has begun, and no side takes it for an empty stream that ended well. */
static void reject_late(const struct casting *casting)
{
	struct scene *scene = scene_open(casting);
	const enum side side = casting->client_acts ? SIDE_CLIENT : SIDE_BACKEND;

	peer_alert(scene->actor, 2, SSL_AD_UNKNOWN_CA);
	peer_fin(scene->actor);
	peer_expect(scene->other, "rst");
	(void)scene_expect_log(scene, "level=info event=handshake side=actor peer=actor cause=%s",
	                       words[CAUSE_REJECTED_UNKNOWN_CA][side]);
	(void)scene_expect_relay(scene, "actor-end=alert:unknown_ca other-end=sink-gone "
	                                "first=actor actor-sent=0");
	scene_expect_no_log(scene, "event=truncation");
	seen[CAUSE_REJECTED_UNKNOWN_CA][side]++;
}

START_TEST(a_client_may_reject_our_certificate_late)
{
	reject_late(&late_clients[_i]);
}
END_TEST

START_TEST(a_server_may_reject_our_certificate_late)
{
	reject_late(&late_servers[_i]);
}
END_TEST

START_TEST(behind_data_that_is_an_alert_like_any_other)
{
	struct scene *scene = scene_open(&late_clients[_i]);

	peer_send(scene->actor, 1);
	peer_wait_data(scene->other, 1);
	peer_alert(scene->actor, 2, SSL_AD_UNKNOWN_CA);
	peer_expect(scene->other, "data:1 rst");
	(void)scene_expect_relay(scene, "actor-end=alert:unknown_ca");
	scene_expect_no_log(scene, "event=handshake");
}
END_TEST

/* ---- all of them ---- */

/* No peer can bring it about that our own memory runs out. */
static bool is_for_others(enum cause cause)
{
	return cause == CAUSE_INTERNAL_ERROR || cause == CAUSE_OUT_OF_MEMORY ||
	       (cause >= CAUSE_CERT_NONE && cause <= CAUSE_CERT_INVALID);
}

START_TEST(there_is_no_other_word_and_each_is_counted)
{
	daemon_stop(stage_daemon());
	for (enum cause cause = CAUSE_UNKNOWN + 1; cause < CAUSES_END; cause++) {
		for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
			const char *word = words[cause][side];

			if (word == NULL || is_for_others(cause)) {
				ck_assert_uint_eq(seen[cause][side], 0);
				continue;
			}
			ck_assert_msg(seen[cause][side] > 0, "%s was not seen", word);
			(void)daemon_expect_log(stage_daemon(),
			                        "event=handshakes side=%s cause=%s failed=%u",
			                        side == SIDE_CLIENT ? "client" : "backend", word,
			                        seen[cause][side]);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("causes");
	TCase *tcase = scene_case(suite, "why handshakes fail", open_stage);

	tcase_add_test(tcase, what_is_no_tls);
	tcase_add_test(tcase, versions_that_do_not_meet);
	tcase_add_loop_test(tcase, nothing_in_common, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_name_that_nobody_has, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_client_that_goes_away, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_client_that_is_lost, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_client_that_breaks_the_protocol, 0, VERSIONS);
	tcase_add_test(tcase, a_server_that_answers_something_else);
	tcase_add_test(tcase, a_server_that_goes_away);
	tcase_add_test(tcase, a_server_that_is_lost);
	tcase_add_loop_test(tcase, each_alert_of_a_client, 0, ALERTS * VERSIONS);
	tcase_add_loop_test(tcase, each_alert_of_a_server, 0, ALERTS);
	tcase_add_loop_test(tcase, a_client_may_reject_our_certificate_late, 0, LATE_CLIENTS);
	tcase_add_loop_test(tcase, a_server_may_reject_our_certificate_late, 0, LATE_SERVERS);
	tcase_add_loop_test(tcase, behind_data_that_is_an_alert_like_any_other, 0, LATE_CLIENTS);
	tcase_add_test(tcase, there_is_no_other_word_and_each_is_counted);
	return scene_run(suite);
}
