/* SPDX-License-Identifier: ISC */
#include "listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "binding.h"
#include "generation.h"
#include "log.h"
#include "quota.h"
#include "relay.h"
#include "socket.h"
#include "tls_context.h"
#include "worker.h"

enum {
	/* Accepting is cheap, what follows is not: running relays come in between. */
	LISTENER_BATCH = 4,
	LISTENER_PAUSE_MS = 100,
};

/* One listening descriptor. */
struct accept_point {
	struct listener *listener;
	const struct binding *binding;  /* borrowed, and only to be compared */
	struct watch watch;
	int fd;   /* -1: another listener has it */
};

struct listener {
	struct worker *worker;
	struct generation *generation;  /* a reference, because config is its */
	struct quota *quota;            /* another */
	const struct listener_config *config;
	struct tls_context *tls;
	struct backend **backends; /* of no route, and of each; there may be none of the first */
	struct alarm resume;
	bool paused;
	bool retired;
	unsigned n_relays;
	size_t n_points;
	struct accept_point points[];
};

const struct listener_config *listener_config(const struct listener *listener)
{
	return listener->config;
}

struct tls_context *listener_tls(const struct listener *listener)
{
	return listener->tls;
}

const struct route_config *listener_route(const struct listener *listener, unsigned route)
{
	return route > 0 ? listener->config->routes[route - 1] : NULL;
}

struct backend *listener_backend(const struct listener *listener, unsigned route)
{
	return listener->backends[route];
}

static void listener_say(const struct listener *listener, enum log_level level, const char *event,
                         const char *reason)
{
	struct log_line line;

	log_begin(&line, level, event);
	log_text(&line, "listener", listener->config->name);
	log_text(&line, "reason", reason);
	log_end(&line);
}

/* Fine for one that nobody has opened, even if the worker is busy meanwhile. */
static void listener_look_away(struct accept_point *point)
{
	if (point->fd >= 0 && point->watch.tell != NULL)
		poller_forget(&point->listener->worker->poller, &point->watch, point->fd);
}

static const char *listener_reason_of_errno(int error)
{
	switch (error) {
	case ENOMEM:
	case ENOBUFS: return "out_of_memory";
	case EMFILE:
	case ENFILE:
	case ENOSPC:  return "out_of_descriptors";
	case EACCES:
	case EPERM:   return "not_permitted";
	default:      return "accept_failed";
	}
}

static void listener_pause(struct listener *listener, int error)
{
	struct poller *poller = &listener->worker->poller;

	for (size_t i = 0; i < listener->n_points; i++)
		listener_look_away(&listener->points[i]);
	poller_set(poller, &listener->resume, poller_now() + LISTENER_PAUSE_MS);
	if (listener->paused)
		return;
	listener->paused = true;
	listener_say(listener, LEVEL_WARNING, "accept-paused", listener_reason_of_errno(error));
}

static void listener_watch(struct listener *listener)
{
	for (size_t i = 0; i < listener->n_points; i++) {
		struct accept_point *point = &listener->points[i];

		if (point->fd >= 0 &&
		    !poller_watch(&listener->worker->poller, &point->watch, point->fd, EPOLLIN)) {
			listener_pause(listener, errno);
			return;
		}
	}
}

static void listener_on_resume(void *arg)
{
	listener_watch(arg);
}

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

/* One connection. False: there is none to take now. */
static bool listener_accept(struct accept_point *point)
{
	struct listener *listener = point->listener;
	union peer_address peer = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);
	int fd = accept4(point->fd, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		if (listener->paused) {
			listener->paused = false;
			listener_say(listener, LEVEL_INFO, "accept-resumed", NULL);
		}
		listener_take(listener, fd, &peer);
		return true;
	}
	if (listener_lost_one(errno))
		return true;
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

static void listener_on_event(void *arg, uint32_t what)
{
	const struct accept_point *point = arg;

	(void)what;
	for (int i = 0; i < LISTENER_BATCH; i++)
		if (!listener_accept(arg) || !listener_has_more(point))
			return;
}

/* Routes to the same backend share what it has, and take turns there. */
static struct backend *listener_find_backend(const struct listener *listener, size_t n,
                                             const struct backend_config *config)
{
	for (size_t i = 0; i < n; i++)
		if (listener->backends[i] != NULL &&
		    backend_config(listener->backends[i]) == config)
			return listener->backends[i];
	return NULL;
}

static bool listener_load_backends(struct listener *listener, char *reason)
{
	const struct listener_config *config = listener->config;

	listener->backends = calloc(config->n_routes + 1, sizeof(struct backend *));
	if (listener->backends == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return false;
	}
	for (unsigned i = 0; i <= config->n_routes; i++) {
		const struct backend_config *wanted =
			config_backend_of(config, listener_route(listener, i));
		struct backend *backend = listener_find_backend(listener, i, wanted);

		if (wanted == NULL)
			continue; /* tls_hello.c lets nobody in who would go there */
		if (backend == NULL)
			backend = backend_new(wanted, reason);
		if (backend == NULL)
			return false;
		backend_set_user_timeout(backend, config->user_timeout);
		listener->backends[i] = backend;
	}
	return true;
}

