/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "binding.h"
#include "complaint.h"
#include "daemon_impl.h"
#include "generation_blame.h"
#include "log.h"
#include "privileges.h"
#include "sandbox.h"
#include "tls_tickets.h"

static bool daemon_fail(char *reason, const char *what)
{
	(void)snprintf(reason, TLS_REASON_ROOM, "%s", what);
	return false;
}

/* ---- its making ---- */

static unsigned daemon_count_workers(const struct config *config)
{
	cpu_set_t cpus;

	if (config->workers > 0)
		return config->workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
		return (unsigned)CPU_COUNT(&cpus);
	return 1; /* more CPUs than a cpu_set_t holds: the operator has to say */
}

static bool daemon_make_workers(struct daemon *daemon)
{
	daemon->workers = calloc(daemon->n_workers, sizeof(struct worker *));
	daemon->handovers = calloc(daemon->n_workers, sizeof(struct handover *));
	daemon->beats = calloc(daemon->n_workers, sizeof(*daemon->beats));
	if (daemon->workers == NULL || daemon->handovers == NULL || daemon->beats == NULL)
		return false;
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		daemon->workers[i] = worker_new(&daemon->common);
		if (daemon->workers[i] == NULL)
			return false;
	}
	return true;
}

static bool daemon_make(struct daemon *daemon, struct config *config, char *reason)
{
	daemon->n_workers = daemon_count_workers(config);
	if (!daemon_make_events(daemon) || !daemon_make_workers(daemon))
		return daemon_fail(reason, "out of memory or descriptors");
	if (!daemon_make_tickets(daemon))
		return daemon_fail(reason, "no memory or random numbers for ticket keys");
	return true;
}

struct daemon *daemon_new(const char *path, struct config *config, const struct observer *observer,
                          char *reason)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	if (daemon == NULL) {
		(void)daemon_fail(reason, "out of memory");
		config_free(config);
		return NULL;
	}
	privileges_allow_dumps(false); /* before there are keys; see daemon_run() */
	daemon->path = path;
	daemon->heir = (struct upgrade_heir){ .fd = -1, .pidfd = -1 };
	daemon->common.ended_fd = daemon->common.turned_fd = -1;
	if (observer != NULL)
		daemon->common.observer = *observer;
	if (!daemon_make(daemon, config, reason)) {
		config_free(config);
		daemon_free(daemon);
		return NULL;
	}
	if (!daemon_prepare(daemon, config, complaints(), reason)) {
		daemon_free(daemon);
		return NULL;
	}
	return daemon;
}

const struct address *daemon_address(const struct daemon *daemon, size_t n)
{
	const struct generation *generation =
		daemon->generation != NULL ? daemon->generation : daemon->next;

	return binding_address(generation_binding(generation, n));
}

struct event_base *daemon_base(struct daemon *daemon)
{
	return daemon->base;
}

/* ---- its life ---- */

static void daemon_say_cause(const struct daemon *daemon, enum cause cause, enum side side)
{
	struct log_line line;
	uint64_t sum = 0;

	for (unsigned i = 0; i < daemon->n_workers; i++)
		sum += daemon->workers[i]->causes.n[cause][side];
	if (sum == 0)
		return;
	log_begin(&line, LEVEL_INFO, "handshakes");
	log_text(&line, "side", side_word(side));
	log_text(&line, "cause", cause_word(cause, side));
	log_number(&line, "failed", sum);
	log_end(&line);
}

/* A line for each that there was. */
static void daemon_say_causes(const struct daemon *daemon)
{
	for (enum cause cause = CAUSE_UNKNOWN + 1; cause < CAUSES_END; cause++)
		for (enum side side = SIDE_CLIENT; side < SIDES; side++)
			daemon_say_cause(daemon, cause, side);
}

static void daemon_say_stop(const struct daemon *daemon)
{
	struct log_line line;

	daemon_say_causes(daemon);
	log_begin(&line, LEVEL_INFO, "stop");
#define X(name, key, help)                                        \
	do {                                                      \
		uint64_t sum = 0;                                 \
                                                                  \
		for (unsigned i = 0; i < daemon->n_workers; i++)  \
			sum += daemon->workers[i]->counters.name; \
		log_number(&line, key, sum);                      \
	} while (0);
	WORKER_COUNTERS(X)
#undef X
	log_end(&line);
}

/* Rights are lost by now, and no stranger was let in yet. */
static bool daemon_confine(const struct daemon *daemon, char *reason)
{
	const bool wanted = generation_config(daemon->next)->sandbox;
	const char *shortage = sandbox_begin(wanted);

	if (shortage != NULL)
		return daemon_fail(reason, shortage);
	if (wanted)
		log_confine(sandbox_enter_log);
	return true;
}

static bool daemon_start_workers(struct daemon *daemon, char *reason)
{
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		if (worker_start(daemon->workers[i]))
			continue;
		(void)snprintf(reason, TLS_REASON_ROOM, "cannot start a thread: %s",
		               strerror(errno));
		return false;
	}
	return true;
}

/* It is over: whoever asks for that once more must not have our status be his signal's. */
static void daemon_be_deaf(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL); /* only EINVAL, for a wrong how */
}

bool daemon_run(struct daemon *daemon, char *reason)
{
	bool started;

	if (!privileges_drop(generation_config(daemon->next)->user, reason)) {
		generation_tell_key(generation_config(daemon->next), "user", reason, complaints());
		return daemon_fail(reason, "");
	}
	privileges_allow_dumps(generation_config(daemon->next)->core_dumps);
	if (!daemon_confine(daemon, reason))
		return false;
	started = daemon_start_workers(daemon, reason) && daemon_inherit(daemon, reason);
	if (started) {
		daemon_hand_over(daemon);
		(void)event_base_dispatch(daemon->base); /* until all workers have ended */
		daemon_be_deaf();
	} else {
		daemon_tell(daemon, WORKER_KILL);
	}
	for (unsigned i = 0; i < daemon->n_workers; i++)
		worker_join(daemon->workers[i]);
	if (started) {
		daemon_say_drained(daemon);
		daemon_say_stop(daemon);
	}
	return started;
}

static void daemon_free_workers(struct daemon *daemon)
{
	for (unsigned i = 0; daemon->workers != NULL && i < daemon->n_workers; i++)
		worker_free(daemon->workers[i]);
	for (unsigned i = 0; daemon->handovers != NULL && i < daemon->n_workers; i++)
		handover_free(daemon->handovers[i]);
	free(daemon->workers);
	free(daemon->handovers);
	free(daemon->beats);
}

void daemon_free(struct daemon *daemon)
{
	if (daemon == NULL)
		return;
	daemon_free_workers(daemon);
	/* It has all that we had, and serves when it finds us gone. */
	if (daemon->heir.fd >= 0 && daemon->generation != NULL)
		generation_disown(daemon->generation);
	generation_end(daemon->next, daemon->generation);
	generation_end(daemon->generation, NULL);
	tls_tickets_free(daemon->common.tickets);
	upgrade_let_go(&daemon->heir);
	daemon_free_events(daemon);
	free(daemon);
}
