/* SPDX-License-Identifier: ISC */
/*
 * Everything has a timer, a timer's end is an abort, progress puts it off, and
 * nobody who waits for one spins. Peers that vanish are here: they neither end
 * nor acknowledge anything.
 */
#include <time.h>

#include "pump.h"
#include "scene.h"

enum {
	LARGE = 4 << 20,
	A_WHILE_MS = 1200,
	CLOSE_MS = 400, /* the close-timeout of open_closing_stage() */
};

static void open_idle_stage(void)
{
	stage_open(
		&(struct stage_config){ .defaults = "idle-timeout = 400ms\nclose-timeout = 1s" });
}

static void open_half_closed_stage(void)
{
	stage_open(&(struct stage_config){
		.defaults = "half-close-timeout = 400ms\nclose-timeout = 1s" });
}

static void open_closing_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 400ms" });
}

static bool pause_is_over(void *arg)
{
	const struct timespec *until = arg;
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > until->tv_sec ||
	       (now.tv_sec == until->tv_sec && now.tv_nsec >= until->tv_nsec);
}

/* Time passes: the one thing that a timer can be tested with. */
static void let_pass(long ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pump_until(pause_is_over, &until);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

START_TEST(an_idle_relay_is_aborted)
{
	struct scene *scene = scene_open(&casting_client[_i]);

	peer_send(scene->actor, 100);
	peer_wait_data(scene->other, 100);
	peer_send(scene->other, 200);
	peer_expect(scene->actor, "data:200 rst");
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=timeout:idle other-end=timeout:idle "
	                                "actor-sent=100 other-sent=200");
}
END_TEST

START_TEST(a_byte_in_one_direction_puts_the_idle_timer_off)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	for (size_t i = 1; i <= A_WHILE_MS / 100; i++) {
		peer_send(scene->actor, 1);
		peer_wait_data(scene->other, i);
		let_pass(100);
	}
	peer_end(scene->actor);
	peer_end(scene->other);
	peer_expect(scene->other, "data:%d end", A_WHILE_MS / 100);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
}
END_TEST

START_TEST(a_half_closed_relay_is_aborted)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:100 end rst");
	peer_expect(scene->actor, "rst");
	(void)scene_expect_relay(scene, "actor-end=end other-end=timeout:half-close first=actor "
	                                "actor-sent=100");
}
END_TEST

START_TEST(progress_puts_the_half_close_timer_off)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_end(scene->actor);
	peer_expect(scene->other, "end");
	for (size_t i = 1; i <= A_WHILE_MS / 100; i++) {
		peer_send(scene->other, 1);
		peer_wait_data(scene->actor, i);
		let_pass(100);
	}
	peer_end(scene->other);
	peer_expect(scene->actor, "data:%d end", A_WHILE_MS / 100);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
}
END_TEST

START_TEST(a_half_closed_relay_costs_nothing)
{
	struct scene *scene = scene_open(&casting_any[_i]);
	unsigned long before;

	peer_end(scene->actor);
	peer_expect(scene->other, "end");
	before = daemon_cpu(stage_daemon());
	peer_expect(scene->other, "end rst");
	/* It waited for 400 ms; one that spins needs as much CPU time. */
	ck_assert_uint_le(daemon_cpu(stage_daemon()) - before, 100);
}
END_TEST

START_TEST(a_stalled_relay_costs_nothing)
{
	struct scene *scene = scene_open(&casting_client[_i]);
	unsigned long before;

	peer_pause(scene->other);
	peer_send(scene->actor, 2 * LARGE);
	peer_wait_stuck(scene->actor);
	before = daemon_cpu(stage_daemon());
	let_pass(300);
	ck_assert_uint_le(daemon_cpu(stage_daemon()) - before, 100);
}
END_TEST

START_TEST(one_who_vanished_before_any_end_is_idle)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 100);
	peer_wait_data(scene->other, 100);
	peer_vanish(scene->actor);
	peer_send(scene->other, 1000);
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=timeout:idle other-end=timeout:idle "
	                                "actor-sent=100 other-sent=1000");
}
END_TEST

START_TEST(one_who_vanished_after_the_end_is_half_closed)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_vanish(scene->actor);
	peer_send(scene->other, 1000);
	peer_end(scene->other);
	peer_expect(scene->other, "rst");
	(void)scene_expect_relay(scene, "actor-end=timeout:half-close other-end=end first=other");
}
END_TEST

