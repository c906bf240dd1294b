/* SPDX-License-Identifier: ISC */
#include "script.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ssl.h>

enum {
	SCRIPT_TURNS = 24,      /* of both together, ends not counted */
	PRESS = 2 << 20,
};

/* splitmix64: small, and the same everywhere. */
unsigned dice_throw(struct dice *dice, unsigned below)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (unsigned)((z ^ (z >> 31)) % below);
}

struct writer {
	struct script *script;
	const struct cast *cast;
	struct dice dice;
	size_t sent[2];         /* up to here, in whole records */
	bool ended[2];
	bool mute[2];           /* ended, and nobody will be told of it */
	bool listens[2];        /* says nothing before the other has ended */
};

static bool writer_happens(struct writer *writer, unsigned percent)
{
	return dice_throw(&writer->dice, 100) < percent;
}

static void writer_add(struct writer *writer, enum side side, enum move_kind kind, size_t n)
{
	struct script *script = writer->script;

	assert(script->n_moves < SCRIPT_MOST);
	script->moves[script->n_moves++] = (struct move){ side, kind, n };
	if (kind == MOVE_SEND || kind == MOVE_BYTEWISE)
		writer->sent[side] += n;
}

static bool writer_is_13(const struct writer *writer, enum side side)
{
	return writer->cast->tls[side] && writer->script->version[side] == TLS1_3_VERSION;
}

/* Small ones mostly. */
static size_t writer_size(struct writer *writer)
{
	static const unsigned most[] = { 1, 100, 100, 5000, 5000, 20000, 70000, 300000 };
	const unsigned i = dice_throw(&writer->dice, sizeof(most) / sizeof(most[0]));

	return 1 + dice_throw(&writer->dice, most[i]);
}

static void writer_let_pass(struct writer *writer, enum side side)
{
	writer_add(writer, side, MOVE_LET_PASS, 1 + dice_throw(&writer->dice, 30));
}

/* For a while it does not read, and may send. */
static void writer_pause(struct writer *writer, enum side side)
{
	writer_add(writer, side, MOVE_PAUSE, 0);
	if (writer_happens(writer, 50))
		writer_add(writer, side, MOVE_SEND, writer_size(writer));
	writer_let_pass(writer, side);
	writer_add(writer, side, MOVE_RESUME, 0);
}

/* More than any buffer in between takes, to one who does not read. */
static void writer_press(struct writer *writer, enum side side)
{
	const enum side other = side_other(side);

	if (writer->ended[other])
		return;
	writer_add(writer, other, MOVE_PAUSE, 0);
	writer_add(writer, side, MOVE_SEND, PRESS + dice_throw(&writer->dice, PRESS));
	writer_let_pass(writer, other);
	writer_add(writer, other, MOVE_RESUME, 0);
}

static void writer_await(struct writer *writer, enum side side)
{
	const enum side other = side_other(side);

	if (writer->ended[other] && !writer->mute[other] && writer_happens(writer, 50))
		writer_add(writer, side, MOVE_AWAIT_END, 0);
	else
		writer_add(writer, side, MOVE_AWAIT_DATA, writer->sent[other]);
}

/* What no stream ends by. */
static void writer_go_on(struct writer *writer, enum side side)
{
	const unsigned n = dice_throw(&writer->dice, 100);

	if (n < 40)
		writer_add(writer, side, MOVE_SEND, writer_size(writer));
	else if (n < 45)
		writer_add(writer, side, MOVE_BYTEWISE, 1 + dice_throw(&writer->dice, 12));
	else if (n < 60)
		writer_await(writer, side);
	else if (n < 68)
		writer_add(writer, side, MOVE_AWAIT_SENT, 0);
	else if (n < 80)
		writer_let_pass(writer, side);
	else if (n < 87)
		writer_pause(writer, side);
	else if (n < 90)
		writer_press(writer, side);
	else if (n < 94 && writer->cast->tls[side])
		writer_add(writer, side, MOVE_EMPTY, 0);
	else if (writer_is_13(writer, side))
		writer_add(writer, side, MOVE_KEY_UPDATE, dice_throw(&writer->dice, 2));
}

/* ---- ends ---- */

static void writer_add_rst(struct writer *writer, enum side side)
{
	writer_add(writer, side, writer_happens(writer, 50) ? MOVE_RST : MOVE_RST_NOW, 0);
}

/* One of the ways to be gone after a good end, or not to be. */
static void writer_leave(struct writer *writer, enum side side)
{
	const unsigned n = dice_throw(&writer->dice, 100);

	if (n < 70)
		return;
	if (writer_happens(writer, 50))
		writer_let_pass(writer, side);
	if (n < 85)
		writer_add_rst(writer, side);
	else
		writer_add(writer, side, MOVE_CLOSE, 0);
}

