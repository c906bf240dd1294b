/* SPDX-License-Identifier: ISC */
/*
 * Closing: the close_notify that was not answered, close = fast, and the
 * lingering that keeps an answer alive which a slow peer still has to read.
 */
#include <stdlib.h>
#include <string.h>

#include "scene.h"

enum {
	LARGE = 1 << 20,
	ANSWER = 40000,         /* more than fits where there is little room */
	TOO_MUCH = 4 << 20,     /* to be thrown away by one who lets go of a peer */
};

static void open_waiting_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close = wait" });
}

static void open_fast_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close = fast" });
}

static void open_impatient_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 300ms" });
}

START_TEST(an_unanswered_close_notify_cuts_what_was_still_open)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_send(scene->other, 1000);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:1000 end");
	peer_send(scene->actor, 20);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:20 rst");
	(void)scene_expect_relay(scene, "level=info actor-end=unanswered other-end=end "
	                                "first=other actor-sent=20 other-sent=1000");
	scene_expect_no_log(scene, "event=truncation");
	scene_expect_no_log(scene, "level=warning");
}
END_TEST

START_TEST(an_unanswered_close_notify_in_a_record_is_no_truncation)
{
	static const char part[] = { 23, 3, 3, 0, 100, 1, 2, 3 };
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	peer_raw(scene->actor, part, sizeof(part));
	peer_fin(scene->actor);
	peer_expect(scene->other, "rst");
	(void)scene_expect_relay(scene, "actor-end=unanswered other-end=end");
	scene_expect_no_log(scene, "event=truncation");
}
END_TEST

START_TEST(waiting_means_until_the_client_answers)
{
	struct scene *scene = scene_open(&casting_tls_client[_i]);

	peer_end(scene->backend);
	peer_expect(scene->client, "end");
	peer_send(scene->client, 100);
	peer_expect(scene->backend, "data:100");
	scene_expect_no_log(scene, "event=relay");
	peer_end(scene->client);
	peer_expect(scene->backend, "data:100 end");
	(void)scene_expect_relay(scene, "client-end=close_notify backend-end=*");
}
END_TEST

START_TEST(fast_means_once_the_end_is_acknowledged)
{
	struct scene *scene = scene_open(&casting_tls_client[_i]);

	peer_send(scene->client, 100);
	peer_expect(scene->backend, "data:100");
	peer_send(scene->backend, LARGE);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:%d end", LARGE);
	(void)scene_expect_relay(scene,
	                         "client-end=unanswered other-end=end first=backend "
	                         "up=100 down=%d !down-unacked !down-unsent",
	                         LARGE);
	scene_expect_no_log(scene, "event=truncation");
	peer_expect(scene->backend, "data:100 rst");
}
END_TEST

START_TEST(fast_is_not_before_a_slow_client_has_it_all)
{
	struct scene *scene = scene_begin(&casting_tls_client[_i]);

	scene->client_setup.receive_buffer = 16384;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->client);
	peer_send(scene->backend, LARGE);
	peer_end(scene->backend);
	peer_wait_stuck(scene->backend);
	scene_expect_no_log(scene, "event=relay");
	peer_resume(scene->client);
	peer_expect(scene->client, "data:%d end", LARGE);
	(void)scene_expect_relay(scene, "client-end=unanswered backend-end=* down=%d", LARGE);
}
END_TEST

START_TEST(fast_is_not_before_a_slow_backend_has_it_all)
{
	struct scene *scene = scene_begin(&casting_tls_client[_i]);

	scene->backend_setup.receive_buffer = 16384;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->backend);
	peer_send(scene->client, TOO_MUCH);
	peer_end(scene->client);
	peer_wait_stuck(scene->client);
	/* Until the client's last word is with us, behind more than we can pass on. */
	peer_resume(scene->backend);
	peer_wait_sent(scene->client);
	peer_pause(scene->backend);
	peer_end(scene->backend);
	peer_expect(scene->client, "end");
	peer_resume(scene->backend);
	peer_expect(scene->backend, "data:%d end", TOO_MUCH);
	(void)scene_expect_relay(scene, "client-end=close_notify other-end=end up=%d", TOO_MUCH);
}
END_TEST

START_TEST(fast_does_not_hurry_a_client_that_has_ended)
{
	struct scene *scene = scene_open(&casting_tls_client[_i]);

	peer_end(scene->client);
	peer_expect(scene->backend, "end");
	peer_send(scene->backend, LARGE);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:%d end", LARGE);
	(void)scene_expect_relay(scene, "client-end=close_notify other-end=end down=%d", LARGE);
}
END_TEST

/* TLS only: of a plain peer that has ended nobody hears any more. */
START_TEST(an_answer_that_is_reset_on_its_way_is_told_to_be_lost)
{
	struct scene *scene = scene_begin(&casting_tls_client[_i]);
	const char *line;

	scene->client_setup.receive_buffer = 16384;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->actor);
	peer_close_notify(scene->actor);
	peer_expect(scene->other, "end");
	peer_send(scene->other, ANSWER);
	peer_end(scene->other);
	peer_wait_sent(scene->other);
	/* There is only the client to wait for. */
	daemon_expect_descriptors(stage_daemon(), 1);
	peer_rst_now(scene->actor);
	line = scene_expect_relay(scene, "actor-end=end other-end=end other-sent=%d", ANSWER);
	ck_assert_uint_gt(scene_number(line, "down-unacked"), 0);
}
END_TEST

