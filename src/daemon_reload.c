/* SPDX-License-Identifier: ISC */
/* Another configuration: all of it or nothing, and who is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_draft.h"
#include "daemon_impl.h"
#include "generation_blame.h"
#include "inherited.h"
#include "log.h"
#include "notify.h"
#include "privileges.h"
#include "resources.h"
#include "tls_heap.h"
#include "tls_keylog.h"
#include "upgrade.h"

/* A line each. */
static void daemon_log_errors(const char *errors)
{
	while (*errors != '\0') {
		size_t len = strcspn(errors, "\n");
		struct log_line line;

		log_begin(&line, LEVEL_ERROR, "config");
		log_format(&line, "error", "%.*s", (int)len, errors);
		log_end(&line);
		errors += len + (errors[len] == '\n');
	}
}

static void daemon_drop_handovers(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		handover_free(daemon->handovers[i]);
		daemon->handovers[i] = NULL;
	}
}

static void daemon_drop_next(struct daemon *daemon)
{
	daemon_drop_handovers(daemon);
	generation_end(daemon->next, daemon->generation);
	daemon->next = NULL;
}

static bool daemon_prepare_generation(struct daemon *daemon, struct config *config, FILE *errors,
                                      char *reason)
{
	daemon->max_connections =
		resources_raise_descriptors(config, daemon->n_workers, daemon->max_connections);
	daemon->next =
		generation_new(config, daemon->generation, daemon->n_workers, errors, reason);
	if (daemon->next == NULL)
		return false;
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		daemon->handovers[i] =
			generation_equip(daemon->next, daemon->workers[i], i, errors, reason);
		if (daemon->handovers[i] == NULL) {
			daemon_drop_next(daemon);
			return false;
		}
	}
	return true;
}