static void writer_end_well(struct writer *writer, enum side side)
{
	const bool corked = writer_happens(writer, 40);

	if (corked)
		writer_add(writer, side, MOVE_CORK, 0);
	if (writer_happens(writer, 40))
		writer_add(writer, side, MOVE_SEND, writer_size(writer));
	if (writer->cast->tls[side]) {
		if (writer_happens(writer, 10))
			writer_add(writer, side, MOVE_WARN, 0);
		writer_add(writer, side, MOVE_CLOSE_NOTIFY, 0);
		if (writer_happens(writer, 10))
			writer_add(writer, side, MOVE_NOISE, writer_size(writer) % 50000);
	}
	/* A TLS peer may leave it at close_notify until the other has ended. */
	if (!writer->cast->tls[side] || writer_happens(writer, 70))
		writer_add(writer, side, MOVE_FIN, 0);
	if (corked)
		writer_add(writer, side, MOVE_UNCORK, 0);
	writer_leave(writer, side);
}

/* A FIN in the place of a close_notify. */
static void writer_truncate(struct writer *writer, enum side side)
{
	const bool corked = writer_happens(writer, 40);

	if (corked)
		writer_add(writer, side, MOVE_CORK, 0);
	if (writer_happens(writer, 40))
		writer_add(writer, side, MOVE_SEND, writer_size(writer));
	switch (dice_throw(&writer->dice, 6)) {
	case 0:
		writer_add(writer, side, MOVE_CUT, 1 + dice_throw(&writer->dice, CUT_RECORD));
		break;
	case 1:  writer_add(writer, side, MOVE_CUT_CLOSE_NOTIFY, 0); break;
	case 2:  writer_add(writer, side, MOVE_FORGE, 0); break;
	case 3:  writer_add(writer, side, MOVE_WARN, 0); break;
	default: break;
	}
	writer_add(writer, side, writer_happens(writer, 85) ? MOVE_FIN : MOVE_CLOSE, 0);
	if (corked)
		writer_add(writer, side, MOVE_UNCORK, 0);
}

static void writer_reset(struct writer *writer, enum side side)
{
	if (writer_happens(writer, 40))
		writer_add(writer, side, MOVE_SEND, writer_size(writer));
	if (writer->cast->tls[side] && writer_happens(writer, 30))
		writer_add(writer, side, MOVE_CUT, 1 + dice_throw(&writer->dice, CUT_RECORD));
	writer_add_rst(writer, side);
}

/* TLS says that something is wrong, or something is. */
static void writer_go_wrong(struct writer *writer, enum side side)
{
	writer_add(writer, side, writer_happens(writer, 50) ? MOVE_ALERT : MOVE_BREAK, 0);
	switch (dice_throw(&writer->dice, 4)) {
	case 0:  writer_add(writer, side, MOVE_FIN, 0); break;
	case 1:  writer_add_rst(writer, side); break;
	case 2:  writer_add(writer, side, MOVE_CLOSE, 0); break;
	default: break;
	}
}

static void writer_end(struct writer *writer, enum side side)
{
	const unsigned n = dice_throw(&writer->dice, 100);
	const bool tls = writer->cast->tls[side];

	if (writer_happens(writer, 30))
		writer_await(writer, side);
	writer->ended[side] = true;
	if (writer->cast->silence && writer_happens(writer, 15))
		writer->mute[side] = true;
	else if (n < 60)
		writer_end_well(writer, side);
	else if (n < 75)
		writer_reset(writer, side);
	else if (!tls)
		writer_end_well(writer, side);
	else if (n < 92)
		writer_truncate(writer, side);
	else
		writer_go_wrong(writer, side);
}

/* In the middle of the handshake, or right behind connect(2) or accept(2). */
static void writer_end_early(struct writer *writer, enum side side)
{
	static const enum move_kind ways[] = { MOVE_FIN, MOVE_RST_NOW, MOVE_CLOSE, MOVE_BREAK };
	const unsigned n_ways = writer->cast->tls[side] ? 4 : 3;

	writer->script->early[side] = true;
	writer->ended[side] = true;
	if (writer_happens(writer, 30))
		writer_let_pass(writer, side);
	writer_add(writer, side, ways[dice_throw(&writer->dice, n_ways)], 0);
}

/* It never reads, and closes as soon as it has said what it has to say. */
static void writer_hurry(struct writer *writer, enum side side)
{
	writer->ended[side] = true;
	writer_add(writer, side, MOVE_PAUSE, 0);
	if (writer_happens(writer, 50))
		writer_add(writer, side, MOVE_SEND, writer_size(writer));
	if (writer_happens(writer, 50))
		writer_add(writer, side, MOVE_SEND, PRESS);
	if (writer->cast->tls[side])
		writer_add(writer, side, MOVE_CLOSE_NOTIFY, 0);
	writer_add(writer, side, MOVE_CLOSE, 0);
	writer_add(writer, side_other(side), MOVE_AWAIT_END, 0);
}

