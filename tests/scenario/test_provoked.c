/* SPDX-License-Identifier: ISC */
/*
 * What TLS does on its own account in the middle of a stream: messages in
 * pieces, answers that a peer provokes and does not read, and no end of
 * records that carry nothing and are work all the same. Meanwhile others are
 * served.
 */
#include <signal.h>

#include "record.h"
#include "scene.h"

enum {
	ROUNDS = 40,
	PROVOCATIONS = 5000,
	FEW = 90,               /* a bit less than anybody may send in a row */
	FLOOD = 4000,
	FLOOD_CPU = 2000,       /* milliseconds: of one core, and valgrind's too */
};

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "drain-timeout = 100ms",
		.defaults = "close-timeout = 300ms\nbuffer-size = 16k",
	});
}

static void open_patient_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = off" });
}

START_TEST(half_a_key_update_holds_back_what_is_sent_to_its_sender)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	if (scene->casting->version != TLS1_3_VERSION)
		return;
	peer_send(scene->actor, 100);
	peer_expect(scene->other, "data:100");
	peer_record(scene->actor, RECORD_HANDSHAKE, "\x18\0\0\1", 4);
	peer_wait_sent(scene->actor);
	peer_send(scene->other, 50);
	peer_end(scene->other);
	peer_record(scene->actor, RECORD_HANDSHAKE, "\0", 1);
	peer_expect(scene->actor, "data:50 end");
}
END_TEST

START_TEST(half_a_key_update_does_not_hold_back_an_abort)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	if (scene->casting->version != TLS1_3_VERSION)
		return;
	peer_send(scene->actor, 100);
	peer_expect(scene->other, "data:100");
	peer_record(scene->actor, RECORD_HANDSHAKE, "\x18\0\0\1", 4);
	peer_wait_sent(scene->actor);
	peer_rst(scene->other);
	peer_expect(scene->actor, "rst");
	(void)scene_expect_relay(scene, "other-end=reset first=other");
}
END_TEST

