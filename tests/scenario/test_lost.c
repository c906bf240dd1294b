/* SPDX-License-Identifier: ISC */
/*
 * When the network gives up on a peer, nobody ended anything: the other side
 * gets what came before, and a RST.
 */
#include "scene.h"

static void open_stage(void)
{
	stage_open(&(struct stage_config){ 0 });
}

START_TEST(one_who_cannot_be_reached_any_more_is_lost)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_wait_data(scene->other, 100);
	daemon_lose_patience(stage_daemon(), peer_fd(scene->actor));
	peer_vanish(scene->actor);
	peer_send(scene->other, 50);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=lost other-end=sink-gone first=actor "
	                                "actor-sent=100 other-sent=50");
	scene_expect_no_log(scene, "event=truncation");
}
END_TEST

START_TEST(one_who_ended_well_before_was_not_lost)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:100 end");
	daemon_lose_patience(stage_daemon(), peer_fd(scene->actor));
	peer_vanish(scene->actor);
	peer_send(scene->other, 50);
	peer_end(scene->other);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end actor-sent=100");
	peer_expect(scene->other, "data:100 end");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lost");
	TCase *tcase = scene_case(suite, "a peer that the network lost", open_stage);

	tcase_add_loop_test(tcase, one_who_cannot_be_reached_any_more_is_lost, 0, CASTINGS);
	tcase_add_loop_test(tcase, one_who_ended_well_before_was_not_lost, 0, CASTINGS);
	scene_last(tcase);
	return scene_run(suite);
}