/* TLS only: a plain peer that has ended can send nothing more. */
START_TEST(an_answer_survives_what_comes_after_a_close_notify)
{
	static const char noise[100000];
	struct scene *scene = scene_begin(&casting_tls[_i]);

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 16384 : 0;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 0 : 16384;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->actor);
	peer_close_notify(scene->actor);
	peer_expect(scene->other, "end");
	peer_send(scene->other, LARGE);
	peer_end(scene->other);
	peer_raw(scene->actor, noise, sizeof(noise));
	peer_wait_sent(scene->actor);
	peer_resume(scene->actor);
	peer_expect(scene->actor, "data:%d end", LARGE);
	peer_raw(scene->actor, noise, sizeof(noise));
	peer_fin(scene->actor);
	(void)scene_expect_relay(scene,
	                         "actor-end=end other-end=end other-sent=%d "
	                         "!up-unacked !down-unacked",
	                         LARGE);
}
END_TEST

START_TEST(an_answer_survives_a_peer_that_is_still_sending_when_told_the_end)
{
	struct scene *scene = scene_begin(&casting_any[_i]);

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 16384 : 0;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 0 : 16384;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->actor);
	peer_send(scene->other, LARGE);
	peer_end(scene->other);
	peer_send(scene->actor, LARGE);
	peer_expect(scene->other, "data:%d", LARGE);
	peer_resume(scene->actor);
	peer_expect(scene->actor, "data:%d end", LARGE);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:%d end", LARGE);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end first=other");
}
END_TEST

START_TEST(lingering_ends_when_the_peer_does_not_stop)
{
	struct scene *scene = scene_open(&casting_tls[_i]);
	char *noise = calloc(1, TOO_MUCH);

	peer_close_notify(scene->actor);
	peer_expect(scene->other, "end");
	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	peer_raw(scene->actor, noise, TOO_MUCH);
	free(noise);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
	peer_expect(scene->actor, "end rst");
}
END_TEST

/* Of what it sends too much is thrown away; what it is still to read is not. */
START_TEST(an_end_survives_a_peer_that_does_not_stop)
{
	struct scene *scene = scene_begin(&casting_any[_i]);

	scene->client_setup.receive_buffer = scene->casting->client_acts ? 0 : 16384;
	scene->backend_setup.receive_buffer = scene->casting->client_acts ? 16384 : 0;
	scene_connect(scene);
	scene_join(scene);
	peer_pause(scene->other);
	peer_send(scene->actor, ANSWER);
	peer_end(scene->actor);
	peer_rst(scene->actor);
	peer_send(scene->other, TOO_MUCH);
	peer_wait_stuck(scene->other);
	peer_resume(scene->other);
	peer_expect(scene->other, "data:%d end rst", ANSWER);
	(void)scene_expect_relay(scene,
	                         "actor-end=end actor-sent=%d other-end=sink-gone !up-told "
	                         "!down-told",
	                         ANSWER);
}
END_TEST

START_TEST(lingering_ends_when_the_peer_does_nothing)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_close_notify(scene->actor);
	peer_expect(scene->other, "end");
	peer_end(scene->other);
	peer_expect(scene->actor, "end");
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
	daemon_expect_settled(stage_daemon());
}
END_TEST

START_TEST(an_alert_can_be_read_by_one_who_goes_on_sending)
{
	static const char noise[100000];
	struct scene *scene = scene_open(&casting_tls[_i]);

	peer_pause(scene->actor);
	peer_raw(scene->actor, noise, sizeof(noise));
	peer_expect(scene->other, "rst");
	peer_raw(scene->actor, noise, sizeof(noise));
	peer_wait_sent(scene->actor);
	peer_resume(scene->actor);
	peer_expect(scene->actor, "alert:* fin|rst");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("close");
	TCase *wait = scene_case(suite, "close = wait", open_waiting_stage);
	TCase *fast = scene_case(suite, "close = fast", open_fast_stage);
	TCase *impatient = scene_case(suite, "close-timeout", open_impatient_stage);

	tcase_add_loop_test(wait, an_unanswered_close_notify_cuts_what_was_still_open, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(wait, an_unanswered_close_notify_in_a_record_is_no_truncation, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(wait, waiting_means_until_the_client_answers, 0, CASTINGS_TLS_CLIENT);
	tcase_add_loop_test(wait, an_answer_that_is_reset_on_its_way_is_told_to_be_lost, 0,
	                    CASTINGS_TLS_CLIENT);
	tcase_add_loop_test(wait, an_answer_survives_what_comes_after_a_close_notify, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(wait, an_answer_survives_a_peer_that_is_still_sending_when_told_the_end,
	                    0, CASTINGS);
	tcase_add_loop_test(wait, lingering_ends_when_the_peer_does_not_stop, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(wait, an_alert_can_be_read_by_one_who_goes_on_sending, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(wait, an_end_survives_a_peer_that_does_not_stop, 0, CASTINGS);
	scene_last(wait);
	tcase_add_loop_test(fast, fast_means_once_the_end_is_acknowledged, 0, CASTINGS_TLS_CLIENT);
	tcase_add_loop_test(fast, fast_is_not_before_a_slow_client_has_it_all, 0,
	                    CASTINGS_TLS_CLIENT);
	tcase_add_loop_test(fast, fast_is_not_before_a_slow_backend_has_it_all, 0,
	                    CASTINGS_TLS_CLIENT);
	tcase_add_loop_test(fast, fast_does_not_hurry_a_client_that_has_ended, 0,
	                    CASTINGS_TLS_CLIENT);
	scene_last(fast);
	tcase_add_loop_test(impatient, lingering_ends_when_the_peer_does_nothing, 0,
	                    CASTINGS_TLS_ACTOR);
	scene_last(impatient);
	return scene_run(suite);
}
