/* SPDX-License-Identifier: ISC */
/*
 * Two halves and a queue between them. A caller builds its line on its own
 * stack and copies it into the queue under a lock that is held for just that;
 * the writer thread takes all there is at once and gives it to the target,
 * which may be slow, full or gone without anybody else noticing.
 *
 *	callers --log_end--> [ filling ] <-swap-> [ writing ] --> target
 *
 * Before log_open() and after log_close() there is no thread, and log_end()
 * writes to stderr itself.
 */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log_impl.h"

enum {
	LOG_QUEUE_SIZE = 1 << 20,
	LOG_CLOSE_SECONDS = 2,
};

struct queue {
	char *bytes;
	size_t len;
	unsigned n;
};

/* For the writer, beside what it writes. */
struct orders {
	void (*confine)(const char *path);      /* NULL: none */
	bool reopen;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t filled;          /* for the writer: something to do */
	pthread_cond_t ended;           /* for log_close(): the writer is through */
	pthread_t writer;
	struct queue filling;           /* under lock, like all below */
	struct queue writing;           /* the writer's, and so is untold */
	unsigned untold;                /* lost by the target, which takes nothing yet */
	unsigned lost;
	bool running;
	bool sleeping;                  /* the writer waits for filled */
	struct orders orders;
	bool closing;
	bool through;
} logger = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.filled = PTHREAD_COND_INITIALIZER,
};

/* Read by every thread at every event. */
static atomic_int log_level = LEVEL_INFO;
static atomic_int log_format_now = LOG_LOGFMT;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

enum log_format log_current_format(void)
{
	return (enum log_format)atomic_load_explicit(&log_format_now, memory_order_relaxed);
}

size_t log_record_size(size_t len)
{
	const size_t align = _Alignof(struct log_record);

	return (sizeof(struct log_record) + len + 1 + align - 1) / align * align;
}

static uint64_t log_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail on Linux */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the queue; the lock is held ---- */

static bool log_push(struct queue *queue, const struct log_line *line)
{
	const size_t size = log_record_size(line->len);
	struct log_record *record;

	if (queue->len + size > LOG_QUEUE_SIZE)
		return false;
	record = (struct log_record *)(void *)(queue->bytes + queue->len);
	record->time = log_now();
	record->len = (uint32_t)line->len;
	record->level = line->level;
	memcpy(record->text, line->text, line->len + 1);
	queue->len += size;
	queue->n++;
	return true;
}

static void log_push_lost(unsigned lost)
{
	struct log_line line;

	log_begin(&line, LEVEL_WARNING, "log-dropped");
	if (!line.wanted)
		return;
	log_number(&line, "count", lost);
	log_line_finish(&line);
	(void)log_push(&logger.filling, &line); /* it is empty: see log_take() */
}

static void log_enqueue(const struct log_line *line)
{
	if (!log_push(&logger.filling, line)) {
		logger.lost++;
		return;
	}
	if (logger.sleeping)
		(void)pthread_cond_signal(&logger.filled);
	logger.sleeping = false; /* once is enough */
}

static void log_write_directly(const struct log_line *line)
{
	(void)fprintf(stderr, "%s\n", line->text); /* nobody is left to tell */
}

void log_end(struct log_line *line)
{
	bool running;

	if (!line->wanted)
		return;
	log_line_finish(line);
	(void)pthread_mutex_lock(&logger.lock); /* a plain mutex does not fail */
	running = logger.running;
	if (running)
		log_enqueue(line);
	(void)pthread_mutex_unlock(&logger.lock);
	if (!running)
		log_write_directly(line);
}

/* ---- the writer ---- */

static bool log_has_orders(void)
{
	return logger.orders.reopen || logger.orders.confine != NULL;
}

/* Waits for something to do and takes it. False: nothing will come any more. */
static bool log_take(struct orders *orders)
{
	struct queue taken;
	bool over;

	(void)pthread_mutex_lock(&logger.lock);
	while (logger.filling.n == 0 && logger.lost == 0 && !log_has_orders() && !logger.closing) {
		logger.sleeping = true;
		(void)pthread_cond_wait(&logger.filled, &logger.lock);
		logger.sleeping = false;
	}
	taken = logger.filling;
	logger.filling = logger.writing;
	logger.filling.len = logger.filling.n = 0;
	logger.writing = taken;
	/* Now there is room: behind what came before the loss, before all that comes after it. */
	if (logger.lost > 0)
		log_push_lost(logger.lost);
	logger.lost = 0;
	*orders = logger.orders;
	logger.orders = (struct orders){ .reopen = false };
	over = logger.closing && taken.n == 0 && logger.filling.n == 0 && !orders->reopen;
	(void)pthread_mutex_unlock(&logger.lock);
	return !over;
}

static void log_do_reopen(void)
{
	const char *reason = log_target_reopen();
	struct log_line line;

	if (reason == NULL)
		return;
	log_begin(&line, LEVEL_ERROR, "log-reopen");
	log_text(&line, "reason", reason);
	log_end(&line);
}

