/* SPDX-License-Identifier: ISC */
/*
 * How long a relay may stay in a state, and what happens after that.
 *
 * The timer is lazy. Progress only moves a time stamp; when the timer fires too
 * early for what the stamp says it is set again. So a busy relay pays nothing
 * for its timeouts.
 */
#include <stdlib.h>

#include "relay_impl.h"

void relay_look_again(struct relay *relay)
{
	enum { FIRST_PAUSE = 4, LONGEST_PAUSE = 128 }; /* milliseconds */

	relay->pause = relay->pause == 0 ? FIRST_PAUSE : relay->pause * 2;
	if (relay->pause > LONGEST_PAUSE)
		relay->pause = LONGEST_PAUSE;
	relay->look_at = poller_now() + relay->pause;
}

static bool relay_is_half_closed(const struct relay *relay)
{
	return flow_is_over(&relay->up) || flow_is_over(&relay->down) ||
	       relay->up.state == FLOW_PASSING || relay->down.state == FLOW_PASSING;
}

bool relay_is_idle(const struct relay *relay)
{
	enum { QUIET = 1000, ASKED = 10000 }; /* milliseconds */

	return relay->state == RELAY_CARRYING && !relay->queued && !relay_is_half_closed(relay) &&
	       socket_unsent(relay->client) == 0 && socket_unsent(relay->backend) == 0 &&
	       poller_now() - relay->since >= (relay->asked ? ASKED : QUIET);
}

bool relay_owes_nothing(const struct relay *relay)
{
	return socket_unacked(relay->client) == 0 && socket_unacked(relay->backend) == 0;
}

/* How long the present state may last without progress; PARSE_OFF: for ever. */
static uint64_t relay_limit(const struct relay *relay)
{
	const struct timeouts *timeouts = relay_timeouts(relay);

	switch (relay->state) {
	case RELAY_HANDSHAKING: return timeouts->handshake;
	case RELAY_CONNECTING:  return relay->hello ? timeouts->handshake : timeouts->connect;
	case RELAY_CARRYING:
		if (relay->dying)
			return timeouts->close;
		return relay_is_half_closed(relay) ? timeouts->half_close : timeouts->idle;
	case RELAY_PARTING: return timeouts->close;
	}
	abort();
}

uint64_t relay_expires_at(const struct relay *relay)
{
	uint64_t limit = relay_limit(relay);

	return limit == 0 ? UINT64_MAX : relay->since + limit;
}

/*
 * Four system calls that a short connection does without. A client's
 * descriptor has inherited them.
 */
void relay_last(struct relay *relay)
{
	if (relay->state != RELAY_CARRYING || relay->lasts)
		return;
	relay->lasts = true;
	relay->worker->n_lasting++;
	socket_keep_alive(relay->backend, listener_config(relay->listener)->keepalive);
	socket_settle(relay->client);
	socket_settle(relay->backend);
}

static uint64_t relay_earlier(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

void relay_arm(struct relay *relay)
{
	enum { SHORT = 1000 }; /* milliseconds */
	uint64_t due = relay_expires_at(relay);

	if (relay->state == RELAY_CARRYING && !relay->lasts && relay->since + SHORT < due)
		due = relay->since + SHORT;
	if (relay->look_at != 0 && relay->look_at < due)
		due = relay->look_at;
	due = relay_earlier(due, flow_wearies_at(&relay->up));
	due = relay_earlier(due, flow_wearies_at(&relay->down));
	if (due == UINT64_MAX || (alarm_is_set(&relay->timer) && relay->timer.deadline.due <= due))
		return;
	poller_set(&relay->worker->poller, &relay->timer, due);
}

/*
 * What the peers' kernels acknowledged is progress too: a slow reader may be
 * busy with what left our hands long ago.
 */
static bool relay_kernel_moved(struct relay *relay)
{
	uint32_t up = (uint32_t)socket_unacked(relay->backend);
	uint32_t down = (uint32_t)socket_unacked(relay->client);
	bool moved = up != relay->unacked_up || down != relay->unacked_down;

	relay->unacked_up = up;
	relay->unacked_down = down;
	return moved;
}

/* What is left of a lost source's bytes stays where it is. */
static enum relay_verdict relay_expire_dying(struct relay *relay)
{
	const struct ending up = socket_loss(relay->client);
	const struct ending down = socket_loss(relay->backend);

	if (relay->first == FIRST_NOBODY)
		relay->first = up.kind != ENDING_NONE ? FIRST_CLIENT : FIRST_BACKEND;
	if (up.kind != ENDING_NONE)
		flow_cut(&relay->up, up);
	if (down.kind != ENDING_NONE)
		flow_cut(&relay->down, down);
	relay_part_now(relay);
	return RELAY_OVER;
}

static enum relay_verdict relay_expire_carrying(struct relay *relay)
{
	const char *which = relay_is_half_closed(relay) ? "half-close" : "idle";
	bool up;
	bool down;

	if (relay->dying)
		return relay_expire_dying(relay);
	/* What there is of a stream may not have been told of yet. */
	up = flow_hurry(&relay->up);
	down = flow_hurry(&relay->down);
	if (up || down)
		return RELAY_GOES_ON;
	if (relay_kernel_moved(relay)) {
		relay->since = poller_now();
		return RELAY_WAITS;
	}
	flow_cut(&relay->up, (struct ending){ ENDING_TIMEOUT, which });
	flow_cut(&relay->down, (struct ending){ ENDING_TIMEOUT, which });
	return relay_part_begin(relay);
}

enum relay_verdict relay_expire(struct relay *relay)
{
	switch (relay->state) {
	case RELAY_HANDSHAKING:
		relay_fail_handshake(relay, (struct ending){ ENDING_TIMEOUT, "handshake" });
		return relay_part_begin(relay);
	case RELAY_CONNECTING: return relay_connect_expire(relay);
	case RELAY_CARRYING:   return relay_expire_carrying(relay);
	case RELAY_PARTING:    relay_part_expire(relay); return RELAY_OVER;
	}
	abort();
}
