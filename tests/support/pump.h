/* SPDX-License-Identifier: ISC */
/*
 * pump - everything a test plays by itself, turned by one poll()
 *
 * A test has several descriptors alive at once: both peers of a relay, the
 * doors they come in by, the daemon's log. Whichever it is waiting for, all of
 * them go on: a client whose bytes nobody sends never gets its answer. So
 * there is one list and one loop, and waiting is always "turn all of it until
 * this is true". Nothing here is a thread, and no wait is a sleep.
 */
#ifndef PUMP_H
#define PUMP_H

#include <stdbool.h>

/* Embedded in whatever owns a descriptor. */
struct pumped {
	int fd;   /* -1: nothing to poll */
	short events;           /* as poll(2); kept up to date by the owner */
	bool asleep;            /* not even errors are asked for */
	/* Called in every pass; revents is 0 when the descriptor has no news. */
	void (*turn)(struct pumped *pumped, short revents);
	struct pumped *next;
	struct pumped **link;
};

void pump_add(struct pumped *pumped);
/* Not from within a turn. Fine when it was never added. */
void pump_remove(struct pumped *pumped);

/* Turns everything until done(arg). False: the test's patience is at its end. */
bool pump_until(bool (*done)(void *arg), void *arg);

/* Turns everything a few times: what has arrived already is seen. */
void pump_turn(void);

#endif