static void listener_free_backends(struct listener *listener)
{
	/* From the last one, for the first of those that share one has made it. */
	for (size_t i = listener->config->n_routes + 1; listener->backends != NULL && i-- > 0;)
		if (listener->backends[i] != NULL &&
		    listener_find_backend(listener, i, backend_config(listener->backends[i])) ==
		            NULL)
			backend_free(listener->backends[i]);
	free(listener->backends);
}

static bool listener_load(struct listener *listener, const struct tls_supply *supply, char *reason)
{
	const struct listener_config *config = listener->config;

	if (config->mode == LISTENER_TLS) {
		listener->tls = tls_context_server(config, supply,
		                                   listener->worker->common->tickets, reason);
		if (listener->tls == NULL)
			return false;
	}
	return listener_load_backends(listener, reason);
}

struct listener *listener_new(struct generation *generation, const struct listener_config *config,
                              const struct tls_supply *supply, struct binding *const *bindings,
                              struct quota *quota, struct worker *worker, unsigned n, char *reason)
{
	struct listener *listener =
		calloc(1, sizeof(*listener) + config->n_binds * sizeof(listener->points[0]));

	if (listener == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return NULL;
	}
	listener->worker = worker;
	listener->generation = generation_hold(generation);
	listener->quota = quota_hold(quota);
	listener->config = config;
	listener->n_points = config->n_binds;
	listener->resume = (struct alarm){ .ring = listener_on_resume, .owner = listener };
	for (size_t i = 0; i < listener->n_points; i++)
		listener->points[i] = (struct accept_point){ .listener = listener,
			                                     .binding = bindings[i],
			                                     .fd = binding_take(bindings[i], n) };
	if (listener_load(listener, supply, reason))
		return listener;
	listener_free(listener);
	return NULL;
}

/* -1 if none has it. */
static int listener_give_up(struct listener *listener, const struct binding *binding)
{
	for (size_t i = 0; i < listener->n_points; i++) {
		struct accept_point *point = &listener->points[i];
		int fd = point->fd;

		if (point->binding != binding || fd < 0)
			continue;
		listener_look_away(point);
		point->fd = -1;
		return fd;
	}
	return -1;
}

/*
 * What is set on a listening descriptor is set on what it accepts, which costs
 * nothing there. On a Unix socket it fails, and may; a kernel that does not know
 * an option goes on without.
 */
static void listener_set_options(const struct listener_config *config, int fd)
{
	const int on = 1;

	/* We gather writes ourselves. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	socket_set_fragile(fd, config->mode == LISTENER_TCP);
	socket_set_keepalive(fd, config->keepalive);
	socket_set_user_timeout(fd, config->user_timeout);
}

void listener_open(struct listener *listener, struct listener *const *old, size_t n_old)
{
	for (size_t i = 0; i < listener->n_points; i++) {
		struct accept_point *point = &listener->points[i];

		for (size_t k = 0; k < n_old && point->fd < 0; k++)
			point->fd = listener_give_up(old[k], point->binding);
		listener_set_options(listener->config, point->fd);
		point->watch = (struct watch){ listener_on_event, point };
	}
	listener_watch(listener);
}

static void listener_stop(struct listener *listener)
{
	poller_unset(&listener->worker->poller, &listener->resume);
	for (size_t i = 0; i < listener->n_points; i++) {
		struct accept_point *point = &listener->points[i];

		if (point->fd < 0)
			continue;
		listener_look_away(point);
		(void)close(point->fd);
		point->fd = -1;
	}
}

void listener_leave(struct listener *listener)
{
	if (--listener->n_relays == 0 && listener->retired)
		listener_free(listener);
}

/*
 * The kernel has promised these a listener; closing now would reset them. Who
 * comes while we are at it was promised nothing, and there may be no end of them.
 */
static void listener_take_waiting(struct accept_point *point)
{
	for (uint32_t n = 0; n <= point->listener->config->backlog; n++)
		if (!listener_accept(point))
			return;
}

void listener_retire(struct listener *listener)
{
	listener->n_relays++; /* not before we are through */
	listener->retired = true;
	for (size_t i = 0; i < listener->n_points; i++)
		if (listener->points[i].fd >= 0)
			listener_take_waiting(&listener->points[i]);
	listener_stop(listener);
	listener_leave(listener);
}

void listener_return_place(struct listener *listener, const struct sockaddr *peer, bool counted)
{
	quota_leave(listener->quota, peer, counted);
}

void listener_free(struct listener *listener)
{
	if (listener == NULL)
		return;
	listener_stop(listener);
	listener_free_backends(listener);
	tls_context_free(listener->tls);
	quota_release(listener->quota);
	generation_release(listener->generation);
	free(listener);
}
