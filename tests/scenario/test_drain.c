/* SPDX-License-Identifier: ISC */
/*
 * SIGTERM: no new connections, time for those that are there, then the cut,
 * which is an abort like any other. Each test has an adieu of its own.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pump.h"
#include "scene.h"

enum {
	LARGE = 8 << 20,
	MANY = 200,     /* who wait at once: more than are let in until we hear of a signal */
	ANSWER = 40000, /* more than fits where there is little room, less than a queue */
};

static void open_patient_stage(void)
{
	stage_open(&(struct stage_config){ .global = "drain-timeout = 60s" });
}

static void open_impatient_stage(void)
{
	stage_open(&(struct stage_config){ .global = "drain-timeout = 300ms" });
}

/* No idle ones are ended meanwhile, and one has to let all of them in. */
static void open_even_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "drain-timeout = 60s\ndrain-spread = no\nworkers = 1" });
}

static void tear_down(void)
{
	peer_free_all();
	stage_close();
}

static void expect_stopped(void)
{
	int status = daemon_wait(stage_daemon());

	ck_assert_msg(status == 0, "%s: wait status %#x", peer_context(), (unsigned)status);
	(void)daemon_expect_log(stage_daemon(), "event=stop");
}

START_TEST(a_transfer_is_finished)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_pause(scene->other);
	peer_send(scene->actor, LARGE);
	peer_wait_stuck(scene->actor);
	daemon_signal(stage_daemon(), SIGTERM);
	(void)scene_expect_log(scene, "event=drain phase=begin relays=1");
	peer_resume(scene->other);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:%d end", LARGE);
	peer_send(scene->other, 1000);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:1000 end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
	expect_stopped();
}
END_TEST

START_TEST(a_transfer_is_cut_at_the_deadline)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 1000);
	peer_wait_data(scene->other, 1000);
	daemon_signal(stage_daemon(), SIGTERM);
	peer_expect(scene->other, "data:1000 rst");
	peer_expect(scene->actor, "rst");
	(void)scene_expect_relay(scene, "actor-end=drain other-end=drain actor-sent=1000");
	expect_stopped();
}
END_TEST

START_TEST(a_half_closed_transfer_is_cut_too)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_end(scene->actor);
	peer_expect(scene->other, "end");
	daemon_signal(stage_daemon(), SIGTERM);
	peer_expect(scene->other, "end rst");
	peer_expect(scene->actor, "rst");
	(void)scene_expect_relay(scene, "actor-end=end other-end=drain");
	expect_stopped();
}
END_TEST

START_TEST(an_answer_that_is_on_its_way_survives_the_cut)
{
	struct scene *scene = scene_begin(&casting_any[_i]);
	const char *line;
	bool client_acts = scene->casting->client_acts;

	scene->client_setup.receive_buffer = client_acts ? 4096 : 0;
	scene->backend_setup.receive_buffer = client_acts ? 0 : 4096;
	/* A plain client's is connected to before we are let in. */
	door_set_setup(scene->door, &scene->backend_setup);
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->actor);
	peer_send(scene->other, ANSWER);
	peer_end(scene->other);
	peer_wait_sent(scene->other);
	/* The upload goes on: by the turns that it takes the answer's end is told. */
	for (size_t i = 1; i <= 3; i++) {
		peer_send(scene->actor, 1);
		peer_wait_data(scene->other, i);
	}
	daemon_signal(stage_daemon(), SIGTERM);
	line = scene_expect_relay(scene,
	                          "actor-end=drain other-end=end first=other actor-sent=3 "
	                          "other-sent=%d",
	                          ANSWER);
	ck_assert_uint_gt(scene_number(line, client_acts ? "down-unacked" : "up-unacked"), 0);
	peer_expect(scene->other, "data:3 rst");
	expect_stopped();
	peer_resume(scene->actor);
	peer_expect(scene->actor, "data:%d end", ANSWER);
}
END_TEST

START_TEST(a_second_signal_cuts_at_once)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	peer_send(scene->actor, 1000);
	peer_wait_data(scene->other, 1000);
	daemon_signal(stage_daemon(), SIGTERM);
	(void)scene_expect_log(scene, "event=drain phase=begin");
	daemon_signal(stage_daemon(), SIGTERM);
	peer_expect(scene->other, "data:1000 rst");
	peer_expect(scene->actor, "rst");
	(void)scene_expect_relay(scene, "actor-end=killed other-end=killed");
	expect_stopped();
}
END_TEST

