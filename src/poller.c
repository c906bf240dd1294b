/* SPDX-License-Identifier: ISC */
#include "poller.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

uint64_t poller_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t poller_now(void)
{
	return poller_now_us() / 1000 + 1;
}

bool poller_init(struct poller *poller)
{
	*poller = (struct poller){ .fd = epoll_create1(EPOLL_CLOEXEC) };
	return poller->fd >= 0;
}

void poller_clear(struct poller *poller)
{
	if (poller->fd >= 0)
		(void)close(poller->fd);
	poller->fd = -1;
}

/* ---- descriptors ---- */

static bool poller_control(struct poller *poller, int operation, struct watch *watch, int fd,
                           uint32_t what)
{
	struct epoll_event event = { .events = what, .data.ptr = watch };

	return epoll_ctl(poller->fd, operation, fd, &event) == 0;
}

bool poller_watch(struct poller *poller, struct watch *watch, int fd, uint32_t what)
{
	return poller_control(poller, EPOLL_CTL_ADD, watch, fd, what);
}

bool poller_change(struct poller *poller, struct watch *watch, int fd, uint32_t what)
{
	return poller_control(poller, EPOLL_CTL_MOD, watch, fd, what);
}

/* Closing fd would do, were it not for a child that is about to exec and has it open, too. */
void poller_forget(struct poller *poller, const struct watch *watch, int fd)
{
	(void)epoll_ctl(poller->fd, EPOLL_CTL_DEL, fd, NULL); /* it is there */
	for (int i = poller->at + 1; i < poller->n; i++)
		if (poller->batch[i].data.ptr == watch)
			poller->batch[i].data.ptr = NULL;
}

/* One epoll_wait(2), and whoever it has news for is told; or only those who are brief. */
static void poller_look(struct poller *poller, int timeout, bool brief)
{
	int n = epoll_wait(poller->fd, poller->batch, POLLER_BATCH, timeout);

	if (n < 0 && errno != EINTR)
		abort(); /* the others are mistakes of ours */
	poller->n = n > 0 ? n : 0;
	for (poller->at = 0; poller->at < poller->n; poller->at++) {
		const struct epoll_event *event = &poller->batch[poller->at];
		const struct watch *watch = event->data.ptr;

		if (watch != NULL && (watch->brief || !brief))
			watch->tell(watch->owner, event->events);
	}
	poller->n = 0;
}

/* ---- times ---- */

void poller_set(struct poller *poller, struct alarm *alarm, uint64_t due)
{
	deadlines_set(&poller->alarms, &alarm->deadline, due);
}

void poller_unset(struct poller *poller, struct alarm *alarm)
{
	deadlines_unset(&poller->alarms, &alarm->deadline);
}

/* For epoll_wait(2). */
static int poller_timeout(const struct poller *poller)
{
	const struct deadline *first = poller->alarms.first;
	uint64_t now;

	if (first == NULL)
		return -1;
	now = poller_now();
	if (first->due <= now)
		return 0;
	return first->due - now < INT_MAX ? (int)(first->due - now) : INT_MAX;
}

/* Not all at once, should it be thousands: who has something to say comes in between. */
static void poller_ring(struct poller *poller)
{
	const uint64_t now = poller->alarms.first != NULL ? poller_now() : 0;

	for (int i = 0; i < POLLER_BATCH; i++) {
		struct deadline *first = poller->alarms.first;
		struct alarm *alarm;

		if (first == NULL || first->due > now)
			return;
		alarm = (struct alarm *)((char *)first - offsetof(struct alarm, deadline));
		deadlines_unset(&poller->alarms, first);
		alarm->ring(alarm->owner);
	}
}

void poller_turn(struct poller *poller, bool wait)
{
	poller_look(poller, wait ? poller_timeout(poller) : 0, false);
	poller_ring(poller);
}

void poller_glance(struct poller *poller)
{
	if (poller->n == 0)
		poller_look(poller, 0, true);
}
