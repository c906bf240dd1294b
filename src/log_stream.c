/* SPDX-License-Identifier: ISC */
/*
 * A log on stderr or in a file: lines with their time in front, gathered to
 * large writes. A file is appended to.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log_impl.h"

enum {
	LOG_STAMP_ROOM = 64,
	LOG_CHUNK = 64 * 1024, /* one write to a file */
};

struct log_stream {
	struct log_output target;
	int fd; /* -1: none */
	bool torn; /* the last write ended within a line */
	size_t len;
	char chunk[LOG_CHUNK];
};

/* The line's beginning with the time in it; *text moves past what it replaces. */
static size_t log_stamp(const struct log_record *record, enum log_format format,
                        char room[static LOG_STAMP_ROOM], const char **text)
{
	const time_t seconds = (time_t)(record->time / 1000);
	char stamp[32];
	struct tm utc;

	*text = record->text;
	if (gmtime_r(&seconds, &utc) == NULL ||
	    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
		return 0;
	if (format == LOG_JSON) {
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
static ssize_t log_write_some(int fd, const char *bytes, size_t len)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	const size_t most = 4096; /* PIPE_BUF: poll() promises that much, and at once */

	if (len > most) {
		const char *end = memrchr(bytes, '\n', most);

		len = end != NULL ? (size_t)(end - bytes) + 1 : most;
	}
	if (poll(&ready, 1, -1) < 0)
		return -1;
	return write(fd, bytes, len);
}

/* A line that an error cut in two must not swallow the next one. */
static bool log_end_torn_line(struct log_stream *stream)
{
	while (stream->torn) {
		if (log_write_some(stream->fd, "\n", 1) == 1)
			stream->torn = false;
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
static size_t log_write_chunk(struct log_stream *stream)
{
	size_t done = 0;

	if (!log_end_torn_line(stream))
		return 0;
	while (done < stream->len) {
		ssize_t n = log_write_some(stream->fd, stream->chunk + done, stream->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
		stream->torn = stream->chunk[done - 1] != '\n';
	}
	return done;
}

/* Returns how many lines of the chunk were lost. */
static unsigned log_flush_chunk(struct log_stream *stream)
{
	const size_t done = log_write_chunk(stream);
	const unsigned lost = log_count_lines(stream->chunk + done, stream->len - done);

	stream->len = 0;
	return lost;
}

static unsigned log_stream_write(struct log_output *target, const struct log_record *record,
                                 unsigned n)
{
	struct log_stream *stream = (struct log_stream *)target;
	unsigned lost = 0;

	for (; n > 0; n--, record = log_record_next(record)) {
		char stamp[LOG_STAMP_ROOM];
		const char *text;
		const size_t stamp_len = log_stamp(record, target->format, stamp, &text);
		const size_t len = record->len - (size_t)(text - record->text);

		if (stream->len + stamp_len + len + 1 > sizeof(stream->chunk))
			lost += log_flush_chunk(stream);
		memcpy(stream->chunk + stream->len, stamp, stamp_len);
		memcpy(stream->chunk + stream->len + stamp_len, text, len);
		stream->len += stamp_len + len;
		stream->chunk[stream->len++] = '\n';
	}
	return lost + log_flush_chunk(stream);
}

/* A pipe that nobody reads is none to wait for; one that is full is, as a file would be. */
static int log_file_open(const char *path)
{
	const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);

	if (fd >= 0)
		(void)fcntl(fd, F_SETFL, O_APPEND); /* no file refuses that */
	return fd;
}

static void log_stream_free(struct log_output *target)
{
	struct log_stream *stream = (struct log_stream *)target;

	(void)log_end_torn_line(stream); /* what comes next to that file is another's */
	if (stream->target.path != NULL && stream->fd >= 0)
		(void)close(stream->fd); /* all of it was written */
	free(stream->target.path);
	free(stream);
}

static const struct log_output_ops log_stream_ops = {
	.write = log_stream_write,
	.free = log_stream_free,
};

struct log_output *log_stream_new(const struct log_settings *settings, const char **reason)
{
	struct log_stream *stream = calloc(1, sizeof(*stream));

	*reason = "out of memory";
	if (stream == NULL)
		return NULL;
	stream->target.ops = &log_stream_ops;
	stream->fd = STDERR_FILENO;
	if (settings->target == LOG_TO_STDERR)
		return &stream->target;
	stream->target.path = strdup(settings->path);
	stream->target.where = stream->target.path;
	stream->fd = stream->target.path != NULL ? log_file_open(stream->target.path) : -1;
	if (stream->fd >= 0)
		return &stream->target;
	if (stream->target.path != NULL)
		*reason = log_output_reason(stream->target.path);
	log_stream_free(&stream->target);
	return NULL;
}
