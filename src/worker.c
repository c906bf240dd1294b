/* SPDX-License-Identifier: ISC */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "listener.h"
#include "relay.h"
#include "socket.h"
#include "tls_bio.h"

enum {
	/* Lines of one kind a second; the rest are counted. */
	WORKER_LOGGED = 100,
};

uint64_t worker_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- relays that yielded ---- */

/* With a zero timeout, not event_active(): the others are polled in between. */
static const struct timeval at_once = { 0, 0 };

static void worker_on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct relay_queue turn = TAILQ_HEAD_INITIALIZER(turn);
	struct relay *relay;

	(void)fd;
	(void)what;
	/* Those that yield again are for the next time. */
	TAILQ_CONCAT(&turn, &worker->queue, queue_link);
	while ((relay = TAILQ_FIRST(&turn)) != NULL) {
		TAILQ_REMOVE(&turn, relay, queue_link);
		relay->queued = false;
		relay_run(relay);
	}
}

void worker_queue(struct worker *worker, struct relay *relay)
{
	if (relay->queued)
		return;
	if (TAILQ_EMPTY(&worker->queue))
		(void)evtimer_add(&worker->queue_event, &at_once); /* room is there: worker_new */
	relay->queued = true;
	TAILQ_INSERT_TAIL(&worker->queue, relay, queue_link);
}

void worker_remove(struct worker *worker, struct relay *relay)
{
	if (relay->queued)
		TAILQ_REMOVE(&worker->queue, relay, queue_link);
	TAILQ_REMOVE(&worker->relays, relay, link);
	(void)atomic_fetch_sub(&worker->common->n_connections, 1);
	if (worker->draining && TAILQ_EMPTY(&worker->relays))
		(void)event_base_loopbreak(worker->base); /* fails on no base only */
}

/* ---- warnings ---- */

static void worker_say_suppressed(const char *event, uint32_t n)
{
	struct log_line line;

	if (n == 0)
		return;
	log_begin(&line, LEVEL_WARNING, event);
	log_number(&line, "suppressed", n);
	log_end(&line);
}

static void worker_on_limits(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	worker_say_suppressed("truncation", log_limit_take(&worker->truncations));
	worker_say_suppressed("refused", log_limit_take(&worker->refusals));
}

bool worker_may_log(struct worker *worker, struct log_limit *limit)
{
	const struct timeval soon = { .tv_sec = 1 };

	if (log_limit_pass(limit, worker_now(), WORKER_LOGGED))
		return true;
	/* Without memory the count waits for the next one, or the end. */
	if (!evtimer_pending(&worker->limits_event, NULL))
		(void)evtimer_add(&worker->limits_event, &soon);
	return false;
}

/* ---- commands ---- */

static void worker_end_relays(struct worker *worker, enum ending_kind kind)
{
	struct relay *relay;

	while ((relay = TAILQ_FIRST(&worker->relays)) != NULL)
		relay_kill(relay, (struct ending){ .kind = kind });
}

static void worker_drain(struct worker *worker)
{
	if (worker->draining)
		return;
	for (size_t i = 0; i < worker->n_listeners; i++)
		listener_close(worker->listeners[i]); /* takes some more */
	worker->draining = true;
	if (TAILQ_EMPTY(&worker->relays))
		(void)event_base_loopbreak(worker->base); /* fails on no base only */
}

static void worker_on_command(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return; /* EAGAIN: somebody's second word, already obeyed */
	switch ((enum worker_command)atomic_load(&worker->command)) {
	case WORKER_GO_ON: return;
	case WORKER_DRAIN: worker_drain(worker); return;
	case WORKER_CUT:
		worker_drain(worker);
		worker_end_relays(worker, ENDING_DRAIN);
		return;
	case WORKER_KILL:
		worker_drain(worker);
		worker_end_relays(worker, ENDING_KILLED);
		return;
	}
	abort();
}

void worker_tell(struct worker *worker, enum worker_command command)
{
	const uint64_t one = 1;
	int before = atomic_load(&worker->command);

	while (before < (int)command &&
	       !atomic_compare_exchange_weak(&worker->command, &before, (int)command))
		continue;
	/* EAGAIN: the counter is full of words that are still to be read. */
	if (write(worker->command_fd, &one, sizeof(one)) < 0)
		return;
}

/* ---- its life ---- */

