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

enum { LOG_CLOSE_SECONDS = 2 };

struct logger logger = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.filled = PTHREAD_COND_INITIALIZER,
};

/* Read by every thread at every event. */
static atomic_int log_level = LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool log_wants(enum log_level level)
{
	return (int)level >= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* ---- outlets ---- */

/* The lock is held. */
static void log_leave(unsigned outlet)
{
	if (atomic_fetch_sub(&logger.outlets[outlet].n_lines, 1) > 1 ||
	    outlet == atomic_load(&logger.open))
		return;
	logger.retire = true;
	(void)pthread_cond_signal(&logger.filled);
}

void log_enter(struct log_line *line)
{
	unsigned outlet = atomic_load(&logger.open);

	(void)atomic_fetch_add(&logger.outlets[outlet].n_lines, 1);
	/* Counted, and still open: it stays until log_leave(). */
	while (outlet != atomic_load(&logger.open)) {
		(void)pthread_mutex_lock(&logger.lock);
		log_leave(outlet);
		outlet = atomic_load(&logger.open);
		(void)atomic_fetch_add(&logger.outlets[outlet].n_lines, 1);
		(void)pthread_mutex_unlock(&logger.lock);
	}
	line->outlet = outlet;
	line->format = logger.outlets[outlet].format;
}

/* ---- the queue; the lock is held ---- */

static void log_push_lost(unsigned lost)
{
	struct log_line line;

	log_begin(&line, LEVEL_WARNING, "log-dropped");
	if (!line.wanted)
		return;
	log_number(&line, "count", lost);
	log_line_finish(&line);
	(void)log_queue_push(&logger.filling, &line, lost); /* it is empty: see log_take() */
	log_leave(line.outlet);
}

static void log_enqueue(const struct log_line *line)
{
	if (!log_queue_push(&logger.filling, line, 0)) {
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
	log_leave(line->outlet);
	(void)pthread_mutex_unlock(&logger.lock);
	if (!running)
		log_write_directly(line);
}

/* ---- the writer ---- */

/* Where lines go, and what is to be closed. */
struct errand {
	struct log_output *targets[2];  /* of the outlets */
	struct log_output *rotated;     /* at once; NULL: none */
	struct log_output *retired;     /* behind the last line that is for it; NULL: none */
	void (*confine)(void);          /* NULL: nothing */
};

/* The lock is held. */
static struct errand log_take_errand(void)
{
	const unsigned open = atomic_load(&logger.open);
	struct errand errand = { .confine = logger.confine };

	logger.confine = NULL;
	if (logger.reopened != NULL) {
		errand.rotated = logger.outlets[open].target;
		logger.outlets[open].target = logger.reopened;
		logger.reopened = NULL;
	}
	errand.targets[0] = logger.outlets[0].target;
	errand.targets[1] = logger.outlets[1].target;
	if (logger.retire) {
		errand.retired = logger.outlets[!open].target;
		logger.outlets[!open].target = NULL;
		logger.retire = false;
	}
	return errand;
}

/* Waits for something to do and takes it. False: nothing will come any more. */
static bool log_take(struct errand *errand)
{
	struct log_queue taken;
	bool over;

	(void)pthread_mutex_lock(&logger.lock);
	while (logger.filling.n == 0 && logger.lost == 0 && logger.reopened == NULL &&
	       logger.confine == NULL && !logger.retire && !logger.closing) {
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
	*errand = log_take_errand();
	over = logger.closing && taken.n == 0 && logger.filling.n == 0 && errand->rotated == NULL &&
	       errand->retired == NULL;
	(void)pthread_mutex_unlock(&logger.lock);
	return !over;
}

/* What the target lost is told once it takes something again. */
static void log_note_lost(unsigned lost, bool took)
{
	logger.untold += lost;
	if (logger.untold == 0 || !took)
		return;
	(void)pthread_mutex_lock(&logger.lock);
	logger.lost += logger.untold;
	(void)pthread_mutex_unlock(&logger.lock);
	logger.untold = 0;
}

/* Those that one outlet gets together. What tells of others goes alone: they are lost with it. */
static unsigned log_run(const struct log_record *record, unsigned left)
{
	const struct log_record *first = record;
	unsigned n = 0;

	do {
		record = log_record_next(record);
		n++;
	} while (n < left && first->tells == 0 && record->tells == 0 &&
	         record->outlet == first->outlet);
	return n;
}

/* Returns how many were lost; *took: not all. */
static unsigned log_write(const struct log_queue *queue, struct log_output *const targets[2],
                          bool *took)
{
	const struct log_record *record = (const struct log_record *)(const void *)queue->bytes;
	unsigned left = queue->n;
	unsigned lost = 0;

	while (left > 0) {
		const unsigned n = log_run(record, left);
		const unsigned now = log_output_write(targets[record->outlet], record, n);

		*took = *took || now < n;
		lost += now > 0 && record->tells > 0 ? record->tells : now;
		left -= n;
		for (unsigned i = 0; i < n; i++)
			record = log_record_next(record);
	}
	return lost;
}

static void log_write_all(struct log_output *const targets[2])
{
	bool took = false;
	const unsigned lost = log_write(&logger.writing, targets, &took);

	log_note_lost(lost, took);
}

static void *log_writer(void *arg)
{
	struct errand errand;

	(void)arg;
	while (log_take(&errand)) {
		if (errand.confine != NULL)
			errand.confine();
		log_output_free(errand.rotated);
		if (logger.writing.n > 0)
			log_write_all(errand.targets);
		log_output_free(errand.retired);
	}
	(void)pthread_mutex_lock(&logger.lock);
	logger.through = true;
	(void)pthread_cond_signal(&logger.ended);
	(void)pthread_mutex_unlock(&logger.lock);
	return NULL;
}

/* ---- open, reopen, close ---- */

static void log_free_queues(void)
{
	log_queue_clear(&logger.filling);
	log_queue_clear(&logger.writing);
}

static void log_free_targets(void)
{
	for (unsigned i = 0; i < 2; i++) {
		log_output_free(logger.outlets[i].target);
		logger.outlets[i].target = NULL;
	}
	log_output_free(logger.reopened);
	logger.reopened = NULL;
	log_cancel();
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
	const char *reason;
	struct log_output *target = log_output_open(settings, &reason);

	if (target == NULL)
		return reason;
	tzset(); /* else the first line opens a file, whenever that may be */
	logger.closing = logger.through = logger.retire = false;
	logger.confine = NULL;
	logger.lost = logger.untold = 0;
	atomic_store(&logger.open, 0);
	logger.outlets[0].target = target;
	logger.outlets[0].format = target->format;
	for (unsigned i = 0; i < 2; i++)
		atomic_store(&logger.outlets[i].n_lines, 0);
	log_make_ended();
	if (!log_queue_init(&logger.filling) || !log_queue_init(&logger.writing) ||
	    log_start_writer() != 0) {
		log_free_queues();
		log_free_targets();
		return "out of memory";
	}
	log_set_level(settings->level);
	(void)pthread_mutex_lock(&logger.lock);
	logger.running = true;
	(void)pthread_mutex_unlock(&logger.lock);
	return NULL;
}

void log_confine(void (*confine)(void))
{
	(void)pthread_mutex_lock(&logger.lock);
	logger.confine = logger.running ? confine : NULL;
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
	log_set_level(LEVEL_INFO);
	for (unsigned i = 0; i < 2; i++)
		logger.outlets[i].format = LOG_LOGFMT;
	if (!through) {
		/* Stuck in a write that may never end: it keeps what it holds. */
		(void)pthread_detach(logger.writer);
		return;
	}
	(void)pthread_join(logger.writer, NULL); /* ours, joinable, once */
	log_free_targets();
	log_free_queues();
}
