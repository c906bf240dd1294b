/* SPDX-License-Identifier: ISC */
/*
 * Where lines go, whichever it is. Targets are opened by whoever wants a log
 * and used by its writer thread alone; blocking is allowed there, spinning is
 * not: what a target does not take is counted as lost and forgotten. The log
 * tells of that once it takes lines again, which a person with a full disk may
 * wait for; so stderr is told when it begins.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_impl.h"

const char *log_output_reason(const char *path)
{
	static _Thread_local char reason[512];

	(void)snprintf(reason, sizeof(reason), "cannot open log %s: %s", path,
	               errno == ENXIO ? "it is a pipe that nobody reads, or a socket"
	                              : strerror(errno));
	return reason;
}

const char *log_check(const struct log_settings *settings)
{
	char folder[PATH_MAX];
	struct stat status;
	char *slash;

	if (settings->target != LOG_TO_FILE)
		return NULL;
	if (stat(settings->path, &status) == 0 && S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		return log_output_reason(settings->path);
	}
	if (access(settings->path, W_OK) == 0)
		return NULL;
	if (errno != ENOENT || snprintf(folder, sizeof(folder), "%s", settings->path) >= PATH_MAX)
		return log_output_reason(settings->path);
	slash = strrchr(folder, '/'); /* it is absolute */
	if (slash[1] == '\0') {
		errno = EISDIR;
		return log_output_reason(settings->path);
	}
	slash[slash == folder] = '\0';
	return access(folder, W_OK | X_OK) == 0 ? NULL : log_output_reason(settings->path);
}

static struct log_output *log_output_new(const struct log_settings *settings, const char **reason)
{
	switch (settings->target) {
	case LOG_TO_STDERR:
	case LOG_TO_FILE:    return log_stream_new(settings, reason);
	case LOG_TO_SYSLOG:
	case LOG_TO_JOURNAL: return log_datagram_new(settings, reason);
	}
	abort();
}

struct log_output *log_output_open(const struct log_settings *settings, const char **reason)
{
	struct log_output *target = log_output_new(settings, reason);

	/* The journal has fields of its own, taken from a line in logfmt. */
	if (target != NULL)
		target->format = settings->target == LOG_TO_JOURNAL ? LOG_LOGFMT : settings->format;
	return target;
}

/* Without waiting for whoever reads there. */
static void log_output_cry(const struct log_output *target, const char *reason)
{
	struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
	struct log_line line;

	log_begin_aside(&line, LEVEL_ERROR, "log-failed");
	log_text(&line, "log", target->where);
	log_text(&line, "reason", reason);
	log_line_finish(&line);
	line.text[line.len++] = '\n';
	if (poll(&ready, 1, 0) == 1 && write(STDERR_FILENO, line.text, line.len) < 0)
		return; /* nobody is left to tell */
}

unsigned log_output_write(struct log_output *target, const struct log_record *records, unsigned n)
{
	const unsigned lost = target->ops->write(target, records, n);

	if (lost == n && !target->failing && target->where != NULL)
		log_output_cry(target, strerror(errno));
	if (lost == 0 || lost == n)
		target->failing = lost == n;
	return lost;
}

void log_output_free(struct log_output *target)
{
	if (target != NULL)
		target->ops->free(target);
}
