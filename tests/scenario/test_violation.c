/* SPDX-License-Identifier: ISC */
/*
 * A fatal alert, or a peer that breaks the protocol, aborts the relay: the
 * other peer gets what came before it and a RST; who broke the protocol gets
 * to read the alert that says so. What the protocol allows is no violation,
 * however strange; what comes after a close_notify is nobody's business.
 */
#include <string.h>

#include "record.h"
#include "scene.h"

static void open_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 300ms" });
}

static bool is_tls13(const struct scene *scene)
{
	return scene->casting->version == TLS1_3_VERSION;
}

/* 100 bytes came before. The violator reads our alert, and no end that is good. */
static void expect_violation(struct scene *scene, const char *alert)
{
	peer_expect(scene->other, "data:100 rst");
	peer_expect(scene->actor, "alert:%s fin|rst", alert);
	(void)scene_expect_relay(scene,
	                         "actor-end=violation:%s other-end=sink-gone first=actor "
	                         "actor-sent=100",
	                         alert);
	scene_expect_no_log(scene, "event=truncation");
}

START_TEST(a_fatal_alert_is_an_abort)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_alert(scene->actor, 2, SSL_AD_INTERNAL_ERROR);
	peer_expect(scene->other, "data:100 rst");
	peer_expect(scene->actor, "fin|rst");
	(void)scene_expect_relay(scene, "actor-end=alert:internal_error other-end=sink-gone "
	                                "first=actor actor-sent=100");
	scene_expect_no_log(scene, "event=truncation");
}
END_TEST

START_TEST(a_fatal_alert_with_a_fin_is_an_abort)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_cork(scene->actor);
	peer_send(scene->actor, 100);
	peer_alert(scene->actor, 2, SSL_AD_INTERNAL_ERROR);
	peer_fin(scene->actor);
	peer_uncork(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=alert:internal_error actor-sent=100");
	scene_expect_no_log(scene, "event=truncation");
}
END_TEST

START_TEST(a_fatal_alert_of_one_who_was_told_the_end_is_an_abort)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	peer_send(scene->actor, 100);
	peer_alert(scene->actor, 2, SSL_AD_DECODE_ERROR);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=alert:decode_error other-end=end first=other");
}
END_TEST

START_TEST(a_wrong_mac_is_a_violation)
{
	uint8_t room[50 + RECORD_OVERHEAD];
	struct scene *scene = scene_open(&casting_tls[_i]);
	size_t len;

	peer_send(scene->actor, 100);
	len = peer_seal_data(scene->actor, 50, room);
	room[len - 1] ^= 1;
	peer_raw(scene->actor, room, len);
	expect_violation(scene, "bad_record_mac");
}
END_TEST

START_TEST(a_replayed_record_is_a_violation)
{
	uint8_t room[100 + RECORD_OVERHEAD];
	struct scene *scene = scene_open(&casting_tls[_i]);
	size_t len = peer_seal_data(scene->actor, 100, room);

	peer_raw(scene->actor, room, len);
	peer_raw(scene->actor, room, len);
	expect_violation(scene, "bad_record_mac");
}
END_TEST

START_TEST(a_record_that_is_too_long_is_a_violation)
{
	static const uint8_t header[] = { RECORD_DATA, 3, 3, 0xff, 0xff };
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_raw(scene->actor, header, sizeof(header));
	expect_violation(scene, "record_overflow");
}
END_TEST

START_TEST(a_record_that_holds_too_much_is_a_violation)
{
	static const uint8_t content[RECORD_LONGEST + 100];
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_record(scene->actor, RECORD_DATA, content, sizeof(content));
	expect_violation(scene, "record_overflow");
}
END_TEST

START_TEST(plain_text_in_the_stream_is_a_violation)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: adieu.test\r\n\r\n";
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_raw(scene->actor, text, strlen(text));
	peer_expect(scene->other, "data:100 rst");
	peer_expect(scene->actor, "alert:* fin|rst");
	(void)scene_expect_relay(scene, "actor-end=violation:* other-end=sink-gone actor-sent=100");
}
END_TEST

START_TEST(a_flood_of_empty_records_is_a_violation)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_cork(scene->actor);
	for (int i = 0; i < 100; i++)
		peer_record(scene->actor, RECORD_DATA, "", 0);
	peer_uncork(scene->actor);
	expect_violation(scene, "unexpected_message");
}
END_TEST

START_TEST(a_flood_of_warnings_is_a_violation)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_cork(scene->actor);
	for (int i = 0; i < 100; i++)
		peer_alert(scene->actor, 1, SSL_AD_USER_CANCELLED);
	peer_uncork(scene->actor);
	expect_violation(scene, "unexpected_message");
}
END_TEST

START_TEST(a_handshake_message_that_nobody_asked_for_is_a_violation)
{
	static const uint8_t finished[] = { 20, 0, 0, 4, 1, 2, 3, 4 };
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_record(scene->actor, RECORD_HANDSHAKE, finished, sizeof(finished));
	expect_violation(scene, "unexpected_message");
}
END_TEST

