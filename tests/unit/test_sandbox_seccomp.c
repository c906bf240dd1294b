/* SPDX-License-Identifier: ISC */
/* Which system calls there are, and what becomes of whoever makes others. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "confined.h"
#include "suite.h"

enum { N_ROLES = SANDBOX_LOG + 1 };

/* ---- what is refused to some ---- */

static int try_to_listen(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int error = listen(fd, 1) != 0 ? errno : 0; /* at a port that the kernel finds */

	(void)close(fd);
	return error;
}

static int try_datagrams(void)
{
	return errno_of(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

static int try_crypto_sockets(void)
{
	return errno_of(socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
}

static int status_of(pid_t pid)
{
	int status = 0;

	if (pid < 0)
		return errno;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static int try_to_fork(void)
{
	const pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return status_of(pid);
}

static int try_to_run_a_program(void)
{
	const pid_t pid = fork();

	if (pid == 0) {
		(void)execl("/bin/true", "true", (char *)NULL);
		_exit(errno);
	}
	return status_of(pid);
}

static int try_a_new_namespace(void)
{
	const pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);

	if (pid == 0)
		_exit(0);
	return status_of(pid);
}

static int map(int protection)
{
	void *page = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return errno;
	(void)munmap(page, 4096);
	return 0;
}

static int try_code_that_can_be_written(void)
{
	return map(PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int try_code(void)
{
	return map(PROT_READ | PROT_EXEC);
}

static int try_to_make_code_of_data(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int error = mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0 ? errno : 0;

	(void)munmap(page, 4096);
	return error;
}

static int try_to_signal_another(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) != 0 ? errno : 0;
}

/* Whom the kernel signals when something comes, by what, and whether it does. */
static int try_to_set(int command, long value)
{
	int fds[2];
	int error;

	ck_assert_int_eq(pipe(fds), 0);
	error = fcntl(fds[0], command, value) != 0 ? errno : 0;
	(void)close(fds[0]);
	(void)close(fds[1]);
	return error;
}

static int try_to_have_another_signalled(void)
{
	return try_to_set(F_SETOWN, getppid());
}

static int try_to_choose_the_signal(void)
{
	return try_to_set(F_SETSIG, SIGUSR1);
}

static int try_to_have_it_sent(void)
{
	return try_to_set(F_SETFL, O_ASYNC);
}

static int try_keys(void)
{
	return syscall(SYS_keyctl, 0, 0, 0, 0, 0) < 0 ? errno : 0;
}

static int try_to_type(void)
{
	int fds[2];
	int error;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	error = ioctl(fds[0], TIOCSTI, "x") != 0 ? errno : 0;
	(void)close(fds[0]);
	(void)close(fds[1]);
	return error;
}

static int refused(enum sandbox_role role, trial *tried)
{
	return confined_by_seccomp(role, tried) == ENOSYS;
}

START_TEST(a_worker_opens_and_begins_nothing)
{
	static trial *const trials[] = {
		try_to_read,
		try_to_bind,
		try_to_listen,
		try_datagrams,
		try_crypto_sockets,
		try_to_fork,
		try_a_new_namespace,
		try_to_signal_another,
		try_keys,
		try_to_have_another_signalled,
		try_to_choose_the_signal,
	};

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		ck_assert_int_ne(trials[i](), ENOSYS);
		ck_assert_msg(refused(SANDBOX_WORKER, trials[i]), "trial %zu", i);
	}
}
END_TEST

START_TEST(the_log_opens_no_file_and_begins_nothing)
{
	static trial *const trials[] = { try_to_read,           try_to_bind, try_to_listen,
		                         try_datagrams,         try_to_fork, try_a_new_namespace,
		                         try_to_signal_another, try_keys };

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		ck_assert_msg(refused(SANDBOX_LOG, trials[i]), "trial %zu", i);
}
END_TEST

START_TEST(who_only_serves_has_no_signals_sent_by_the_kernel)
{
	ck_assert(refused(SANDBOX_WORKER, try_to_have_it_sent));
	ck_assert_int_eq(try_to_have_it_sent(), 0);
}
END_TEST

START_TEST(the_main_thread_has_what_a_reload_and_an_upgrade_take)
{
	static trial *const trials[] = { try_to_read,   try_to_bind, try_to_listen,
		                         try_datagrams, try_to_fork, try_to_run_a_program,
		                         try_code };

	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		ck_assert_msg(confined_by_seccomp(SANDBOX_MAIN, trials[i]) == 0, "trial %zu", i);
	ck_assert(refused(SANDBOX_MAIN, try_crypto_sockets));
	ck_assert(refused(SANDBOX_MAIN, try_a_new_namespace));
	ck_assert(refused(SANDBOX_MAIN, try_keys));
}
END_TEST

START_TEST(nobody_runs_what_was_written)
{
	ck_assert_int_eq(try_code_that_can_be_written(), 0);
	ck_assert_int_eq(try_to_make_code_of_data(), 0);
	for (int role = 0; role < N_ROLES; role++) {
		ck_assert(refused(role, try_code_that_can_be_written));
		ck_assert(refused(role, try_to_make_code_of_data));
		ck_assert_int_eq(refused(role, try_code), role != SANDBOX_MAIN);
	}
}
END_TEST

START_TEST(nobody_gives_orders_to_a_terminal)
{
	ck_assert_int_eq(try_to_type(), ENOTTY);
	ck_assert(refused(SANDBOX_MAIN, try_to_type));
}
END_TEST

/* ---- what works ---- */

static int listening;
static int pair[2];
static int polled;

static void have_sockets(void)
{
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	polled = epoll_create1(EPOLL_CLOEXEC);
	ck_assert_int_eq(listen(listening, 4), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

static void have_no_sockets(void)
{
	(void)close(listening);
	(void)close(polled);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* A connection in both directions, up to its end. */
static int try_to_connect_and_accept(void)
{
	const int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	int error = 0;
	int server;

	if (client < 0 || getsockname(listening, (struct sockaddr *)&address, &len) != 0)
		return errno;
	if (connect(client, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS)
		return errno;
	server = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	len = sizeof(error);
	if (server < 0 || shutdown(server, SHUT_WR) != 0 ||
	    setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &error, sizeof(error)) != 0 ||
	    getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	(void)close(server);
	(void)close(client);
	return error;
}

static int try_to_splice(void)
{
	int pipes[2];
	int n;

	if (pipe2(pipes, O_NONBLOCK | O_CLOEXEC) != 0 ||
	    fcntl(pipes[0], F_SETPIPE_SZ, 1 << 16) < 0 ||
	    splice(pair[1], NULL, pipes[1], NULL, 4, SPLICE_F_MOVE) != 4 ||
	    splice(pipes[0], NULL, pair[1], NULL, 4, SPLICE_F_MOVE) != 4 ||
	    ioctl(pair[0], FIONREAD, &n) != 0 || ioctl(pair[0], SIOCOUTQ, &n) != 0)
		return errno;
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return 0;
}

static int try_to_carry(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	const size_t large = 64 << 20;
	char *memory = malloc(large);
	char random[8];

	if (send(pair[0], "data", 4, MSG_NOSIGNAL) != 4 ||
	    epoll_ctl(polled, EPOLL_CTL_ADD, pair[1], &event) != 0 ||
	    epoll_wait(polled, &event, 1, -1) != 1 || try_to_splice() != 0 ||
	    recv(pair[0], random, sizeof(random), 0) != 4 ||
	    getrandom(random, sizeof(random), 0) != sizeof(random))
		return errno;
	memset(memory, 1, large);
	free(memory);
	return 0;
}

START_TEST(a_worker_has_what_carrying_takes)
{
	ck_assert_int_eq(confined_by_seccomp(SANDBOX_WORKER, try_to_connect_and_accept), 0);
	ck_assert_int_eq(confined_by_seccomp(SANDBOX_WORKER, try_to_carry), 0);
}
END_TEST

static int try_a_name(void)
{
	struct addrinfo *found = NULL;
	const int error = getaddrinfo("localhost", "443", NULL, &found);

	if (error == 0)
		freeaddrinfo(found);
	return error;
}

static int try_to_raise_a_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) != 0 || setrlimit(RLIMIT_NOFILE, &limit) != 0
	               ? errno
	               : 0;
}

START_TEST(the_main_thread_finds_names_for_the_first_time)
{
	ck_assert_int_eq(confined_by_seccomp(SANDBOX_MAIN, try_a_name), 0);
	ck_assert_int_eq(confined_by_seccomp(SANDBOX_MAIN, try_to_raise_a_limit), 0);
}
END_TEST

/* ---- what is the end ---- */

static int try_to_mount(void)
{
	return (int)syscall(SYS_mount, "none", "/nowhere", "tmpfs", 0, NULL);
}

static int try_to_leave(void)
{
	return (int)syscall(SYS_unshare, CLONE_NEWNET);
}

static int try_to_look_into_another(void)
{
	return (int)syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static int try_a_module(void)
{
	return (int)syscall(SYS_finit_module, -1, "", 0);
}

static int try_a_program_for_the_kernel(void)
{
	return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static trial *const deadly[] = { try_to_mount, try_to_leave, try_to_look_into_another, try_a_module,
	                         try_a_program_for_the_kernel };
enum { N_DEADLY = sizeof(deadly) / sizeof(deadly[0]) };

START_TEST(what_only_an_intruder_does_ends_the_process)
{
	(void)confined_by_seccomp((enum sandbox_role)(_i / N_DEADLY), deadly[_i % N_DEADLY]);
}
END_TEST

static int try_to_trace(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

/* In the main thread a sanitizer does. */
START_TEST(a_worker_or_the_log_that_traces_ends_the_process)
{
	(void)confined_by_seccomp(_i == 0 ? SANDBOX_WORKER : SANDBOX_LOG, try_to_trace);
}
END_TEST

static int try_to_become_a_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

START_TEST(a_worker_or_the_log_that_runs_a_program_ends_the_process)
{
	(void)confined_by_seccomp(_i == 0 ? SANDBOX_WORKER : SANDBOX_LOG, try_to_become_a_program);
}
END_TEST

static int try_to_abort(void)
{
	abort();
}

START_TEST(what_cannot_be_still_ends_in_an_abort)
{
	(void)confined_by_seccomp(SANDBOX_WORKER, try_to_abort);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox_seccomp");
	TCase *tcase = tcase_create("calls");

	tcase_add_checked_fixture(tcase, have_sockets, have_no_sockets);
	tcase_add_test(tcase, a_worker_opens_and_begins_nothing);
	tcase_add_test(tcase, the_log_opens_no_file_and_begins_nothing);
	tcase_add_test(tcase, who_only_serves_has_no_signals_sent_by_the_kernel);
	tcase_add_test(tcase, the_main_thread_has_what_a_reload_and_an_upgrade_take);
	tcase_add_test(tcase, nobody_runs_what_was_written);
	tcase_add_test(tcase, nobody_gives_orders_to_a_terminal);
	tcase_add_test(tcase, a_worker_has_what_carrying_takes);
	tcase_add_test(tcase, the_main_thread_finds_names_for_the_first_time);
	tcase_add_loop_test_raise_signal(tcase, what_only_an_intruder_does_ends_the_process, SIGSYS,
	                                 0, N_ROLES * N_DEADLY);
	tcase_add_loop_test_raise_signal(tcase, a_worker_or_the_log_that_traces_ends_the_process,
	                                 SIGSYS, 0, 2);
	tcase_add_loop_test_raise_signal(
		tcase, a_worker_or_the_log_that_runs_a_program_ends_the_process, SIGSYS, 0, 2);
	tcase_add_test_raise_signal(tcase, what_cannot_be_still_ends_in_an_abort, SIGABRT);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
