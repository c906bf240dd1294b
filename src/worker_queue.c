/* SPDX-License-Identifier: ISC */
/*
 * Whose turn it is. A relay that has little to do takes its turn as soon as the
 * kernel tells of it; who comes, goes or moves much waits in a queue.
 */
#include "poller.h"
#include "relay.h"
#include "worker.h"

enum {
	/* Microseconds in which turns from the queue may follow each other. */
	WORKER_STINT = 2000,
	/* Rounds in which turns are kept short, for whoever talked may do so again. */
	WORKER_ATTENTION = 1024,
	/* Microseconds of a turn, or of several, after which it looks for others. */
	WORKER_GLANCE = 10,
};

void worker_queue_init(struct worker *worker)
{
	TAILQ_INIT(&worker->queue);
	worker->n_rounds = WORKER_ATTENTION; /* nobody has talked */
}

void worker_note_talk(struct worker *worker)
{
	worker->talked_in = worker->n_rounds;
}

bool worker_is_talked_to(const struct worker *worker)
{
	return worker->n_lasting > 0 && worker->n_rounds - worker->talked_in < WORKER_ATTENTION;
}

static void worker_run_next(struct worker *worker)
{
	struct relay *relay = TAILQ_FIRST(&worker->queue);

	TAILQ_REMOVE(&worker->queue, relay, queue_link);
	relay->queued = false;
	relay_run(relay);
}

/*
 * The longest turns are handshakes. Between two steps of one, of which there are a
 * dozen, those pass who were just talking the last time; who comes, or moves much, has to
 * queue. It gives way for no longer than it works, else many who talk would stop it.
 */
bool worker_has_to_let_pass(void *arg)
{
	const struct worker *worker = arg;

	return worker->n_lasting > 0 && poller_now_us() >= worker->glance_at;
}

void worker_let_pass(void *arg)
{
	struct worker *worker = arg;
	const uint64_t began = poller_now_us();
	uint64_t spent;

	poller_glance(&worker->poller);
	spent = poller_now_us() - began;
	worker->glance_at = began + spent + (spent > WORKER_GLANCE ? spent : WORKER_GLANCE);
}

static bool worker_goes_on(const struct worker *worker, uint64_t began)
{
	return !TAILQ_EMPTY(&worker->queue) && !worker_is_talked_to(worker) &&
	       poller_now_us() - began < WORKER_STINT;
}

/*
 * Those who come and go are cheaper several at a time: what is sent to whoever is
 * awake already wakes nobody. If there are relays that last, those of them that have
 * little to do pass in between, and while one of them talks it is one turn at a time.
 */
static void worker_run_queued(struct worker *worker)
{
	uint64_t began;

	if (TAILQ_EMPTY(&worker->queue))
		return;
	began = poller_now_us();
	worker->glance_at = began + WORKER_GLANCE;
	do {
		worker_run_next(worker);
		if (worker_goes_on(worker, began) && worker_has_to_let_pass(worker))
			worker_let_pass(worker);
	} while (worker_goes_on(worker, began));
}

void worker_turn(struct worker *worker, bool wait)
{
	worker->n_rounds++;
	poller_turn(&worker->poller, wait && TAILQ_EMPTY(&worker->queue));
	worker_run_queued(worker);
}

void worker_queue(struct worker *worker, struct relay *relay)
{
	if (relay->queued)
		return;
	relay->queued = true;
	TAILQ_INSERT_TAIL(&worker->queue, relay, queue_link);
}
