/* SPDX-License-Identifier: ISC */
/*
 * Another log while there are threads that log: two files by turns, one of
 * them in JSON, and what is found in them in the end.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log_impl.h"

enum {
	FILES = 2,
	THREADS = 4,
	LINES = 20000,
	SWITCHES = 200,
	MANY = 20000,           /* more than the queue and a pipe take */
};

static const char *const patterns[FILES] = {
	[LOG_LOGFMT] = "time=*Z level=* event=*[0-9]\n",
	[LOG_JSON] = "{\"time\":\"*Z\",\"level\":\"*\",\"event\":\"*[0-9]}\n",
};

static char folder[32];
static char paths[FILES][64];
static unsigned char seen[THREADS * LINES];
static unsigned dropped;

static void setup(void)
{
	(void)strcpy(folder, "/tmp/adieu-log-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (int i = 0; i < FILES; i++)
		(void)snprintf(paths[i], sizeof(paths[i]), "%s/%d", folder, i);
	memset(seen, 0, sizeof(seen));
	dropped = 0;
}

static void teardown(void)
{
	log_close();
	for (int i = 0; i < FILES; i++)
		(void)remove(paths[i]);
	(void)rmdir(folder);
}

static struct log_settings settings_of(enum log_format format)
{
	return (struct log_settings){ LOG_TO_FILE, paths[format], format, LEVEL_INFO };
}

static void open_log(enum log_format format)
{
	const struct log_settings settings = settings_of(format);

	ck_assert_ptr_null(log_open(&settings));
}

static void prepare(enum log_format format)
{
	const struct log_settings settings = settings_of(format);
	const char *reason;

	/* The writer may not have come to close the one before yet. */
	while ((reason = log_prepare(&settings)) != NULL && strstr(reason, "not taken") != NULL)
		(void)sched_yield();
	ck_assert_msg(reason == NULL, "%s", reason);
}

static void change_to(enum log_format format)
{
	prepare(format);
	log_commit();
}

static void log_n(uint64_t n)
{
	struct log_line line;

	log_begin(&line, LEVEL_INFO, "test");
	log_number(&line, "n", n);
	log_end(&line);
}

static uint64_t number_in(const char *line)
{
	const char *last = line + strlen(line);

	while (last[-1] < '0' || last[-1] > '9')
		last--;
	while (last[-1] >= '0' && last[-1] <= '9')
		last--;
	return strtoul(last, NULL, 10);
}

/* Every line is in the format of its file. Returns how many are about n. */
static unsigned read_log(enum log_format format)
{
	FILE *file = fopen(paths[format], "re");
	char *line = NULL;
	size_t room = 0;
	unsigned n = 0;

	ck_assert_ptr_nonnull(file);
	while (getline(&line, &room, file) > 0) {
		ck_assert_msg(fnmatch(patterns[format], line, 0) == 0, "%s", line);
		if (strstr(line, "log-dropped") != NULL) {
			dropped += (unsigned)number_in(line);
			continue;
		}
		ck_assert_uint_lt(number_in(line), sizeof(seen));
		seen[number_in(line)]++;
		n++;
	}
	free(line);
	(void)fclose(file);
	return n;
}

static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static void *log_many(void *number)
{
	for (uint64_t n = 0; n < LINES; n++)
		log_n(*(uint64_t *)number * LINES + n);
	return NULL;
}

START_TEST(a_line_is_in_one_log_and_in_the_format_of_that)
{
	pthread_t threads[THREADS];
	uint64_t numbers[THREADS];
	unsigned n;

	open_log(LOG_LOGFMT);
	for (uint64_t i = 0; i < THREADS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
	}
	for (int i = 1; i <= SWITCHES; i++)
		change_to((enum log_format)(i % FILES));
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	log_close();
	n = read_log(LOG_LOGFMT) + read_log(LOG_JSON);
	ck_assert_uint_eq(n + dropped, THREADS * LINES);
	for (size_t i = 0; i < sizeof(seen); i++)
		ck_assert_uint_le(seen[i], 1);
}
END_TEST

START_TEST(what_was_begun_before_goes_to_the_log_of_then)
{
	struct log_line line;

	open_log(LOG_LOGFMT);
	log_begin(&line, LEVEL_INFO, "test");
	change_to(LOG_JSON);
	log_n(2);
	log_number(&line, "n", 1);
	log_end(&line);
	log_close();
	ck_assert_uint_eq(read_log(LOG_LOGFMT), 1);
	ck_assert_uint_eq(seen[1], 1);
	ck_assert_uint_eq(read_log(LOG_JSON), 1);
	ck_assert_uint_eq(seen[2], 1);
}
END_TEST

START_TEST(the_old_one_is_closed)
{
	unsigned before;

	open_log(LOG_LOGFMT);
	before = count_descriptors();
	change_to(LOG_JSON);
	while (count_descriptors() != before) /* this never comes, else */
		(void)sched_yield();
}
END_TEST

START_TEST(a_line_under_construction_keeps_the_old_one_open)
{
	struct log_line line;
	const struct log_settings settings = settings_of(LOG_LOGFMT);

	open_log(LOG_LOGFMT);
	log_begin(&line, LEVEL_INFO, "test");
	log_number(&line, "n", 1);
	change_to(LOG_JSON);
	ck_assert_ptr_nonnull(strstr(log_prepare(&settings), "not taken"));
	log_end(&line);
	change_to(LOG_LOGFMT);
	log_n(2);
	log_close();
	ck_assert_uint_eq(read_log(LOG_LOGFMT), 2);
}
END_TEST

START_TEST(one_that_cannot_be_opened_is_a_reason_and_changes_nothing)
{
	const struct log_settings wrong = { LOG_TO_FILE, folder, LOG_JSON, LEVEL_INFO };

	open_log(LOG_LOGFMT);
	ck_assert_ptr_nonnull(strstr(log_prepare(&wrong), folder));
	log_commit(); /* of nothing */
	log_n(1);
	log_close();
	ck_assert_uint_eq(read_log(LOG_LOGFMT), 1);
}
END_TEST

START_TEST(what_was_prepared_for_nothing_is_forgotten)
{
	unsigned before;

	open_log(LOG_LOGFMT);
	before = count_descriptors();
	prepare(LOG_JSON);
	log_cancel();
	ck_assert_uint_eq(count_descriptors(), before);
	log_commit();
	log_n(1);
	log_close();
	ck_assert_uint_eq(read_log(LOG_LOGFMT), 1);
	ck_assert_uint_eq(read_log(LOG_JSON), 0);
}
END_TEST

START_TEST(a_stuck_log_may_be_left_once)
{
	struct log_settings settings = settings_of(LOG_JSON);
	char path[32];
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[1]);
	settings.path = path;
	ck_assert_ptr_null(log_open(&settings));
	for (uint64_t n = 0; n < MANY; n++)
		log_n(n);
	change_to(LOG_JSON);
	settings = settings_of(LOG_LOGFMT);
	ck_assert_ptr_nonnull(strstr(log_prepare(&settings), "not taken"));
	(void)signal(SIGPIPE, SIG_IGN);
	(void)close(ends[0]); /* EPIPE: it takes nothing, and is not stuck any more */
	change_to(LOG_LOGFMT);
	(void)close(ends[1]);
}
END_TEST

START_TEST(without_a_log_there_is_none_to_change)
{
	const struct log_settings settings = settings_of(LOG_JSON);

	ck_assert_ptr_null(log_prepare(&settings));
	log_commit();
	ck_assert_int_ne(access(paths[LOG_JSON], F_OK), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_switch");
	TCase *tcase = tcase_create("another log");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 100); /* they wait for events; this one never comes */
	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, a_line_is_in_one_log_and_in_the_format_of_that);
	tcase_add_test(tcase, what_was_begun_before_goes_to_the_log_of_then);
	tcase_add_test(tcase, the_old_one_is_closed);
	tcase_add_test(tcase, a_line_under_construction_keeps_the_old_one_open);
	tcase_add_test(tcase, one_that_cannot_be_opened_is_a_reason_and_changes_nothing);
	tcase_add_test(tcase, what_was_prepared_for_nothing_is_forgotten);
	tcase_add_test(tcase, a_stuck_log_may_be_left_once);
	tcase_add_test(tcase, without_a_log_there_is_none_to_change);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
