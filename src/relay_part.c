/* SPDX-License-Identifier: ISC */
/*
 * Letting go of two sockets, each as its peer's stream deserves.
 *
 *   told that it ended well   linger: our FIN is out; throw away what still
 *                             comes until the peer's, so that closing over
 *                             unread input cannot reset the connection and
 *                             destroy an answer that is still on its way;
 *                             if nobody took what the peer sent, and it never
 *                             stopped, RST in the end, when it has that answer
 *   told nothing yet          abort: deliver what came before the abort, wait
 *                             until the peer's kernel has it, then RST, and
 *                             never a close_notify
 *   sent a fatal alert        FIN behind the alert, then linger, so that it
 *                             can be read; an alert is no good ending either
 *   lost                      close
 *
 * All of it bounded by close-timeout. The SSL objects are freed first: what
 * they had to say is in the sockets' queues.
 */
#include <stdlib.h>

#include "relay_impl.h"

enum {
	/* Nobody who is going to stop needs more than this to do so. */
	PARTING_MAX_DRAINED = 256 * 1024,
};

static uint32_t *relay_unacked_at(struct relay *relay, const struct socket *sock)
{
	return sock == relay->client ? &relay->unacked_down : &relay->unacked_up;
}

static enum parting relay_reset(struct relay *relay, struct socket *sock)
{
	*relay_unacked_at(relay, sock) = (uint32_t)socket_unacked(sock);
	socket_abort(sock);
	return PARTING_DONE;
}

static enum parting relay_close(struct relay *relay, struct socket *sock, size_t unacked)
{
	*relay_unacked_at(relay, sock) = (uint32_t)unacked;
	socket_close(sock);
	return PARTING_DONE;
}

static const struct flow *relay_outgoing(const struct relay *relay, const struct socket *sock)
{
	return sock == relay->client ? &relay->down : &relay->up;
}

static const struct flow *relay_incoming(const struct relay *relay, const struct socket *sock)
{
	return sock == relay->client ? &relay->up : &relay->down;
}

/* True when the peer has nothing to hear about what it sent, if it still sends. */
static bool relay_was_heard(const struct flow *incoming)
{
	const enum ending_kind kind = incoming->ending.kind;
	const bool left = kind == ENDING_TRUNCATED || kind == ENDING_UNANSWERED;

	return left || incoming->state == FLOW_DONE;
}

static enum parting relay_choose_parting(const struct relay *relay, struct socket *sock)
{
	const struct flow *incoming;

	if (sock == NULL)
		return PARTING_DONE;
	incoming = relay_incoming(relay, sock);
	if (relay_outgoing(relay, sock)->state == FLOW_DONE &&
	    (relay_was_heard(incoming) || incoming->state == FLOW_GONE))
		return PARTING_LINGERS;
	if (socket_has_alerted(sock)) {
		socket_shut(sock);
		return PARTING_LINGERS;
	}
	return PARTING_ABORTS;
}

enum relay_verdict relay_part_begin(struct relay *relay)
{
	if (relay->state != RELAY_HANDSHAKING) {
		flow_cut(&relay->up, (struct ending){ .kind = ENDING_SINK_GONE });
		flow_cut(&relay->down, (struct ending){ .kind = ENDING_SINK_GONE });
	}
	relay_enter(relay, RELAY_PARTING);
	relay->client_parting = relay_choose_parting(relay, relay->client);
	relay->backend_parting = relay_choose_parting(relay, relay->backend);
	socket_release(relay->client);
	if (relay->backend != NULL)
		socket_release(relay->backend);
	return RELAY_GOES_ON;
}

/* Nobody may be reading from it, and one that has reset acknowledges nothing any more. */
static enum io relay_flush(struct socket *sock)
{
	(void)socket_loss(sock); /* from now on nothing can be sent */
	return socket_flush(sock);
}

