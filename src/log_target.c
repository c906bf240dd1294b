/* SPDX-License-Identifier: ISC */
/*
 * Where lines go. Everything here runs in the log's writer thread, or in the
 * main thread while there is no writer; blocking is allowed, spinning is not:
 * what a target does not take is counted as lost and forgotten.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log_impl.h"

enum {
	LOG_STAMP_ROOM = 64,
	LOG_CHUNK = 64 * 1024,          /* one write to a file */
	LOG_FACILITY_DAEMON = 3 << 3,
};

struct log_paths log_paths = {
	.journal = "/run/systemd/journal/socket",
	.syslog = "/dev/log",
};

static struct {
	const struct log_target_ops *ops;
	enum log_format format;
	char *path;
	int fd;
	bool torn;              /* the last write ended within a line */
	time_t tried;           /* to connect to a logger */
	char chunk[LOG_CHUNK];
	size_t len;
} target = { .fd = -1 };

static const int priorities[] = {
	[LEVEL_DEBUG] = LOG_DEBUG,
	[LEVEL_INFO] = LOG_INFO,
	[LEVEL_WARNING] = LOG_WARNING,
	[LEVEL_ERROR] = LOG_ERR,
};

static const struct log_record *log_record_next(const struct log_record *record)
{
	return (const struct log_record *)(const void *)((const char *)record +
	                                                 log_record_size(record->len));
}

static const char *log_open_reason(const char *path)
{
	static char reason[512];

	(void)snprintf(reason, sizeof(reason), "cannot open log %s: %s", path, strerror(errno));
	return reason;
}

/* ---- stderr and files ---- */