static bool worker_make_events(struct worker *worker)
{
	struct event_config *config = event_config_new();

	if (config == NULL)
		return false;
	/* One thread uses the base: no locks. */
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	worker->base = event_base_new_with_config(config);
	event_config_free(config);
	worker->command_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (worker->base == NULL || worker->command_fd < 0)
		return false;
	return poller_init(&worker->poller, worker->base) &&
	       event_assign(&worker->command_event, worker->base, worker->command_fd,
	                    EV_READ | EV_PERSIST, worker_on_command, worker) == 0 &&
	       event_add(&worker->command_event, NULL) == 0 &&
	       evtimer_assign(&worker->limits_event, worker->base, worker_on_limits, worker) == 0 &&
	       evtimer_assign(&worker->queue_event, worker->base, worker_on_queue, worker) == 0;
}

static size_t worker_turn_size(const struct worker_binds *binds, size_t n_binds)
{
	size_t size = 4 * 16384;

	for (size_t i = 0; i < n_binds; i++)
		if (binds[i].config->buffer_size > size)
			size = binds[i].config->buffer_size;
	return size;
}

static bool worker_make_buffers(struct worker *worker, size_t size)
{
	pipes_init(&worker->pipes);
	worker->scratch.pipes = &worker->pipes;
	worker->scratch.len = size;
	worker->scratch.room = malloc(size + SOCKET_RECV_SLACK);
	worker->tls_io = tls_io_new(size / FLOW_MOVES); /* small enough to stay in a cache */
	return worker->scratch.room != NULL && worker->tls_io != NULL;
}

/* Takes the descriptors of binds from the n-th on by closing them. */
static void worker_close_binds(const struct worker_binds *binds, size_t n, size_t n_binds)
{
	for (; n < n_binds; n++)
		for (size_t i = 0; i < binds[n].config->n_binds; i++)
			(void)close(binds[n].fds[i]);
}

static bool worker_make_listeners(struct worker *worker, const struct worker_binds *binds,
                                  size_t n_binds, char *reason)
{
	worker->listeners = calloc(n_binds, sizeof(struct listener *));
	if (worker->listeners == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		worker_close_binds(binds, 0, n_binds);
		return false;
	}
	for (size_t i = 0; i < n_binds; i++) {
		struct listener *listener = listener_new(worker, &binds[i], reason);

		if (listener == NULL) {
			worker_close_binds(binds, i, n_binds);
			return false;
		}
		worker->listeners[worker->n_listeners++] = listener;
	}
	return true;
}

struct worker *worker_new(struct common *common, const struct worker_binds *binds, size_t n_binds,
                          char *reason)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		goto fail;
	worker->common = common;
	worker->command_fd = -1;
	TAILQ_INIT(&worker->relays);
	TAILQ_INIT(&worker->queue);
	if (!worker_make_events(worker) ||
	    !worker_make_buffers(worker, worker_turn_size(binds, n_binds)))
		goto fail;
	if (!worker_make_listeners(worker, binds, n_binds, reason)) {
		worker_free(worker);
		return NULL;
	}
	return worker;
fail:
	(void)snprintf(reason, TLS_REASON_ROOM, "out of memory or descriptors");
	worker_close_binds(binds, 0, n_binds);
	worker_free(worker);
	return NULL;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	const uint64_t one = 1;

	(void)event_base_dispatch(worker->base); /* ends when told so */
	worker_on_limits(-1, 0, worker);
	/* Cannot be full: workers end once. */
	if (write(worker->common->ended_fd, &one, sizeof(one)) < 0)
		abort();
	return NULL;
}

bool worker_start(struct worker *worker)
{
	sigset_t all;
	sigset_t before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before); /* only EINVAL, for a wrong how */
	error = pthread_create(&worker->thread, NULL, worker_main, worker);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	worker->started = error == 0;
	return worker->started;
}

void worker_join(struct worker *worker)
{
	if (worker->started)
		(void)pthread_join(worker->thread, NULL); /* ours, joinable, once */
	worker->started = false;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	worker_end_relays(worker, ENDING_KILLED);
	for (size_t i = 0; i < worker->n_listeners; i++)
		listener_free(worker->listeners[i]);
	free(worker->listeners);
	poller_clear(&worker->poller);
	pipes_clear(&worker->pipes);
	if (worker->base != NULL)
		event_base_free(worker->base);
	if (worker->command_fd >= 0)
		(void)close(worker->command_fd);
	tls_io_free(worker->tls_io);
	free(worker->scratch.room);
	free(worker);
}
