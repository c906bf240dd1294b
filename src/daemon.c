/* SPDX-License-Identifier: ISC */
#include "daemon.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "backend.h"
#include "binding.h"
#include "log.h"
#include "pipes.h"
#include "privileges.h"

enum {
	/* Descriptors a worker needs for itself, generously. */
	DAEMON_FDS_PER_WORKER = 8 + PIPES_FDS,
	DAEMON_FDS_SPARE = 32,
};

struct daemon {
	const struct config *config;
	struct common common;
	struct event_base *base;
	struct binding **bindings;      /* one per listener */
	struct worker **workers;
	unsigned n_workers;
	unsigned n_ended;
	struct event signals[2];
	struct event ended_event;
	struct event drain_event;
	enum worker_command told;
};

static bool daemon_fail(char *reason, const char *what)
{
	(void)snprintf(reason, TLS_REASON_ROOM, "%s", what);
	return false;
}

/* ---- the end ---- */

static void daemon_say_drain(const struct daemon *daemon, const char *phase)
{
	struct log_line line;

	log_begin(&line, LEVEL_INFO, "drain");
	log_text(&line, "phase", phase);
	log_number(&line, "relays", atomic_load(&daemon->common.n_connections));
	log_end(&line);
}

static void daemon_tell(struct daemon *daemon, enum worker_command command)
{
	daemon->told = command;
	for (unsigned i = 0; i < daemon->n_workers; i++)
		worker_tell(daemon->workers[i], command);
}

static void daemon_begin_drain(struct daemon *daemon)
{
	const uint64_t timeout = daemon->config->drain_timeout;
	const struct timeval in = {
		.tv_sec = (time_t)(timeout / 1000),
		.tv_usec = (suseconds_t)(timeout % 1000 * 1000),
	};

	daemon_say_drain(daemon, "begin");
	daemon_tell(daemon, WORKER_DRAIN);
	/* Without memory for a timer there is no waiting for its end. */
	if (timeout > 0 && evtimer_add(&daemon->drain_event, &in) != 0)
		daemon_tell(daemon, WORKER_CUT);
}

static void daemon_on_signal(evutil_socket_t number, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)number;
	(void)what;
	if (daemon->told == WORKER_GO_ON) {
		daemon_begin_drain(daemon);
		return;
	}
	daemon_say_drain(daemon, "killed");
	daemon_tell(daemon, WORKER_KILL);
}

static void daemon_on_drained(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;

	(void)fd;
	(void)what;
	daemon_say_drain(daemon, "deadline");
	daemon_tell(daemon, WORKER_CUT);
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

static bool daemon_make_events(struct daemon *daemon)
{
	static const int signals[] = { SIGTERM, SIGINT };

	daemon->base = event_base_new();
	daemon->common.ended_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (daemon->base == NULL || daemon->common.ended_fd < 0)
		return false;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (evsignal_assign(&daemon->signals[i], daemon->base, signals[i], daemon_on_signal,
		                    daemon) != 0 ||
		    event_add(&daemon->signals[i], NULL) != 0)
			return false;
	return event_assign(&daemon->ended_event, daemon->base, daemon->common.ended_fd,
	                    EV_READ | EV_PERSIST, daemon_on_ended, daemon) == 0 &&
	       event_add(&daemon->ended_event, NULL) == 0 &&
	       evtimer_assign(&daemon->drain_event, daemon->base, daemon_on_drained, daemon) == 0;
}

/* Two descriptors a relay; what the hard limit withholds is said. */
static void daemon_raise_limit(const struct daemon *daemon)
{
	const struct config *config = daemon->config;
	rlim_t needed = 2 * (rlim_t)config->max_connections + DAEMON_FDS_SPARE +
	                daemon->n_workers * (DAEMON_FDS_PER_WORKER + (rlim_t)config->n_listeners);
	struct rlimit limit;
	struct log_line line;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
		return;
	limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == needed)
		return;
	log_begin(&line, LEVEL_WARNING, "limit");
	log_text(&line, "limit", "open-files");
	log_number(&line, "needed", needed);
	log_number(&line, "allowed", limit.rlim_cur);
	log_end(&line);
}

static bool daemon_bind(struct daemon *daemon, char *reason)
{
	const struct config *config = daemon->config;

	daemon->bindings = calloc(config->n_listeners, sizeof(*daemon->bindings));
	if (daemon->bindings == NULL)
		return daemon_fail(reason, "out of memory");
	for (size_t i = 0; i < config->n_listeners; i++) {
		const char *why;

		daemon->bindings[i] = binding_new(config->listeners[i], daemon->n_workers, &why);
		if (daemon->bindings[i] == NULL) {
			(void)snprintf(reason, TLS_REASON_ROOM, "[listener:%s]: %s",
			               config->listeners[i]->name, why);
			return false;
		}
	}
	return true;
}

