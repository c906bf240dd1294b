/* SPDX-License-Identifier: ISC */
/*
 * From the client's handshake to a server that answers. Each address of the
 * backend is tried once; what is wrong with the last one is told to the log,
 * and the client, who must not take this for an empty answer, is aborted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay_impl.h"

static const char *relay_reason_of_errno(int error)
{
	switch (error) {
	case ECONNREFUSED:  return "connection_refused";
	case ETIMEDOUT:     return "connect_timeout";
	case EHOSTUNREACH:
	case ENETUNREACH:   return "unreachable";
	case ECONNRESET:    return "reset";
	case ENOENT:        return "no_such_socket";
	case EACCES:
	case EPERM:         return "not_permitted";
	case EMFILE:
	case ENFILE:        return "out_of_descriptors";
	case ENOMEM:
	case ENOBUFS:       return "out_of_memory";
	case EADDRNOTAVAIL: return "out_of_ports";
	default:            return "connect_failed";
	}
}

static enum relay_verdict relay_refuse(struct relay *relay)
{
	flow_cut(&relay->up, (struct ending){ .kind = ENDING_SINK_GONE });
	flow_cut(&relay->down, (struct ending){ ENDING_REFUSED, relay->refusal });
	relay->first = FIRST_BACKEND;
	return relay_part_begin(relay);
}

static bool relay_watch_backend(struct relay *relay)
{
	socket_set_family(relay->backend, relay->server->any.sa_family);
	if (socket_watch(relay->backend, &relay->worker->poller, false, relay_wake, relay))
		return true;
	socket_free(relay->backend);
	relay->backend = NULL;
	relay->refusal = "out_of_memory";
	return false;
}

static struct backend *relay_backend(const struct relay *relay)
{
	const struct tls_facts *client = socket_tls_facts(relay->client);

	return listener_backend(relay->listener, client != NULL ? client->route : 0);
}

/* What we lack ourselves says nothing about a server. */
static bool relay_is_servers_fault(const char *refusal)
{
	return strncmp(refusal, "out_of_", strlen("out_of_")) != 0;
}

/* The one that was tried last does not do. */
static void relay_note_failure(struct relay *relay, const char *refusal)
{
	relay->refusal = refusal;
	if (relay_is_servers_fault(refusal) &&
	    backend_note(relay_backend(relay), &relay->search, false))
		relay_log_server_news(relay, refusal);
}

/* Each has a connect-timeout of its own, also if there is no room yet where it listens. */
static void relay_begin_server(struct relay *relay)
{
	relay->since = poller_now();
	relay->pause = 0;
}

static enum relay_verdict relay_try_next(struct relay *relay)
{
	const struct tls_facts *client = socket_tls_facts(relay->client);
	struct backend *backend = relay_backend(relay);

	relay->hello = false;
	for (;;) {
		switch (backend_connect(backend, &relay->search, relay->worker->tls_io,
		                        client != NULL ? client->alpn : NULL, &relay->server,
		                        &relay->backend)) {
		case BACKEND_TRYING:
			if (!relay_watch_backend(relay))
				continue;
			relay->since = poller_now();
			return RELAY_WAITS;
		case BACKEND_BUSY:
			relay->refusal = "busy";
			relay_look_again(relay);
			return RELAY_WAITS;
		case BACKEND_FAILED:
			relay_note_failure(relay, relay_reason_of_errno(errno));
			relay_begin_server(relay);
			continue;
		case BACKEND_EXHAUSTED: return relay_refuse(relay);
		}
		abort();
	}
}

enum relay_verdict relay_connect_begin(struct relay *relay)
{
	relay_enter(relay, RELAY_CONNECTING);
	return relay_try_next(relay);
}

static enum relay_verdict relay_move_on(struct relay *relay)
{
	relay_begin_server(relay);
	return relay_try_next(relay);
}

static enum relay_verdict relay_give_up_server(struct relay *relay, const char *refusal)
{
	relay->refusal = refusal;
	socket_free(relay->backend);
	relay->backend = NULL;
	return relay_move_on(relay);
}

static enum relay_verdict relay_fail_connection(struct relay *relay, const char *refusal)
{
	relay_note_failure(relay, refusal);
	return relay_give_up_server(relay, refusal);
}

/* Which has a line of its own in the log, and may be the client's doing: by its alpn. */
static enum relay_verdict relay_fail_backend_tls(struct relay *relay)
{
	return relay_give_up_server(
		relay, relay_log_handshake(relay, SIDE_BACKEND, socket_ending(relay->backend)));
}

enum relay_verdict relay_connect_expire(struct relay *relay)
{
	/* A Unix socket whose backlog stays full: nothing was ever begun. */
	if (relay->backend == NULL) {
		relay->search.n_tried++;
		relay_note_failure(relay, relay->refusal);
		return relay_move_on(relay);
	}
	if (!relay->hello)
		return relay_fail_connection(relay, "connect_timeout");
	socket_set_ending(relay->backend, (struct ending){ ENDING_TIMEOUT, "handshake" });
	return relay_fail_backend_tls(relay);
}

static void relay_join(struct relay *relay)
{
	const struct observer *observer = &relay->worker->common->observer;
	bool pass_truncation = listener_config(relay->listener)->on_truncation == TRUNCATION_FIN;

	relay->up = (struct flow){ .source = relay->client,
		                   .sink = relay->backend,
		                   .pass_truncation = pass_truncation };
	relay->down = (struct flow){ .source = relay->backend,
		                     .sink = relay->client,
		                     .pass_truncation = pass_truncation };
	if (backend_note(relay_backend(relay), &relay->search, true))
		relay_log_server_news(relay, NULL);
	relay_enter(relay, RELAY_CARRYING);
	if (observer->relay_begins != NULL)
		observer->relay_begins(observer->arg, relay);
}

enum relay_verdict relay_connect_turn(struct relay *relay)
{
	/* What was refused of its handshake's last flight; a loss is for when it is read. */
	(void)socket_flush(relay->client);
	if (relay->backend == NULL) {
		if (relay->look_at != 0)
			return RELAY_WAITS; /* the client's news can wait */
		return relay_try_next(relay);
	}
	if (!relay->hello) {
		switch (socket_connected(relay->backend)) {
		case IO_WAIT: return RELAY_WAITS;
		case IO_ENDED:
			return relay_fail_connection(
				relay, relay_reason_of_errno(socket_error(relay->backend)));
		case IO_DONE: relay->hello = true; relay->since = poller_now();
		}
	}
	switch (socket_open(relay->backend)) {
	case IO_WAIT:  return RELAY_WAITS;
	case IO_ENDED: return relay_fail_backend_tls(relay);
	case IO_DONE:  relay_join(relay); return RELAY_GOES_ON;
	}
	abort();
}