/* The line's beginning with the time in it; *text moves past what it replaces. */
static size_t log_stamp(const struct log_record *record, char room[static LOG_STAMP_ROOM],
                        const char **text)
{
	const time_t seconds = (time_t)(record->time / 1000);
	char stamp[32];
	struct tm utc;

	*text = record->text;
	if (gmtime_r(&seconds, &utc) == NULL ||
	    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		return 0;
	if (target.format == LOG_JSON) {
		(*text)++; /* its brace */
		return (size_t)snprintf(room, LOG_STAMP_ROOM, "{\"time\":\"%s.%03uZ\",", stamp,
		                        (unsigned)(record->time % 1000));
	}
	return (size_t)snprintf(room, LOG_STAMP_ROOM, "time=%s.%03uZ ", stamp,
	                        (unsigned)(record->time % 1000));
}

/*
 * A write to a pipe may block for ever in one call; this one comes back. Of
 * whole lines it takes no part, so that others who write to the same pipe or
 * file do so between lines.
 */
static ssize_t log_write_some(const char *bytes, size_t len)
{
	struct pollfd ready = { .fd = target.fd, .events = POLLOUT };
	const size_t most = 4096; /* PIPE_BUF: poll() promises that much, and at once */

	if (len > most) {
		const char *end = memrchr(bytes, '\n', most);

		len = end != NULL ? (size_t)(end - bytes) + 1 : most;
	}
	if (poll(&ready, 1, -1) < 0)
		return -1;
	return write(target.fd, bytes, len);
}

/* A line that an error cut in two must not swallow the next one. */
static bool log_end_torn_line(void)
{
	while (target.torn) {
		if (log_write_some("\n", 1) == 1)
			target.torn = false;
		else if (errno != EINTR)
			return false;
	}
	return true;
}

static unsigned log_count_lines(const char *bytes, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += bytes[i] == '\n';
	return n;
}

/* Writes the chunk; returns how much of it was taken. */
static size_t log_write_chunk(void)
{
	size_t done = 0;

	if (!log_end_torn_line())
		return 0;
	while (done < target.len) {
		ssize_t n = log_write_some(target.chunk + done, target.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
		target.torn = target.chunk[done - 1] != '\n';
	}
	return done;
}

/* Returns how many lines of the chunk were lost. */
static unsigned log_flush_chunk(void)
{
	const size_t done = log_write_chunk();
	const unsigned lost = log_count_lines(target.chunk + done, target.len - done);

	target.len = 0;
	return lost;
}

static unsigned log_stream_write(const char *batch, unsigned n)
{
	const struct log_record *record = (const struct log_record *)(const void *)batch;
	unsigned lost = 0;

	for (; n > 0; n--, record = log_record_next(record)) {
		char stamp[LOG_STAMP_ROOM];
		const char *text;
		const size_t stamp_len = log_stamp(record, stamp, &text);
		const size_t len = record->len - (size_t)(text - record->text);

		if (target.len + stamp_len + len + 1 > sizeof(target.chunk))
			lost += log_flush_chunk();
		memcpy(target.chunk + target.len, stamp, stamp_len);
		memcpy(target.chunk + target.len + stamp_len, text, len);
		target.len += stamp_len + len;
		target.chunk[target.len++] = '\n';
	}
	return lost + log_flush_chunk();
}

static const char *log_stderr_reopen(void)
{
	return NULL;
}

static void log_stderr_close(void)
{
}

static int log_file_open(void)
{
	return open(target.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

static const char *log_file_reopen(void)
{
	int fd = log_file_open();

	if (fd < 0)
		return log_open_reason(target.path);
	(void)close(target.fd); /* all of it was written */
	target.fd = fd;
	target.torn = false;
	return NULL;
}

static void log_fd_close(void)
{
	if (target.fd >= 0)
		(void)close(target.fd); /* all of it was written */
	target.fd = -1;
}

/* ---- syslog and the journal: datagrams to a Unix socket ---- */

/* At most once a second: a logger that is gone is not asked for each line. */
static bool log_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	if (target.tried == now.tv_sec + 1)
		return false;
	target.tried = now.tv_sec + 1; /* 0 is never */
	target.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (target.fd < 0)
		return false;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(target.fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	log_fd_close();
	return false;
}

/* True when the logger has it. One that was restarted is connected to again. */
static bool log_send_to(const char *path, const char *text, size_t len)
{
	for (int i = 0; i < 2; i++) {
		if (target.fd < 0 && !log_connect(path))
			return false;
		if (send(target.fd, text, len, MSG_NOSIGNAL) >= 0)
			return true;
		if (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET)
			return false;
		log_fd_close();
	}
	return false;
}

/* RFC 3164 as syslogd takes it from local programs. */
static bool log_syslog_send(const struct log_record *record)
{
	const time_t seconds = (time_t)(record->time / 1000);
	char text[2304];
	char stamp[32] = "";
	struct tm local;
	int len;

	if (localtime_r(&seconds, &local) != NULL)
		(void)strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local); /* or empty */
	len = snprintf(text, sizeof(text), "<%d>%s adieu[%d]: %s",
	               LOG_FACILITY_DAEMON | priorities[record->level], stamp, (int)getpid(),
	               record->text);
	return log_send_to(log_paths.syslog, text, (size_t)len);
}

/* What stands behind a backslash, at most U+009F; *text moves past it. */
static unsigned log_unescape(const char **text)
{
	const char c = *(*text)++;
	char code[5] = { 0 };

	switch (c) {
	case 'n': return ' '; /* it would end the field */
	case 'r': return '\r';
	case 't': return '\t';
	case 'u':
		memcpy(code, *text, 4);
		*text += 4;
		return (unsigned)strtoul(code, NULL, 16);
	default: return (unsigned char)c;
	}
}

/* A quoted logfmt value as it was before; *text moves past it. */
static char *log_unquote(const char **text, char *at)
{
	for ((*text)++; **text != '"';) {
		unsigned c = (unsigned char)*(*text)++;

		if (c == '\\') {
			c = log_unescape(text);
			if (c >= 0x80)
				*at++ = (char)0xc2; /* its UTF-8 */
		}
		*at++ = (char)c;
	}
	(*text)++;
	return at;
}

static char log_journal_letter(char c)
{
	if (c == '-')
		return '_';
	return (char)toupper((unsigned char)c);
}

/*
 * "key=value ..." to "ADIEU_KEY=value\n"... A newline in a value would end the
 * field, so it becomes a space. Lines are ours: they are well-formed.
 */
static size_t log_journal_fields(const char *text, char *room)
{
	char *at = room;

	while (*text != '\0') {
		at += sprintf(at, "ADIEU_");
		for (; *text != '='; text++)
			*at++ = log_journal_letter(*text);
		*at++ = *text++;
		if (*text == '"') {
			at = log_unquote(&text, at);
		} else {
			while (*text != ' ' && *text != '\0')
				*at++ = *text++;
		}
		*at++ = '\n';
		if (*text == ' ')
			text++;
	}
	return (size_t)(at - room);
}

/* https://systemd.io/JOURNAL_NATIVE_PROTOCOL */
static bool log_journal_send(const struct log_record *record)
{
	/* The line, and again with at most "ADIEU_" more for each "k=v ". */
	char text[256 + 2048 + 4 * 2048];
	int len = snprintf(text, sizeof(text),
	                   "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=adieu\n",
	                   record->text, priorities[record->level]);

	len += (int)log_journal_fields(record->text, text + len);
	return log_send_to(log_paths.journal, text, (size_t)len);
}

static unsigned log_datagrams(const char *batch, unsigned n,
                              bool (*send_one)(const struct log_record *record))
{
	const struct log_record *record = (const struct log_record *)(const void *)batch;
	unsigned lost = 0;

	for (; n > 0; n--, record = log_record_next(record))
		lost += !send_one(record);
	return lost;
}

static unsigned log_syslog_write(const char *batch, unsigned n)
{
	return log_datagrams(batch, n, log_syslog_send);
}

static unsigned log_journal_write(const char *batch, unsigned n)
{
	return log_datagrams(batch, n, log_journal_send);
}

/* ---- which one ---- */

static const struct log_target_ops log_targets[] = {
	[LOG_TO_STDERR] = { log_stream_write, log_stderr_reopen, log_stderr_close },
	[LOG_TO_FILE] = { log_stream_write, log_file_reopen, log_fd_close },
	[LOG_TO_SYSLOG] = { log_syslog_write, log_stderr_reopen, log_fd_close },
	[LOG_TO_JOURNAL] = { log_journal_write, log_stderr_reopen, log_fd_close },
};

static const char *log_target_begin(const struct log_settings *settings)
{
	switch (settings->target) {
	case LOG_TO_STDERR: target.fd = STDERR_FILENO; return NULL;
	case LOG_TO_FILE:
		target.path = strdup(settings->path);
		target.fd = target.path != NULL ? log_file_open() : -1;
		return target.fd >= 0 ? NULL : log_open_reason(settings->path);
	case LOG_TO_SYSLOG:
		return log_connect(log_paths.syslog) ? NULL : log_open_reason(log_paths.syslog);
	case LOG_TO_JOURNAL:
		return log_connect(log_paths.journal) ? NULL : log_open_reason(log_paths.journal);
	}
	abort();
}

const char *log_target_open(const struct log_settings *settings, enum log_format format)
{
	const char *reason;

	target.ops = &log_targets[settings->target];
	target.format = format;
	target.fd = -1;
	target.torn = false;
	target.tried = 0;
	target.len = 0;
	reason = log_target_begin(settings);
	if (reason != NULL)
		log_target_close();
	return reason;
}

unsigned log_target_write(const char *batch, unsigned n)
{
	return target.ops->write(batch, n);
}

const char *log_target_reopen(void)
{
	return target.ops->reopen();
}

const char *log_target_path(void)
{
	return target.path;
}

void log_target_close(void)
{
	target.ops->close();
	free(target.path);
	target.path = NULL;
}
