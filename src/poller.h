/* SPDX-License-Identifier: ISC */
/*
 * poller - what a worker's thread waits for: descriptors and times
 *
 * epoll itself and no library around it, for three reasons. The one that
 * counts: only epoll tells of a reset that comes right behind data (EPOLLERR);
 * libevent says "readable" for both, and then every short read has to be
 * followed by another one, or by another look some time later. The others: what
 * a library needs to know of each descriptor and each timer would be a third of
 * what a relay costs beside its SSL object, and setting an alarm cannot fail.
 *
 * Nobody locks anything: a poller is its worker's.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "deadlines.h"

enum {
	/* What is taken from the kernel at once. */
	POLLER_BATCH = 128,
};

struct poller {
	int fd;
	int n;    /* of the batch */
	int at;   /* which of them is being told */
	struct deadlines alarms;
	struct epoll_event batch[POLLER_BATCH];
};

/* Who is told about a descriptor. Embedded; it stays where it is while it is watched. */
struct watch {
	void (*tell)(void *owner, uint32_t what); /* what: EPOLLIN and so on */
	void *owner;
	bool brief; /* what it then does is done soon */
};

/* Who is woken at a time. Embedded, zeroed but for these two; it stays where it is while it is set.
 */
struct alarm {
	void (*ring)(void *owner);
	void *owner;
	struct deadline deadline;
};

/* CLOCK_MONOTONIC in milliseconds; never 0. */
uint64_t poller_now(void);
/* The same clock in microseconds. */
uint64_t poller_now_us(void);

/* False: errno. Afterwards poller_clear() is fine either way. */
bool poller_init(struct poller *poller);
/* Nothing is watched and no alarm set any more. */
void poller_clear(struct poller *poller);

/* epoll_ctl(2), ADD or MOD. False: errno. */
bool poller_watch(struct poller *poller, struct watch *watch, int fd, uint32_t what);
bool poller_change(struct poller *poller, struct watch *watch, int fd, uint32_t what);
/* Before fd is closed. Whatever the kernel has said about it is not told any more. */
void poller_forget(struct poller *poller, const struct watch *watch, int fd);

/* Rings once, at the turn in which poller_now() has reached due. Moves one that is set. */
void poller_set(struct poller *poller, struct alarm *alarm, uint64_t due);
void poller_unset(struct poller *poller, struct alarm *alarm);
static inline bool alarm_is_set(const struct alarm *alarm)
{
	return alarm->deadline.due != 0;
}

/* Tells what there is to tell, once. wait: and sleeps until there is something. */
void poller_turn(struct poller *poller, bool wait);
/*
 * In the middle of something else: tells those who are brief. The others hear of it in the
 * next turn, if they are level-triggered. Not from within tell(): does nothing there.
 */
void poller_glance(struct poller *poller);

#endif
