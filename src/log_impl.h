/* SPDX-License-Identifier: ISC */
/*
 * log_impl - what log.c, log_line.c and log_target.c say to each other
 */
#ifndef LOG_IMPL_H
#define LOG_IMPL_H

#include <sys/types.h>

#include "log.h"

/* log.c: the format that lines are built in. */
enum log_format log_current_format(void);

/* log_line.c: closes a line; its text is NUL-terminated afterwards. */
void log_line_finish(struct log_line *line);

/* A finished event, as it waits in the queue. */
struct log_record {
	uint64_t time;          /* milliseconds since 1970, when it was logged */
	uint32_t len;           /* of text, without its NUL */
	enum log_level level;
	char text[];
};

struct log_target_ops {
	/*
	 * Writes the n records that follow each other in batch (n > 0), blocking
	 * for as long as that takes. Returns how many were lost.
	 */
	unsigned (*write)(const char *batch, unsigned n);
	/* Opens what has a path again. Returns NULL or why it could not. */
	const char *(*reopen)(void);
	void (*close)(void);
};

/* Distance from one record to the next. */
size_t log_record_size(size_t len);

/* log_target.c: one target at a time. Returns NULL or the reason. */
const char *log_target_open(const struct log_settings *settings, enum log_format format);
unsigned log_target_write(const char *batch, unsigned n);
const char *log_target_reopen(void);
void log_target_close(void);
/* Of the file; NULL: there is none. */
const char *log_target_path(void);

/* Where the system's loggers listen; tests put their own there. */
struct log_paths {
	const char *journal;
	const char *syslog;
};
extern struct log_paths log_paths;

#endif