static bool daemon_make_worker(struct daemon *daemon, unsigned n, char *reason)
{
	const struct config *config = daemon->config;
	struct worker_binds *binds = calloc(config->n_listeners, sizeof(*binds));

	if (binds == NULL)
		return daemon_fail(reason, "out of memory");
	for (size_t i = 0; i < config->n_listeners; i++)
		binds[i] = (struct worker_binds){ config->listeners[i],
			                          binding_fds(daemon->bindings[i], n) };
	daemon->workers[n] = worker_new(&daemon->common, binds, config->n_listeners, reason);
	for (size_t i = 0; i < config->n_listeners; i++)
		binding_hand_over(daemon->bindings[i], n);
	free(binds);
	return daemon->workers[n] != NULL;
}

static bool daemon_make_workers(struct daemon *daemon, char *reason)
{
	daemon->workers = calloc(daemon->n_workers, sizeof(struct worker *));
	if (daemon->workers == NULL)
		return daemon_fail(reason, "out of memory");
	if (!tls_ticket_keys_make(&daemon->common.ticket_keys))
		return daemon_fail(reason, "no random numbers for ticket keys");
	for (unsigned i = 0; i < daemon->n_workers; i++)
		if (!daemon_make_worker(daemon, i, reason))
			return false;
	return true;
}

struct daemon *daemon_new(const struct config *config, const struct observer *observer,
                          char *reason)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	if (daemon == NULL) {
		(void)daemon_fail(reason, "out of memory");
		return NULL;
	}
	daemon->config = config;
	daemon->common.config = config;
	daemon->common.ended_fd = -1;
	if (observer != NULL)
		daemon->common.observer = *observer;
	daemon->n_workers = daemon_count_workers(config);
	daemon_raise_limit(daemon);
	if (!daemon_make_events(daemon)) {
		(void)daemon_fail(reason, "out of memory or descriptors");
		goto fail;
	}
	if (!daemon_bind(daemon, reason) || !daemon_make_workers(daemon, reason))
		goto fail;
	return daemon;
fail:
	daemon_free(daemon);
	return NULL;
}

const struct address *daemon_address(const struct daemon *daemon, size_t n)
{
	return binding_address(daemon->bindings[n], 0);
}

struct event_base *daemon_base(struct daemon *daemon)
{
	return daemon->base;
}

/* ---- its life ---- */

static void daemon_say_ready(const struct daemon *daemon)
{
	struct log_line line;

	for (size_t i = 0; i < daemon->config->n_listeners; i++)
		binding_log(daemon->bindings[i]);
	log_begin(&line, LEVEL_INFO, "ready");
	log_text(&line, "version", ADIEU_VERSION);
	log_number(&line, "workers", daemon->n_workers);
	log_number(&line, "pid", (uint64_t)getpid());
	log_end(&line);
}

static void daemon_say_stop(const struct daemon *daemon)
{
	struct log_line line;

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

bool daemon_run(struct daemon *daemon, char *reason)
{
	bool started = true;

	if (!privileges_drop(daemon->config->user, reason))
		return false;
	for (unsigned i = 0; i < daemon->n_workers && started; i++)
		started = worker_start(daemon->workers[i]);
	if (started) {
		daemon_say_ready(daemon);
		(void)event_base_dispatch(daemon->base); /* until all workers have ended */
	} else {
		(void)snprintf(reason, TLS_REASON_ROOM, "cannot start a thread: %s",
		               strerror(errno));
		daemon_tell(daemon, WORKER_KILL);
	}
	for (unsigned i = 0; i < daemon->n_workers; i++)
		worker_join(daemon->workers[i]);
	if (started)
		daemon_say_stop(daemon);
	return started;
}

void daemon_free(struct daemon *daemon)
{
	if (daemon == NULL)
		return;
	for (unsigned i = 0; daemon->workers != NULL && i < daemon->n_workers; i++)
		worker_free(daemon->workers[i]);
	for (size_t i = 0; daemon->bindings != NULL && i < daemon->config->n_listeners; i++)
		binding_free(daemon->bindings[i]);
	free(daemon->workers);
	free(daemon->bindings);
	if (daemon->base != NULL)
		event_base_free(daemon->base);
	if (daemon->common.ended_fd >= 0)
		(void)close(daemon->common.ended_fd);
	free(daemon);
}

static bool daemon_check_listener(const struct listener_config *listener, char *reason)
{
	const struct tls_ticket_keys keys = { { 0 } };
	struct tls_context *tls;

	if (listener->mode != LISTENER_TLS)
		return true;
	tls = tls_context_server(listener, &keys, reason);
	tls_context_free(tls);
	return tls != NULL;
}

static bool daemon_check_backend(const struct backend_config *config, char *reason)
{
	struct backend *backend = backend_new(config, reason);

	backend_free(backend);
	return backend != NULL;
}

bool daemon_check(const struct config *config, const char *path, FILE *errors)
{
	char reason[TLS_REASON_ROOM];
	bool fine = true;

	for (size_t i = 0; i < config->n_listeners; i++) {
		if (daemon_check_listener(config->listeners[i], reason))
			continue;
		fine = false;
		(void)fprintf(errors, "%s: [listener:%s]: %s\n", path, config->listeners[i]->name,
		              reason);
	}
	for (size_t i = 0; i < config->n_backends; i++) {
		if (daemon_check_backend(config->backends[i], reason))
			continue;
		fine = false;
		(void)fprintf(errors, "%s: [backend:%s]: %s\n", path, config->backends[i]->name,
		              reason);
	}
	return fine;
}
