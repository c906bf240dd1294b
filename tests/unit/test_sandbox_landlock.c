/* SPDX-License-Identifier: ISC */
/* What calls may reach: files, ports, processes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confined.h"
#include "folder.h"
#include "suite.h"

enum { PATH_ROOM = FOLDER_ROOM + 32 };

static char folder[FOLDER_ROOM];
static char elsewhere[FOLDER_ROOM];
static char path[PATH_ROOM];    /* of the log */
static char other[PATH_ROOM];   /* of a file elsewhere */
static int listening;           /* in TCP */
static int unix_listening;      /* at other */
static int abstract_listening;

static void setup(void)
{
	folder_make(folder);
	folder_make(elsewhere);
	(void)snprintf(path, sizeof(path), "%s/log", folder);
	(void)snprintf(other, sizeof(other), "%s/file", elsewhere);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(listen(listening, 1), 0);
}

static void teardown(void)
{
	(void)close(listening);
	folder_remove(elsewhere);
	folder_remove(folder);
}

/* As old as the kernel here may be. */
static bool landlock_is(unsigned version)
{
	return sandbox_landlock_version() >= version;
}

/* ---- trials ---- */

static int create(const char *file, int flags)
{
	return errno_of(open(file, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600));
}

static int try_to_write_another(void)
{
	return create(other, O_APPEND);
}

static int try_to_truncate(void)
{
	const int error = create(path, O_APPEND);

	return error != 0 ? error : create(path, O_TRUNC);
}

static int try_to_remove(void)
{
	const int error = create(path, O_APPEND);

	return error == 0 && unlink(path) != 0 ? errno : error;
}

static int try_to_read_the_log(void)
{
	const int error = create(path, O_APPEND);

	return error != 0 ? error : errno_of(open(path, O_RDONLY | O_CLOEXEC));
}

static int try_a_folder(void)
{
	return mkdir(other, 0700) == 0 ? rmdir(other) : errno;
}

static int try_a_link(void)
{
	return symlink("/etc/passwd", other) == 0 ? unlink(other) : errno;
}

static int try_a_pipe(void)
{
	return mkfifo(other, 0600) == 0 ? unlink(other) : errno;
}

static int try_to_signal(void)
{
	return kill(getppid(), 0) != 0 ? errno : 0;
}

static int connect_to(const void *address, socklen_t len)
{
	const struct sockaddr *to = address;
	const int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int error = connect(fd, to, len) != 0 ? errno : 0;

	(void)close(fd);
	return error;
}

static int try_tcp(void)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
	return connect_to(&address, len);
}

static socklen_t unix_address(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)strcpy(address->sun_path, name);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) +
	                   (name[0] != '@'));
}

static int listen_at(const char *name)
{
	struct sockaddr_un address;
	const socklen_t len = unix_address(&address, name);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static int try_unix(void)
{
	struct sockaddr_un address;

	return connect_to(&address, unix_address(&address, other));
}

static const char *abstract_name(void)
{
	static char name[32];

	(void)snprintf(name, sizeof(name), "@adieu-%ld", (long)getpid());
	return name;
}

static int try_abstract(void)
{
	struct sockaddr_un address;

	return connect_to(&address, unix_address(&address, abstract_name()));
}

static int try_to_make_a_socket(void)
{
	(void)close(listen_at(other));
	return unlink(other) != 0 ? errno : 0;
}

static int status_of(pid_t pid)
{
	int status = 0;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static int try_another_program(void)
{
	const pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(errno);
	}
	return status_of(pid);
}

/* Beside ours, where an upgrade would put it. */
static int run_copy(const char *copy)
{
	const pid_t pid = fork();

	if (pid == 0) {
		(void)setenv("CK_RUN_SUITE", "none", 1); /* it has nothing else to do */
		(void)setenv("CK_VERBOSITY", "silent", 1);
		(void)execl(copy, copy, (char *)NULL);
		_exit(errno);
	}
	return status_of(pid);
}

static char replaced[4096];

static int try_what_replaced_ours(void)
{
	return run_copy(replaced);
}

/* ---- tests ---- */

START_TEST(a_worker_reaches_no_file)
{
	static trial *const trials[] = { try_to_read,  try_to_write_another, try_another_program,
		                         try_a_folder, try_a_link,           try_a_pipe };

	if (!landlock_is(1))
		return;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		ck_assert_int_eq(trials[i](), 0);
		(void)unlink(other);
		ck_assert_msg(confined_by_landlock(SANDBOX_WORKER, trials[i]) == EACCES,
		              "trial %zu", i);
	}
}
END_TEST

START_TEST(a_worker_connects_to_tcp_and_unix_sockets_and_binds_nothing)
{
	if (!landlock_is(4))
		return;
	unix_listening = listen_at(other);
	ck_assert_int_eq(confined_by_landlock(SANDBOX_WORKER, try_tcp), 0);
	ck_assert_int_eq(confined_by_landlock(SANDBOX_WORKER, try_unix), 0);
	ck_assert_int_eq(confined_by_landlock(SANDBOX_WORKER, try_to_bind), EACCES);
	ck_assert_int_eq(confined_by_landlock(SANDBOX_MAIN, try_to_bind), 0);
	(void)close(unix_listening);
}
END_TEST