START_TEST(interrupt_is_the_same)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	daemon_signal(stage_daemon(), SIGINT);
	(void)scene_expect_log(scene, "event=drain phase=begin relays=1");
	peer_end(scene->actor);
	peer_end(scene->other);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
	expect_stopped();
}
END_TEST

static bool connection_is_refused(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = connect(fd, (const struct sockaddr *)to, sizeof(*to));
	int error = errno;

	(void)close(fd);
	return result != 0 && error == ECONNREFUSED;
}

static bool listener_is_closed(void *arg)
{
	return connection_is_refused(arg);
}

START_TEST(nobody_new_is_let_in)
{
	struct scene *scene = scene_open(&casting_any[_i]);

	daemon_signal(stage_daemon(), SIGTERM);
	(void)scene_expect_log(scene, "event=drain phase=begin");
	ck_assert_msg(pump_until(listener_is_closed, &scene->listener), "still listening");
	peer_end(scene->actor);
	peer_end(scene->other);
	expect_stopped();
}
END_TEST

START_TEST(a_handshake_may_still_succeed)
{
	struct scene *scene = scene_begin(&casting_tls_client[_i]);

	scene_connect(scene);
	peer_hold_finished(scene->client);
	peer_open(scene->client);
	daemon_signal(stage_daemon(), SIGTERM);
	(void)daemon_expect_log(stage_daemon(), "event=drain phase=begin relays=1");
	peer_uncork(scene->client);
	scene_join(scene);
	peer_end(scene->client);
	peer_expect(scene->backend, "end");
	peer_end(scene->backend);
	peer_expect(scene->client, "end");
	expect_stopped();
}
END_TEST

/* Every thread of it stands still. */
static void freeze(void)
{
	siginfo_t info;

	daemon_signal(stage_daemon(), SIGSTOP);
	ck_assert_int_eq(waitid(P_ALL, 0, &info, WSTOPPED), 0);
}

START_TEST(all_who_wait_to_be_let_in_are_served)
{
	struct scene *scene = scene_begin(&casting_plain[2]);
	struct peer *clients[MANY];

	freeze();
	for (size_t i = 0; i < MANY; i++) {
		scene_connect(scene);
		clients[i] = scene->client;
		peer_open(clients[i]); /* its kernel says so, and ours */
	}
	daemon_signal(stage_daemon(), SIGTERM);
	daemon_signal(stage_daemon(), SIGCONT);
	for (size_t i = 0; i < MANY; i++) {
		peer_send(clients[i], 100);
		peer_end(clients[i]);
	}
	for (size_t i = 0; i < MANY; i++) {
		struct peer *backend = door_accept(scene->door);

		peer_expect(backend, "data:100 end");
		peer_send(backend, 200);
		peer_end(backend);
	}
	for (size_t i = 0; i < MANY; i++)
		peer_expect(clients[i], "data:200 end");
	expect_stopped();
	ck_assert_uint_eq(
		daemon_count_log(stage_daemon(), "event=relay client-end=fin backend-end=fin"),
		MANY);
}
END_TEST

START_TEST(one_without_relays_stops_at_once)
{
	daemon_stop(stage_daemon());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drain");
	TCase *patient = tcase_create("drain-timeout is long");
	TCase *even = tcase_create("drain-spread is off");
	TCase *impatient = tcase_create("drain-timeout is short");

	tcase_add_checked_fixture(patient, open_patient_stage, tear_down);
	tcase_add_loop_test(patient, a_transfer_is_finished, 0, CASTINGS);
	tcase_add_loop_test(patient, a_second_signal_cuts_at_once, 0, CASTINGS);
	tcase_add_loop_test(patient, interrupt_is_the_same, 0, 2);
	tcase_add_loop_test(patient, nobody_new_is_let_in, 0, 2);
	tcase_add_loop_test(patient, a_handshake_may_still_succeed, 0, CASTINGS_TLS_CLIENT);
	tcase_add_test(patient, one_without_relays_stops_at_once);
	suite_add_tcase(suite, patient);
	tcase_add_checked_fixture(even, open_even_stage, tear_down);
	tcase_add_test(even, all_who_wait_to_be_let_in_are_served);
	suite_add_tcase(suite, even);
	tcase_add_checked_fixture(impatient, open_impatient_stage, tear_down);
	tcase_add_loop_test(impatient, a_transfer_is_cut_at_the_deadline, 0, CASTINGS);
	tcase_add_loop_test(impatient, a_half_closed_transfer_is_cut_too, 0, CASTINGS);
	tcase_add_loop_test(impatient, an_answer_that_is_on_its_way_survives_the_cut, 0, CASTINGS);
	suite_add_tcase(suite, impatient);
	return scene_run(suite);
}
