/* SPDX-License-Identifier: ISC */
/*
 * What comes out at the far end: stderr, files, and the system's loggers, which
 * are datagram sockets in a folder of our own.
 */
#include <check.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log_impl.h"

#define STAMP                                                                                     \
	"time=20[0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9].[0-9][0-9][0-9]" \
	"Z "

enum {
	MANY = 20000,           /* more than the queue and a pipe take */
	LOGGERS = 2,
};

static char folder[32];
static char path[64];
static char old_path[64];
static char *text;
static int real_stderr;

static void setup(void)
{
	(void)strcpy(folder, "/tmp/adieu-log-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	(void)snprintf(old_path, sizeof(old_path), "%s/log.1", folder);
	log_paths.syslog = log_paths.journal = path;
	real_stderr = dup(STDERR_FILENO);
}

static void teardown(void)
{
	log_close();
	(void)dup2(real_stderr, STDERR_FILENO);
	(void)close(real_stderr);
	(void)remove(path);
	(void)remove(old_path);
	(void)rmdir(folder);
	free(text);
	text = NULL;
}

static void open_log(enum log_target target, enum log_format format)
{
	const struct log_settings settings = { target, path, format, LEVEL_INFO };
	const char *reason = log_open(&settings);

	ck_assert_msg(reason == NULL, "%s", reason);
}

static void log_n(uint64_t n)
{
	struct log_line line;

	log_begin(&line, LEVEL_INFO, "test");
	log_number(&line, "n", n);
	log_text(&line, "fill", "--------------------------------------------------------");
	log_end(&line);
}

static void redirect_stderr(const char *to)
{
	int fd = open(to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	(void)close(fd);
}

static char *read_file(const char *from)
{
	FILE *file = fopen(from, "re");
	size_t room = 0;

	free(text);
	text = NULL;
	ck_assert_ptr_nonnull(file);
	if (getdelim(&text, &room, '\0', file) < 0) {
		free(text);
		text = calloc(1, 1); /* it is empty */
	}
	(void)fclose(file);
	return text;
}

static void expect_file(const char *from, const char *pattern)
{
	ck_assert_msg(fnmatch(pattern, read_file(from), 0) == 0, "not %s: %s", pattern, text);
}

/* ---- stderr and files ---- */

START_TEST(without_a_log_events_go_to_stderr_as_logfmt_at_once)
{
	redirect_stderr(path);
	log_n(1);
	expect_file(path, "level=info event=test n=1 fill=*-\n");
	redirect_stderr(old_path);
	open_log(LOG_TO_FILE, LOG_JSON);
	log_close();
	log_n(2);
	expect_file(old_path, "level=info event=test n=2 fill=*-\n");
}
END_TEST

START_TEST(stderr_is_stamped_and_left_as_it_was)
{
	redirect_stderr(path);
	open_log(LOG_TO_STDERR, LOG_LOGFMT);
	log_n(1);
	log_close();
	expect_file(path, STAMP "level=info event=test n=1 *\n");
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_GETFL) & (O_NONBLOCK | O_APPEND), O_APPEND);
}
END_TEST

START_TEST(in_json_the_time_is_first)
{
	open_log(LOG_TO_FILE, LOG_JSON);
	log_n(1);
	log_close();
	expect_file(path, "{\"time\":\"20*-*-*T*:*:*.*Z\","
	                  "\"level\":\"info\",\"event\":\"test\",\"n\":1,*\"}\n");
}
END_TEST

START_TEST(a_stuck_reader_does_not_keep_close)
{
	int ends[2];
	int status;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) { /* its writer may never end: not in this process */
		(void)dup2(ends[1], STDERR_FILENO);
		open_log(LOG_TO_STDERR, LOG_LOGFMT);
		for (uint64_t n = 0; n < MANY; n++)
			log_n(n);
		log_close();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child); /* nobody has read a byte */
	ck_assert_int_eq(status, 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_gives_the_reason)
{
	const struct log_settings settings = { LOG_TO_FILE, folder, LOG_JSON, LEVEL_ERROR };

	ck_assert_ptr_nonnull(strstr(log_open(&settings), folder));
	redirect_stderr(path);
	log_n(1);
	expect_file(path, "level=info event=test n=1 *\n");
}
END_TEST

