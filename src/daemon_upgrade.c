/* SPDX-License-Identifier: ISC */
/* Another program in our place: what the daemon does about it, and says. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "daemon_impl.h"
#include "log.h"
#include "notify.h"
#include "upgrade.h"

static void daemon_say_upgrade(enum log_level level, const char *result, const char *reason,
                               pid_t pid)
{
	struct log_line line;

	log_begin(&line, level, "upgrade");
	log_text(&line, "result", result);
	log_text(&line, "reason", reason);
	if (pid > 0)
		log_number(&line, "pid", (uint64_t)pid);
	log_end(&line);
}

/* ---- the heir goes its own way ---- */

static void daemon_let_go_of_heir(struct daemon *daemon)
{
	(void)event_del(&daemon->heir_event); /* it is assigned */
	upgrade_let_go(&daemon->heir);
}

/* Its end, and all is as it was. */
static void daemon_outlive_heir(struct daemon *daemon, const char *reason)
{
	daemon_say_upgrade(LEVEL_ERROR, "failed", reason, daemon->heir.pid);
	if (daemon->heir.serves)
		generation_set_backlogs(daemon->generation);
	daemon_let_go_of_heir(daemon);
	daemon_keep_tickets(daemon);
	if (daemon->told != WORKER_GO_ON)
		return;
	daemon_notify_serving(daemon, "upgrade", reason);
	if (daemon->reload_due)
		daemon_ask_to_reload(daemon);
}

/* From here on it speaks to the service manager, and the sockets are its. */
static void daemon_make_way(struct daemon *daemon)
{
	daemon_say_upgrade(LEVEL_INFO, "done", NULL, daemon->heir.pid);
	notify("MAINPID=%ld", (long)daemon->heir.pid);
	(void)unsetenv("NOTIFY_SOCKET"); /* cannot fail */
	if (daemon->reload_due)
		upgrade_signal(&daemon->heir, SIGHUP);
	daemon_let_go_of_heir(daemon);
	generation_disown(daemon->generation);
	/* Somebody else may have asked us to end meanwhile. */
	daemon->replaced = daemon->told == WORKER_GO_ON;
	if (daemon->replaced)
		daemon_begin_drain(daemon);
}

/* ---- what it says, and what if it does not ---- */

/* From here on killing it would cut those whom it has accepted. */
static void daemon_let_heir_serve(struct daemon *daemon)
{
	struct upgrade_answer answer = { .yes = 1 };

	daemon_give_tickets(daemon, &answer);
	atomic_store(&daemon->common.had_heir, true);
	daemon->heir.serves = true;
	upgrade_answer(&daemon->heir, &answer);
	explicit_bzero(&answer, sizeof(answer));
}

/* It has still to put away what it has made: a Unix socket may be where a reload wants one. */
static void daemon_remember_reason(struct daemon *daemon, const struct upgrade_word *word)
{
	(void)snprintf(daemon->heir.reason, sizeof(daemon->heir.reason), "%s",
	               *word->reason != '\0' ? word->reason : strerror(word->error));
}

static void daemon_outlive_failed_heir(struct daemon *daemon)
{
	char reason[UPGRADE_REASON_ROOM];

	(void)snprintf(reason, sizeof(reason), "%s",
	               *daemon->heir.reason != '\0'
	                       ? daemon->heir.reason
	                       : "the new process ended without a word; what it wrote to standard "
	                         "error may say why");
	daemon_outlive_heir(daemon, reason);
}

static void daemon_obey_heir(struct daemon *daemon, const struct upgrade_word *word)
{
	switch (word->what) {
	case UPGRADE_ASKS:   daemon_let_heir_serve(daemon); return;
	case UPGRADE_READY:  daemon_make_way(daemon); return;
	case UPGRADE_FAILED: daemon_remember_reason(daemon, word); return;
	case UPGRADE_ENDED:  daemon_outlive_failed_heir(daemon); return;
	}
	upgrade_kill(&daemon->heir);
	daemon_outlive_heir(daemon, "the new process is not adieu");
}

