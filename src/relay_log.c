/* SPDX-License-Identifier: ISC */
/* What the log says of a relay. */
#include <errno.h>

#include "log.h"
#include "relay_impl.h"

/* Where it came in. */
static void relay_log_origin(struct log_line *line, const struct relay *relay)
{
	const struct tls_facts *client = socket_tls_facts(relay->client);

	log_number(line, "id", relay->id);
	log_text(line, "listener", listener_config(relay->listener)->name);
	if (client != NULL && client->route > 0)
		log_text(line, "route", listener_route(relay->listener, client->route)->name);
}

static void relay_log_peer(struct log_line *line, const char *key, const struct relay *relay)
{
	char room[ADDRESS_TEXT_ROOM];

	log_text(line, key, address_text(&relay->peer.any, peer_address_len(&relay->peer), room));
}

static void relay_log_server(struct log_line *line, const char *key, const struct relay *relay)
{
	char room[ADDRESS_TEXT_ROOM];

	if (relay->server != NULL)
		log_text(line, key, address_text(&relay->server->any, relay->server->len, room));
}

static void relay_log_side(struct log_line *line, const struct relay *relay, enum side side)
{
	log_text(line, "side", side_word(side));
	if (side == SIDE_CLIENT)
		relay_log_peer(line, "peer", relay);
	else
		relay_log_server(line, "peer", relay);
}

/* Whose certificate it was, if there was one. */
static void relay_log_identity(struct log_line *line, const struct tls_facts *client)
{
	if (client->client == NULL)
		return;
	if (*client->client->subject != '\0')
		log_words(line, "client-cert", client->client->subject);
	if (*client->client->name != '\0')
		log_words(line, "client-name", client->client->name);
}

static void relay_log_tls(struct log_line *line, const struct relay *relay)
{
	const struct tls_facts *client = socket_tls_facts(relay->client);
	const struct tls_facts *backend =
		relay->backend != NULL ? socket_tls_facts(relay->backend) : NULL;

	if (client != NULL) {
		log_text(line, "tls", client->version);
		log_text(line, "cipher", client->cipher);
		log_text(line, "group", client->group);
		if (client->taken_over)
			log_text(line, "records", "own");
		log_words(line, "sni", client->name);
		log_text(line, "alpn", client->alpn);
		relay_log_identity(line, client);
		if (client->resumed)
			log_flag(line, "resumed", true);
	}
	if (backend != NULL) {
		log_text(line, "backend-tls", backend->version);
		log_text(line, "backend-cipher", backend->cipher);
		if (backend->resumed)
			log_flag(line, "backend-resumed", true);
	}
}

/* A stream that ended well, and whose sink never heard so. */
static bool relay_is_untold(const struct flow *flow)
{
	if (!ending_is_clean(flow->ending.kind) || flow_ended_well(flow))
		return false;
	/* What waits for the sink leaves in order while the relay parts from it. */
	return !flow->queued || !socket_is_finished(flow->sink) || socket_error(flow->sink) != 0;
}

static void relay_log_bytes(struct log_line *line, const struct relay *relay)
{
	size_t up_unsent = relay->backend != NULL ? socket_unsent(relay->backend) : 0;
	size_t down_unsent = socket_unsent(relay->client);

	log_number(line, "up", relay->up.read);
	log_number(line, "down", relay->down.read);
	if (relay->up.written != relay->up.read)
		log_number(line, "up-written", relay->up.written);
	if (relay->down.written != relay->down.read)
		log_number(line, "down-written", relay->down.written);
	if (up_unsent > 0)
		log_number(line, "up-unsent", up_unsent);
	if (down_unsent > 0)
		log_number(line, "down-unsent", down_unsent);
	if (relay->unacked_up > 0)
		log_number(line, "up-unacked", relay->unacked_up);
	if (relay->unacked_down > 0)
		log_number(line, "down-unacked", relay->unacked_down);
}

/* Where only a lost sink was seen, the one who was lost was first. */
static const char *relay_first_name(const struct relay *relay)
{
	switch (relay->first) {
	case FIRST_CLIENT:  return "client";
	case FIRST_BACKEND: return "backend";
	case FIRST_NOBODY:  break;
	}
	if (relay->up.ending.kind == relay->down.ending.kind)
		return NULL;
	return relay->up.ending.kind == ENDING_SINK_GONE ? "backend" : "client";
}

