/* SPDX-License-Identifier: ISC */
/*
 * What TLS does on its own account in the middle of a stream: messages in
 * pieces, and answers that a peer provokes and does not read.
 */
#include <signal.h>

#include "scene.h"

enum {
	HANDSHAKE_RECORD = 22,
	ROUNDS = 40,
	PROVOCATIONS = 5000,
};

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "drain-timeout = 100ms",
		.defaults = "close-timeout = 300ms\nbuffer-size = 16k",
	});
}

START_TEST(half_a_key_update_holds_back_what_is_sent_to_its_sender)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	if (scene->casting->version != TLS1_3_VERSION)
		return;
	peer_send(scene->actor, 100);
	peer_expect(scene->other, "data:100");
	peer_record(scene->actor, HANDSHAKE_RECORD, "\x18\0\0\1", 4);
	peer_wait_sent(scene->actor);
	peer_send(scene->other, 50);
	peer_end(scene->other);
	peer_record(scene->actor, HANDSHAKE_RECORD, "\0", 1);
	peer_expect(scene->actor, "data:50 end");
}
END_TEST

START_TEST(answers_that_nobody_reads_do_not_pile_up)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	if (scene->casting->version != TLS1_2_VERSION || !scene->casting->client_acts)
		return;
	peer_pause(scene->actor);
	/* Renegotiation, which is answered by a warning each time. */
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PROVOCATIONS; i++)
			peer_record(scene->actor, HANDSHAKE_RECORD, "\1\0\0\0", 4);
		peer_wait_stuck(scene->actor);
	}
	daemon_signal(stage_daemon(), SIGTERM);
	{
		const char *line = scene_expect_relay(scene, "actor-end=drain");

		/* Two turns, and a pipe's worth: see flow_is_provoked(). */
		ck_assert_uint_lt(scene_number(line, "down-unsent"), 1 << 20);
	}
}
END_TEST

static void tear_down(void)
{
	peer_free_all();
	stage_close();
}

int main(void)
{
	Suite *suite = suite_create("provoked");
	TCase *tcase = tcase_create("provoked");

	tcase_add_checked_fixture(tcase, open_stage, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, half_a_key_update_holds_back_what_is_sent_to_its_sender, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, answers_that_nobody_reads_do_not_pile_up, 0, CASTINGS_TLS_ACTOR);
	suite_add_tcase(suite, tcase);
	return scene_run(suite);
}
