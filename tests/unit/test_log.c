/* SPDX-License-Identifier: ISC */
/*
 * The queue and its writer, which writes through the write() below. That plays
 * a script: it may take a part, fail, or wait at a gate. So a disk is full when
 * the test says so, and a slow one is as slow as it has to be.
 */
#include <check.h>
#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "log_impl.h"

#define STAMP                                                                                     \
	"time=20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9].[0-9][0-9][0-9]" \
	"Z "

enum {
	MANY = 20000,           /* more than the queue takes */
	THREADS = 4,
	LINES = 10000,
};

/* ---- the scripted write() ---- */

struct step {
	size_t most;            /* takes as many bytes; 0: all */
	int error;              /* takes none */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t test;         /* this thread writes as it always did */
	const struct step *steps;
	unsigned n_steps;       /* the last one counts for all that follow */
	unsigned calls;
	unsigned signals;       /* the writer could have got */
	unsigned inside;        /* writes that ended inside a line */
	bool shut;              /* nobody passes the gate */
} script = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static struct step script_next(void)
{
	struct step step = { 0 };

	unsigned calls;

	(void)pthread_mutex_lock(&script.lock);
	calls = script.calls++;
	if (script.n_steps > 0)
		step = script.steps[calls < script.n_steps ? calls : script.n_steps - 1];
	(void)pthread_cond_broadcast(&script.changed);
	while (script.shut)
		(void)pthread_cond_wait(&script.changed, &script.lock);
	(void)pthread_mutex_unlock(&script.lock);
	return step;
}

