/* SPDX-License-Identifier: ISC */
/*
 * The promise, asked of relays that nobody thought of: dice write what the two
 * peers do (script.h), dozens of relays are played at once (slot.h), while the
 * daemon is reloaded, replaced and told to end; and what came of each is
 * judged by rules that are simpler than the program (oracle.c).
 *
 *	ADIEU_PROMISE=SEED              plays what that seed makes, once
 *	ADIEU_PROMISE=SEED:NUMBER       plays the one relay, a hundred times
 *	ADIEU_PROMISE_STAGES=N          plays N seeds instead of a few, some 25 in a minute
 *
 * A failure says which seed and which relay it was.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "log_reader.h"
#include "oracle.h"
#include "pump.h"
#include "slot.h"

enum {
	RELAYS = 14 * SLOTS,    /* of one seed */
	STAGES = 5,
	AGAIN = 100,            /* one relay, when it is the only one */
	EVENTS = 6,             /* signals to the daemon of one seed */
	ALL = -1,
	NEVER = RELAYS + 1,
};

/* What becomes of the daemon while its relays are played. */
struct plan {
	struct {
		unsigned at;    /* so many relays have begun */
		int signal;     /* SIGHUP, SIGUSR2 */
	} events[EVENTS];
	unsigned n_events;
	unsigned end_at;        /* so many have begun; NEVER: not before all are over */
	bool in_time;           /* and those who are there may go on */
	bool twice;             /* and is told so again */
};

static struct {
	uint64_t seed;
	int only;               /* this relay; ALL */
	struct plan plan;
	unsigned next_event;
	int waits;              /* for what this signal comes to; 0: for none */
	bool replaced;          /* the daemon, by another one */
	struct slot slots[SLOTS];
	unsigned n_begun;
	unsigned n_over;
	unsigned n_lines;
	bool ending;
	const struct slot *wrong;
	const char *what;
} game;

static struct plan plan_make(uint64_t seed)
{
	struct dice dice = { seed };
	struct plan plan = { .n_events = dice_throw(&dice, EVENTS + 1), .end_at = NEVER };

	for (unsigned i = 0; i < plan.n_events; i++) {
		plan.events[i].at = (i + 1) * RELAYS / (EVENTS + 2);
		plan.events[i].signal = dice_throw(&dice, 3) == 0 ? SIGUSR2 : SIGHUP;
	}
	if (dice_throw(&dice, 3) > 0)
		plan.end_at = RELAYS / 2 + dice_throw(&dice, RELAYS / 2);
	plan.in_time = dice_throw(&dice, 2) == 0;
	plan.twice = dice_throw(&dice, 3) == 0;
	return plan;
}

static void game_open(uint64_t seed, int only)
{
	memset(&game, 0, sizeof(game));
	game.seed = seed;
	game.only = only;
	if (only == ALL)
		game.plan = plan_make(seed);
	else
		game.plan = (struct plan){ .end_at = NEVER, .in_time = true };
	slots_open(game.slots);
	stage_open(&(struct stage_config){
		.global = game.plan.in_time ? "log-level = debug\ndrain-timeout = 1h"
	                                    : "log-level = debug\ndrain-timeout = 200ms",
		/* Whoever waits for one of these where it should not never ends. */
		.defaults = "handshake-timeout = 1h\nconnect-timeout = 1h\nclose-timeout = 1h",
		.more = slots_config(game.slots) });
	slots_find(game.slots);
}

static void game_close(void)
{
	slots_close(game.slots);
	peer_free_all();
	stage_close();
}

/* As many in each slot; of one relay there is only one slot. */
static bool game_may_begin(const struct slot *slot)
{
	if (game.ending)
		return false;
	if (game.only == ALL)
		return slot->next < RELAYS;
	return (int)(slot - game.slots) == game.only % SLOTS && game.n_begun < AGAIN;
}

static bool game_is_over(void)
{
	const unsigned all = game.only == ALL ? RELAYS : AGAIN;

	return game.n_over == game.n_begun && game.waits == 0 &&
	       (game.ending || game.n_begun == all);
}

/* ---- the daemon ---- */

/* Whoever is with a daemon that is to end soon may be cut. */
static bool game_is_cut_by(int signal)
{
	return (signal == SIGUSR2 && !game.plan.in_time) ||
	       (signal == SIGTERM && (!game.plan.in_time || game.plan.twice));
}

static void game_tell_cuttable(int signal)
{
	for (int i = 0; i < SLOTS; i++)
		game.slots[i].cuttable |= game.slots[i].busy && game_is_cut_by(signal);
}

static void game_end_daemon(void)
{
	daemon_signal(stage_daemon(), SIGTERM);
	game_tell_cuttable(SIGTERM);
	game.ending = true;
}

/* One after another, and none while the one before is under way. */
static void game_signal(void)
{
	if (game.ending || game.waits != 0)
		return;
	if (game.next_event < game.plan.n_events &&
	    game.n_begun >= game.plan.events[game.next_event].at) {
		const int number = game.plan.events[game.next_event++].signal;

		game_tell_cuttable(number);
		daemon_signal(stage_daemon(), number);
		game.waits = number;
	} else if (game.n_begun >= game.plan.end_at) {
		game_end_daemon();
	}
}