START_TEST(renegotiation_is_refused)
{
	static const struct casting casting[] = {
		{ TLS_PLAIN, TLS1_2_VERSION, true },
		{ TLS_TLS, TLS1_2_VERSION, true },
		{ PLAIN_TLS, TLS1_2_VERSION, false },
		{ TLS_TLS, TLS1_2_VERSION, false },
	};
	uint8_t hello[PEER_HELLO_ROOM];
	struct scene *scene = scene_open(&casting[_i]);
	size_t len = peer_hello(stage_client_tls(TLS1_2_VERSION), hello, sizeof(hello));

	peer_send(scene->actor, 100);
	peer_wait_data(scene->other, 100);
	/* A client says hello again, a server asks for that. */
	if (scene->casting->client_acts)
		peer_record(scene->actor, RECORD_HANDSHAKE, hello + RECORD_HEADER,
		            len - RECORD_HEADER);
	else
		peer_record(scene->actor, RECORD_HANDSHAKE, "\0\0\0\0", 4);
	peer_expect(scene->actor, "warning:no_renegotiation");
	peer_send(scene->actor, 100);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:200 end");
	peer_end(scene->other);
	peer_expect(scene->actor, "warning:no_renegotiation end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=200");
}
END_TEST

START_TEST(a_few_empty_records_are_none)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	for (int i = 0; i < 3; i++) {
		peer_record(scene->actor, RECORD_DATA, "", 0);
		peer_send(scene->actor, 10);
	}
	peer_end(scene->actor);
	peer_expect(scene->other, "data:30 end");
	peer_end(scene->other);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=30");
}
END_TEST

START_TEST(keys_may_be_updated)
{
	static const struct casting casting[] = {
		{ TLS_PLAIN, TLS1_3_VERSION, true },
		{ PLAIN_TLS, TLS1_3_VERSION, false },
		{ TLS_TLS, TLS1_3_VERSION, true },
		{ TLS_TLS, TLS1_3_VERSION, false },
	};
	struct scene *scene = scene_open(&casting[_i]);

	ck_assert(is_tls13(scene));
	peer_send(scene->actor, 1000);
	peer_key_update(scene->actor, true);
	peer_send(scene->actor, 1000);
	peer_wait_data(scene->other, 2000);
	peer_send(scene->other, 3000);
	peer_wait_data(scene->actor, 3000);
	peer_wait_key_updates(scene->actor, 1);
	peer_key_update(scene->actor, false);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:2000 end");
	peer_end(scene->other);
	peer_expect(scene->actor, "data:3000 end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=2000 "
	                                "other-sent=3000");
}
END_TEST

START_TEST(data_after_close_notify_is_ignored)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_cork(scene->actor);
	peer_send(scene->actor, 100);
	peer_close_notify(scene->actor);
	peer_send(scene->actor, 5000);
	peer_uncork(scene->actor);
	peer_expect(scene->other, "data:100 end");
	peer_send(scene->actor, 5000);
	peer_wait_sent(scene->actor);
	peer_send(scene->other, 70);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:70 end");
	peer_fin(scene->actor);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=100 other-sent=70");
	peer_expect(scene->other, "data:100 end");
}
END_TEST

START_TEST(garbage_after_close_notify_is_ignored)
{
	static const char garbage[3000] = "no TLS at all";
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_cork(scene->actor);
	peer_send(scene->actor, 100);
	peer_close_notify(scene->actor);
	peer_raw(scene->actor, garbage, sizeof(garbage));
	peer_uncork(scene->actor);
	peer_expect(scene->other, "data:100 end");
	peer_raw(scene->actor, garbage, sizeof(garbage));
	peer_wait_sent(scene->actor);
	peer_send(scene->other, 70);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:70 end");
	peer_fin(scene->actor);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=100 other-sent=70");
	peer_expect(scene->other, "data:100 end");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("violation");
	TCase *tcase = scene_case(suite, "alerts and violations", open_stage);
	TCase *allowed = scene_case(suite, "what is allowed", open_stage);
	const int all = CASTINGS_TLS_ACTOR;

	tcase_add_loop_test(tcase, a_fatal_alert_is_an_abort, 0, all);
	tcase_add_loop_test(tcase, a_fatal_alert_with_a_fin_is_an_abort, 0, all);
	tcase_add_loop_test(tcase, a_fatal_alert_of_one_who_was_told_the_end_is_an_abort, 0, all);
	tcase_add_loop_test(tcase, a_wrong_mac_is_a_violation, 0, all);
	tcase_add_loop_test(tcase, a_replayed_record_is_a_violation, 0, all);
	tcase_add_loop_test(tcase, a_record_that_is_too_long_is_a_violation, 0, all);
	tcase_add_loop_test(tcase, a_record_that_holds_too_much_is_a_violation, 0, all);
	tcase_add_loop_test(tcase, plain_text_in_the_stream_is_a_violation, 0, all);
	tcase_add_loop_test(tcase, a_flood_of_empty_records_is_a_violation, 0, all);
	tcase_add_loop_test(tcase, a_flood_of_warnings_is_a_violation, 0, all);
	tcase_add_loop_test(tcase, a_handshake_message_that_nobody_asked_for_is_a_violation, 0,
	                    all);
	scene_last(tcase);
	tcase_add_loop_test(allowed, renegotiation_is_refused, 0, 4);
	tcase_add_loop_test(allowed, a_few_empty_records_are_none, 0, all);
	tcase_add_loop_test(allowed, keys_may_be_updated, 0, 4);
	tcase_add_loop_test(allowed, data_after_close_notify_is_ignored, 0, all);
	tcase_add_loop_test(allowed, garbage_after_close_notify_is_ignored, 0, all);
	scene_last(allowed);
	return scene_run(suite);
}
