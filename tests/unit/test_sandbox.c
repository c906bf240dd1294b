/* SPDX-License-Identifier: ISC */
/* Both parts together, each thread in turn, and over upgrades. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "confined.h"
#include "folder.h"
#include "log_impl.h"
#include "suite.h"

static char folder[FOLDER_ROOM];
static char path[FOLDER_ROOM + 32];
static unsigned filters;        /* that we came with */

/* Of the calling thread, as the kernel tells others. */
static unsigned status_of(const char *key)
{
	FILE *file = fopen("/proc/thread-self/status", "re");
	char line[256];
	unsigned value = 0;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			value = (unsigned)strtoul(line + strlen(key) + 1, NULL, 10);
	(void)fclose(file);
	return value;
}

static unsigned count_filters(void)
{
	return status_of("Seccomp_filters") - filters;
}

struct confined_test {
	void (*body)(int i);
	int i;
};

static void *confined_test_main(void *arg)
{
	const struct confined_test *test = arg;

	test->body(test->i);
	return NULL;
}

static void confined_test_run(void (*body)(int i), int i)
{
	struct confined_test test = { body, i };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, confined_test_main, &test), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/*
 * In a thread of its own, for nobody comes out of a sandbox again, and Check has
 * to ask for the time of day, and teardown() to clean up.
 */
#define START_CONFINED_TEST(name)                       \
	static void name##_confined(int _i);            \
	START_TEST(name)                                \
	{                                               \
		confined_test_run(name##_confined, _i); \
	}                                               \
	END_TEST                                        \
	static void name##_confined(int _i __attribute__((unused)))

static void setup(void)
{
	folder_make(folder);
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	log_set_level(LEVEL_ERROR); /* it would say each time what there is */
	filters = status_of("Seccomp_filters");
	(void)unsetenv("ADIEU_SANDBOX");
}

static void teardown(void)
{
	log_close();
	folder_remove(folder);
}

START_TEST(who_is_not_to_be_confined_is_not)
{
	ck_assert_ptr_null(sandbox_begin(false));
	sandbox_enter_worker();
	ck_assert_uint_eq(count_filters(), 0);
	ck_assert_uint_eq(status_of("NoNewPrivs"), 0);
	ck_assert_ptr_null(getenv("ADIEU_SANDBOX"));
}
END_TEST

static void *enter_worker(void *arg)
{
	int *error = arg;

	sandbox_enter_worker();
	*error = try_to_read();
	return NULL;
}

START_CONFINED_TEST(a_worker_has_its_own_on_top_of_the_main_threads)
{
	pthread_t thread;
	int error = 0;

	ck_assert_ptr_null(sandbox_begin(true));
	ck_assert_uint_eq(status_of("NoNewPrivs"), 1);
	ck_assert_uint_eq(count_filters(), HAVE_SECCOMP);
	ck_assert_int_eq(try_to_read(), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, enter_worker, &error), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(error, HAVE_SECCOMP ? ENOSYS : EACCES);
}
END_TEST

/* Landlock has 16 layers, and filters cost time. */
START_CONFINED_TEST(upgrades_to_the_same_version_add_nothing)
{
	for (int i = 0; i < 20; i++)
		ck_assert_ptr_null(sandbox_begin(true));
	ck_assert_uint_eq(count_filters(), HAVE_SECCOMP);
}
END_TEST

START_CONFINED_TEST(an_upgrade_to_another_version_adds_its_own)
{
	ck_assert_ptr_null(sandbox_begin(true));
	ck_assert_int_eq(setenv("ADIEU_SANDBOX", "0.0.1 seccomp landlock", 1), 0);
	ck_assert_ptr_null(sandbox_begin(true));
	ck_assert_uint_eq(count_filters(), 2 * HAVE_SECCOMP);
}
END_TEST

START_CONFINED_TEST(nobody_is_believed_who_says_so_without_it)
{
	ck_assert_int_eq(setenv("ADIEU_SANDBOX", ADIEU_VERSION " seccomp landlock", 1), 0);
	ck_assert_ptr_null(sandbox_begin(true));
	ck_assert_uint_eq(count_filters(), HAVE_SECCOMP);
}
END_TEST

/* Of somebody else, as a service manager's: it lets everything pass. */
static void enter_foreign_filter(void)
{
	struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_fprog filter = { .len = 1, .filter = &pass };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0UL, 0UL), 0);
}

