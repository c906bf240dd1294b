/* SPDX-License-Identifier: ISC */
/*
 * A RST stays an abort, wherever it comes: the other peer gets the bytes that
 * came before it and then a RST, and never a close_notify or a FIN.
 */
#include "record.h"
#include "scene.h"

enum { LARGE = 4 << 20 };

static void open_stage(void)
{
	stage_open(&(struct stage_config){ 0 });
}

static void open_impatient_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 400ms" });
}

static void open_patient_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 1h" });
}

static void expect_reset(struct scene *scene, size_t received)
{
	(void)scene_expect_relay(scene,
	                         "actor-end=reset other-end=sink-gone first=actor "
	                         "actor-sent=%zu",
	                         received);
	scene_expect_no_log(scene, "event=truncation");
}

START_TEST(before_any_data)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_rst(scene->actor);
	peer_expect(scene->other, "rst");
	expect_reset(scene, 0);
}
END_TEST

START_TEST(behind_data)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 40000);
	peer_rst(scene->actor);
	peer_expect(scene->other, "data:40000 rst");
	expect_reset(scene, 40000);
}
END_TEST

START_TEST(after_a_conversation)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_wait_data(scene->other, 100);
	peer_send(scene->other, 200);
	peer_wait_data(scene->actor, 200);
	peer_rst(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=reset other-end=sink-gone actor-sent=100 "
	                                "other-sent=200");
}
END_TEST

/* One whole record of 100 bytes, and the beginning of the next. */
static void reset_in_record(const struct casting *casting, size_t bytes)
{
	uint8_t room[1000 + RECORD_OVERHEAD];
	struct scene *scene = scene_open(casting);

	peer_send(scene->actor, 100);
	(void)peer_seal_data(scene->actor, 1000, room);
	peer_raw(scene->actor, room, bytes);
	peer_rst(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	expect_reset(scene, 100);
}

START_TEST(in_a_header)
{
	reset_in_record(&casting_tls[_i], 3);
}
END_TEST

START_TEST(in_a_record)
{
	reset_in_record(&casting_tls[_i], 600);
}
END_TEST

START_TEST(in_the_close_notify)
{
	static const uint8_t close_notify[] = { 1, 0 };
	uint8_t room[sizeof(close_notify) + RECORD_OVERHEAD];
	struct scene *scene = scene_open(&casting_tls[_i]);
	size_t len =
		peer_seal(scene->actor, RECORD_ALERT, close_notify, sizeof(close_notify), room);

	peer_raw(scene->actor, room, len - 1);
	peer_rst(scene->actor);
	peer_expect(scene->other, "rst");
	expect_reset(scene, 0);
}
END_TEST

START_TEST(in_a_running_stream)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->other, LARGE);
	peer_send(scene->actor, LARGE);
	peer_wait_data(scene->other, 100000);
	peer_rst_now(scene->actor);
	peer_expect(scene->other, "data:* rst");
	(void)scene_expect_relay(scene, "actor-end=reset other-end=sink-gone first=actor");
}
END_TEST

START_TEST(during_back_pressure)
{
	struct scene *scene = scene_begin(&casting_any[_i]);
	const char *line;

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 0 : 16384;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 16384 : 0;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->other);
	peer_send(scene->actor, 4 * LARGE);
	peer_wait_stuck(scene->actor);
	peer_rst_now(scene->actor);
	peer_resume(scene->other);
	peer_expect(scene->other, "data:* rst");
	line = scene_expect_relay(scene, "actor-end=reset other-end=sink-gone first=actor "
	                                 "!up-unsent !down-unsent !up-unacked !down-unacked");
	ck_assert_uint_eq(scene_number(line, scene->casting->client_acts ? "up" : "down"),
	                  peer_received(scene->other));
}
END_TEST

START_TEST(of_one_who_was_told_the_end)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->other, 10);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:10 end");
	peer_send(scene->actor, 20);
	peer_rst(scene->actor);
	peer_expect(scene->other, "data:20 rst");
	(void)scene_expect_relay(scene, "actor-end=reset other-end=end first=other actor-sent=20 "
	                                "other-sent=10");
}
END_TEST

START_TEST(of_one_who_had_ended_well_leaves_nobody_to_answer_to)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 20);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:20 end");
	peer_rst(scene->actor);
	peer_send(scene->other, 10);
	peer_expect(scene->other, "data:20 end rst");
	(void)scene_expect_relay(scene,
	                         "actor-end=end other-end=sink-gone first=actor actor-sent=20");
}
END_TEST

/* Nobody reads from it any more, and nothing is to be sent to it that would tell. */
START_TEST(of_one_who_had_ended_well_is_told_to_one_who_is_silent)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 20);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:20 end");
	peer_rst(scene->actor);
	peer_expect(scene->other, "data:20 end rst");
	(void)scene_expect_relay(scene,
	                         "actor-end=end other-end=sink-gone first=actor actor-sent=20");
}
END_TEST

START_TEST(an_answer_before_a_reset_arrives_though_the_upload_goes_on)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_pause(scene->actor);
	peer_send(scene->other, LARGE);
	peer_wait_data(scene->actor, 0);
	peer_send(scene->actor, 5000);
	peer_rst(scene->actor);
	peer_expect(scene->other, "data:5000 rst");
	(void)scene_expect_relay(scene, "actor-end=reset other-end=sink-gone actor-sent=5000");
}
END_TEST

