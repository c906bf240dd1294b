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
#include "sandbox.h"
#include "socket.h"
#include "tls_bio.h"

enum {
	/* Lines of one kind a second; the rest are counted. */
	WORKER_LOGGED = 100,
	/* Between two looks for idle relays to end. */
	WORKER_SPREAD_MS = 100,
};

uint64_t worker_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- relays whose turns are long ---- */

/*
 * One after another, and everybody else in between: the timeout is zero, but
 * the descriptors are polled, and whoever has little to do does not wait for
 * more than one long turn. Without memory for a timer at once and unpolled,
 * which is unfair, and alive.
 */
static void worker_arm_queue(struct worker *worker)
{
	static const struct timeval at_once = { 0, 0 };

	if (evtimer_add(&worker->queue_event, &at_once) != 0)
		event_active(&worker->queue_event, EV_TIMEOUT, 0);
}

static void worker_on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	struct relay *relay = TAILQ_FIRST(&worker->queue);

	(void)fd;
	(void)what;
	if (relay == NULL)
		return;
	TAILQ_REMOVE(&worker->queue, relay, queue_link);
	relay->queued = false;
	/* Before its turn, which may queue it again, and must not find an empty queue without
	 * timer. */
	if (!TAILQ_EMPTY(&worker->queue))
		worker_arm_queue(worker);
	relay_run(relay);
}

void worker_queue(struct worker *worker, struct relay *relay)
{
	if (relay->queued)
		return;
	if (TAILQ_EMPTY(&worker->queue))
		worker_arm_queue(worker);
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

static void worker_retire(struct handover *handover)
{
	if (handover == NULL)
		return;
	for (size_t i = 0; i < handover->n_listeners; i++)
		listener_retire(handover->listeners[i]);
	handover->n_listeners = 0;
	handover_free(handover);
}

/* ---- draining ---- */

/*
 * Clients whose idle connections are all ended at once come back all at once.
 * So each time as many of them are as it takes to be through in the end.
 */
static uint64_t worker_count_due(struct worker *worker)
{
	enum { WHOLE = 1024 };
	const uint64_t now = worker_now();
	const uint64_t left = worker->spread_until > now ? worker->spread_until - now : 1;
	uint64_t n_idle = 0;
	uint64_t due;
	struct relay *relay;

	TAILQ_FOREACH(relay, &worker->relays, link)
	n_idle += relay_is_idle(relay);
	worker->spread_debt += n_idle * WORKER_SPREAD_MS * WHOLE / left;
	due = worker->spread_debt / WHOLE;
	worker->spread_debt %= WHOLE;
	return due < n_idle ? due : n_idle;
}

static void worker_on_spread(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	uint64_t due = worker_count_due(worker);
	struct relay *relay = TAILQ_FIRST(&worker->relays);

	(void)fd;
	(void)what;
	while (relay != NULL && due > 0) {
		struct relay *next = TAILQ_NEXT(relay, link);

		if (relay_is_idle(relay)) {
			relay_kill(relay, (struct ending){ .kind = ENDING_DRAIN });
			due--;
		}
		relay = next;
	}
}

static void worker_spread(struct worker *worker)
{
	const struct timeval each = { .tv_usec = WORKER_SPREAD_MS * 1000 };
	const uint64_t spread = atomic_load(&worker->common->spread);

	if (spread == 0)
		return;
	worker->spread_until = worker_now() + spread;
	/* Without memory for it they are cut at the deadline like the rest. */
	if (event_assign(&worker->spread_event, worker->base, -1, EV_PERSIST, worker_on_spread,
	                 worker) == 0)
		(void)event_add(&worker->spread_event, &each);
}

static void worker_drain(struct worker *worker)
{
	if (worker->draining)
		return;
	worker_retire(worker->current); /* takes some more */
	worker->current = NULL;
	worker->draining = true;
	worker_spread(worker);
	if (TAILQ_EMPTY(&worker->relays))
		(void)event_base_loopbreak(worker->base); /* fails on no base only */
}

/* Nobody uses scratch between turns. */
static void worker_take_room(struct worker *worker, struct handover *handover)
{
	unsigned char *small = handover->room;

	if (handover->turn > worker->scratch.len) {
		small = worker->scratch.room;
		worker->scratch.room = handover->room;
		worker->scratch.len = handover->turn;
	}
	free(small);
	handover->room = NULL;
}

static void worker_turn_to(struct worker *worker, struct handover *next)
{
	const struct handover none = { .n_listeners = 0 };
	const struct handover *old = worker->current != NULL ? worker->current : &none;
	const uint64_t one = 1;

	worker_take_room(worker, next);
	for (size_t i = 0; i < next->n_listeners; i++)
		listener_open(next->listeners[i], old->listeners, old->n_listeners);
	worker_retire(worker->current);
	worker->current = next;
	/* Cannot be full: one at a time. */
	if (write(worker->common->turned_fd, &one, sizeof(one)) < 0)
		abort();
}

static void worker_look_for_handover(struct worker *worker)
{
	struct handover *next = atomic_exchange(&worker->next, NULL);

	if (next != NULL && !worker->draining)
		worker_turn_to(worker, next);
	else
		handover_free(next);
}

static void worker_on_command(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) < 0)
		return; /* EAGAIN: somebody's second word, already obeyed */
	atomic_fetch_add(&worker->beats, 1);
	worker_look_for_handover(worker);
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

