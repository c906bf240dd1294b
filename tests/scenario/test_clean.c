/* SPDX-License-Identifier: ISC */
/*
 * Clean stays clean: an ending that was good is passed on after the last byte,
 * as close_notify and FIN or as FIN, whatever came with it in one segment.
 */
#include "scene.h"

enum { LARGE = 8 << 20 };

static void open_stage(void)
{
	stage_open(&(struct stage_config){ 0 });
}

/* Both peers ended well, and the log knows who began. */
static void expect_clean(struct scene *scene, size_t actor_sent, size_t other_sent)
{
	(void)scene_expect_relay(scene,
	                         "level=info actor-end=end other-end=end first=actor "
	                         "actor-sent=%zu other-sent=%zu !up-written !down-written "
	                         "!up-unsent !down-unsent !up-unacked !down-unacked",
	                         actor_sent, other_sent);
	scene_expect_no_log(scene, "event=truncation");
}

START_TEST(a_clean_end_is_passed_on_after_the_last_byte)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100000);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:100000 end");
	peer_send(scene->other, 50000);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:50000 end");
	expect_clean(scene, 100000, 50000);
}
END_TEST

START_TEST(an_end_without_a_byte_is_passed_on)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_end(scene->actor);
	peer_expect(scene->other, "end");
	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	expect_clean(scene, 0, 0);
}
END_TEST

START_TEST(data_and_end_in_one_segment_are_passed_on)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_cork(scene->actor);
	peer_send(scene->actor, 1000);
	peer_end(scene->actor);
	peer_uncork(scene->actor);
	peer_expect(scene->other, "data:1000 end");
	peer_cork(scene->other);
	peer_send(scene->other, 20000);
	peer_end(scene->other);
	peer_uncork(scene->other);
	peer_expect(scene->actor, "data:20000 end");
	expect_clean(scene, 1000, 20000);
}
END_TEST

START_TEST(many_small_records_in_one_segment_are_passed_on)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_cork(scene->actor);
	peer_send_bytewise(scene->actor, 500);
	peer_end(scene->actor);
	peer_uncork(scene->actor);
	peer_expect(scene->other, "data:500 end");
	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	expect_clean(scene, 500, 0);
}
END_TEST

START_TEST(a_stream_that_comes_byte_by_byte_is_passed_on)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	for (size_t i = 1; i <= 20; i++) {
		peer_send(scene->actor, 1);
		peer_wait_data(scene->other, i);
		peer_send(scene->other, 1);
		peer_wait_data(scene->actor, i);
	}
	peer_end(scene->actor);
	peer_expect(scene->other, "data:20 end");
	peer_end(scene->other);
	peer_expect(scene->actor, "data:20 end");
	expect_clean(scene, 20, 20);
}
END_TEST

START_TEST(both_may_end_at_once)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 30000);
	peer_end(scene->actor);
	peer_send(scene->other, 40000);
	peer_end(scene->other);
	peer_expect(scene->other, "data:30000 end");
	peer_expect(scene->actor, "data:40000 end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=30000 "
	                                "other-sent=40000 first=*");
}
END_TEST

START_TEST(a_close_notify_ends_the_stream_before_any_fin)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->actor, 10);
	peer_close_notify(scene->actor);
	peer_expect(scene->other, "data:10 end");
	peer_send(scene->other, 20);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:20 end");
	peer_fin(scene->actor);
	expect_clean(scene, 10, 20);
}
END_TEST

START_TEST(a_request_in_the_segment_of_finished_is_answered)
{
	struct scene *scene = scene_begin(&casting_tls_client[_i]);

	scene_connect(scene);
	peer_hold_finished(scene->client);
	peer_open(scene->client);
	peer_send(scene->client, 1000);
	peer_end(scene->client);
	peer_uncork(scene->client);
	scene_join(scene);
	peer_expect(scene->backend, "data:1000 end");
	peer_send(scene->backend, 5000);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:5000 end");
	expect_clean(scene, 1000, 5000);
}
END_TEST

START_TEST(a_slow_reader_gets_all_of_one_who_has_closed)
{
	struct scene *scene = scene_begin(&casting_any[_i]);

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 0 : 65536;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 65536 : 0;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->other);
	peer_send(scene->actor, LARGE);
	if (peer_is_tls(scene->actor))
		peer_close_notify(scene->actor);
	peer_close(scene->actor);
	peer_wait_stuck(scene->actor);
	peer_resume(scene->other);
	peer_expect(scene->other, "data:%d end", LARGE);
	peer_end(scene->other);
	expect_clean(scene, LARGE, 0);
}
END_TEST

START_TEST(large_streams_pass_in_both_directions_at_once)
{
	struct scene *scene = scene_open(&casting_client[_i]);

	peer_send(scene->actor, LARGE);
	peer_end(scene->actor);
	peer_send(scene->other, LARGE);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:%d end", LARGE);
	peer_expect(scene->other, "data:%d end", LARGE);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=%d other-sent=%d",
	                         LARGE, LARGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clean");
	TCase *tcase = scene_case(suite, "clean ends", open_stage);

	tcase_add_loop_test(tcase, a_clean_end_is_passed_on_after_the_last_byte, 0, CASTINGS);
	tcase_add_loop_test(tcase, an_end_without_a_byte_is_passed_on, 0, CASTINGS);
	tcase_add_loop_test(tcase, data_and_end_in_one_segment_are_passed_on, 0, CASTINGS);
	tcase_add_loop_test(tcase, many_small_records_in_one_segment_are_passed_on, 0, CASTINGS);
	tcase_add_loop_test(tcase, a_stream_that_comes_byte_by_byte_is_passed_on, 0, CASTINGS);
	tcase_add_loop_test(tcase, both_may_end_at_once, 0, CASTINGS);
	tcase_add_loop_test(tcase, a_close_notify_ends_the_stream_before_any_fin, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, a_request_in_the_segment_of_finished_is_answered, 0,
	                    CASTINGS_TLS_CLIENT);
	tcase_add_loop_test(tcase, a_slow_reader_gets_all_of_one_who_has_closed, 0, CASTINGS);
	tcase_add_loop_test(tcase, large_streams_pass_in_both_directions_at_once, 0,
	                    CASTINGS_CLIENT);
	scene_last(tcase);
	return scene_run(suite);
}