/* Both accept until it says that it does. */
static void daemon_lose_patience(struct daemon *daemon)
{
	if (daemon->heir.serves) {
		daemon_say_upgrade(LEVEL_WARNING, "late",
		                   "the new process may have clients, and has not said that it "
		                   "is ready; both serve",
		                   daemon->heir.pid);
		return;
	}
	upgrade_kill(&daemon->heir);
	daemon_outlive_heir(daemon, daemon->heir.pidfd >= 0
	                                    ? "the new process was not ready in time, and is killed"
	                                    : "the new process was not ready in time");
}

/* Its word counts as long as we have not given up, however late it is. */
static void daemon_on_heir(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	struct upgrade_word word;

	(void)fd;
	if (upgrade_hear(&daemon->heir, &word))
		daemon_obey_heir(daemon, &word);
	else if ((what & EV_TIMEOUT) != 0)
		daemon_lose_patience(daemon);
}

/* ---- its beginning ---- */

/* NULL, or why not. */
static const char *daemon_refuses_upgrade(const struct daemon *daemon)
{
	if (daemon->path == NULL)
		return "there is no configuration file to start with";
	if (daemon->told != WORKER_GO_ON)
		return "it is draining";
	if (daemon->heir.fd >= 0)
		return "an upgrade is under way";
	if (daemon->generation == NULL || daemon->next != NULL)
		return "a reload is under way";
	return NULL;
}

/* Each word of its begins the time anew. */
static bool daemon_watch_heir(struct daemon *daemon)
{
	const uint64_t timeout = daemon_config(daemon)->upgrade_timeout;
	const struct timeval in = {
		.tv_sec = (time_t)(timeout / 1000),
		.tv_usec = (suseconds_t)(timeout % 1000 * 1000),
	};

	return event_assign(&daemon->heir_event, daemon->base, daemon->heir.fd,
	                    EV_READ | EV_PERSIST, daemon_on_heir, daemon) == 0 &&
	       event_add(&daemon->heir_event, timeout > 0 ? &in : NULL) == 0;
}

void daemon_upgrade(struct daemon *daemon)
{
	const char *refusal = daemon_refuses_upgrade(daemon);

	if (refusal != NULL) {
		daemon_say_upgrade(LEVEL_WARNING, "refused", refusal, 0);
		return;
	}
	if (!upgrade_start(&daemon->heir, daemon->generation, daemon->path)) {
		daemon_say_upgrade(LEVEL_ERROR, "failed", strerror(errno), 0);
		return;
	}
	daemon_say_upgrade(LEVEL_INFO, "begun", NULL, daemon->heir.pid);
	notify("STATUS=Upgrading: process %ld gets ready", (long)daemon->heir.pid);
	if (daemon_watch_heir(daemon))
		return;
	upgrade_kill(&daemon->heir);
	daemon_outlive_heir(daemon, "out of memory");
}

/* ---- as an heir ---- */

/* NULL, or why not. */
static const char *daemon_ask_to_serve(struct daemon *daemon)
{
	struct upgrade_answer answer;
	enum upgrade_verdict verdict = upgrade_ask(&answer);

	if (verdict == UPGRADE_YES)
		daemon_take_tickets(daemon, &answer);
	explicit_bzero(&answer, sizeof(answer));
	return verdict != UPGRADE_NO ? NULL
	                             : "was not ready in time to take over; the process before "
	                               "this one goes on";
}

/* So far signals were only noted. */
static bool daemon_hears_of_end(struct daemon *daemon)
{
	(void)event_base_loop(daemon->base, EVLOOP_NONBLOCK); /* what fails now fails later */
	return daemon->told != WORKER_GO_ON;
}

bool daemon_inherit(struct daemon *daemon, char *reason)
{
	const char *why = NULL;

	/* Whoever has us end before we serve wants the one before us to go on; it does. */
	daemon->asking = upgrade_is_heir();
	if (!daemon->asking || !daemon_hears_of_end(daemon))
		why = daemon_ask_to_serve(daemon);
	if (daemon->asking && daemon_hears_of_end(daemon))
		why = "was told to end before it served";
	daemon->asking = false;
	if (why != NULL)
		(void)snprintf(reason, TLS_REASON_ROOM, "%s", why);
	return why == NULL;
}
