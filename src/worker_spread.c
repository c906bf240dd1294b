/* SPDX-License-Identifier: ISC */
/*
 * Clients whose idle connections are all ended at once come back all at once.
 * So while a worker drains it ends them one by one: each time as many as it takes
 * to be through in the end.
 */
#include <event2/event.h>

#include "relay.h"
#include "worker.h"

/* Between two looks for idle relays to end. */
enum { WORKER_SPREAD_MS = 100 };

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

void worker_spread(struct worker *worker)
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