static void worker_wake(const struct worker *worker)
{
	const uint64_t one = 1;

	/* EAGAIN: the counter is full of words that are still to be read. */
	if (write(worker->command_fd, &one, sizeof(one)) < 0)
		return;
}

unsigned worker_ping(struct worker *worker)
{
	unsigned before = atomic_load(&worker->beats);

	worker_wake(worker);
	return before;
}

void worker_hand_over(struct worker *worker, struct handover *handover)
{
	atomic_store(&worker->next, handover);
	worker_wake(worker);
}

void worker_tell(struct worker *worker, enum worker_command command)
{
	int before = atomic_load(&worker->command);

	while (before < (int)command &&
	       !atomic_compare_exchange_weak(&worker->command, &before, (int)command))
		continue;
	worker_wake(worker);
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

static bool worker_make_buffers(struct worker *worker)
{
	const size_t gathered = 65536; /* small enough to stay in a cache */

	pipes_init(&worker->pipes);
	worker->scratch.pipes = &worker->pipes;
	worker->tls_io = tls_io_new(gathered);
	return worker->tls_io != NULL;
}

struct handover *handover_new(size_t n, size_t turn)
{
	struct handover *handover = calloc(1, sizeof(*handover) + n * sizeof(struct listener *));

	if (handover == NULL)
		return NULL;
	handover->turn = turn;
	handover->room = malloc(turn + SOCKET_RECV_SLACK);
	if (handover->room == NULL) {
		free(handover);
		return NULL;
	}
	return handover;
}

void handover_free(struct handover *handover)
{
	if (handover == NULL)
		return;
	for (size_t i = 0; i < handover->n_listeners; i++)
		listener_free(handover->listeners[i]);
	free(handover->room);
	free(handover);
}

struct worker *worker_new(struct common *common)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return NULL;
	worker->common = common;
	worker->command_fd = -1;
	TAILQ_INIT(&worker->relays);
	TAILQ_INIT(&worker->queue);
	if (worker_make_events(worker) && worker_make_buffers(worker))
		return worker;
	worker_free(worker);
	return NULL;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	const uint64_t one = 1;

	sandbox_enter_worker();
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
	if (event_initialized(&worker->spread_event))
		(void)event_del(&worker->spread_event); /* it is assigned */
	handover_free(worker->current);
	handover_free(atomic_load(&worker->next));
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
