/* SPDX-License-Identifier: ISC */
/*
 * A log in syslog or the journal: a datagram for each line, to the Unix socket
 * of a logger that may be restarted meanwhile.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "log_impl.h"

enum { LOG_FACILITY_DAEMON = 3 << 3 };

struct log_paths log_paths = {
	.journal = "/run/systemd/journal/socket",
	.syslog = "/dev/log",
};

struct log_datagram {
	struct log_output target;
	const char *path; /* the logger's */
	bool (*send_one)(struct log_datagram *datagram, const struct log_record *record);
	int fd; /* -1: none */
	time_t tried; /* to connect */
};

static const int priorities[] = {
	[LEVEL_DEBUG] = LOG_DEBUG,
	[LEVEL_INFO] = LOG_INFO,
	[LEVEL_WARNING] = LOG_WARNING,
	[LEVEL_ERROR] = LOG_ERR,
};

static void log_disconnect(struct log_datagram *datagram)
{
	if (datagram->fd >= 0)
		(void)close(datagram->fd); /* what was sent is the logger's */
	datagram->fd = -1;
}

/* At most once a second: a logger that is gone is not asked for each line. */
static bool log_connect(struct log_datagram *datagram)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	if (datagram->tried == now.tv_sec + 1) {
		errno = ENOTCONN;
		return false;
	}
	datagram->tried = now.tv_sec + 1; /* 0 is never */
	datagram->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (datagram->fd < 0)
		return false;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", datagram->path);
	if (connect(datagram->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	log_disconnect(datagram);
	return false;
}

/* True when the logger has it. One that was restarted is connected to again. */
static bool log_send(struct log_datagram *datagram, const char *text, size_t len)
{
	for (int i = 0; i < 2; i++) {
		if (datagram->fd < 0 && !log_connect(datagram))
			return false;
		if (send(datagram->fd, text, len, MSG_NOSIGNAL) >= 0)
			return true;
		if (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET)
			return false;
		log_disconnect(datagram);
	}
	return false;
}

/* RFC 3164 as syslogd takes it from local programs. */
static bool log_syslog_send(struct log_datagram *datagram, const struct log_record *record)
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
	return log_send(datagram, text, (size_t)len);
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
static bool log_journal_send(struct log_datagram *datagram, const struct log_record *record)
{
	/* The line, and again with at most "ADIEU_" more for each "k=v ". */
	char text[256 + 2048 + 4 * 2048];
	int len = snprintf(text, sizeof(text),
	                   "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=adieu\n",
	                   record->text, priorities[record->level]);

	len += (int)log_journal_fields(record->text, text + len);
	return log_send(datagram, text, (size_t)len);
}

static unsigned log_datagram_write(struct log_output *target, const struct log_record *record,
                                   unsigned n)
{
	struct log_datagram *datagram = (struct log_datagram *)target;
	unsigned lost = 0;

	for (; n > 0; n--, record = log_record_next(record))
		lost += !datagram->send_one(datagram, record);
	return lost;
}

static void log_datagram_free(struct log_output *target)
{
	struct log_datagram *datagram = (struct log_datagram *)target;

	log_disconnect(datagram);
	free(datagram);
}

static const struct log_output_ops log_datagram_ops = {
	.write = log_datagram_write,
	.free = log_datagram_free,
};

struct log_output *log_datagram_new(const struct log_settings *settings, const char **reason)
{
	const bool journal = settings->target == LOG_TO_JOURNAL;
	struct log_datagram *datagram = calloc(1, sizeof(*datagram));

	*reason = "out of memory";
	if (datagram == NULL)
		return NULL;
	datagram->target.ops = &log_datagram_ops;
	datagram->path = journal ? log_paths.journal : log_paths.syslog;
	datagram->target.where = datagram->path;
	datagram->send_one = journal ? log_journal_send : log_syslog_send;
	datagram->fd = -1;
	if (log_connect(datagram))
		return &datagram->target;
	*reason = log_output_reason(datagram->path);
	log_datagram_free(&datagram->target);
	return NULL;
}
