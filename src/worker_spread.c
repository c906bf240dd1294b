/* SPDX-License-Identifier: ISC */
/*
 * Clients whose idle connections are all ended at once come back all at once.
 * So while a worker drains it ends them one by one: each time as many as it takes
 * to be through in the end.
 */
#include "relay.h"
#include "worker.h"

/* Between two looks for idle relays to end. */
enum { WORKER_SPREAD_MS = 100 };

static uint64_t worker_count_due(struct worker *worker)
{
	enum { WHOLE = 1024 };
	const uint64_t now = poller_now();
	const uint64_t left = worker->spread_until > now ? worker->spread_until - now : 1;
	uint64_t n_idle = 0;
	uint64_t due;
	struct relay *relay;

	TAILQ_FOREACH(relay, &worker->relays, link)
	n_idle += relay_is_idle(relay);
	/* Of those some may not go yet; the others are to have all of the time. */
	n_idle -= n_idle < worker->spread_owing ? n_idle : worker->spread_owing;
	worker->spread_debt += n_idle * WORKER_SPREAD_MS * WHOLE / left;
	due = worker->spread_debt / WHOLE;
	worker->spread_debt %= WHOLE;
	return due < n_idle ? due : n_idle;
}

static void worker_on_spread(void *arg)
{
	struct worker *worker = arg;
	uint64_t due = worker_count_due(worker);
	struct relay *relay = TAILQ_FIRST(&worker->relays);

	poller_set(&worker->poller, &worker->spread_alarm, poller_now() + WORKER_SPREAD_MS);
	if (due > 0)
		worker->spread_owing = 0;
	while (relay != NULL && due > 0) {
		struct relay *next = TAILQ_NEXT(relay, link);

		/* What was sent may be on its way to a slow reader for long. */
		if (relay_is_idle(relay) && !relay_owes_nothing(relay)) {
			worker->spread_owing++;
		} else if (relay_is_idle(relay)) {
			relay_kill(relay, (struct ending){ .kind = ENDING_DRAIN });
			due--;
		}
		relay = next;
	}
}

void worker_spread(struct worker *worker)
{
	const uint64_t spread = atomic_load(&worker->common->spread);

	if (spread == 0)
		return;
	worker->spread_until = poller_now() + spread;
	worker->spread_alarm = (struct alarm){ .ring = worker_on_spread, .owner = worker };
	poller_set(&worker->poller, &worker->spread_alarm, poller_now() + WORKER_SPREAD_MS);
}