/* RST, once all that came before is with the peer's kernel. */
static enum parting relay_abort_turn(struct relay *relay, struct socket *sock)
{
	switch (relay_flush(sock)) {
	case IO_WAIT: return PARTING_ABORTS;
	case IO_DONE:
		if (socket_unacked(sock) > 0) {
			relay_look_again(relay);
			return PARTING_ABORTS;
		}
		return relay_reset(relay, sock);
	case IO_ENDED: return relay_reset(relay, sock);
	}
	abort();
}

/* IO_WAIT: the peer may still say something. */
static enum io relay_drain(struct relay *relay, struct socket *sock)
{
	const struct scratch *scratch = &relay->worker->scratch;
	size_t got;

	while (relay->drained <= PARTING_MAX_DRAINED) {
		enum io io = socket_drain(sock, scratch->room, scratch->len, &got);

		relay->drained += (uint32_t)got;
		if (io != IO_DONE)
			return io;
	}
	return IO_WAIT;
}

/*
 * With close = fast an acknowledged end is enough, and of one that does not stop
 * it has to be. Not before: what is unread makes a RST of our close, which would
 * destroy what is still on its way.
 */
static bool relay_is_let_go(struct relay *relay, struct socket *sock)
{
	const bool fast =
		sock == relay->client && listener_config(relay->listener)->close == CLOSE_FAST;

	if ((!fast && relay->drained <= PARTING_MAX_DRAINED) || !socket_is_finished(sock))
		return false;
	if (socket_unacked(sock) == 0)
		return true;
	relay_look_again(relay);
	return false;
}

static enum parting relay_linger_turn(struct relay *relay, struct socket *sock)
{
	if (relay_flush(sock) == IO_ENDED)
		return relay_reset(relay, sock);
	/* After a good end the kernel goes on with what is on its way; after a reset it is lost. */
	if (relay_drain(relay, sock) == IO_ENDED && socket_is_finished(sock))
		return relay_close(relay, sock, socket_error(sock) != 0 ? socket_unacked(sock) : 0);
	if (relay_is_let_go(relay, sock))
		return relay_close(relay, sock, socket_unacked(sock));
	return PARTING_LINGERS;
}

static enum parting relay_part_from(struct relay *relay, struct socket *sock, enum parting parting)
{
	switch (parting) {
	case PARTING_LINGERS: return relay_linger_turn(relay, sock);
	case PARTING_ABORTS:  return relay_abort_turn(relay, sock);
	case PARTING_NOT_YET:
	case PARTING_DONE:    return parting;
	}
	abort();
}

enum relay_verdict relay_part_turn(struct relay *relay)
{
	relay->client_parting = relay_part_from(relay, relay->client, relay->client_parting);
	relay->backend_parting = relay_part_from(relay, relay->backend, relay->backend_parting);
	return relay->client_parting == PARTING_DONE && relay->backend_parting == PARTING_DONE
	               ? RELAY_OVER
	               : RELAY_WAITS;
}

static void relay_part_hard(struct relay *relay, struct socket *sock, enum parting parting)
{
	if (parting == PARTING_DONE)
		return;
	/* What the kernel has in front of a FIN it goes on delivering. */
	if (socket_is_finished(sock) &&
	    (relay_was_heard(relay_incoming(relay, sock)) || socket_unacked(sock) > 0)) {
		(void)relay_drain(relay, sock); /* its last chance not to reset us */
		(void)relay_close(relay, sock, socket_unacked(sock));
	} else {
		(void)relay_reset(relay, sock);
	}
}

void relay_part_expire(struct relay *relay)
{
	relay_part_hard(relay, relay->client, relay->client_parting);
	relay_part_hard(relay, relay->backend, relay->backend_parting);
	relay->client_parting = relay->backend_parting = PARTING_DONE;
}

void relay_part_now(struct relay *relay)
{
	if (relay->state != RELAY_PARTING)
		(void)relay_part_begin(relay); /* its verdict is ours already */
	relay_part_expire(relay);
}