/* The actor has more to say than the other, who does not read, has room for. */
static void get_stuck(struct scene *scene)
{
	scene->client_setup.receive_buffer = scene->casting->client_acts ? 0 : 16384;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 16384 : 0;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->other);
	peer_send(scene->actor, 2 * LARGE);
	peer_wait_stuck(scene->actor);
}

START_TEST(an_abort_waits_for_a_slow_reader_so_long_and_no_longer)
{
	struct scene *scene = scene_begin(&casting_any[_i]);
	const char *line;
	bool up;

	get_stuck(scene);
	peer_rst_now(scene->actor);
	line = scene_expect_relay(scene, "actor-end=reset other-end=sink-gone first=actor");
	up = scene->casting->client_acts;
	/* What could not be delivered is in the line, as it is on the wire. */
	ck_assert_uint_gt(scene_number(line, up ? "up-unsent" : "down-unsent") +
	                          scene_number(line, up ? "up-unacked" : "down-unacked"),
	                  0);
	peer_resume(scene->other);
	peer_expect(scene->other, "data:* rst");
}
END_TEST

/* However long it had been slow before. */
START_TEST(a_slow_reader_has_its_time_from_the_abort_on)
{
	struct scene *scene = scene_begin(&casting_any[_i]);
	uint64_t before;

	get_stuck(scene);
	let_pass(CLOSE_MS + 200);
	before = now_ms();
	peer_rst_now(scene->actor);
	(void)scene_expect_relay(scene, "actor-end=reset other-end=sink-gone first=actor");
	/* Both clocks tell whole milliseconds. */
	ck_assert_uint_ge(now_ms() - before, CLOSE_MS - 2);
	peer_resume(scene->other);
	peer_expect(scene->other, "data:* rst");
}
END_TEST

START_TEST(an_abort_waits_for_one_who_vanished_so_long_and_no_longer)
{
	struct scene *scene = scene_open(&casting_any[_i]);
	const char *line;
	bool up = scene->casting->client_acts;

	peer_vanish(scene->other);
	peer_send(scene->actor, 1000);
	peer_rst(scene->actor);
	line = scene_expect_relay(scene, "actor-end=reset other-end=sink-gone actor-sent=1000");
	ck_assert_uint_ge(scene_number(line, up ? "up-unacked" : "down-unacked"), 1000);
	daemon_expect_settled(stage_daemon());
}
END_TEST

START_TEST(a_good_end_waits_for_one_who_vanished_so_long_and_no_longer)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_end(scene->actor);
	peer_expect(scene->other, "end");
	peer_vanish(scene->actor);
	peer_send(scene->other, 1000);
	peer_end(scene->other);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end other-sent=1000");
	daemon_expect_settled(stage_daemon());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timeouts");
	TCase *idle = scene_case(suite, "idle-timeout", open_idle_stage);
	TCase *half = scene_case(suite, "half-close-timeout", open_half_closed_stage);
	TCase *closing = scene_case(suite, "close-timeout", open_closing_stage);

	tcase_add_loop_test(idle, an_idle_relay_is_aborted, 0, CASTINGS_CLIENT);
	tcase_add_loop_test(idle, a_byte_in_one_direction_puts_the_idle_timer_off, 4, 6);
	tcase_add_loop_test(idle, a_stalled_relay_costs_nothing, 0, 2);
	tcase_add_loop_test(idle, one_who_vanished_before_any_end_is_idle, 0, CASTINGS);
	scene_last(idle);
	tcase_add_loop_test(half, a_half_closed_relay_is_aborted, 0, CASTINGS);
	tcase_add_loop_test(half, progress_puts_the_half_close_timer_off, 2, 6);
	tcase_add_loop_test(half, a_half_closed_relay_costs_nothing, 0, CASTINGS);
	tcase_add_loop_test(half, one_who_vanished_after_the_end_is_half_closed, 0, CASTINGS);
	scene_last(half);
	tcase_add_loop_test(closing, an_abort_waits_for_a_slow_reader_so_long_and_no_longer, 0,
	                    CASTINGS);
	tcase_add_loop_test(closing, a_slow_reader_has_its_time_from_the_abort_on, 2, 6);
	tcase_add_loop_test(closing, an_abort_waits_for_one_who_vanished_so_long_and_no_longer, 0,
	                    CASTINGS);
	tcase_add_loop_test(closing, a_good_end_waits_for_one_who_vanished_so_long_and_no_longer, 0,
	                    CASTINGS);
	scene_last(closing);
	return scene_run(suite);
}
