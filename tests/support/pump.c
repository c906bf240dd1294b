/* SPDX-License-Identifier: ISC */
#include "pump.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	PUMP_PATIENCE_S = 20,
	PUMP_TICK_MS = 1,       /* not every condition has a descriptor */
	PUMP_MOST = 4096,
};

static struct pumped *pump_list;

void pump_add(struct pumped *pumped)
{
	pumped->next = pump_list;
	pumped->link = &pump_list;
	if (pump_list != NULL)
		pump_list->link = &pumped->next;
	pump_list = pumped;
}

void pump_remove(struct pumped *pumped)
{
	if (pumped->link == NULL)
		return;
	*pumped->link = pumped->next;
	if (pumped->next != NULL)
		pumped->next->link = pumped->link;
	pumped->next = NULL;
	pumped->link = NULL;
}

/* Whatever is added during a pass has its first turn in the next one. */
static void pump_pass(int timeout)
{
	static struct pollfd fds[PUMP_MOST];
	static struct pumped *owners[PUMP_MOST];
	nfds_t n = 0;

	for (struct pumped *p = pump_list; p != NULL && n < PUMP_MOST; p = p->next) {
		fds[n].fd = p->asleep ? -1 : p->fd;
		fds[n].events = p->events;
		fds[n].revents = 0;
		owners[n++] = p;
	}
	if (poll(fds, n, timeout) < 0)
		n = 0;
	for (nfds_t i = 0; i < n; i++)
		owners[i]->turn(owners[i], fds[i].revents);
}

static int64_t pump_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Sanitizers and valgrind make everything slow; a test says how slow in ADIEU_PATIENCE. */
static int64_t pump_patience(void)
{
	const char *factor = getenv("ADIEU_PATIENCE");
	const char *preload = getenv("LD_PRELOAD");
	int64_t patience = PUMP_PATIENCE_S * 1000;

	if (factor != NULL && atoi(factor) > 1)
		patience *= atoi(factor);
	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		patience *= 10;
	return patience;
}

bool pump_until(bool (*done)(void *arg), void *arg)
{
	int64_t deadline = pump_now() + pump_patience();

	while (!done(arg)) {
		if (pump_now() > deadline)
			return false;
		pump_pass(PUMP_TICK_MS);
	}
	return true;
}

void pump_turn(void)
{
	for (int i = 0; i < 3; i++)
		pump_pass(0);
}