START_TEST(one_who_leaves_behind_half_a_key_update_is_aborted_at_once)
{
	struct scene *scene = scene_open(&casting_tls[_i]);

	if (scene->casting->version != TLS1_3_VERSION)
		return;
	peer_send(scene->actor, 100);
	peer_record(scene->actor, RECORD_HANDSHAKE, "\x18\0\0\1", 4);
	peer_fin(scene->actor);
	peer_expect(scene->other, "data:100 rst");
	peer_expect(scene->actor, "rst");
	(void)scene_expect_relay(scene, "actor-end=truncated other-end=sink-gone first=actor");
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
		for (int i = 0; i < PROVOCATIONS; i++) {
			peer_record(scene->actor, RECORD_HANDSHAKE, "\1\0\0\0", 4);
			if (i % FEW == 0)
				peer_send(scene->actor, 1); /* so that it is no flood */
		}
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

/* ---- floods ---- */

static void update_keys(struct scene *scene)
{
	peer_key_update(scene->actor, false);
}

static void ask_for_new_keys(struct scene *scene)
{
	peer_key_update(scene->actor, true);
}

static void renegotiate(struct scene *scene)
{
	/* A client says hello, a server asks for one. */
	peer_record(scene->actor, RECORD_HANDSHAKE,
	            scene->casting->client_acts ? "\1\0\0\0" : "\0\0\0\0", 4);
}

/* Neither the empty ones nor the warnings are many in a row. */
static void mix(struct scene *scene)
{
	peer_record(scene->actor, RECORD_DATA, "", 0);
	peer_key_update(scene->actor, false);
}

static const struct flood {
	int version;
	void (*drop)(struct scene *scene);
	unsigned records;       /* of one drop */
} floods[] = {
	{ TLS1_3_VERSION, update_keys, 1 },
	{ TLS1_3_VERSION, ask_for_new_keys, 1 },
	{ TLS1_3_VERSION, mix, 2 },
	{ TLS1_2_VERSION, renegotiate, 1 },
};
enum { FLOODS = sizeof(floods) / sizeof(floods[0]) };

/* NULL: that version has no such flood. */
static struct scene *open_flood(int i, const struct flood **flood)
{
	*flood = &floods[i / CASTINGS_TLS_ACTOR];
	return casting_tls[i % CASTINGS_TLS_ACTOR].version == (*flood)->version
	               ? scene_open(&casting_tls[i % CASTINGS_TLS_ACTOR])
	               : NULL;
}

/* Somebody else comes, in the same daemon with its one worker, and is served. */
static void serve_another(void)
{
	static const struct casting casting = { PLAIN_PLAIN, TLS1_3_VERSION, true };
	struct scene *scene = scene_open(&casting);

	peer_send(scene->client, 1000);
	peer_end(scene->client);
	peer_expect(scene->backend, "data:1000 end");
	peer_send(scene->backend, 2000);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:2000 end");
}

START_TEST(no_end_of_records_without_data_is_a_violation)
{
	const struct flood *flood;
	struct scene *scene = open_flood(_i, &flood);
	struct scene before;
	unsigned long cpu;

	if (scene == NULL)
		return;
	cpu = daemon_cpu(stage_daemon());
	peer_send(scene->actor, 100);
	for (int drop = 0; drop < FLOOD; drop++)
		flood->drop(scene);
	before = *scene; /* of which there is one only */
	serve_another();
	*scene = before;
	peer_expect(scene->other, "data:100 rst");
	(void)scene_expect_relay(scene, "actor-end=violation:flood other-end=sink-gone first=actor "
	                                "actor-sent=100 other-sent=0");
	ck_assert_uint_lt(daemon_cpu(stage_daemon()) - cpu, FLOOD_CPU);
}
END_TEST

START_TEST(who_reads_nothing_meanwhile_costs_no_more)
{
	const struct flood *flood;
	struct scene *scene = open_flood(_i, &flood);

	if (scene == NULL)
		return;
	peer_pause(scene->actor);
	for (int drop = 0; drop < FLOOD; drop++)
		flood->drop(scene);
	peer_expect(scene->other, "rst");
	ck_assert_uint_lt(scene_number(scene_expect_relay(scene, "actor-end=violation:flood"),
	                               scene->casting->client_acts ? "down-unsent" : "up-unsent"),
	                  64 * 1024);
}
END_TEST

START_TEST(some_between_data_are_none)
{
	const struct flood *flood;
	struct scene *scene = open_flood(_i, &flood);

	if (scene == NULL)
		return;
	for (int i = 0; i < ROUNDS; i++) {
		for (unsigned n = 0; n < FEW / flood->records; n++)
			flood->drop(scene);
		peer_send(scene->actor, 10);
	}
	/*
	 * What goes the other way counts as well: who only reads may do it for ever.
	 * It may have left before they were read.
	 */
	for (int i = 1; i <= ROUNDS; i++) {
		for (unsigned n = 0; n < FEW / 8 / flood->records; n++)
			flood->drop(scene);
		peer_wait_sent(scene->actor);
		peer_send(scene->other, 10);
		peer_wait_data(scene->actor, 10 * (size_t)i);
	}
	peer_end(scene->actor);
	peer_expect(scene->other, "data:%d end", 10 * ROUNDS);
	peer_end(scene->other);
	(void)scene_expect_relay(scene, "actor-end=end other-end=end");
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
	tcase_add_loop_test(tcase, half_a_key_update_does_not_hold_back_an_abort, 0,
	                    CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, answers_that_nobody_reads_do_not_pile_up, 0, CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, no_end_of_records_without_data_is_a_violation, 0,
	                    FLOODS * CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, who_reads_nothing_meanwhile_costs_no_more, 0,
	                    FLOODS * CASTINGS_TLS_ACTOR);
	tcase_add_loop_test(tcase, some_between_data_are_none, 0, FLOODS * CASTINGS_TLS_ACTOR);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("provoked, and there is time");
	tcase_add_checked_fixture(tcase, open_patient_stage, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, one_who_leaves_behind_half_a_key_update_is_aborted_at_once, 0,
	                    CASTINGS_TLS_ACTOR);
	suite_add_tcase(suite, tcase);
	return scene_run(suite);
}
