/* SPDX-License-Identifier: ISC */
/*
 * log - one event, one line, never in the way
 *
 * An event is built field by field on the caller's stack and handed over as a
 * whole; a thread of the log's own writes it, so that a full disk or a stuck
 * reader never stops a worker. When its queue is full events are dropped and
 * counted, and the count is logged as soon as there is room.
 *
 *	struct log_line line;
 *
 *	log_begin(&line, LEVEL_INFO, "listen");
 *	log_text(&line, "listener", name);
 *	log_number(&line, "port", 443);
 *	log_end(&line);
 *
 * logfmt:  level=info event=listen listener=https port=443
 * JSON:    {"level":"info","event":"listen","listener":"https","port":443}
 *
 * Values are escaped so that a line stays a line of valid UTF-8 whatever a
 * peer sent. All functions may be called from any thread.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LEVEL_DEBUG,
	LEVEL_INFO,
	LEVEL_WARNING,
	LEVEL_ERROR,            /* a person must act */
};

enum log_target {
	LOG_TO_STDERR,
	LOG_TO_FILE,            /* appended; the path is in log_settings.path */
	LOG_TO_SYSLOG,          /* the datagram socket /dev/log, facility daemon */
	LOG_TO_JOURNAL,         /* journald's native socket, a field per key */
};

enum log_format {
	LOG_LOGFMT,
	LOG_JSON,
};

struct log_settings {
	enum log_target target;
	char *path;             /* LOG_TO_FILE only; owned by whoever made it */
	enum log_format format;
	enum log_level level;   /* events below it are not even built */
};

/* A line under construction. On the stack; nothing to free. */
struct log_line {
	bool wanted;            /* false: below the level, fields cost nothing */
	bool cut;               /* a field did not fit, so none follows */
	enum log_level level;
	enum log_format format;
	unsigned outlet;        /* log.c: where it goes */
	size_t len;
	char text[1984];        /* longer lines are cut at a field's border */
};

/*
 * Opens the target and starts the writer. Before it, and after log_close(),
 * events go to stderr as logfmt, at once. Returns NULL or the reason, in
 * words; the log then stays as it was. Copies what it needs of settings.
 */
const char *log_open(const struct log_settings *settings);

/*
 * Whether a file could be opened, without making one. NULL or the reason, in
 * words; other targets are somebody's who need not be there yet.
 */
const char *log_check(const struct log_settings *settings);

/*
 * Another target, or format. Preparing opens it, and that is all that may fail:
 * returns NULL or the reason, in words. Events that begin after log_commit() go
 * there, those before to the one of before, which is then closed; each is
 * written once. Main thread only; nothing, if there is no log or nothing is
 * prepared.
 */
const char *log_prepare(const struct log_settings *settings);
void log_commit(void);
/* It was for nothing; what was before stays. */
void log_cancel(void);

/* Opens a log file by its path again, after it was rotated; says so if it cannot. Main thread only.
 */
void log_reopen(void);

/*
 * The writer calls confine, in its own thread and soon. From then on it writes
 * to what is open, opens no file, and connects to the system's loggers.
 */
void log_confine(void (*confine)(void));

/* Writes what is queued (for at most two seconds) and ends the writer. */
void log_close(void);

/* From the next event on. Any thread. */
void log_set_level(enum log_level level);

/* True when events of this level are written. */
bool log_wants(enum log_level level);

/* What was begun is ended, by the same thread. */
void log_begin(struct log_line *line, enum log_level level, const char *event);
/* A NULL text leaves the field out. Keys are literals: lower-case and '-'. */
void log_text(struct log_line *line, const char *key, const char *text);
/*
 * The same for what a peer has said, who cannot drive out what follows in the
 * line: of what is long once it is escaped there is only the beginning, and "…".
 */
void log_words(struct log_line *line, const char *key, const char *text);
void log_number(struct log_line *line, const char *key, uint64_t number);
void log_flag(struct log_line *line, const char *key, bool yes);
/* Milliseconds, written as seconds with three decimals. */
void log_duration(struct log_line *line, const char *key, uint64_t milliseconds);
void log_format(struct log_line *line, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void log_end(struct log_line *line);

/*
 * At most `burst` events a second pass; the rest are counted. Embedded,
 * zeroed, used by one thread.
 */
struct log_limit {
	uint64_t second;
	uint32_t passed;
	uint32_t suppressed;
};

/* True when this event may be logged. now is monotonic, in milliseconds. */
bool log_limit_pass(struct log_limit *limit, uint64_t now, uint32_t burst);

/* Returns how many were suppressed since the last call, and forgets them. */
uint32_t log_limit_take(struct log_limit *limit);

#endif
