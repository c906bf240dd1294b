/* SPDX-License-Identifier: ISC */
/*
 * Directions are independent: whoever ends its own goes on receiving, in TLS
 * 1.2 as in TLS 1.3, and loses nothing of a late answer.
 */
#include "scene.h"

enum { LARGE = 1 << 20 };

static void open_stage(void)
{
	stage_open(&(struct stage_config){ 0 });
}

START_TEST(one_who_has_ended_gets_a_late_and_large_answer)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:100 end");
	peer_send(scene->other, LARGE);
	peer_wait_data(scene->actor, LARGE);
	peer_send(scene->other, LARGE);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:%d end", 2 * LARGE);
	(void)scene_expect_relay(scene,
	                         "actor-end=end other-end=end first=actor "
	                         "actor-sent=100 other-sent=%d",
	                         2 * LARGE);
}
END_TEST

START_TEST(one_who_was_told_the_end_may_go_on_sending)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	peer_send(scene->actor, LARGE);
	peer_wait_data(scene->other, LARGE);
	peer_send(scene->actor, 5);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:%d end", LARGE + 5);
	(void)scene_expect_relay(scene,
	                         "actor-end=end other-end=end first=other "
	                         "actor-sent=%d other-sent=0",
	                         LARGE + 5);
}
END_TEST

START_TEST(an_answer_that_is_on_its_way_reaches_one_who_just_ended)
{
	struct scene *scene = scene_begin(&casting_any[_i]);

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 16384 : 0;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 0 : 16384;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->actor);
	peer_send(scene->other, 4 * LARGE);
	peer_wait_stuck(scene->other);
	peer_end(scene->actor);
	peer_expect(scene->other, "end");
	peer_resume(scene->actor);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:%d end", 4 * LARGE);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end first=actor");
}
END_TEST

START_TEST(a_conversation_goes_on_in_one_direction)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_end(scene->actor);
	peer_expect(scene->other, "end");
	for (size_t i = 1; i <= 10; i++) {
		peer_send(scene->other, 1000);
		peer_wait_data(scene->actor, i * 1000);
	}
	peer_end(scene->other);
	peer_expect(scene->actor, "data:10000 end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
}
END_TEST

START_TEST(keys_may_be_updated_by_one_who_was_told_the_end)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	if (scene->casting->version == TLS1_3_VERSION)
		peer_key_update(scene->actor, true);
	peer_send(scene->actor, 1000);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:1000 end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("half-close");
	TCase *tcase = scene_case(suite, "half-close", open_stage);

	tcase_add_loop_test(tcase, one_who_has_ended_gets_a_late_and_large_answer, 0, CASTINGS);
	tcase_add_loop_test(tcase, one_who_was_told_the_end_may_go_on_sending, 0, CASTINGS);
	tcase_add_loop_test(tcase, an_answer_that_is_on_its_way_reaches_one_who_just_ended, 0,
	                    CASTINGS);
	tcase_add_loop_test(tcase, a_conversation_goes_on_in_one_direction, 0, CASTINGS);
	tcase_add_loop_test(tcase, keys_may_be_updated_by_one_who_was_told_the_end, 0,
	                    CASTINGS_TLS_ACTOR);
	scene_last(tcase);
	return scene_run(suite);
}
