/* SPDX-License-Identifier: ISC */
#include "listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "binding.h"
#include "generation.h"
#include "listener_impl.h"
#include "quota.h"
#include "socket.h"
#include "tls_context.h"
#include "worker.h"

enum { LISTENER_PAUSE_MS = 100 };

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

void listener_say(const struct listener *listener, enum log_level level, const char *event,
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

void listener_pause(struct listener *listener, int error)
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
		listener->points[i] =
			(struct accept_point){ .listener = listener,
			                       .binding = bindings[i],
			                       .fd = binding_take(bindings[i], n),
			                       .is_shared = binding_is_shared(bindings[i]) };
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
void listener_set_options(const struct listener_config *config, int fd)
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
		point->is_new = true;
		point->watch = (struct watch){ .tell = listener_on_event, .owner = point };
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
