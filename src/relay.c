/* SPDX-License-Identifier: ISC */
/*
 * The relay's life: handshake, then carrying.
 *
 * Every way in (a socket woke us, the timer fired, our turn in the queue came,
 * the daemon is ending) leads through relay_run() or relay_kill(), and a relay
 * is freed nowhere else than at their end.
 */
#include "relay.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relay_impl.h"

void relay_enter(struct relay *relay, enum relay_state state)
{
	assert(state > relay->state);
	if (relay->state == RELAY_HANDSHAKING)
		relay->worker->n_handshakes--;
	relay->state = state;
	relay->since = poller_now();
	relay->look_at = relay->pause = 0;
}

const struct timeouts *relay_timeouts(const struct relay *relay)
{
	return &listener_config(relay->listener)->timeouts;
}

/* ---- the turn of each state ---- */

void relay_fail_handshake(struct relay *relay, struct ending ending)
{
	socket_set_ending(relay->client, ending);
	relay->worker->counters.handshakes_failed++;
	(void)relay_log_handshake(relay, SIDE_CLIENT, ending);
}

static enum relay_verdict relay_handshake(struct relay *relay)
{
	switch (socket_open(relay->client)) {
	case IO_WAIT: return RELAY_WAITS;
	case IO_DONE: return relay_connect_begin(relay);
	case IO_ENDED:
		relay_fail_handshake(relay, socket_ending(relay->client));
		return relay_part_begin(relay);
	}
	abort();
}

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
	if (!flow_is_over(&relay->down))
		flow_gather(&relay->up, up, turn, now);
	flow_gather(&relay->down, down, turn, now);
}

static enum relay_verdict relay_carry(struct relay *relay)
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

static enum relay_verdict relay_turn(struct relay *relay)
{
	switch (relay->state) {
	case RELAY_HANDSHAKING: return relay_handshake(relay);
	case RELAY_CONNECTING:  return relay_connect_turn(relay);
	case RELAY_CARRYING:    return relay_carry(relay);
	case RELAY_PARTING:     return relay_part_turn(relay);
	}
	abort();
}

/* ---- ways in, and the one way out ---- */

static void relay_free(struct relay *relay)
{
	poller_unset(&relay->worker->poller, &relay->timer);
	socket_free(relay->backend);
	socket_free(relay->client);
	if (relay->state == RELAY_HANDSHAKING)
		relay->worker->n_handshakes--;
	if (relay->lasts)
		relay->worker->n_lasting--;
	listener_leave(relay->listener);
	free(relay);
}

static void relay_count(const struct relay *relay)
{
	struct counters *counters = &relay->worker->counters;

	counters->relays++;
	/* A stream that ended well, and whose sink was told so. */
	if (flow_ended_well(&relay->up) && flow_ended_well(&relay->down))
		counters->clean++;
	else
		counters->aborted++;
}

static void relay_return_place(struct relay *relay)
{
	worker_remove(relay->worker, relay);
	listener_return_place(relay->listener, &relay->peer.any, relay->counted);
}

/* A relay came to be once it looked for a server. */
static void relay_finish(struct relay *relay)
{
	/* Whoever reads of its end may count on its place being free. */
	relay_return_place(relay);
	if (relay->up.ending.kind != ENDING_NONE) {
		relay_count(relay);
		relay_log_end(relay);
	}
	relay_free(relay);
}

void relay_kill(struct relay *relay, struct ending ending)
{
	if (relay->state == RELAY_CONNECTING || relay->state == RELAY_CARRYING) {
		flow_cut(&relay->up, ending);
		flow_cut(&relay->down, ending);
	}
	relay_part_now(relay);
	relay_finish(relay);
}

static void relay_settle(struct relay *relay, enum relay_verdict verdict)
{
	while (verdict == RELAY_GOES_ON)
		verdict = relay_turn(relay);
	if (verdict == RELAY_OVER) {
		relay_finish(relay);
		return;
	}
	if (verdict == RELAY_YIELDS)
		worker_queue(relay->worker, relay);
	relay_arm(relay);
}

void relay_run(struct relay *relay)
{
	relay_settle(relay, relay_turn(relay));
}

bool relay_is_idle(const struct relay *relay)
{
	enum { QUIET = 1000 }; /* milliseconds */

	return relay->state == RELAY_CARRYING && !relay->queued &&
	       socket_unsent(relay->client) == 0 && socket_unsent(relay->backend) == 0 &&
	       poller_now() - relay->since >= QUIET;
}

/*
 * To come and to go costs as much as many turns of those who just talk, and so
 * does a turn of whoever moved much the last time.
 */
static bool relay_takes_long(const struct relay *relay)
{
	return relay->state != RELAY_CARRYING || flow_is_bulk(&relay->up) ||
	       flow_is_bulk(&relay->down);
}

void relay_wake(void *arg)
{
	struct relay *relay = arg;

	if (relay->queued)
		return; /* its turn comes */
	if (relay_takes_long(relay)) {
		worker_queue(relay->worker, relay);
		return;
	}
	if (relay->lasts)
		worker_note_talk(relay->worker);
	relay_run(relay);
}

static void relay_on_timer(void *arg)
{
	struct relay *relay = arg;
	uint64_t now = poller_now();

	flow_weary(&relay->up, relay->queued, now);
	flow_weary(&relay->down, relay->queued, now);
	if (now >= relay_expires_at(relay)) {
		relay_settle(relay, relay_expire(relay));
	} else if (relay->look_at != 0 && now >= relay->look_at) {
		relay->look_at = 0;
		relay_run(relay);
	} else {
		relay_last(relay);
		relay_arm(relay);
	}
}

static bool relay_open_client(struct relay *relay, int fd)
{
	struct tls_context *tls = listener_tls(relay->listener);

	relay->client = tls == NULL ? socket_plain_new(fd)
	                            : socket_tls_accept(tls, relay->worker->tls_io, fd);
	if (relay->client == NULL)
		return false;
	socket_set_family(relay->client, relay->peer.any.sa_family);
	return socket_watch(relay->client, &relay->worker->poller, true, relay_wake, relay);
}

bool relay_start(struct listener *listener, struct worker *worker, int fd,
                 const union peer_address *peer, bool counted, uint64_t id)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (relay == NULL) {
		(void)atomic_fetch_sub(&worker->common->n_connections, 1);
		listener_return_place(listener, &peer->any, counted);
		listener_leave(listener);
		socket_abort_fd(fd);
		return false;
	}
	relay->worker = worker;
	relay->listener = listener;
	relay->timer = (struct alarm){ .ring = relay_on_timer, .owner = relay };
	relay->counted = counted;
	worker->n_handshakes++;
	relay->peer = *peer;
	relay->id = id;
	relay->started = relay->since = poller_now();
	TAILQ_INSERT_TAIL(&worker->relays, relay, link);
	if (!relay_open_client(relay, fd)) {
		relay_return_place(relay);
		relay_free(relay);
		return false;
	}
	/* A TLS client has yet to say hello: its first byte wakes us. */
	if (listener_tls(listener) == NULL)
		relay_run(relay);
	else
		relay_arm(relay);
	return true;
}
