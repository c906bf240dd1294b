/* SPDX-License-Identifier: ISC */
/*
 * Another target for a log that is in use. The main thread opens it, the writer
 * turns to it.
 *
 * Lines are built at any time, in the format of their target, by any thread. So
 * there are two outlets. A line goes to the one that was open when it was begun;
 * when the other one has been opened, the last line for the former retires it,
 * and once the writer has written that, its target is closed. A file that was
 * rotated is opened again for the outlet that it is.
 */
#include <stdlib.h>
#include <string.h>

#include "log_impl.h"

const char *log_prepare(const struct log_settings *settings)
{
	const char *reason = NULL;
	bool running;
	bool busy;

	(void)pthread_mutex_lock(&logger.lock);
	running = logger.running;
	busy = logger.outlets[!atomic_load(&logger.open)].target != NULL;
	(void)pthread_mutex_unlock(&logger.lock);
	if (!running)
		return NULL;
	if (busy)
		return "the log before this one has not taken all of its lines yet";
	logger.prepared = log_output_open(settings, &reason);
	return logger.prepared != NULL ? NULL : reason;
}

void log_commit(void)
{
	struct log_output *prepared = logger.prepared;
	struct log_output *unused;
	unsigned before;

	if (prepared == NULL)
		return;
	logger.prepared = NULL;
	(void)pthread_mutex_lock(&logger.lock);
	unused = logger.reopened; /* nobody goes back to that */
	logger.reopened = NULL;
	before = atomic_load(&logger.open);
	logger.outlets[!before].target = prepared;
	logger.outlets[!before].format = prepared->format;
	atomic_store(&logger.open, !before);
	logger.retire = atomic_load(&logger.outlets[before].n_lines) == 0;
	(void)pthread_cond_signal(&logger.filled);
	(void)pthread_mutex_unlock(&logger.lock);
	log_output_free(unused);
}

void log_cancel(void)
{
	log_output_free(logger.prepared);
	logger.prepared = NULL;
}

/* The file of the open one, if it is one. Its path is the caller's to free; NULL: no memory. */
static bool log_find_file(struct log_settings *settings)
{
	const struct log_outlet *outlet;
	bool found;

	(void)pthread_mutex_lock(&logger.lock);
	outlet = &logger.outlets[atomic_load(&logger.open)];
	found = logger.running && outlet->target->path != NULL;
	settings->target = LOG_TO_FILE;
	settings->format = outlet->format;
	settings->path = found ? strdup(outlet->target->path) : NULL;
	(void)pthread_mutex_unlock(&logger.lock);
	return found;
}

void log_reopen(void)
{
	const char *reason = "out of memory";
	struct log_output *target = NULL;
	struct log_output *unused;
	struct log_settings settings;
	struct log_line line;

	if (!log_find_file(&settings))
		return;
	if (settings.path != NULL)
		target = log_output_open(&settings, &reason);
	free(settings.path);
	if (target == NULL) {
		log_begin(&line, LEVEL_ERROR, "log-reopen");
		log_text(&line, "reason", reason);
		log_end(&line);
		return;
	}
	(void)pthread_mutex_lock(&logger.lock);
	unused = logger.reopened; /* the writer is slow */
	logger.reopened = target;
	(void)pthread_cond_signal(&logger.filled);
	(void)pthread_mutex_unlock(&logger.lock);
	log_output_free(unused);
}