static bool daemon_differs(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

static bool daemon_moves_log(const struct log_settings *old, const struct log_settings *new)
{
	return old->target != new->target || daemon_differs(old->path, new->path);
}

/* Where it is now it need not be opened; at the start it has been. */
static bool daemon_prepare_log(const struct daemon *daemon, const struct config *config,
                               FILE *errors)
{
	const struct log_settings *old;
	const char *why;

	if (daemon->generation == NULL)
		return true;
	old = &generation_config(daemon->generation)->log;
	if (old->format == config->log.format && !daemon_moves_log(old, &config->log))
		return true;
	why = log_prepare(&config->log);
	if (why != NULL)
		generation_tell_key(config, "log", why, errors);
	return why == NULL;
}

static bool daemon_prepare_keylog(const struct config *config, FILE *errors)
{
	char why[TLS_REASON_ROOM];
	uid_t owner;

	if (config->keylog == NULL)
		return true;
	if (!privileges_foresee(config->user, &owner, why))
		generation_tell_key(config, "user", why, errors);
	else if (!tls_keylog_prepare(config->keylog, owner, why))
		generation_tell_key(config, "keylog", why, errors);
	else
		return true;
	return false;
}

/*
 * What OpenSSL could not allocate it may do without, and say nothing: it knows
 * fewer algorithms then, or takes a certificate for less than it is.
 */
static bool daemon_is_whole(struct daemon *daemon, char *reason)
{
	if (!tls_heap_was_short())
		return true;
	(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	daemon_drop_next(daemon);
	return false;
}

bool daemon_prepare(struct daemon *daemon, struct config *config, FILE *errors, char *reason)
{
	*reason = '\0';
	if (!daemon_prepare_log(daemon, config, errors)) {
		config_free(config);
		return false;
	}
	if (!daemon_prepare_keylog(config, errors)) {
		log_cancel();
		config_free(config);
		return false;
	}
	if (daemon_prepare_generation(daemon, config, errors, reason) &&
	    daemon_is_whole(daemon, reason))
		return true;
	tls_keylog_cancel();
	log_cancel();
	return false;
}

void daemon_hand_over(struct daemon *daemon)
{
	tls_keylog_commit();
	daemon->n_turned = 0;
	generation_set_backlogs(daemon->next);
	atomic_store(&daemon->common.max_connections, daemon->max_connections);
	atomic_store(&daemon->common.max_handshakes,
	             generation_config(daemon->next)->max_handshakes);
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		worker_hand_over(daemon->workers[i], daemon->handovers[i]);
		daemon->handovers[i] = NULL;
	}
}

static void daemon_log_bound(struct log_line *line, struct daemon *daemon)
{
	daemon->memory_bound =
		resources_check_memory(daemon_config(daemon), daemon->n_workers,
	                               daemon->max_connections, daemon->memory_bound);
	log_number(line, "memory-bound", daemon->memory_bound);
}

static void daemon_say_reload(struct daemon *daemon, const char *result, const char *reason)
{
	struct log_line line;

	log_begin(&line, reason == NULL ? LEVEL_INFO : LEVEL_ERROR, "reload");
	log_text(&line, "result", result);
	log_number(&line, "n", daemon->n_reloads);
	log_text(&line, "reason", reason);
	if (reason == NULL)
		daemon_log_bound(&line, daemon);
	log_end(&line);
}

void daemon_notify_serving(const struct daemon *daemon, const char *what, const char *trouble)
{
	const size_t n = daemon_config(daemon)->n_listeners;

	if (trouble != NULL)
		notify("READY=1\nSTATUS=Serving %zu listener%s; %s failed: %s", n,
		       n == 1 ? "" : "s", what, trouble);
	else
		notify("READY=1\nSTATUS=Serving %zu listener%s", n, n == 1 ? "" : "s");
}

static void daemon_note_unchanged(const char *key, bool changed)
{
	struct log_line line;

	if (!changed)
		return;
	log_begin(&line, LEVEL_WARNING, "reload");
	log_text(&line, "key", key);
	log_text(&line, "reason", "takes a restart");
	log_end(&line);
}

static void daemon_warn_of_config(const struct draft *draft)
{
	for (size_t i = 0; i < draft->warnings.n; i++) {
		const struct draft_remark *warning = &draft->warnings.of[i];
		struct log_line line;

		log_begin(&line, LEVEL_WARNING, "config");
		log_format(&line, "warning", "%s:%u: %s", draft->path, warning->line,
		           warning->text);
		log_end(&line);
	}
}

/* At every start and reload, lest anybody forget. */
static void daemon_warn_of_keylog(const struct config *config)
{
	struct log_line line;

	if (config->keylog == NULL)
		return;
	log_begin(&line, LEVEL_WARNING, "keylog");
	log_text(&line, "file", config->keylog);
	log_text(&line, "problem", "who can read it can read all connections");
	log_end(&line);
}

/* The last line of the old log, for whoever reads that. */
static void daemon_move_log(const struct log_settings *old, const struct log_settings *new)
{
	static const char *const names[] = {
		[LOG_TO_STDERR] = "stderr",
		[LOG_TO_FILE] = "file:",
		[LOG_TO_SYSLOG] = "syslog",
		[LOG_TO_JOURNAL] = "journal",
	};
	struct log_line line;

	if (daemon_moves_log(old, new)) {
		log_begin(&line, LEVEL_INFO, "log-moved");
		log_format(&line, "to", "%s%s", names[new->target],
		           new->path != NULL ? new->path : "");
		log_end(&line);
	}
	log_commit();
}

static void daemon_note_restarts(const struct config *old, const struct config *new)
{
	daemon_note_unchanged("workers", old->workers != new->workers);
	daemon_note_unchanged("user", daemon_differs(old->user, new->user));
	daemon_note_unchanged("core-dumps", old->core_dumps != new->core_dumps);
	daemon_note_unchanged("sandbox", old->sandbox != new->sandbox);
}

/* Reads it and all that it names. False: see daemon_prepare(). */
static bool daemon_read(struct daemon *daemon, FILE *errors, char *reason)
{
	struct config *config = config_load(daemon->path, errors);

	*reason = '\0';
	return config != NULL && daemon_prepare(daemon, config, errors, reason);
}

static bool daemon_read_and_log(struct daemon *daemon, char *reason)
{
	char *text = NULL;
	size_t len = 0;
	FILE *errors = open_memstream(&text, &len);
	bool fine = errors != NULL && daemon_read(daemon, errors, reason);

	/* Without memory for its end the stream's text may be NULL. */
	if (errors == NULL || fclose(errors) != 0 || text == NULL)
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	else if (!fine && *reason == '\0') {
		daemon_log_errors(text);
		(void)snprintf(reason, TLS_REASON_ROOM, "%.*s", (int)strcspn(text, "\n"), text);
	}
	free(text);
	return fine;
}

/* Host names and files may keep us waiting, and nothing else is done meanwhile. */
static bool daemon_prepare_reload(struct daemon *daemon, char *reason)
{
	enum { MOST = 3600 * 1000 };
	const uint64_t usual = notify_watchdog();
	bool prepared;

	/* To be killed for that would cut everybody, though the workers carry on. */
	notify_stretch_watchdog(MOST);
	tls_heap_forget();
	prepared = daemon_read_and_log(daemon, reason);
	notify_stretch_watchdog(usual);
	return prepared;
}

static void daemon_begin_reload(struct daemon *daemon)
{
	char reason[TLS_REASON_ROOM];

	daemon->reload_due = false;
	daemon->n_reloads++;
	notify_reloading("Reloading");
	if (daemon_prepare_reload(daemon, reason)) {
		daemon_hand_over(daemon);
		return;
	}
	daemon_say_reload(daemon, "failed", reason);
	daemon_notify_serving(daemon, "reload", reason);
}

/*
 * What an heir has inherited is ours to change no more: a new address would be
 * bound by both. So it is told once it serves, or we do it if it never does.
 */
void daemon_reload(struct daemon *daemon)
{
	struct log_line line;

	if (daemon->next == NULL && daemon->heir.fd < 0) {
		daemon_begin_reload(daemon);
		return;
	}
	log_begin(&line, LEVEL_INFO, "reload");
	log_text(&line, "result", "postponed");
	log_text(&line, "reason",
	         daemon->next != NULL ? "a reload is under way" : "an upgrade is under way");
	log_end(&line);
}

static void daemon_say_ready(struct daemon *daemon)
{
	const char *lacks;
	struct log_line line;

	log_begin(&line, LEVEL_INFO, "tls");
	log_text(&line, "library", tls_library(&lacks));
	log_text(&line, "lacks", lacks);
	log_end(&line);
	log_begin(&line, LEVEL_INFO, "ready");
	log_text(&line, "version", ADIEU_VERSION);
	log_number(&line, "workers", daemon->n_workers);
	daemon_log_bound(&line, daemon);
	log_number(&line, "pid", (uint64_t)getpid());
	log_end(&line);
}

/* The old one's relays go on; what they need of it they hold themselves. */
void daemon_settle(struct daemon *daemon)
{
	struct generation *old = daemon->generation;

	daemon->generation = daemon->next;
	daemon->next = NULL;
	if (old != NULL)
		daemon_move_log(&generation_config(old)->log, &daemon_config(daemon)->log);
	log_set_level(daemon_config(daemon)->log.level);
	generation_log(daemon->generation, old);
	daemon_warn_of_config(daemon_config(daemon)->draft);
	daemon_warn_of_keylog(daemon_config(daemon));
	if (old == NULL) {
		daemon_say_ready(daemon);
	} else {
		daemon_note_restarts(generation_config(old), daemon_config(daemon));
		daemon_say_reload(daemon, "done", NULL);
		generation_end(old, daemon->generation);
	}
	/* Who drains has told the service manager so. */
	if (daemon->told == WORKER_GO_ON)
		daemon_notify_serving(daemon, NULL, NULL);
	if (old == NULL) {
		inherited_drop();
		daemon_warn_of_unreadable(daemon);
	}
	/* An heir that is told to end by now leaves it to the one before, which still serves. */
	if (old == NULL && daemon->told == WORKER_GO_ON) {
		generation_adopt(daemon->generation);
		upgrade_finish();
	} else if (old == NULL) {
		upgrade_give_up("was told to end before it was ready");
	}
	if (daemon->reload_due)
		daemon_ask_to_reload(daemon);
}
