/* SPDX-License-Identifier: ISC */
/* What the main thread is told: signals, its workers, the time, libevent's own words. */
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon_impl.h"
#include "log.h"
#include "notify.h"

/*
 * A reload may take long, and whatever came during one is heard before the next
 * one begins: somebody may have told us to end.
 */
enum {
	PRIORITY_LIBEVENT,
	PRIORITY_USUAL,
	PRIORITY_RELOAD,
	PRIORITIES,
};

_Static_assert(PRIORITY_USUAL == PRIORITIES / 2, "an event is given this one if none is set");

/* ---- the end ---- */

static void daemon_on_end(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	daemon_end(arg);
}

static void daemon_on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	daemon->n_ended += (unsigned)n;
	if (daemon->n_ended == daemon->n_workers)
		(void)event_base_loopbreak(daemon->base); /* fails on no base only */
}

/* ---- another configuration ---- */

static void daemon_on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)number;
	(void)what;
	if (daemon->path == NULL)
		daemon_end(daemon); /* a terminal's */
	else
		daemon_ask_to_reload(daemon);
}

void daemon_ask_to_reload(struct daemon *daemon)
{
	daemon->reload_due = true;
	event_active(&daemon->reload_event, EV_TIMEOUT, 1);
}

static void daemon_on_reload(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	/* Who drains does not turn to anything new. */
	if (daemon->told == WORKER_GO_ON)
		daemon_reload(daemon);
}

static void daemon_on_turned(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	daemon->n_turned += (unsigned)n;
	if (daemon->n_turned == daemon->n_workers)
		daemon_settle(daemon);
}

static void daemon_on_reopen(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	(void)arg;
	log_reopen();
}

static void daemon_on_upgrade(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	daemon_upgrade(arg);
}

/* ---- the watchdog ---- */

static void daemon_feed_watchdog(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	bool turns = true;

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		unsigned beats = worker_ping(daemon->workers[i]);

		turns = turns &&
		        (beats != daemon->beats[i] || worker_has_ended(daemon->workers[i]));
		daemon->beats[i] = beats;
	}
	if (turns)
		notify("WATCHDOG=1");
}

/* Thrice in the time: a worker has one interval to come round. */
static bool daemon_watch(struct daemon *daemon)
{
	const uint64_t interval = notify_watchdog() / 3;
	const struct timeval each = {
		.tv_sec = (time_t)(interval / 1000),
		.tv_usec = (suseconds_t)(interval % 1000 * 1000),
	};

	if (interval == 0)
		return true;
	return event_assign(&daemon->watchdog_event, daemon->base, -1, EV_PERSIST,
	                    daemon_feed_watchdog, daemon) == 0 &&
	       event_add(&daemon->watchdog_event, &each) == 0;
}

/* ---- libevent's own words ---- */

static void daemon_on_libevent(int severity, const char *message)
{
	const bool is_bad = severity == EVENT_LOG_WARN || severity == EVENT_LOG_ERR;
	struct log_line line;

	log_begin(&line, is_bad ? LEVEL_WARNING : LEVEL_DEBUG, "libevent");
	log_text(&line, "message", message);
	log_end(&line);
}

/* It ends the program when it cannot even be made; what it has to say is in the queue. */
static void daemon_on_fatal(int error)
{
	(void)error;
	log_close();
	exit(EXIT_FAILURE);
}

/* ---- their making ---- */

static bool daemon_make_signals(struct daemon *daemon)
{
	static const struct {
		int number;
		event_callback_fn callback;
	} signals[DAEMON_SIGNALS] = {
		[DAEMON_TERM] = { SIGTERM, daemon_on_end },
		[DAEMON_INT] = { SIGINT, daemon_on_end },
		[DAEMON_HUP] = { SIGHUP, daemon_on_hangup },
		[DAEMON_USR1] = { SIGUSR1, daemon_on_reopen },
		[DAEMON_USR2] = { SIGUSR2, daemon_on_upgrade },
	};

	for (size_t i = 0; i < DAEMON_SIGNALS; i++)
		if (evsignal_assign(&daemon->signals[i], daemon->base, signals[i].number,
		                    signals[i].callback, daemon) != 0 ||
		    event_add(&daemon->signals[i], NULL) != 0)
			return false;
	return true;
}

static bool daemon_watch_fd(struct daemon *daemon, struct event *event, int fd,
                            event_callback_fn callback)
{
	return event_assign(event, daemon->base, fd, EV_READ | EV_PERSIST, callback, daemon) == 0 &&
	       event_add(event, NULL) == 0;
}

bool daemon_make_events(struct daemon *daemon)
{
	event_set_log_callback(daemon_on_libevent);
	event_set_fatal_callback(daemon_on_fatal);
	daemon->base = event_base_new();
	daemon->common.ended_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	daemon->common.turned_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (daemon->base == NULL || daemon->common.ended_fd < 0 || daemon->common.turned_fd < 0)
		return false;
	return event_base_priority_init(daemon->base, PRIORITIES) == 0 &&
	       evtimer_assign(&daemon->reload_event, daemon->base, daemon_on_reload, daemon) == 0 &&
	       event_priority_set(&daemon->reload_event, PRIORITY_RELOAD) == 0 &&
	       daemon_make_signals(daemon) &&
	       daemon_watch_fd(daemon, &daemon->ended_event, daemon->common.ended_fd,
	                       daemon_on_ended) &&
	       daemon_watch_fd(daemon, &daemon->turned_event, daemon->common.turned_fd,
	                       daemon_on_turned) &&
	       daemon_make_drain(daemon) && daemon_watch(daemon);
}

void daemon_free_events(struct daemon *daemon)
{
	if (daemon->base != NULL)
		event_base_free(daemon->base);
	if (daemon->common.turned_fd >= 0)
		(void)close(daemon->common.turned_fd);
	if (daemon->common.ended_fd >= 0)
		(void)close(daemon->common.ended_fd);
}
