/* SPDX-License-Identifier: ISC */
/* From a descriptor that is readable to a relay, or to a client that is refused. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "listener_impl.h"
#include "quota.h"
#include "relay.h"
#include "socket.h"
#include "worker.h"

enum {
	/* Accepting is cheap, what follows is not: running relays come in between. */
	LISTENER_BATCH = 4,
};

static void listener_say_refused(const struct listener *listener, const union peer_address *peer,
                                 const char *reason)
{
	char text[ADDRESS_TEXT_ROOM];
	struct log_line line;

	log_begin(&line, LEVEL_WARNING, "refused");
	log_text(&line, "listener", listener->config->name);
	log_text(&line, "client", address_text(&peer->any, peer_address_len(peer), text));
	log_text(&line, "reason", reason);
	log_end(&line);
}

/* Early and cheaply: no TLS, no relay, a RST. */
static void listener_refuse(struct listener *listener, int fd, const union peer_address *peer,
                            const char *reason)
{
	struct worker *worker = listener->worker;

	socket_abort_fd(fd);
	worker->counters.refused++;
	if (worker_may_log(worker, &worker->refusals))
		listener_say_refused(listener, peer, reason);
}

/* Takes a place everywhere that places are counted. NULL, or the reason why there is none. */
static const char *listener_admit(struct listener *listener, const struct sockaddr *peer,
                                  bool *counted)
{
	const struct listener_config *config = listener->config;
	struct worker *worker = listener->worker;
	struct common *common = worker->common;
	const unsigned handshakes = atomic_load(&common->max_handshakes);
	const char *reason;

	if (config->mode == LISTENER_TLS && handshakes > 0 && worker->n_handshakes >= handshakes)
		return "max_handshakes";
	if (config->max_rate > 0 &&
	    !quota_may_come(listener->quota, config->max_rate, poller_now()))
		return "max_rate";
	if (atomic_fetch_add(&common->n_connections, 1) >= atomic_load(&common->max_connections))
		reason = "max_connections";
	else
		reason = quota_enter(listener->quota, peer, config->max_connections,
		                     config->max_per_ip, counted);
	if (reason != NULL)
		(void)atomic_fetch_sub(&common->n_connections, 1);
	return reason;
}

static void listener_take(struct listener *listener, int fd, const union peer_address *peer)
{
	struct common *common = listener->worker->common;
	bool counted = false;
	const char *reason = listener_admit(listener, &peer->any, &counted);

	listener->worker->counters.accepted++;
	if (reason != NULL) {
		listener_refuse(listener, fd, peer, reason);
		return;
	}
	listener->n_relays++;
	if (!relay_start(listener, listener->worker, fd, peer, counted,
	                 atomic_fetch_add(&common->last_id, 1) + 1))
		listener_say_refused(listener, peer, "out_of_memory");
}

/* Somebody went away while waiting: accept(2), "Error handling". The next one may be fine. */
static bool listener_lost_one(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:       return true;
	default:           return false;
	}
}

/* What it has inherited need not be what we have set on the listening descriptor. */
static bool listener_is_unsure(const struct accept_point *point)
{
	return point->is_new || point->is_shared ||
	       atomic_load(&point->listener->worker->common->had_heir);
}

bool listener_accept(struct accept_point *point)
{
	struct listener *listener = point->listener;
	union peer_address peer = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);
	int fd = accept4(point->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		if (listener_is_unsure(point))
			listener_set_options(listener->config, fd);
		if (listener->paused) {
			listener->paused = false;
			listener_say(listener, LEVEL_INFO, "accept-resumed", NULL);
		}
		listener_take(listener, fd, &peer);
		return true;
	}
	if (listener_lost_one(errno))
		return true;
	point->is_new &= errno != EAGAIN;
	/* Whatever else it is, who waits goes on waiting, and so the descriptor stays readable. */
	if (errno != EAGAIN)
		listener_pause(listener, errno);
	return false;
}

/* To ask costs a tenth of an accept4() in vain, which makes a socket before it looks. */
static bool listener_has_more(const struct accept_point *point)
{
	struct pollfd one = { .fd = point->fd, .events = POLLIN };

	return poll(&one, 1, 0) == 1;
}

void listener_on_event(void *arg, uint32_t what)
{
	struct accept_point *point = arg;

	(void)what;
	for (int i = 0; i < LISTENER_BATCH; i++) {
		if (!listener_accept(point))
			return;
		if (!listener_has_more(point)) {
			point->is_new = false;
			return;
		}
	}
}