START_TEST(an_answer_before_a_close_over_unread_input_arrives)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_pause(scene->actor);
	peer_send(scene->other, LARGE);
	peer_wait_stuck(scene->other);
	peer_send(scene->actor, 5000);
	peer_wait_sent(scene->actor);
	/* The kernel makes a RST of it. */
	peer_close(scene->actor);
	peer_expect(scene->other, "data:5000 rst");
	(void)scene_expect_relay(scene, "actor-end=reset other-end=sink-gone actor-sent=5000");
}
END_TEST

/* It closed when it had ended, so its kernel resets what comes after that. */
START_TEST(of_our_end_takes_nothing_back_of_one_who_ended_well)
{
	struct scene *scene = scene_begin(&casting_any[_i]);

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 0 : 65536;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 65536 : 0;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->other);
	peer_send(scene->actor, 4 * LARGE);
	peer_end(scene->actor);
	peer_wait_stuck(scene->actor);
	peer_resume(scene->other);
	peer_wait_sent(scene->actor);
	peer_pause(scene->other);
	peer_close(scene->actor);
	peer_cork(scene->other);
	peer_send(scene->other, 50);
	peer_end(scene->other);
	peer_uncork(scene->other);
	peer_wait_sent(scene->other);
	peer_resume(scene->other);
	peer_expect(scene->other, "data:%d end", 4 * LARGE);
	(void)scene_expect_relay(scene, "actor-end=end other-sent=50");
}
END_TEST

/* The other takes less than 40000 bytes, and reads none. */
static struct scene *open_with_little_room(const struct casting *casting)
{
	struct scene *scene = scene_begin(casting);

	scene->client_setup.receive_buffer = casting->client_acts ? 0 : 4096;
	scene->backend_setup.receive_buffer = casting->client_acts ? 4096 : 0;
	/* A plain client's is connected to before we are let in. */
	door_set_setup(scene->door, &scene->backend_setup);
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->other);
	return scene;
}

/* The other has not acknowledged what it was sent, and never will. */
START_TEST(of_both_leaves_nobody_to_wait_for)
{
	struct scene *scene = open_with_little_room(&casting_any[_i]);

	peer_send(scene->actor, 40000);
	peer_rst(scene->actor);
	daemon_expect_descriptors(stage_daemon(), 1);
	peer_rst_now(scene->other);
	(void)scene_expect_relay(scene, "actor-end=reset other-end=sink-gone first=actor "
	                                "actor-sent=40000");
}
END_TEST

/* As much as is thrown away of it was thrown away, so nobody reads from it. */
START_TEST(of_one_who_does_not_stop_leaves_nobody_to_wait_for)
{
	struct scene *scene = open_with_little_room(&casting_any[_i]);

	peer_send(scene->actor, 40000);
	peer_end(scene->actor);
	peer_rst(scene->actor);
	peer_send(scene->other, LARGE);
	peer_wait_stuck(scene->other);
	peer_rst_now(scene->other);
	(void)scene_expect_relay(scene, "actor-end=end other-end=sink-gone actor-sent=40000");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reset");
	TCase *tcase = scene_case(suite, "a reset is told as a reset", open_stage);

	tcase_add_loop_test(tcase, before_any_data, 0, CASTINGS);
	tcase_add_loop_test(tcase, behind_data, 0, CASTINGS);
	tcase_add_loop_test(tcase, after_a_conversation, 0, CASTINGS);
	tcase_add_loop_test(tcase, in_a_header, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_a_record, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_the_close_notify, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, in_a_running_stream, 0, CASTINGS);
	tcase_add_loop_test(tcase, during_back_pressure, 0, CASTINGS);
	tcase_add_loop_test(tcase, of_one_who_was_told_the_end, 0, CASTINGS);
	tcase_add_loop_test(tcase, an_answer_before_a_reset_arrives_though_the_upload_goes_on, 0,
	                    CASTINGS);
	tcase_add_loop_test(tcase, an_answer_before_a_close_over_unread_input_arrives, 0, CASTINGS);
	tcase_add_loop_test(tcase, of_our_end_takes_nothing_back_of_one_who_ended_well, 0,
	                    CASTINGS);
	scene_last(tcase);
	tcase = scene_case(suite, "close-timeout is short", open_impatient_stage);
	tcase_add_loop_test(tcase, of_one_who_had_ended_well_leaves_nobody_to_answer_to, 0,
	                    CASTINGS);
	tcase_add_loop_test(tcase, of_one_who_had_ended_well_is_told_to_one_who_is_silent, 0,
	                    CASTINGS);
	scene_last(tcase);
	tcase = scene_case(suite, "close-timeout is long", open_patient_stage);
	tcase_add_loop_test(tcase, of_both_leaves_nobody_to_wait_for, 0, CASTINGS);
	tcase_add_loop_test(tcase, of_one_who_does_not_stop_leaves_nobody_to_wait_for, 0, CASTINGS);
	scene_last(tcase);
	return scene_run(suite);
}