START_TEST(a_pipe_that_nobody_reads_is_not_waited_for)
{
	const struct log_settings settings = { LOG_TO_FILE, path, LOG_LOGFMT, LEVEL_INFO };
	char line[256];
	ssize_t len;
	int reader;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_ptr_nonnull(strstr(log_open(&settings), "a pipe that nobody reads"));
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(reader, 0);
	open_log(LOG_TO_FILE, LOG_LOGFMT);
	log_n(1);
	log_close();
	len = read(reader, line, sizeof(line) - 1);
	ck_assert_int_gt(len, 0);
	line[len] = '\0';
	ck_assert_ptr_nonnull(strstr(line, "event=test n=1"));
	(void)close(reader);
}
END_TEST

START_TEST(a_rotated_file_is_opened_again)
{
	open_log(LOG_TO_FILE, LOG_LOGFMT);
	log_n(1);
	log_close();
	open_log(LOG_TO_FILE, LOG_LOGFMT);
	ck_assert_int_eq(rename(path, old_path), 0);
	log_reopen();
	log_n(2);
	log_close();
	expect_file(old_path, STAMP "level=info event=test n=1 *");
	expect_file(path, STAMP "level=info event=test n=2 *-\n");
}
END_TEST

/* Returns when something stands in the file, which was empty. */
static void await_line(const char *from)
{
	struct stat file = { 0 };

	while (stat(from, &file) == 0 && file.st_size == 0)
		(void)sched_yield(); /* never fails on Linux */
	ck_assert_int_gt(file.st_size, 0);
}