/* What the target lost is told once it takes something again. */
static void log_note_lost(unsigned lost, unsigned n)
{
	logger.untold += lost;
	if (logger.untold == 0 || lost == n)
		return;
	(void)pthread_mutex_lock(&logger.lock);
	logger.lost += logger.untold;
	(void)pthread_mutex_unlock(&logger.lock);
	logger.untold = 0;
}

static void *log_writer(void *arg)
{
	struct orders orders;

	(void)arg;
	while (log_take(&orders)) {
		if (orders.confine != NULL)
			orders.confine(log_target_path());
		if (orders.reopen)
			log_do_reopen();
		if (logger.writing.n > 0)
			log_note_lost(log_target_write(logger.writing.bytes, logger.writing.n),
			              logger.writing.n);
	}
	(void)pthread_mutex_lock(&logger.lock);
	logger.through = true;
	(void)pthread_cond_signal(&logger.ended);
	(void)pthread_mutex_unlock(&logger.lock);
	return NULL;
}

/* ---- open, reopen, close ---- */

static bool log_make_queues(void)
{
	logger.filling.bytes = malloc(LOG_QUEUE_SIZE);
	logger.writing.bytes = malloc(LOG_QUEUE_SIZE);
	return logger.filling.bytes != NULL && logger.writing.bytes != NULL;
}

static void log_free_queues(void)
{
	free(logger.filling.bytes);
	free(logger.writing.bytes);
	logger.filling = logger.writing = (struct queue){ 0 };
}

/* log_close() waits by a clock that nobody sets. */
static void log_make_ended(void)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes); /* none of the three fails on Linux */
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&logger.ended, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

static int log_start_writer(void)
{
	sigset_t all;
	sigset_t before;
	int error;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before); /* only EINVAL, for a wrong how */
	error = pthread_create(&logger.writer, NULL, log_writer, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

const char *log_open(const struct log_settings *settings)
{
	/* The journal has fields of its own, taken from a line in logfmt. */
	enum log_format format = settings->target == LOG_TO_JOURNAL ? LOG_LOGFMT : settings->format;
	const char *reason = log_target_open(settings, format);

	if (reason != NULL)
		return reason;
	tzset(); /* else the first line opens a file, whenever that may be */
	logger.closing = logger.through = false;
	logger.orders = (struct orders){ .reopen = false };
	logger.lost = logger.untold = 0;
	log_make_ended();
	if (!log_make_queues() || log_start_writer() != 0) {
		log_free_queues();
		log_target_close();
		return "out of memory";
	}
	atomic_store(&log_level, (int)settings->level);
	atomic_store(&log_format_now, (int)format);
	(void)pthread_mutex_lock(&logger.lock);
	logger.running = true;
	(void)pthread_mutex_unlock(&logger.lock);
	return NULL;
}

void log_reopen(void)
{
	(void)pthread_mutex_lock(&logger.lock);
	logger.orders.reopen = logger.running;
	(void)pthread_cond_signal(&logger.filled);
	(void)pthread_mutex_unlock(&logger.lock);
}

void log_confine(void (*confine)(const char *path))
{
	(void)pthread_mutex_lock(&logger.lock);
	logger.orders.confine = logger.running ? confine : NULL;
	(void)pthread_cond_signal(&logger.filled);
	(void)pthread_mutex_unlock(&logger.lock);
}

/* True when the writer came to its end in time. The lock is held. */
static bool log_await_writer(void)
{
	struct timespec until;
	int error = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail on Linux */
	until.tv_sec += LOG_CLOSE_SECONDS;
	while (!logger.through && error == 0)
		error = pthread_cond_timedwait(&logger.ended, &logger.lock, &until);
	return logger.through;
}

void log_close(void)
{
	bool through;

	(void)pthread_mutex_lock(&logger.lock);
	if (!logger.running) {
		(void)pthread_mutex_unlock(&logger.lock);
		return;
	}
	logger.running = false;
	logger.closing = true;
	(void)pthread_cond_signal(&logger.filled);
	through = log_await_writer();
	(void)pthread_mutex_unlock(&logger.lock);
	atomic_store(&log_level, LEVEL_INFO);
	atomic_store(&log_format_now, LOG_LOGFMT);
	if (!through) {
		/* Stuck in a write that may never end: it keeps what it holds. */
		(void)pthread_detach(logger.writer);
		return;
	}
	(void)pthread_join(logger.writer, NULL); /* ours, joinable, once */
	log_target_close();
	log_free_queues();
}

/* ---- limits ---- */

bool log_limit_pass(struct log_limit *limit, uint64_t now, uint32_t burst)
{
	if (limit->second != now / 1000) {
		limit->second = now / 1000;
		limit->passed = 0;
	}
	if (limit->passed < burst) {
		limit->passed++;
		return true;
	}
	limit->suppressed++;
	return false;
}

uint32_t log_limit_take(struct log_limit *limit)
{
	uint32_t suppressed = limit->suppressed;

	limit->suppressed = 0;
	return suppressed;
}