START_TEST(no_thread_reaches_other_processes_and_only_the_main_one_abstract_sockets)
{
	if (!landlock_is(6))
		return;
	abstract_listening = listen_at(abstract_name());
	for (int role = SANDBOX_MAIN; role <= SANDBOX_LOG; role++) {
		ck_assert_int_eq(confined_by_landlock(role, try_to_signal), EPERM);
		ck_assert_int_eq(confined_by_landlock(role, try_abstract),
		                 role == SANDBOX_MAIN ? 0 : EPERM);
	}
	(void)close(abstract_listening);
}
END_TEST

START_TEST(the_main_thread_has_what_a_reload_may_name)
{
	static trial *const trials[] = { try_to_read,   try_to_read_the_log,  try_to_write_another,
		                         try_to_remove, try_to_make_a_socket, try_to_bind,
		                         try_tcp };

	if (!landlock_is(1))
		return;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		ck_assert_msg(confined_by_landlock(SANDBOX_MAIN, trials[i]) == 0, "trial %zu", i);
		(void)unlink(other);
	}
}
END_TEST

START_TEST(the_main_thread_makes_no_folders_links_or_pipes_and_truncates_nothing)
{
	static trial *const trials[] = { try_a_folder, try_a_link, try_a_pipe, try_to_truncate };

	if (!landlock_is(3))
		return;
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		ck_assert_int_eq(trials[i](), 0);
		ck_assert_msg(confined_by_landlock(SANDBOX_MAIN, trials[i]) == EACCES, "trial %zu",
		              i);
	}
}
END_TEST

/* Another file of the same name, as a package's upgrade leaves it. */
static void replace_ours(void)
{
	char ours[2048];
	char command[8192];
	ssize_t len = readlink("/proc/self/exe", ours, sizeof(ours) - 1);

	ck_assert_int_gt(len, 0);
	ours[len] = '\0';
	(void)snprintf(replaced, sizeof(replaced), "%s.%ld", ours, (long)getpid());
	(void)snprintf(command, sizeof(command), "cp '%s' '%s'", ours, replaced);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(the_main_thread_runs_what_replaces_our_program_and_nothing_else)
{
	if (!landlock_is(1))
		return;
	replace_ours();
	ck_assert_int_eq(try_another_program(), 0);
	ck_assert_int_eq(confined_by_landlock(SANDBOX_MAIN, try_another_program), EACCES);
	ck_assert_int_eq(confined_by_landlock(SANDBOX_MAIN, try_what_replaced_ours), 0);
	(void)unlink(replaced);
}
END_TEST

/* So many more, and not one. */
static void leave_descriptors(unsigned n)
{
	static int lowest = -1;
	struct rlimit limit;

	if (lowest < 0) {
		lowest = dup(listening);
		ck_assert_int_eq(close(lowest), 0);
	}
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)lowest + n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int try_nothing(void)
{
	return 0;
}

/* It takes one for the rules, and one for each folder in turn. */
START_TEST(with_too_few_descriptors_for_its_rules_nobody_is_confined)
{
	const char *problem = NULL;

	if (!landlock_is(1))
		return;
	leave_descriptors((unsigned)_i);
	ck_assert(!sandbox_landlock_enter(SANDBOX_MAIN, &problem));
	ck_assert_ptr_eq(problem, sandbox_shortage);
	leave_descriptors(2);
	ck_assert_int_eq(confined_by_landlock(SANDBOX_MAIN, try_nothing), 0);
}
END_TEST

START_TEST(what_a_kernel_is_too_old_for_is_told)
{
	ck_assert_str_eq(sandbox_landlock_lacks(1), "links, truncation, TCP, devices, signals");
	ck_assert_str_eq(sandbox_landlock_lacks(5), "signals");
	ck_assert_ptr_null(sandbox_landlock_lacks(6));
	ck_assert_ptr_null(sandbox_landlock_lacks(99));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox_landlock");
	TCase *tcase = tcase_create("rules");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_worker_reaches_no_file);
	tcase_add_test(tcase, a_worker_connects_to_tcp_and_unix_sockets_and_binds_nothing);
	tcase_add_test(tcase,
	               no_thread_reaches_other_processes_and_only_the_main_one_abstract_sockets);
	tcase_add_test(tcase, the_main_thread_has_what_a_reload_may_name);
	tcase_add_test(tcase,
	               the_main_thread_makes_no_folders_links_or_pipes_and_truncates_nothing);
	tcase_add_test(tcase, the_main_thread_runs_what_replaces_our_program_and_nothing_else);
	tcase_add_loop_test(tcase, with_too_few_descriptors_for_its_rules_nobody_is_confined, 0, 2);
	tcase_add_test(tcase, what_a_kernel_is_too_old_for_is_told);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