START_TEST(the_old_file_stays_if_no_new_one_can_be_opened)
{
	open_log(LOG_TO_FILE, LOG_LOGFMT);
	ck_assert_int_eq(rename(path, old_path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	log_reopen();
	await_line(old_path);
	log_n(1);
	log_close();
	expect_file(old_path, STAMP "level=error event=log-reopen reason=*directory*\n" STAMP
	                            "level=info event=test n=1 *-\n");
}
END_TEST

START_TEST(a_full_disk_stops_nobody)
{
	ck_assert_int_eq(symlink("/dev/full", path), 0);
	open_log(LOG_TO_FILE, LOG_LOGFMT);
	for (uint64_t n = 0; n < MANY; n++)
		log_n(n);
	log_close();
}
END_TEST

/* ---- syslog and the journal ---- */

static const enum log_target loggers[LOGGERS] = { LOG_TO_SYSLOG, LOG_TO_JOURNAL };

static int logger_bind(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static const char *logger_take(int fd)
{
	static char taken[16384];
	const ssize_t len = recv(fd, taken, sizeof(taken) - 1, 0);

	ck_assert_int_gt(len, 0);
	taken[len] = '\0';
	return taken;
}

START_TEST(syslog_gets_priority_time_and_tag)
{
	int fd = logger_bind();
	char expected[96];

	(void)snprintf(expected, sizeof(expected),
	               "<30>[A-Z]?? [ 1-3]? ??:??:?? adieu[[]%d]: level=info event=test n=1 *--",
	               (int)getpid());
	open_log(LOG_TO_SYSLOG, LOG_LOGFMT);
	log_n(1);
	ck_assert_int_eq(fnmatch(expected, logger_take(fd), 0), 0);
	(void)close(fd);
}
END_TEST

START_TEST(the_journal_gets_a_field_for_each_key_and_no_forged_one)
{
	int fd = logger_bind();
	struct log_line line;

	open_log(LOG_TO_JOURNAL, LOG_JSON);
	log_begin(&line, LEVEL_WARNING, "truncation");
	log_flag(&line, "in-record", false);
	log_text(&line, "sni", "a \"b\"\\\nPRIORITY=0\xc2\x9b\x1b");
	log_end(&line);
	ck_assert_str_eq(
		logger_take(fd),
		"MESSAGE=level=warning event=truncation in-record=no "
		"sni=\"a "
		"\\\"b\\\"\\\\\\nPRIORITY=0\\u009b\\u001b\"\nPRIORITY=4\nSYSLOG_FACILITY=3\n"
		"SYSLOG_IDENTIFIER=adieu\nADIEU_LEVEL=warning\nADIEU_EVENT=truncation\n"
		"ADIEU_IN_RECORD=no\nADIEU_SNI=a \"b\"\\ PRIORITY=0\xc2\x9b\x1b\n");
	(void)close(fd);
}
END_TEST

START_TEST(the_longest_line_fits_a_datagram)
{
	int fd = logger_bind();
	struct log_line line;

	open_log(loggers[_i], LOG_LOGFMT);
	log_begin(&line, LEVEL_INFO, "test");
	while (!line.cut)
		log_number(&line, "k", 1); /* short ones grow most in the journal */
	log_end(&line);
	ck_assert_ptr_nonnull(strstr(logger_take(fd), "k=1 line-cut=yes"));
	(void)close(fd);
}
END_TEST

START_TEST(a_logger_that_comes_back_is_found_and_told_what_it_missed)
{
	struct pollfd ready = { .fd = logger_bind(), .events = POLLIN };
	unsigned logged = 1;
	unsigned known = 0;

	open_log(loggers[_i], LOG_LOGFMT);
	log_n(0);
	ck_assert_ptr_nonnull(strstr(logger_take(ready.fd), "n=0"));
	(void)close(ready.fd);
	(void)unlink(path);
	log_n(1); /* to nobody */
	ready.fd = logger_bind();
	do /* at most one attempt a second */
		log_n(++logged);
	while (poll(&ready, 1, 50) == 0);
	while (known < logged) {
		const char *taken = logger_take(ready.fd);
		const char *count = strstr(taken, "event=log-dropped count=");

		known += count == NULL ? 1 : (unsigned)strtoul(strrchr(count, '=') + 1, NULL, 10);
	}
	ck_assert_uint_eq(known, logged);
	(void)close(ready.fd);
}
END_TEST

START_TEST(a_logger_that_is_not_there_is_a_reason)
{
	const struct log_settings settings = { loggers[_i], NULL, LOG_LOGFMT, LEVEL_INFO };

	ck_assert_ptr_nonnull(strstr(log_open(&settings), path));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_output");
	TCase *tcase = tcase_create("targets");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 100); /* they wait for events; this one never comes */
	tcase_add_checked_fixture(tcase, setup, teardown);
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, without_a_log_events_go_to_stderr_as_logfmt_at_once);
	tcase_add_test(tcase, stderr_is_stamped_and_left_as_it_was);
	tcase_add_test(tcase, in_json_the_time_is_first);
	tcase_add_test(tcase, a_stuck_reader_does_not_keep_close);
	tcase_add_test(tcase, a_log_that_cannot_be_opened_gives_the_reason);
	tcase_add_test(tcase, a_pipe_that_nobody_reads_is_not_waited_for);
	tcase_add_test(tcase, a_rotated_file_is_opened_again);
	tcase_add_test(tcase, the_old_file_stays_if_no_new_one_can_be_opened);
	tcase_add_test(tcase, a_full_disk_stops_nobody);
	tcase_add_test(tcase, syslog_gets_priority_time_and_tag);
	tcase_add_test(tcase, the_journal_gets_a_field_for_each_key_and_no_forged_one);
	tcase_add_loop_test(tcase, the_longest_line_fits_a_datagram, 0, LOGGERS);
	tcase_add_loop_test(tcase, a_logger_that_comes_back_is_found_and_told_what_it_missed, 0,
	                    LOGGERS);
	tcase_add_loop_test(tcase, a_logger_that_is_not_there_is_a_reason, 0, LOGGERS);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
