/* SPDX-License-Identifier: ISC */
/* Another configuration: all of it or nothing, and who is told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon_impl.h"
#include "inherited.h"
#include "log.h"
#include "notify.h"
#include "resources.h"
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

static struct config *daemon_read_config(const struct daemon *daemon, char *reason)
{
	struct config *config;
	char *text = NULL;
	size_t len = 0;
	FILE *errors = open_memstream(&text, &len);

	(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	if (errors == NULL)
		return NULL;
	config = config_load(daemon->path, errors);
	if (fclose(errors) != 0) {
		config_free(config);
		config = NULL;
	} else if (config == NULL) {
		daemon_log_errors(text);
		(void)snprintf(reason, TLS_REASON_ROOM, "%.*s", (int)strcspn(text, "\n"), text);
	}
	free(text);
	return config;
}

static void daemon_drop_handovers(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		handover_free(daemon->handovers[i]);
		daemon->handovers[i] = NULL;
	}
}

static bool daemon_prepare_generation(struct daemon *daemon, struct config *config, char *reason)
{
	daemon->max_connections =
		resources_raise_descriptors(config, daemon->n_workers, daemon->max_connections);
	daemon->next = generation_new(config, daemon->generation, daemon->n_workers, reason);
	if (daemon->next == NULL)
		return false;
	for (unsigned i = 0; i < daemon->n_workers; i++) {
		daemon->handovers[i] =
			generation_equip(daemon->next, daemon->workers[i], i, reason);
		if (daemon->handovers[i] == NULL) {
			daemon_drop_handovers(daemon);
			generation_end(daemon->next, daemon->generation);
			daemon->next = NULL;
			return false;
		}
	}
	return true;
}

bool daemon_prepare(struct daemon *daemon, struct config *config, char *reason)
{
	if (!tls_keylog_prepare(config->keylog, reason)) {
		config_free(config);
		return false;
	}
	if (daemon_prepare_generation(daemon, config, reason))
		return true;
	tls_keylog_cancel();
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

static void daemon_say_reload(const struct daemon *daemon, const char *result, const char *reason)
{
	struct log_line line;

	log_begin(&line, reason == NULL ? LEVEL_INFO : LEVEL_ERROR, "reload");
	log_text(&line, "result", result);
	log_number(&line, "n", daemon->n_reloads);
	log_text(&line, "reason", reason);
	log_end(&line);
}

static void daemon_notify_ready(const struct daemon *daemon, const char *trouble)
{
	const size_t n = daemon_config(daemon)->n_listeners;

	notify("READY=1\nSTATUS=Serving %zu listener%s%s%s", n, n == 1 ? "" : "s",
	       trouble != NULL ? "; reload failed: " : "", trouble != NULL ? trouble : "");
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

static bool daemon_differs(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

static void daemon_note_restarts(const struct config *old, const struct config *new)
{
	daemon_note_unchanged("workers", old->workers != new->workers);
	daemon_note_unchanged("user", daemon_differs(old->user, new->user));
	daemon_note_unchanged("core-dumps", old->core_dumps != new->core_dumps);
	daemon_note_unchanged("sandbox", old->sandbox != new->sandbox);
	daemon_note_unchanged("log", old->log.target != new->log.target ||
	                                     daemon_differs(old->log.path, new->log.path));
	daemon_note_unchanged("log-format", old->log.format != new->log.format);
}

void daemon_reload(struct daemon *daemon)
{
	char reason[TLS_REASON_ROOM];
	struct config *config;

	daemon->n_reloads++;
	notify_reloading("Reloading");
	config = daemon_read_config(daemon, reason);
	if (config != NULL && daemon_prepare(daemon, config, reason)) {
		daemon_hand_over(daemon);
		return;
	}
	daemon_say_reload(daemon, "failed", reason);
	daemon_notify_ready(daemon, reason);
}

static void daemon_say_ready(const struct daemon *daemon)
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
	log_number(&line, "memory-bound",
	           resources_check_memory(daemon_config(daemon), daemon->n_workers,
	                                  daemon->max_connections));
	log_number(&line, "pid", (uint64_t)getpid());
	log_end(&line);
}

/* The old one's relays go on; what they need of it they hold themselves. */
void daemon_settle(struct daemon *daemon)
{
	struct generation *old = daemon->generation;

	daemon->generation = daemon->next;
	daemon->next = NULL;
	log_set_level(daemon_config(daemon)->log.level);
	generation_log(daemon->generation);
	daemon_warn_of_keylog(daemon_config(daemon));
	if (old == NULL) {
		daemon_say_ready(daemon);
	} else {
		daemon_note_restarts(generation_config(old), daemon_config(daemon));
		daemon_say_reload(daemon, "done", NULL);
		generation_end(old, daemon->generation);
	}
	daemon_notify_ready(daemon, NULL);
	if (old == NULL) {
		inherited_drop();
		upgrade_finish();
	}
	if (daemon->again) {
		daemon->again = false;
		daemon_reload(daemon);
	}
}
