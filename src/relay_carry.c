/* SPDX-License-Identifier: ISC */
/* Carrying: both flows, what their endings are worth, and when all is decided. */
#include "relay_impl.h"

static void relay_note_truncation(struct relay *relay, enum side side, enum ending_kind kind)
{
	struct counters *counters = &relay->worker->counters;

	if (kind == ENDING_UNANSWERED)
		counters->unanswered++;
	if (kind != ENDING_TRUNCATED)
		return;
	counters->truncated++;
	if (worker_may_log(relay->worker, &relay->worker->truncations))
		relay_log_truncation(relay, side);
}

/*
 * In TLS 1.3 a handshake is over for us when the peer may yet reject our
 * certificate: a server always, a client that takes its time. Then that is the
 * first thing we hear of it.
 */
static void relay_note_rejection(struct relay *relay, const struct flow *flow, enum side side)
{
	if (flow->ending.kind != ENDING_ALERT || flow->read > 0 ||
	    !cause_is_rejection(cause_of_ending(flow->ending)))
		return;
	if (side == SIDE_CLIENT)
		relay->worker->counters.handshakes_failed++;
	(void)relay_log_handshake(relay, side, flow->ending);
}

/* What a flow's ending is worth the moment it is known. */
static void relay_note_ending(struct relay *relay, const struct flow *flow, enum ending_kind before,
                              enum side side)
{
	enum ending_kind kind = flow->ending.kind;

	if (kind == before)
		return;
	/* A lost sink is the other side's doing, which the other flow will tell. */
	if (relay->first == FIRST_NOBODY && kind != ENDING_SINK_GONE)
		relay->first = side == SIDE_CLIENT ? FIRST_CLIENT : FIRST_BACKEND;
	relay_note_truncation(relay, side, kind);
	relay_note_rejection(relay, flow, side);
}

static bool relay_is_decided(const struct relay *relay)
{
	return relay->up.state == FLOW_BROKEN || relay->down.state == FLOW_BROKEN ||
	       (flow_is_over(&relay->up) && flow_is_over(&relay->down));
}

/*
 * close = fast: the client has all we had for it and knows that this was all.
 * RFC 8446, 6.1 lets us go without its close_notify.
 */
static bool relay_may_let_go(struct relay *relay, enum flow_verdict up)
{
	const struct listener_config *config = listener_config(relay->listener);

	if (config->close != CLOSE_FAST || config->mode != LISTENER_TLS ||
	    relay->down.state != FLOW_DONE)
		return false;
	/* It has said its last word, or may have: that is under way, or not read yet. */
	if (relay->up.state != FLOW_OPEN || up == FLOW_YIELDS || socket_unsent(relay->backend) > 0)
		return false;
	if (socket_unacked(relay->client) == 0)
		return true;
	relay_look_again(relay);
	return false;
}

/*
 * A source that is reset while its sink is behind is not read, and yet the
 * abort is due: its bytes have close-timeout to reach their sink.
 */
static void relay_look_for_loss(struct relay *relay, const struct flow *flow)
{
	const bool behind = socket_unsent(flow->sink) > 0 || socket_is_held(flow->sink);

	if (relay->dying || flow->state != FLOW_OPEN || !behind ||
	    socket_loss(flow->source).kind == ENDING_NONE)
		return;
	relay->dying = true;
	relay->since = poller_now();
}

/*
 * Nobody reads from a source that has ended, so nobody would hear that it is
 * gone for good now, and that the other flow speaks to nobody.
 */
static void relay_look_at_ended(struct relay *relay)
{
	if (flow_is_over(&relay->up))
		(void)socket_loss(relay->client);
	if (flow_is_over(&relay->down))
		(void)socket_loss(relay->backend);
}

/* The second turn: what it brings to light may be what the up flow waits for. */
static enum flow_verdict relay_turn_down(struct relay *relay, const struct scratch *scratch,
                                         bool *moved, enum flow_verdict *up)
{
	const bool held = socket_is_held(relay->backend);
	const bool was_over = flow_is_over(&relay->down);
	enum flow_verdict down = flow_turn(&relay->down, scratch, moved);
	const bool is_lost = !was_over && relay->down.state == FLOW_GONE;
	/* Its end may be there, and decides what becomes of the relay. */
	const bool unread = !was_over && flow_is_over(&relay->down) && flow_hurry(&relay->up);

	if (*up == FLOW_WAITS && (is_lost || unread || (held && !socket_is_held(relay->backend))))
		*up = FLOW_YIELDS;
	return down;
}

/* Large ones save a few percent, at the expense of those who wait meanwhile. */
static size_t relay_turn_size(const struct relay *relay, size_t len)
{
	enum { SHORT = 65536 };

	return len > SHORT && worker_is_talked_to(relay->worker) ? SHORT : len;
}

static void relay_note_progress(struct relay *relay, uint64_t up, uint64_t down)
{
	const size_t turn = listener_config(relay->listener)->buffer_size;
	const uint64_t now = poller_now();

	if (!relay->dying)
		relay->since = now;
	if (up > 0 || down > 0)
		relay->asked = up > 0;
	if (!flow_is_over(&relay->down))
		flow_gather(&relay->up, up, turn, now);
	flow_gather(&relay->down, down, turn, now);
}

enum relay_verdict relay_carry(struct relay *relay)
{
	const size_t len = listener_config(relay->listener)->buffer_size;
	const struct scratch scratch = {
		.pipes = relay->worker->scratch.pipes,
		.room = relay->worker->scratch.room,
		.len = len,
		.turn = relay_turn_size(relay, len),
	};
	enum ending_kind up_before = relay->up.ending.kind;
	enum ending_kind down_before = relay->down.ending.kind;
	const uint64_t up_read = relay->up.read;
	const uint64_t down_read = relay->down.read;
	bool moved = false;
	enum flow_verdict up;
	enum flow_verdict down;

	if (relay->n_turns < RELAY_VISIT && ++relay->n_turns == RELAY_VISIT)
		relay_last(relay);
	relay_look_at_ended(relay);
	up = flow_turn(&relay->up, &scratch, &moved);
	if (relay->up.state == FLOW_BROKEN)
		(void)flow_hurry(&relay->down); /* its last turn */
	down = relay_turn_down(relay, &scratch, &moved, &up);
	if (moved)
		relay_note_progress(relay, relay->up.read - up_read, relay->down.read - down_read);
	relay_look_for_loss(relay, &relay->up);
	relay_look_for_loss(relay, &relay->down);
	relay_note_ending(relay, &relay->up, up_before, SIDE_CLIENT);
	relay_note_ending(relay, &relay->down, down_before, SIDE_BACKEND);
	if (!relay_is_decided(relay) && relay_may_let_go(relay, up)) {
		flow_cut(&relay->up, (struct ending){ .kind = ENDING_UNANSWERED });
		relay->worker->counters.unanswered++;
	}
	if (relay_is_decided(relay))
		return relay_part_begin(relay);
	return up == FLOW_YIELDS || down == FLOW_YIELDS ? RELAY_YIELDS : RELAY_WAITS;
}