static void game_take_daemon_line(const char *line)
{
	char pid[LOG_VALUE_ROOM];

	ck_assert_msg(!log_reader_says(line, "level=error"), "adieu says: %s", line);
	if (log_reader_says(line, "event=upgrade result=done") &&
	    log_reader_value(line, "pid", pid)) {
		daemon_follow(stage_daemon(), atoi(pid));
		game.replaced = true;
	} else if (log_reader_says(line, "event=reload result=done") ||
	           (game.waits == SIGUSR2 && log_reader_says(line, "event=stop"))) {
		/* Until it has stopped some may yet come to the one that was replaced. */
		game.waits = 0;
	} else if (game.ending && game.plan.twice &&
	           log_reader_says(line, "event=drain phase=begin")) {
		daemon_signal(stage_daemon(), SIGTERM);
	}
}

static void game_read_log(void)
{
	const char *line;

	while ((line = daemon_any_line(stage_daemon(), game.n_lines)) != NULL) {
		bool taken = false;

		for (int i = 0; i < SLOTS && !taken; i++)
			taken = slot_take_line(&game.slots[i], line);
		if (!taken)
			game_take_daemon_line(line);
		game.n_lines++;
	}
}

/* ---- the relays ---- */

static void game_judge(struct slot *slot)
{
	const char *what = oracle_judge(slot);

	if (what != NULL) {
		game.wrong = slot;
		game.what = what;
		return;
	}
	slot_end(slot);
	game.n_over++;
}

static bool game_turn_slots(bool gone)
{
	for (int i = 0; i < SLOTS && game.wrong == NULL; i++) {
		struct slot *slot = &game.slots[i];

		if (!slot->busy && game_may_begin(slot)) {
			slot_begin(slot, game.seed,
			           game.only == ALL ? slot->next : (unsigned)game.only);
			slot->next += SLOTS;
			slot->cuttable = game_is_cut_by(game.waits);
			game.n_begun++;
		}
		if (slot->busy && slot_turn(slot, gone))
			game_judge(slot);
	}
	return game.wrong != NULL;
}

/* With every pass of the pump. True: there is something to look at. */
static bool game_turn(void *arg)
{
	unsigned *n_over = arg;
	/* In this order: what it said last is read when it is gone. */
	const bool gone = daemon_is_gone(stage_daemon());

	game_read_log();
	if (gone && !game.ending) {
		daemon_tell(stage_daemon());
		ck_abort_msg("ADIEU_PROMISE=%" PRIu64 ": adieu is gone", game.seed);
	}
	if (game_turn_slots(gone))
		return true;
	game_signal();
	return game.n_over > *n_over || game_is_over();
}

static void game_tell_all(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (game.slots[i].busy)
			slot_tell(&game.slots[i], game.seed);
}

static void game_play(void)
{
	bool moves = true;
	unsigned n_over = 0;

	peer_set_witness(NULL);
	while (moves && game.wrong == NULL && !game_is_over()) {
		n_over = game.n_over;
		moves = pump_until(game_turn, &n_over);
	}
	if (!moves)
		game_tell_all();
	ck_assert_msg(moves, "ADIEU_PROMISE=%" PRIu64 ": these relays never end", game.seed);
	if (game.wrong == NULL)
		return;
	slot_tell(game.wrong, game.seed);
	ck_abort_msg("ADIEU_PROMISE=%" PRIu64 ":%u: %s", game.seed, game.wrong->number, game.what);
}

/* Nothing is left of all that, and it ends as it should. */
static void game_finish(void)
{
	int status;

	if (!game.ending && !game.replaced)
		daemon_expect_settled(stage_daemon());
	if (!game.ending)
		game_end_daemon();
	status = daemon_wait(stage_daemon());
	if (status != 0)
		daemon_tell(stage_daemon());
	ck_assert_msg(status == 0, "ADIEU_PROMISE=%" PRIu64 ": it ends with wait status %#x",
	              game.seed, (unsigned)status);
}

/* ---- seeds ---- */

static const uint64_t seed_fixed = 20261127;
static uint64_t seed_first;
static int seed_only = ALL;

/* The first is the same in every run, the others in none. */
static uint64_t seed_of(int stage)
{
	if (getenv("ADIEU_PROMISE") != NULL || stage > 0)
		return seed_first + (uint64_t)stage;
	return seed_fixed;
}

static void seed_read(void)
{
	const char *asked = getenv("ADIEU_PROMISE");
	char *rest = NULL;
	uint32_t fresh = 0;

	if (asked != NULL) {
		seed_first = strtoull(asked, &rest, 10);
		seed_only = *rest == ':' ? atoi(rest + 1) : ALL;
		return;
	}
	if (getrandom(&fresh, sizeof(fresh), 0) != sizeof(fresh))
		abort();
	seed_first = fresh;
}

static int stages(void)
{
	const char *asked = getenv("ADIEU_PROMISE_STAGES");

	if (getenv("ADIEU_PROMISE") != NULL)
		return 1;
	return asked != NULL ? atoi(asked) : STAGES;
}

START_TEST(each_is_told_of_the_other_what_it_did)
{
	game_open(seed_of(_i), seed_only);
	game_play();
	game_finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("promise");
	TCase *tcase = tcase_create("relays that nobody thought of");

	seed_read();
	tcase_add_checked_fixture(tcase, NULL, game_close);
	tcase_add_loop_test(tcase, each_is_told_of_the_other_what_it_did, 0, stages());
	suite_add_tcase(suite, tcase);
	return scene_run(suite);
}
