/* SPDX-License-Identifier: ISC */
/*
 * A FIN without close_notify is a truncation wherever it comes, the other peer
 * is told so by a reset, and the log at once. Nobody is ever sent a
 * close_notify for it, unless the operator wants truncations passed on as ends
 * (on-truncation = fin), and even then the log tells.
 */
#include "record.h"
#include "scene.h"

enum { LARGE = 4 << 20 };

static void open_stage(void)
{
	stage_open(&(struct stage_config){ 0 });
}

static void open_lenient_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "on-truncation = fin" });
}

/* The warning comes at once; the relay's line when the other has been told. */
static void expect_truncation(struct scene *scene, const char *in_record, size_t received)
{
	char id[32];
	const char *line = scene_expect_log(
		scene,
		"level=warning event=truncation side=actor peer=actor in-record=%s "
		"received=%zu action=reset",
		in_record, received);

	(void)snprintf(id, sizeof(id), "%llu", scene_number(line, "id"));
	(void)scene_expect_relay(scene,
	                         "id=%s actor-end=truncated other-end=sink-gone "
	                         "first=actor actor-sent=%zu",
	                         id, received);
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=truncation"), 1);
}

START_TEST(before_any_data)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_fin(scene->actor);
	peer_expect(scene->other, "rst");
	peer_expect(scene->actor, "rst");
	expect_truncation(scene, "no", 0);
}
END_TEST

START_TEST(at_the_border_of_a_record)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 40000);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:40000 rst");
	peer_expect(scene->actor, "rst");
	expect_truncation(scene, "no", 40000);
}
END_TEST

START_TEST(in_the_segment_of_the_last_record)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_cork(scene->actor);
	peer_send(scene->actor, 1000);
	peer_fin(scene->actor);
	peer_uncork(scene->actor);
	peer_expect(scene->other, "data:1000 rst");
	peer_expect(scene->actor, "rst");
	expect_truncation(scene, "no", 1000);
}
END_TEST

/* One whole record of 100 bytes, and the beginning of the next; 0: all but its last byte. */
static void cut_record(const struct casting *casting, size_t bytes)
{
	uint8_t room[1000 + RECORD_OVERHEAD];
	struct scene *scene = scene_open(casting);
	size_t len;

	peer_send(scene->actor, 100);
	len = peer_seal_data(scene->actor, 1000, room);
	peer_raw(scene->actor, room, bytes > 0 ? bytes : len - 1);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	peer_expect(scene->actor, "rst");
	expect_truncation(scene, "yes", 100);
}

START_TEST(in_a_header)
{
	cut_record(&casting_tls[_i], 3);
}
END_TEST

START_TEST(behind_a_header)
{
	cut_record(&casting_tls[_i], RECORD_HEADER);
}
END_TEST

START_TEST(in_a_record)
{
	cut_record(&casting_tls[_i], 600);
}
END_TEST

START_TEST(in_a_record_but_for_its_last_byte)
{
	cut_record(&casting_tls[_i], 0);
}
END_TEST

START_TEST(in_the_close_notify)
{
	static const uint8_t close_notify[] = { 1, 0 };
	uint8_t room[sizeof(close_notify) + RECORD_OVERHEAD];
	struct scene *scene = scene_open(&casting_tls[_i]);
	size_t len;

	peer_send(scene->actor, 100);
	len = peer_seal(scene->actor, RECORD_ALERT, close_notify, sizeof(close_notify), room);
	peer_raw(scene->actor, room, len - 1);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	peer_expect(scene->actor, "rst");
	expect_truncation(scene, "yes", 100);
}
END_TEST

START_TEST(in_a_running_stream)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->other, LARGE);
	peer_send(scene->actor, LARGE);
	peer_wait_data(scene->actor, 100000);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:%d rst", LARGE);
	peer_expect(scene->actor, "data:* rst");
	expect_truncation(scene, "no", LARGE);
}
END_TEST

START_TEST(during_back_pressure)
{
	struct scene *scene = scene_begin(&casting_tls[_i]);

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 0 : 65536;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 65536 : 0;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->other);
	peer_send(scene->actor, 2 * LARGE);
	peer_fin(scene->actor);
	peer_wait_stuck(scene->actor);
	peer_resume(scene->other);
	peer_expect(scene->other, "data:%d rst", 2 * LARGE);
	peer_expect(scene->actor, "rst");
	expect_truncation(scene, "no", 2 * LARGE);
}
END_TEST

START_TEST(by_an_unencrypted_close_notify)
{
	static const uint8_t forged[] = { RECORD_ALERT, 3, 3, 0, 2, 1, 0 };
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_raw(scene->actor, forged, sizeof(forged));
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_log(scene, "level=warning event=truncation side=actor received=100 "
	                              "action=reset");
	(void)scene_expect_relay(scene, "actor-end=truncated other-end=sink-gone actor-sent=100");
}
END_TEST

START_TEST(by_user_canceled)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_alert(scene->actor, 1, SSL_AD_USER_CANCELLED);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	peer_expect(scene->actor, "rst");
	expect_truncation(scene, "no", 100);
}
END_TEST

START_TEST(user_canceled_with_close_notify_is_an_end)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_alert(scene->actor, 1, SSL_AD_USER_CANCELLED);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:100 end");
	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=100");
	scene_expect_no_log(scene, "event=truncation");
}
END_TEST

START_TEST(it_may_be_passed_on_as_an_end_and_is_logged_all_the_same)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 100);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:100 end");
	(void)scene_expect_log(scene, "level=warning event=truncation side=actor peer=actor "
	                              "in-record=no received=100 action=fin");
	peer_send(scene->other, 50);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:50 end");
	(void)scene_expect_relay(scene, "actor-end=truncated other-end=end first=actor "
	                                "actor-sent=100 other-sent=50");
}
END_TEST

START_TEST(an_abort_is_never_passed_on_as_an_end)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_rst(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=reset other-end=sink-gone");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("truncation");
	TCase *tcase = scene_case(suite, "a truncation is told as a reset", open_stage);
	TCase *lenient = scene_case(suite, "on-truncation = fin", open_lenient_stage);

	tcase_add_loop_test(tcase, before_any_data, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, at_the_border_of_a_record, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_the_segment_of_the_last_record, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_a_header, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, behind_a_header, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_a_record, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_a_record_but_for_its_last_byte, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_the_close_notify, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_a_running_stream, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, during_back_pressure, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, by_an_unencrypted_close_notify, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, by_user_canceled, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, user_canceled_with_close_notify_is_an_end, 0,
	                    CASTINGS_TLS_ACTOR);
	scene_last(tcase);
	tcase_add_loop_test(lenient, it_may_be_passed_on_as_an_end_and_is_logged_all_the_same, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(lenient, an_abort_is_never_passed_on_as_an_end, 0, CASTINGS);
	scene_last(lenient);
	return scene_run(suite);
}
