/* SPDX-License-Identifier: ISC */
/*
 * The end: no more connections, running relays go on until drain-timeout, and
 * those that are left are cut. Whoever waits for that, in the log or in the
 * service manager, sees how it goes.
 *
 *	begin --> progress, a few times --> (deadline, or killed) --> end
 */
#include <event2/event.h>

#include "daemon_impl.h"
#include "log.h"
#include "notify.h"

enum {
	DRAIN_LOOK_MS = 1000,           /* between two looks at what is left */
	DRAIN_STEPS = 4,                /* lines of progress until the deadline, with that one */
	DRAIN_STEP_MS = 60000,          /* between them if there is none */
	DRAIN_SPARE_MS = 10000,         /* until all is closed and freed */
};

static unsigned daemon_count_left(const struct daemon *daemon)
{
	return atomic_load(&daemon->common.n_connections);
}

/* ---- who is told ---- */

/* duration and remaining: 0 leaves the field out. */
static void daemon_say_drain(const struct daemon *daemon, const char *phase, uint64_t duration,
                             uint64_t remaining)
{
	struct log_line line;

	log_begin(&line, LEVEL_INFO, "drain");
	log_text(&line, "phase", phase);
	log_number(&line, "relays", daemon_count_left(daemon));
	if (duration > 0)
		log_duration(&line, "duration", duration);
	if (remaining > 0)
		log_duration(&line, "remaining", remaining);
	log_end(&line);
}

static void daemon_show_drain(struct daemon *daemon, const char *doing)
{
	const unsigned left = daemon_count_left(daemon);
	struct drain *drain = &daemon->drain;

	/* Who waited in a backlog when it began has come in since. */
	if (left > drain->n_began)
		drain->n_began = left;
	drain->n_shown = left;
	notify("STATUS=%s: %u of %u connections left", doing, left, drain->n_began);
}

/*
 * A service manager that kills us first would have the kernel end streams, and
 * some of them well. It has to hear of this again before the time is over.
 */
static void daemon_ask_for_time(uint64_t milliseconds)
{
	notify_extend_timeout(milliseconds + DRAIN_SPARE_MS);
}

/* ---- how it goes ---- */

static void daemon_look_at_drain(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	struct drain *drain = &daemon->drain;
	const uint64_t now = poller_now();

	(void)fd;
	(void)what;
	if (daemon_count_left(daemon) != drain->n_shown)
		daemon_show_drain(daemon, "Draining");
	if (daemon->told != WORKER_DRAIN || now < drain->step_at)
		return;
	while (drain->step_at <= now)
		drain->step_at += drain->step;
	daemon_say_drain(daemon, "progress", now - drain->began_at,
	                 drain->timeout > 0 ? drain->began_at + drain->timeout - now : 0);
	if (drain->timeout == 0)
		daemon_ask_for_time(2 * (uint64_t)DRAIN_STEP_MS);
}

void daemon_tell(struct daemon *daemon, enum worker_command command)
{
	daemon->told = command;
	for (unsigned i = 0; i < daemon->n_workers; i++)
		worker_tell(daemon->workers[i], command);
}

static void daemon_cut(struct daemon *daemon, const char *phase, enum worker_command command)
{
	daemon_say_drain(daemon, phase, poller_now() - daemon->drain.began_at, 0);
	daemon_show_drain(daemon, "Cutting");
	daemon_tell(daemon, command);
}

static void daemon_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	daemon_cut(arg, "deadline", WORKER_CUT);
}

static void daemon_arm_drain(struct daemon *daemon)
{
	const uint64_t timeout = daemon->drain.timeout;
	const struct timeval each = { .tv_sec = DRAIN_LOOK_MS / 1000 };
	const struct timeval in = {
		.tv_sec = (time_t)(timeout / 1000),
		.tv_usec = (suseconds_t)(timeout % 1000 * 1000),
	};

	/* Without memory for a timer there is no waiting for its end, and no telling how it goes.
	 */
	if (timeout > 0 && evtimer_add(&daemon->drain.deadline_event, &in) != 0)
		daemon_tell(daemon, WORKER_CUT);
	(void)event_add(&daemon->drain.look_event, &each);
}

void daemon_begin_drain(struct daemon *daemon)
{
	struct drain *drain = &daemon->drain;
	const uint64_t timeout = daemon_config(daemon)->drain_timeout;

	drain->timeout = timeout;
	drain->began_at = poller_now();
	drain->step = timeout > 0 ? timeout / DRAIN_STEPS + 1 : DRAIN_STEP_MS;
	drain->step_at = drain->began_at + drain->step;
	notify("STOPPING=1");
	daemon_ask_for_time(timeout > 0 ? timeout : 2 * (uint64_t)DRAIN_STEP_MS);
	daemon_show_drain(daemon, "Draining");
	daemon_say_drain(daemon, "begin", 0, timeout);
	/* Idle ones are through before those that are cut at the deadline. */
	if (daemon_config(daemon)->drain_spread)
		atomic_store(&daemon->common.spread, timeout / 10 * 9);
	daemon_tell(daemon, WORKER_DRAIN);
	daemon_arm_drain(daemon);
}

void daemon_end(struct daemon *daemon)
{
	if (daemon->asking) {
		daemon->told = WORKER_DRAIN; /* there is nobody to wait for */
		return;
	}
	if (daemon->told == WORKER_GO_ON) {
		daemon_begin_drain(daemon);
		return;
	}
	/* A service manager stops the heir and us: it asks for the first time, and we are at it. */
	if (daemon->replaced) {
		daemon->replaced = false;
		return;
	}
	daemon_cut(daemon, "killed", WORKER_KILL);
}

void daemon_say_drained(const struct daemon *daemon)
{
	daemon_say_drain(daemon, "end", poller_now() - daemon->drain.began_at, 0);
	notify("STATUS=Stopped");
}

bool daemon_make_drain(struct daemon *daemon)
{
	return evtimer_assign(&daemon->drain.deadline_event, daemon->base, daemon_on_deadline,
	                      daemon) == 0 &&
	       event_assign(&daemon->drain.look_event, daemon->base, -1, EV_PERSIST,
	                    daemon_look_at_drain, daemon) == 0;
}
