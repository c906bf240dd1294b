/* SPDX-License-Identifier: ISC */
/* work - what the clients of a run do, once they have greeted */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stdbool.h>

#include "client.h"

struct work {
	const char *name;
	/* No connection is kept: an operation is a whole one, from connect to close. */
	bool churns;
	/* Before the rest, everybody loads a page. */
	bool pages;
	/* For each, once all have greeted (churn: at the start); NULL: they go on waiting. */
	void (*begin)(struct client *client);
	/* At each event while the client works. WIRE_ENDED: it has done what it had to. */
	enum wire_result (*step)(struct client *client);
	/* After any client's turn and at each tick, or NULL. */
	void (*pump)(struct run *run);
};

extern const struct work work_churn; /* end the connection and make another one */
extern const struct work work_echo;  /* echoes on kept connections */
extern const struct work work_down;  /* bulk */
extern const struct work work_up;
extern const struct work work_hold;  /* nothing */
extern const struct work work_page;  /* nothing, but not without having carried something */

/* NULL if nothing is called so. */
const struct work *work_find(const char *name);

#endif