/* What we lacked to go on with it; NULL: nothing. */
static const char *relay_lack(const struct relay *relay)
{
	if (ending_is_ours(relay->up.ending))
		return relay->up.ending.detail;
	if (ending_is_ours(relay->down.ending))
		return relay->down.ending.detail;
	/* Where only the sink was lost by it, its source is not to blame. */
	if (socket_error(relay->client) == ENOMEM ||
	    (relay->backend != NULL && socket_error(relay->backend) == ENOMEM))
		return "out_of_memory";
	return NULL;
}

void relay_log_end(const struct relay *relay)
{
	bool refused = relay->down.ending.kind == ENDING_REFUSED;
	const char *lack = relay_lack(relay);
	char up[ENDING_TEXT_ROOM];
	char down[ENDING_TEXT_ROOM];
	struct log_line line;

	log_begin(&line, refused || lack != NULL ? LEVEL_WARNING : LEVEL_INFO, "relay");
	if (!line.wanted)
		return;
	relay_log_origin(&line, relay);
	relay_log_peer(&line, "client", relay);
	relay_log_server(&line, "backend", relay);
	if (relay->search.n_tried > 1)
		log_number(&line, "tried", relay->search.n_tried);
	relay_log_tls(&line, relay);
	relay_log_bytes(&line, relay);
	log_text(&line, "first", relay_first_name(relay));
	log_text(&line, "client-end", ending_text(relay->up.ending, up));
	log_text(&line, "backend-end", ending_text(relay->down.ending, down));
	if (relay_is_untold(&relay->up))
		log_flag(&line, "up-told", false);
	if (relay_is_untold(&relay->down))
		log_flag(&line, "down-told", false);
	log_text(&line, "reason", lack);
	log_duration(&line, "duration", poller_now() - relay->started);
	log_end(&line);
}

void relay_log_server_news(const struct relay *relay, const char *failure)
{
	struct worker *worker = relay->worker;
	struct log_line line;

	if (!worker_may_log(worker, &worker->server_news))
		return;
	log_begin(&line, failure != NULL ? LEVEL_WARNING : LEVEL_INFO, "server");
	log_text(&line, "listener", listener_config(relay->listener)->name);
	relay_log_server(&line, "backend", relay);
	log_text(&line, "state", failure != NULL ? "failed" : "answers");
	log_text(&line, "reason", failure);
	log_end(&line);
}

void relay_log_truncation(const struct relay *relay, enum side side)
{
	const struct flow *flow = side == SIDE_CLIENT ? &relay->up : &relay->down;
	struct log_line line;

	log_begin(&line, LEVEL_WARNING, "truncation");
	relay_log_origin(&line, relay);
	relay_log_side(&line, relay, side);
	log_flag(&line, "in-record", socket_cut_in_record(flow->source));
	log_number(&line, "received", flow->read);
	log_text(&line, "action", flow->state == FLOW_BROKEN ? "reset" : "fin");
	log_end(&line);
}

static void relay_say_handshake(const struct relay *relay, enum side side, enum cause cause,
                                enum log_level level)
{
	const struct tls_facts *facts =
		socket_tls_facts(side == SIDE_CLIENT ? relay->client : relay->backend);
	struct log_line line;

	log_begin(&line, level, "handshake");
	relay_log_origin(&line, relay);
	relay_log_side(&line, relay, side);
	log_text(&line, "cause", cause_word(cause, side));
	if (side == SIDE_CLIENT) {
		log_words(&line, "sni", facts->name);
		relay_log_identity(&line, facts);
	}
	log_text(&line, "reason", facts->reason);
	log_text(&line, "alert", facts->alert);
	log_duration(&line, "duration", poller_now() - relay->started);
	log_end(&line);
}

const char *relay_log_handshake(const struct relay *relay, enum side side, struct ending ending)
{
	const struct socket *sock = side == SIDE_CLIENT ? relay->client : relay->backend;
	const struct tls_facts *facts = socket_tls_facts(sock);
	/* Who only knocked, or looked whether somebody is there, is no news. */
	bool ours = ending_is_ours(ending);
	bool probe = side == SIDE_CLIENT && !socket_heard(sock) && !ours;
	enum log_level level = probe ? LEVEL_DEBUG : ours ? LEVEL_WARNING : LEVEL_INFO;
	enum cause cause = facts->cause != CAUSE_UNKNOWN ? facts->cause : cause_of_ending(ending);
	struct worker *worker = relay->worker;

	if (!probe)
		worker->causes.n[cause][side]++;
	/* What nobody wants to read is not missing. */
	if (log_wants(level) && worker_may_log(worker, &worker->handshakes[side]))
		relay_say_handshake(relay, side, cause, level);
	return cause_word(cause, side);
}
