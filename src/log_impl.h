/* SPDX-License-Identifier: ISC */
/*
 * log_impl - what the files of the log say to each other
 *
 *	log.c --> log_line.c            fields to a line
 *	log_switch.c                    another target for it
 *	      --> log_output.c --> log_stream.c, log_datagram.c
 */
#ifndef LOG_IMPL_H
#define LOG_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "log.h"

/* log.c: the line is for the open outlet, which stays until log_end(). */
void log_enter(struct log_line *line);

/* log_line.c: a line in logfmt that is for no outlet; log_line_finish() ends it. */
void log_begin_aside(struct log_line *line, enum log_level level, const char *event);

/* log_line.c: closes a line; its text is NUL-terminated afterwards. */
void log_line_finish(struct log_line *line);

/* A finished event, as it waits in the queue. */
struct log_record {
	uint64_t time;          /* milliseconds since 1970, when it was logged */
	uint32_t len;           /* of text, without its NUL */
	enum log_level level;
	unsigned outlet;
	unsigned tells;         /* of so many that were lost */
	char text[];
};

/* Distance from one record to the next. */
static inline size_t log_record_size(size_t len)
{
	const size_t align = _Alignof(struct log_record);

	return (sizeof(struct log_record) + len + 1 + align - 1) / align * align;
}

static inline const struct log_record *log_record_next(const struct log_record *record)
{
	return (const struct log_record *)(const void *)((const char *)record +
	                                                 log_record_size(record->len));
}

/* ---- log_queue.c ---- */

struct log_queue {
	char *bytes;
	size_t len;
	unsigned n;             /* records */
};

/* False: out of memory. */
bool log_queue_init(struct log_queue *queue);
void log_queue_clear(struct log_queue *queue);
/* With the time of now; tells: of so many that were lost. False: it is full. */
bool log_queue_push(struct log_queue *queue, const struct log_line *line, unsigned tells);

/* ---- log_output.c ---- */

struct log_output;

struct log_output_ops {
	/*
	 * Writes the n records that follow each other, blocking for as long as
	 * that takes. Returns how many were lost; errno then says why.
	 */
	unsigned (*write)(struct log_output *target, const struct log_record *records, unsigned n);
	void (*free)(struct log_output *target);
};

struct log_output {
	const struct log_output_ops *ops;
	enum log_format format;
	char *path;             /* of a file; NULL: it is none */
	const char *where;      /* a path, to be named; NULL: it is stderr */
	bool failing;           /* it took nothing, and stderr was told */
};

/* NULL: *reason says why, in words; they live until the next call. */
struct log_output *log_output_open(const struct log_settings *settings, const char **reason);
unsigned log_output_write(struct log_output *target, const struct log_record *records, unsigned n);
/* NULL is fine. */
void log_output_free(struct log_output *target);

/* For those below: what errno says about path. */
const char *log_output_reason(const char *path);

struct log_output *log_stream_new(const struct log_settings *settings, const char **reason);
struct log_output *log_datagram_new(const struct log_settings *settings, const char **reason);

/* ---- log.c and log_switch.c ---- */

struct log_outlet {
	struct log_output *target;      /* the writer's, once it is there */
	enum log_format format;
	atomic_uint n_lines;            /* under construction for it */
};

struct logger {
	pthread_mutex_t lock;
	pthread_cond_t filled;          /* for the writer: something to do */
	pthread_cond_t ended;           /* for log_close(): the writer is through */
	pthread_t writer;
	struct log_queue filling;           /* under lock, like all below */
	struct log_queue writing;           /* the writer's, and so is untold */
	unsigned untold;                /* lost by the target, which takes nothing yet */
	unsigned lost;
	bool running;
	bool sleeping;                  /* the writer waits for filled */
	struct log_output *reopened;    /* for the open outlet; NULL: none */
	void (*confine)(void);          /* for the writer's thread; NULL: done, or not wanted */
	bool retire;                    /* nobody builds lines for the outlet that is not open */
	bool closing;
	bool through;
	struct log_output *prepared;    /* the main thread's; NULL: none */
	struct log_outlet outlets[2];   /* a target is set under lock */
	atomic_uint open;               /* which of them; changed under lock, read by all */
};
extern struct logger logger;

/* Where the system's loggers listen; tests put their own there. */
struct log_paths {
	const char *journal;
	const char *syslog;
};
extern struct log_paths log_paths;

#endif
