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