static void script_count_signals(void)
{
	sigset_t blocked;

	(void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	for (int i = 1; i < 32; i++) /* libc's own follow */
		script.signals += i != SIGKILL && i != SIGSTOP && !sigismember(&blocked, i);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	struct step step = { 0 };

	if (fd != STDERR_FILENO && script.test != 0 &&
	    !pthread_equal(script.test, pthread_self())) {
		script_count_signals();
		script.inside += ((const char *)bytes)[len - 1] != '\n';
		step = script_next();
	}
	if (step.error != 0) {
		errno = step.error;
		return -1;
	}
	return syscall(SYS_write, fd, bytes, step.most != 0 && step.most < len ? step.most : len);
}

static void script_play(const struct step *steps, unsigned n)
{
	script.steps = steps;
	script.n_steps = n;
}

static void script_set_gate(bool shut)
{
	(void)pthread_mutex_lock(&script.lock);
	script.shut = shut;
	(void)pthread_cond_broadcast(&script.changed);
	(void)pthread_mutex_unlock(&script.lock);
}

static void script_await_calls(unsigned n)
{
	(void)pthread_mutex_lock(&script.lock);
	while (script.calls < n)
		(void)pthread_cond_wait(&script.changed, &script.lock);
	(void)pthread_mutex_unlock(&script.lock);
}

/* ---- a log in a folder, and what is found there ---- */

static char folder[32];
static char path[64];

static void setup(void)
{
	(void)strcpy(folder, "/tmp/adieu-log-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	script.test = pthread_self();
	script.calls = script.signals = script.inside = script.n_steps = 0;
	script.shut = false;
}

static void teardown(void)
{
	script_set_gate(false);
	log_close();
	(void)remove(path);
	(void)rmdir(folder);
}

static void open_log_at(enum log_level level)
{
	const struct log_settings settings = { LOG_TO_FILE, path, LOG_LOGFMT, level };
	const char *reason = log_open(&settings);

	ck_assert_msg(reason == NULL, "%s", reason);
}

static void open_log(void)
{
	open_log_at(LEVEL_INFO);
}

static void log_n_at(enum log_level level, uint64_t n)
{
	struct log_line line;

	log_begin(&line, level, "test");
	log_number(&line, "n", n);
	log_text(&line, "fill", "--------------------------------------------------------");
	log_end(&line);
}

static void log_n(uint64_t n)
{
	log_n_at(LEVEL_INFO, n);
}

struct found {
	unsigned whole;         /* lines of log_n() */
	unsigned dropped;       /* as log-dropped tells */
	unsigned other;
	uint64_t first;         /* when the first was logged, in milliseconds */
	uint64_t last;
	unsigned gaps;          /* in the numbers, where no log-dropped stands */
	uint64_t due;
	bool in_order;          /* of each thread, which has LINES to itself */
};

static uint64_t find_time(const char *line)
{
	struct tm utc = { 0 };
	const char *rest = strptime(line, "time=%Y-%m-%dT%H:%M:%S.", &utc);

	ck_assert_ptr_nonnull(rest);
	return (uint64_t)timegm(&utc) * 1000 + strtoul(rest, NULL, 10);
}

static void find_line(struct found *found, uint64_t next[THREADS], const char *line)
{
	if (fnmatch(STAMP "level=info event=test n=*[0-9] fill=*--\n", line, 0) == 0) {
		const uint64_t n = strtoul(strstr(line, " n=") + 3, NULL, 10);

		found->in_order = found->in_order && n >= next[n / LINES % THREADS];
		next[n / LINES % THREADS] = n + 1;
		found->gaps += n != found->due;
		found->due = n + 1;
		found->last = find_time(line);
		found->first = found->whole++ == 0 ? found->last : found->first;
	} else if (fnmatch(STAMP "level=warning event=log-dropped count=*[0-9]\n", line, 0) == 0) {
		found->due += strtoul(strstr(line, " count=") + 7, NULL, 10);
		found->dropped += (unsigned)strtoul(strstr(line, " count=") + 7, NULL, 10);
	} else {
		found->other++;
	}
}

static struct found find_lines(void)
{
	uint64_t next[THREADS] = { 0 };
	struct found found = { .in_order = true };
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	ck_assert_ptr_nonnull(file);
	while (getline(&line, &room, file) > 0)
		find_line(&found, next, line);
	free(line);
	(void)fclose(file);
	return found;
}

/* ---- promises ---- */

START_TEST(a_file_is_appended_to_and_complete_after_close)
{
	for (int i = 0; i < 2; i++) {
		open_log();
		for (uint64_t n = 0; n < 1000; n++)
			log_n(n);
		log_close();
	}
	ck_assert_uint_eq(find_lines().whole, 2000);
}
END_TEST

static uint64_t now_milliseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

START_TEST(an_event_has_the_time_when_it_was_logged)
{
	const uint64_t before = now_milliseconds();
	uint64_t logged;

	open_log();
	script_set_gate(true);
	log_n(1);
	script_await_calls(1);
	log_n(2);
	logged = now_milliseconds();
	while (now_milliseconds() < logged + 3) /* until another time could be told from it */
		continue;
	script_set_gate(false);
	log_close();
	ck_assert_uint_ge(find_lines().first, before);
	ck_assert_uint_le(find_lines().last, logged);
}
END_TEST

START_TEST(a_write_that_takes_a_part_or_is_interrupted_goes_on)
{
	const struct step steps[] = { { 7, 0 }, { 0, EINTR }, { 1, 0 }, { 0, EINTR }, { 33, 0 } };

	script_play(steps, 5);
	open_log();
	for (uint64_t n = 0; n < 50; n++)
		log_n(n);
	log_close();
	ck_assert_uint_eq(find_lines().whole, 50);
	ck_assert_uint_eq(find_lines().other, 0);
}
END_TEST

static const int errors[] = { ENOSPC, EAGAIN, EIO, EPIPE, EFBIG };

START_TEST(a_line_cut_by_an_error_is_ended_and_what_was_lost_is_told)
{
	const struct step steps[] = { { 40, 0 }, { 0, errors[_i] }, { 0 } };

	script_play(steps, 3);
	open_log();
	log_n(1);
	script_await_calls(2);
	log_n(2);
	log_close();
	ck_assert_uint_eq(find_lines().other, 1);
	ck_assert_uint_eq(find_lines().whole + find_lines().dropped, 2);
	ck_assert_uint_eq(find_lines().dropped, 1);
}
END_TEST

START_TEST(an_error_that_stays_is_not_tried_again_without_need)
{
	const struct step steps[] = { { 0, ENOSPC } };

	script_play(steps, 1);
	open_log();
	log_n(1);
	script_await_calls(1);
	log_close();
	ck_assert_uint_eq(script.calls, 1);
}
END_TEST

/* From here on; returns where it can be read, once the log is closed. */
static int catch_stderr(int *saved)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	*saved = dup(STDERR_FILENO);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(ends[1]);
	return ends[0];
}

static void expect_stderr(int caught, int saved, const char *text)
{
	char room[1024] = "";
	size_t len = 0;
	ssize_t n;

	ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	while ((n = read(caught, room + len, sizeof(room) - 1 - len)) > 0)
		len += (size_t)n;
	(void)close(caught);
	ck_assert_str_eq(room, text);
}

START_TEST(a_file_that_takes_nothing_is_told_on_stderr_each_time_that_begins)
{
	const struct step steps[] = { { 0, ENOSPC }, { 0, ENOSPC }, { 0 }, { 0 }, { 0, EIO } };
	char wanted[512];
	int saved;
	int caught = catch_stderr(&saved);

	script_play(steps, 5);
	open_log();
	for (unsigned n = 1; n <= 2; n++) {
		log_n(n);
		script_await_calls(n);
	}
	log_n(3);
	script_await_calls(4); /* that two are missing */
	log_n(4);
	log_close();
	(void)snprintf(wanted, sizeof(wanted),
	               "level=error event=log-failed log=%s reason=\"No space left on device\"\n"
	               "level=error event=log-failed log=%s reason=\"Input/output error\"\n",
	               path, path);
	expect_stderr(caught, saved, wanted);
}
END_TEST

START_TEST(what_tells_of_losses_and_is_lost_is_told_again)
{
	const struct step steps[] = { { 0, ENOSPC }, { 0, ENOSPC }, { 0 }, { 0, ENOSPC }, { 0 } };

	script_play(steps, 5);
	open_log();
	log_n(1);
	script_await_calls(1);
	log_n(2);
	script_await_calls(2);
	log_n(3);
	script_await_calls(4); /* that two are missing */
	log_n(4);
	log_close();
	ck_assert_uint_eq(find_lines().whole, 2);
	ck_assert_uint_eq(find_lines().dropped, 2);
}
END_TEST

START_TEST(a_full_queue_drops_counts_and_tells)
{
	open_log();
	script_set_gate(true);
	for (uint64_t n = 0; n < MANY; n++)
		log_n(n);
	script_set_gate(false);
	log_close();
	ck_assert_uint_gt(find_lines().dropped, 0);
	ck_assert_uint_eq(find_lines().whole + find_lines().dropped, MANY);
	ck_assert_uint_eq(find_lines().other, 0);
}
END_TEST

START_TEST(what_was_dropped_is_told_as_soon_as_there_is_room)
{
	open_log();
	script_set_gate(true);
	log_n(0);
	script_await_calls(1);
	for (uint64_t n = 1; n < MANY; n++)
		log_n(n);
	script_set_gate(false);
	script_await_calls(2); /* the writer has taken the full queue: there is room */
	for (uint64_t n = MANY; n < MANY + 100; n++)
		log_n(n);
	log_close();
	ck_assert_uint_gt(find_lines().dropped, 0);
	ck_assert_uint_eq(find_lines().gaps, 0); /* it stands where the lines would have */
}
END_TEST

START_TEST(a_drop_that_is_below_the_level_does_not_end_the_log)
{
	const struct step steps[] = { { 0, ENOSPC }, { 0 } };

	script_play(steps, 2);
	open_log_at(LEVEL_ERROR);
	for (unsigned n = 1; n < 6; n++) {
		log_n_at(LEVEL_ERROR, n);
		script_await_calls(n);
	}
}
END_TEST

START_TEST(what_one_log_lost_is_not_told_by_the_next)
{
	const struct step steps[] = { { 0, ENOSPC }, { 0 } };

	script_play(steps, 2);
	open_log();
	log_n(1);
	script_await_calls(1);
	log_close();
	open_log();
	log_n(2);
	log_close();
	ck_assert_uint_eq(find_lines().whole, 1);
	ck_assert_uint_eq(find_lines().dropped, 0);
}
END_TEST

START_TEST(lines_that_wait_are_written_many_at_once)
{
	open_log();
	script_set_gate(true);
	log_n(0);
	script_await_calls(1);
	for (uint64_t n = 1; n < 1000; n++)
		log_n(n);
	script_set_gate(false);
	log_close();
	ck_assert_uint_eq(find_lines().whole, 1000);
	ck_assert_uint_lt(script.calls, 1000 / 16);
	ck_assert_uint_eq(script.inside, 0); /* or others who write there would cut them */
}
END_TEST

START_TEST(no_signal_comes_to_the_writer)
{
	open_log();
	log_n(1);
	log_close();
	ck_assert_uint_gt(script.calls, 0);
	ck_assert_uint_eq(script.signals, 0);
}
END_TEST

static void *log_many(void *number)
{
	for (uint64_t n = 0; n < LINES; n++)
		log_n(*(uint64_t *)number * LINES + n);
	return NULL;
}

START_TEST(lines_of_many_threads_are_whole_and_in_each_ones_order)
{
	pthread_t threads[THREADS];
	uint64_t numbers[THREADS];
	struct found found;

	open_log();
	for (uint64_t i = 0; i < THREADS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	log_close();
	found = find_lines();
	ck_assert_uint_eq(found.whole + found.dropped, THREADS * LINES);
	ck_assert_uint_eq(found.other, 0);
	ck_assert(found.in_order);
}
END_TEST

START_TEST(a_limit_passes_a_burst_each_second_and_counts_the_rest)
{
	struct log_limit limit = { 0 };

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(log_limit_pass(&limit, 1999, 3), i < 3);
	ck_assert(log_limit_pass(&limit, 2000, 3));
	ck_assert_uint_eq(log_limit_take(&limit), 2);
	ck_assert_uint_eq(log_limit_take(&limit), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("queue and writer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 100); /* they wait for events; this one never comes */
	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_file_is_appended_to_and_complete_after_close);
	tcase_add_test(tcase, an_event_has_the_time_when_it_was_logged);
	tcase_add_test(tcase, a_write_that_takes_a_part_or_is_interrupted_goes_on);
	tcase_add_loop_test(tcase, a_line_cut_by_an_error_is_ended_and_what_was_lost_is_told, 0,
	                    (int)(sizeof(errors) / sizeof(errors[0])));
	tcase_add_test(tcase, an_error_that_stays_is_not_tried_again_without_need);
	tcase_add_test(tcase, a_file_that_takes_nothing_is_told_on_stderr_each_time_that_begins);
	tcase_add_test(tcase, what_tells_of_losses_and_is_lost_is_told_again);
	tcase_add_test(tcase, a_full_queue_drops_counts_and_tells);
	tcase_add_test(tcase, what_was_dropped_is_told_as_soon_as_there_is_room);
	tcase_add_test(tcase, a_drop_that_is_below_the_level_does_not_end_the_log);
	tcase_add_test(tcase, what_one_log_lost_is_not_told_by_the_next);
	tcase_add_test(tcase, lines_that_wait_are_written_many_at_once);
	tcase_add_test(tcase, no_signal_comes_to_the_writer);
	tcase_add_test(tcase, lines_of_many_threads_are_whole_and_in_each_ones_order);
	tcase_add_test(tcase, a_limit_passes_a_burst_each_second_and_counts_the_rest);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