/* What Landlock alone keeps the main thread from. */
static int try_to_truncate(void)
{
	return errno_of(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

START_CONFINED_TEST(nobody_is_believed_who_says_so_under_a_filter_of_somebody_else)
{
	ck_assert_int_eq(errno_of(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	enter_foreign_filter();
	ck_assert_int_eq(setenv("ADIEU_SANDBOX", ADIEU_VERSION " seccomp landlock", 1), 0);
	ck_assert_ptr_null(sandbox_begin(true));
	ck_assert_uint_eq(count_filters(), 1 + HAVE_SECCOMP);
	if (sandbox_landlock_version() >= 3)
		ck_assert_int_eq(try_to_truncate(), EACCES);
}

START_CONFINED_TEST(who_cannot_be_confined_for_want_of_descriptors_does_not_start)
{
	struct rlimit none;
	const int lowest = dup(STDIN_FILENO);
	const char *reason;

	(void)close(lowest);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &none), 0);
	none.rlim_cur = (rlim_t)lowest + (rlim_t)_i;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	reason = sandbox_begin(true);
	none.rlim_cur = none.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	if (sandbox_landlock_version() == 0)
		return;
	ck_assert_str_eq(reason, "out of memory or descriptors for the sandbox");
	ck_assert_ptr_null(getenv("ADIEU_SANDBOX"));
}

/* ---- the log's thread ---- */

static void say(const char *event)
{
	struct log_line line;

	log_begin(&line, LEVEL_INFO, event);
	log_end(&line);
}

static void open_log(enum log_target target)
{
	const struct log_settings settings = { .target = target,
		                               .path = path,
		                               .level = LEVEL_INFO };
	const char *reason = log_open(&settings);

	ck_assert_msg(reason == NULL, "%s", reason);
	ck_assert_ptr_null(sandbox_begin(true));
	log_confine(sandbox_enter_log);
}

static int logger_at(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)strcpy(address.sun_path, name);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Says the event until the system_log hears of it: it is looked for once a second. */
static void expect_heard(int system_log, const char *event)
{
	struct pollfd ready = { .fd = system_log, .events = POLLIN };
	char text[4096] = "";

	while (strstr(text, event) == NULL) {
		ssize_t n;

		say(event);
		if (poll(&ready, 1, 100) != 1)
			continue;
		n = recv(system_log, text, sizeof(text) - 1, 0);
		ck_assert_int_gt(n, 0);
		text[n] = '\0';
	}
}

START_CONFINED_TEST(a_logger_of_the_systems_that_is_restarted_is_found_again)
{
	int system_log;

	log_paths.syslog = log_paths.journal = path;
	system_log = logger_at(path);
	open_log(_i == 0 ? LOG_TO_SYSLOG : LOG_TO_JOURNAL);
	expect_heard(system_log, "first");
	(void)close(system_log);
	ck_assert_int_eq(unlink(path), 0);
	system_log = logger_at(path);
	expect_heard(system_log, "second");
	(void)close(system_log);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tcase = tcase_create("threads");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, who_is_not_to_be_confined_is_not);
	tcase_add_test(tcase, a_worker_has_its_own_on_top_of_the_main_threads);
	tcase_add_test(tcase, upgrades_to_the_same_version_add_nothing);
	tcase_add_test(tcase, an_upgrade_to_another_version_adds_its_own);
	tcase_add_test(tcase, nobody_is_believed_who_says_so_without_it);
	tcase_add_test(tcase, nobody_is_believed_who_says_so_under_a_filter_of_somebody_else);
	tcase_add_loop_test(tcase, who_cannot_be_confined_for_want_of_descriptors_does_not_start, 0,
	                    2);
	tcase_add_loop_test(tcase, a_logger_of_the_systems_that_is_restarted_is_found_again, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
