/* SPDX-License-Identifier: ISC */
#include "worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "listener.h"
#include "relay.h"
#include "sandbox.h"
#include "socket.h"
#include "tls_io.h"

enum {
	/* Lines of one kind a second; the rest are counted. */
	WORKER_LOGGED = 100,
};

void worker_remove(struct worker *worker, struct relay *relay)
{
	if (relay->queued)
		TAILQ_REMOVE(&worker->queue, relay, queue_link);
	TAILQ_REMOVE(&worker->relays, relay, link);
	(void)atomic_fetch_sub(&worker->common->n_connections, 1);
}

/* ---- warnings ---- */

/* side: whose they were, where that is counted apart; NULL leaves the field out. */
static void worker_say_suppressed(const char *event, const char *side, struct log_limit *limit)
{
	const uint32_t n = log_limit_take(limit);
	struct log_line line;

	if (n == 0)
		return;
	log_begin(&line, LEVEL_WARNING, event);
	log_text(&line, "side", side);
	log_number(&line, "suppressed", n);
	log_end(&line);
}

static void worker_on_limits(void *arg)
{
	struct worker *worker = arg;

	worker_say_suppressed("truncation", NULL, &worker->truncations);
	worker_say_suppressed("refused", NULL, &worker->refusals);
	worker_say_suppressed("server", NULL, &worker->server_news);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		worker_say_suppressed("handshake", side_word(side), &worker->handshakes[side]);
}

bool worker_may_log(struct worker *worker, struct log_limit *limit)
{
	const uint64_t now = poller_now();

	if (log_limit_pass(limit, now, WORKER_LOGGED))
		return true;
	if (!alarm_is_set(&worker->limits_alarm))
		poller_set(&worker->poller, &worker->limits_alarm, now + 1000);
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

static void worker_drain(struct worker *worker)
{
	if (worker->draining)
		return;
	worker_retire(worker->current); /* takes some more */
	worker->current = NULL;
	worker->draining = true;
	worker_spread(worker);
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

static void worker_on_command(void *arg, uint32_t what)
{
	struct worker *worker = arg;
	uint64_t n;

	(void)what;
	if (read(worker->command_fd, &n, sizeof(n)) < 0)
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

static bool worker_make_poller(struct worker *worker)
{
	worker->command_watch = (struct watch){ .tell = worker_on_command, .owner = worker };
	worker->limits_alarm = (struct alarm){ .ring = worker_on_limits, .owner = worker };
	worker->command_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return poller_init(&worker->poller) && worker->command_fd >= 0 &&
	       poller_watch(&worker->poller, &worker->command_watch, worker->command_fd, EPOLLIN);
}

static bool worker_make_buffers(struct worker *worker)
{
	const size_t gathered = 65536; /* small enough to stay in a cache */

	pipes_init(&worker->pipes);
	worker->scratch.pipes = &worker->pipes;
	worker->tls_io = tls_io_new(gathered);
	if (worker->tls_io == NULL)
		return false;
	tls_io_set_respite(worker->tls_io, worker_has_to_let_pass, worker_let_pass, worker);
	return true;
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
	worker_queue_init(worker);
	if (worker_make_poller(worker) && worker_make_buffers(worker))
		return worker;
	worker_free(worker);
	return NULL;
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	const uint64_t one = 1;

	sandbox_enter_worker();
	while (!worker->draining || !TAILQ_EMPTY(&worker->relays))
		worker_turn(worker, true);
	worker_on_limits(worker);
	atomic_store(&worker->ended, true);
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

bool worker_has_ended(const struct worker *worker)
{
	return atomic_load(&worker->ended);
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
	handover_free(worker->current);
	handover_free(atomic_load(&worker->next));
	poller_clear(&worker->poller);
	pipes_clear(&worker->pipes);
	if (worker->command_fd >= 0)
		(void)close(worker->command_fd);
	tls_io_free(worker->tls_io);
	free(worker->scratch.room);
	free(worker);
}