static void writer_begin(struct writer *writer)
{
	static const int buffers[] = { 0, 0, 0, 0, 4096, 16384, 65536 };
	struct script *script = writer->script;

	for (int side = CLIENT; side <= BACKEND; side++) {
		script->version[side] =
			writer_happens(writer, 50) ? TLS1_2_VERSION : TLS1_3_VERSION;
		script->receive_buffer[side] = buffers[dice_throw(&writer->dice, 7)];
	}
	if (writer_happens(writer, 20))
		writer->listens[dice_throw(&writer->dice, 2)] = true;
	else if (writer_happens(writer, 5))
		writer_end_early(writer, dice_throw(&writer->dice, 2));
	else if (writer_happens(writer, 5))
		writer_hurry(writer, dice_throw(&writer->dice, 2));
}

/* Whose turn it is. */
static enum side writer_choose(struct writer *writer)
{
	const enum side side = dice_throw(&writer->dice, 2);

	if (writer->listens[side])
		return side_other(side);
	return writer->ended[side] ? side_other(side) : side;
}

static void writer_turn(struct writer *writer, enum side side, bool ends)
{
	const enum side other = side_other(side);

	if (!ends) {
		writer_go_on(writer, side);
		return;
	}
	writer_end(writer, side);
	if (writer->listens[other] && !writer->mute[side])
		writer_add(writer, other, MOVE_AWAIT_END, 0);
	writer->listens[other] = false;
}

void script_make(struct script *script, const struct cast *cast, uint64_t seed, unsigned number)
{
	struct writer writer = { .script = script,
		                 .cast = cast,
		                 .dice = { seed ^ (number * 0xd1342543de82ef95ULL) } };
	unsigned turns;

	memset(script, 0, sizeof(*script));
	writer_begin(&writer);
	turns = dice_throw(&writer.dice, 3) == 0 ? 4 : SCRIPT_TURNS;
	for (unsigned i = 0; i < turns && !(writer.ended[CLIENT] && writer.ended[BACKEND]); i++)
		writer_turn(&writer, writer_choose(&writer), writer_happens(&writer, 12));
	while (!(writer.ended[CLIENT] && writer.ended[BACKEND]))
		writer_turn(&writer, writer_choose(&writer), true);
}

/* ---- for a person ---- */

static const char *move_name(enum move_kind kind)
{
	switch (kind) {
	case MOVE_SEND:             return "send";
	case MOVE_BYTEWISE:         return "send-bytewise";
	case MOVE_EMPTY:            return "empty-record";
	case MOVE_WARN:             return "warn";
	case MOVE_KEY_UPDATE:       return "key-update";
	case MOVE_PAUSE:            return "pause";
	case MOVE_RESUME:           return "resume";
	case MOVE_CORK:             return "cork";
	case MOVE_UNCORK:           return "uncork";
	case MOVE_LET_PASS:         return "let-pass";
	case MOVE_AWAIT_DATA:       return "await-data";
	case MOVE_AWAIT_SENT:       return "await-sent";
	case MOVE_AWAIT_END:        return "await-end";
	case MOVE_CLOSE_NOTIFY:     return "close_notify";
	case MOVE_FIN:              return "fin";
	case MOVE_RST:              return "rst";
	case MOVE_RST_NOW:          return "rst-now";
	case MOVE_CLOSE:            return "close";
	case MOVE_CUT:              return "cut-record";
	case MOVE_CUT_CLOSE_NOTIFY: return "cut-close_notify";
	case MOVE_FORGE:            return "forge-close_notify";
	case MOVE_ALERT:            return "alert";
	case MOVE_BREAK:            return "break-record";
	case MOVE_NOISE:            return "noise";
	}
	abort();
}

static void script_tell_peer(const struct script *script, const struct cast *cast, enum side side)
{
	(void)fprintf(stderr, "%s: %s%s", side == CLIENT ? "client" : "backend",
	              !cast->tls[side]                          ? "plain"
	              : script->version[side] == TLS1_3_VERSION ? "TLSv1.3"
	                                                        : "TLSv1.2",
	              script->early[side] ? ", ends early" : "");
	if (script->receive_buffer[side] > 0)
		(void)fprintf(stderr, ", SO_RCVBUF %d", script->receive_buffer[side]);
	(void)fprintf(stderr, "\n");
}

void script_tell(const struct script *script, const struct cast *cast)
{
	script_tell_peer(script, cast, CLIENT);
	script_tell_peer(script, cast, BACKEND);
	for (size_t i = 0; i < script->n_moves; i++) {
		const struct move *move = &script->moves[i];

		(void)fprintf(stderr, "  %-8s %s", move->side == CLIENT ? "client" : "backend",
		              move_name(move->kind));
		(void)fprintf(stderr, move->n > 0 ? " %zu\n" : "\n", move->n);
	}
}
