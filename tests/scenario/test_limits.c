/* SPDX-License-Identifier: ISC */
/*
 * Limits: max-connections holds, and one who is out of descriptors says so
 * once, waits without spinning, refuses nobody for good, and never dies.
 */
#include "scene.h"

static void open_limited_stage(void)
{
	stage_open(&(struct stage_config){ .global = "max-connections = 2" });
}

static void open_stage(void)
{
	stage_open(&(struct stage_config){ .global = "workers = 1" });
}

START_TEST(one_too_many_is_reset)
{
	struct scene first = *scene_open(&casting_client[_i]);
	struct scene second = *scene_open(&casting_client[_i]);
	struct scene *third = scene_begin(&casting_client[_i]);

	scene_connect(third);
	peer_expect(third->client, "rst");
	(void)daemon_expect_log(stage_daemon(), "level=warning event=refused "
	                                        "reason=max_connections");
	ck_assert(door_is_quiet(third->door));

	/* The others have not felt it, and a place that is free is free. */
	peer_end(first.client);
	peer_expect(first.backend, "end");
	peer_end(first.backend);
	peer_expect(first.client, "end");
	(void)scene_expect_relay(&first, "client-end=* backend-end=*");
	daemon_expect_descriptors(stage_daemon(), 2);
	scene_connect(third);
	scene_join(third);
	peer_send(second.client, 10);
	peer_expect(second.backend, "data:10");
	peer_send(third->client, 10);
	peer_expect(third->backend, "data:10");
}
END_TEST

static void limit_to(unsigned more)
{
	daemon_limit_descriptors(stage_daemon(), daemon_descriptors(stage_daemon()) + more);
}

START_TEST(out_of_descriptors_nobody_is_turned_away)
{
	struct scene *scene = scene_begin(&casting_client[_i]);
	unsigned long before = daemon_cpu(stage_daemon());

	limit_to(0);
	scene_connect(scene);
	(void)scene_expect_log(scene,
	                       "level=warning event=accept-paused reason=out_of_descriptors");
	ck_assert(daemon_is_running(stage_daemon()));
	daemon_limit_descriptors(stage_daemon(), 1000);
	scene_join(scene);
	(void)scene_expect_log(scene, "level=info event=accept-resumed");
	peer_send(scene->client, 1000);
	peer_end(scene->client);
	peer_expect(scene->backend, "data:1000 end");
	peer_end(scene->backend);
	peer_expect(scene->client, "end");
	(void)scene_expect_relay(scene, "client-end=* backend-end=* up=1000");
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=accept-paused"), 1);
	ck_assert_uint_le(daemon_cpu(stage_daemon()) - before, 200);
}
END_TEST

START_TEST(a_backend_out_of_descriptors_is_refused)
{
	struct scene *scene = scene_begin(&casting_client[_i]);

	limit_to(1);
	scene_connect(scene);
	peer_expect(scene->client, "rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s "
	                        "backend-end=refused:out_of_descriptors",
	                        peer_name(scene->client));
	daemon_limit_descriptors(stage_daemon(), 1000);
}
END_TEST

START_TEST(a_running_relay_feels_nothing_of_it)
{
	struct scene running = *scene_open(&casting_client[_i]);
	struct scene *waiting = scene_begin(&casting_client[_i]);

	limit_to(0);
	scene_connect(waiting);
	(void)daemon_expect_log(stage_daemon(), "event=accept-paused");
	peer_send(running.client, 500000);
	peer_send(running.backend, 500000);
	peer_expect(running.backend, "data:500000");
	peer_expect(running.client, "data:500000");
	daemon_limit_descriptors(stage_daemon(), 1000);
	scene_join(waiting);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limits");
	TCase *limited = scene_case(suite, "max-connections", open_limited_stage);
	TCase *descriptors = scene_case(suite, "descriptors", open_stage);

	tcase_add_loop_test(limited, one_too_many_is_reset, 0, CASTINGS_CLIENT);
	scene_last(limited);
	tcase_add_loop_test(descriptors, out_of_descriptors_nobody_is_turned_away, 0,
	                    CASTINGS_CLIENT);
	tcase_add_loop_test(descriptors, a_backend_out_of_descriptors_is_refused, 0,
	                    CASTINGS_CLIENT);
	tcase_add_loop_test(descriptors, a_running_relay_feels_nothing_of_it, 0, CASTINGS_CLIENT);
	scene_last(descriptors);
	return scene_run(suite);
}
