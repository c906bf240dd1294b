/* SPDX-License-Identifier: ISC */
#include "flow.h"

#include <assert.h>
#include <stdlib.h>

#include "pipes.h"
#include "socket.h"

enum {
	/* Less is copied as fast as it is spliced. */
	FLOW_BULK = 16384,
};

bool flow_hurry(struct flow *flow)
{
	const bool was_on = gather_is_on(&flow->gather);

	if (was_on)
		socket_gather(flow->source, 0);
	gather_stop(&flow->gather);
	return was_on;
}

/* The only way from one state to the next; see the drawing in flow.h. */
static void flow_enter(struct flow *flow, enum flow_state state)
{
	assert(state > flow->state && !flow_is_over(flow));
	(void)flow_hurry(flow);
	flow->state = state;
}

static enum flow_verdict flow_lose_sink(struct flow *flow)
{
	/* A source that is lost as well explains more. */
	if (flow->ending.kind == ENDING_NONE)
		flow->ending = socket_loss(flow->source);
	if (flow->ending.kind == ENDING_NONE)
		flow->ending.kind = ENDING_SINK_GONE;
	flow_enter(flow, FLOW_GONE);
	return FLOW_OVER;
}

static bool flow_may_pass(const struct flow *flow)
{
	return ending_is_clean(flow->ending.kind) ||
	       (flow->ending.kind == ENDING_TRUNCATED && flow->pass_truncation);
}

/* The source has ended. Its last bytes are with the sink already. */
static void flow_take_ending(struct flow *flow)
{
	flow->ending = socket_ending(flow->source);
	flow_enter(flow, flow_may_pass(flow) ? FLOW_PASSING : FLOW_BROKEN);
}

/* Through the worker's buffer; the end of a source that ended well goes with its last bytes. */
static enum io flow_copy(struct flow *flow, unsigned char *room, size_t len, size_t *got,
                         enum io *to)
{
	enum io from = socket_recv(flow->source, room, len, got);

	if (from == IO_ENDED)
		flow_take_ending(flow);
	if (*got > 0)
		*to = socket_send(flow->sink, room, *got, flow->state == FLOW_PASSING);
	return from;
}

/* Through a pipe. False: nothing went that way. */
static bool flow_splice(struct flow *flow, struct pipes *pipes, size_t *got, enum io *to)
{
	*got = 0;
	if (flow->bulk && socket_begin_splice(flow->source, flow->sink, pipes))
		*got = socket_splice(flow->source, flow->sink);
	if (*got > 0)
		*to = socket_flush(flow->sink);
	return *got > 0;
}

/* One read of about len, one write. The sink's queue is empty. */
static enum io flow_move(struct flow *flow, const struct scratch *scratch, size_t len, bool *moved)
{
	size_t got;
	enum io to = IO_DONE;
	enum io from = flow_splice(flow, scratch->pipes, &got, &to)
	                       ? IO_DONE
	                       : flow_copy(flow, scratch->room, len, &got, &to);

	if (got > 0) {
		*moved = true;
		flow->bulk = got >= FLOW_BULK;
		flow->read += got;
		flow->keeps_up = from == IO_DONE && to == IO_DONE;
		if (to != IO_ENDED)
			flow->written += got;
	}
	/* A source that ended badly explains more than a sink that is lost. */
	return to == IO_ENDED || from == IO_DONE ? to : from;
}

/*
 * What TLS answers on its own account waits in the source's queue. A peer that
 * provokes such answers, and does not read them, is not read either.
 */
static bool flow_is_provoked(const struct flow *flow, const struct scratch *scratch)
{
	return socket_unsent(flow->source) > 2 * scratch->len + PIPES_SIZE &&
	       socket_flush(flow->source) == IO_WAIT;
}

static size_t flow_share(const struct flow *flow, const struct scratch *scratch, size_t left)
{
	size_t share = flow->keeps_up ? scratch->turn : scratch->turn / FLOW_MOVES;

	return share < left ? share : left;
}

static enum flow_verdict flow_carry(struct flow *flow, const struct scratch *scratch, bool *moved)
{
	size_t left = scratch->turn;

	while (left > 0) {
		size_t share = flow_share(flow, scratch, left);

		left -= share;
		switch (socket_flush(flow->sink)) {
		case IO_WAIT:  return FLOW_WAITS;
		case IO_ENDED: return flow_lose_sink(flow);
		case IO_DONE:  break;
		}
		if (flow_is_provoked(flow, scratch))
			return FLOW_WAITS;
		switch (flow_move(flow, scratch, share, moved)) {
		case IO_WAIT: return FLOW_WAITS;
		case IO_ENDED:
			if (flow->state == FLOW_OPEN)
				return flow_lose_sink(flow);
			return flow_is_over(flow) ? FLOW_OVER : FLOW_WAITS;
		case IO_DONE: break;
		}
	}
	return FLOW_YIELDS;
}

/* The source's end goes behind the last byte. */
static enum flow_verdict flow_pass(struct flow *flow, bool *moved)
{
	switch (socket_finish(flow->sink)) {
	case IO_WAIT:  return FLOW_WAITS;
	case IO_ENDED: return flow_lose_sink(flow);
	case IO_DONE:
		*moved = true;
		flow_enter(flow, FLOW_DONE);
		return FLOW_OVER;
	}
	abort();
}

enum flow_verdict flow_turn(struct flow *flow, const struct scratch *scratch, bool *moved)
{
	enum flow_verdict verdict = FLOW_OVER;
	size_t unsent = socket_unsent(flow->sink);

	if (flow->state == FLOW_OPEN)
		verdict = flow_carry(flow, scratch, moved);
	if (flow->state == FLOW_PASSING)
		verdict = flow_pass(flow, moved);
	if (socket_unsent(flow->sink) < unsent)
		*moved = true;
	return verdict;
}

void flow_gather(struct flow *flow, uint64_t got, size_t turn, uint64_t now)
{
	size_t want;

	if (got == 0 || flow->state != FLOW_OPEN)
		return;
	want = gather_more(&flow->gather, got, turn, now);
	if (want > 0)
		socket_gather(flow->source, want);
}

uint64_t flow_wearies_at(const struct flow *flow)
{
	return gather_is_on(&flow->gather) ? flow->gather.until : UINT64_MAX;
}

void flow_weary(struct flow *flow, bool queued, uint64_t now)
{
	if (now < flow_wearies_at(flow))
		return;
	/* A source may also be silent because nobody has come to read it, */
	if (queued && socket_is_readable(flow->source)) {
		gather_wait(&flow->gather, now);
		return;
	}
	/* or may do so: its sink is behind. */
	if (socket_unsent(flow->sink) == 0 && !socket_is_held(flow->sink))
		gather_doubt(&flow->gather);
	(void)flow_hurry(flow);
}

void flow_cut(struct flow *flow, struct ending ending)
{
	if (flow_is_over(flow))
		return;
	if (flow->ending.kind == ENDING_NONE)
		flow->ending = ending;
	flow->queued = flow->state == FLOW_PASSING && !socket_is_held(flow->sink);
	flow_enter(flow, FLOW_BROKEN);
}
