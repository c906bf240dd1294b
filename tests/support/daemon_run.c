/* SPDX-License-Identifier: ISC */
#include "daemon_run.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "log_reader.h"
#include "peer.h"
#include "pump.h"

struct daemon_run {
	struct pumped pumped;
	pid_t pid;
	bool ended;
	int status;
	char **lines;
	size_t n_lines;
	size_t mark;
	char part[8192];        /* of a line that is not whole yet */
	size_t part_len;
	unsigned descriptors;
	unsigned threads;
};

static void daemon_take_line(struct daemon_run *daemon, const char *line, size_t len)
{
	daemon->lines = realloc(daemon->lines, (daemon->n_lines + 1) * sizeof(char *));
	daemon->lines[daemon->n_lines++] = strndup(line, len);
}

static void daemon_split(struct daemon_run *daemon)
{
	char *end;

	while ((end = memchr(daemon->part, '\n', daemon->part_len)) != NULL) {
		size_t len = (size_t)(end - daemon->part);

		daemon_take_line(daemon, daemon->part, len);
		daemon->part_len -= len + 1;
		memmove(daemon->part, end + 1, daemon->part_len);
	}
	ck_assert_msg(daemon->part_len < sizeof(daemon->part), "a line of the log has no end");
}

static void daemon_turn(struct pumped *pumped, short revents)
{
	struct daemon_run *daemon = (struct daemon_run *)pumped;

	while (revents != 0) {
		ssize_t n = read(pumped->fd, daemon->part + daemon->part_len,
		                 sizeof(daemon->part) - daemon->part_len);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			(void)close(pumped->fd);
			pumped->fd = -1;
			return;
		}
		daemon->part_len += (size_t)n;
		daemon_split(daemon);
	}
}

static void daemon_write_config(const char *path, const char *config)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(config, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/* Between fork and exec: whatever the test has open is not the daemon's. */
static void daemon_become(const char *path, int log)
{
	const char *program = getenv("ADIEU");
	const struct rlimit most = { .rlim_cur = 4096, .rlim_max = 20000 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(log, STDERR_FILENO);
	(void)setrlimit(RLIMIT_NOFILE, &most);
	(void)execl(program, program, "-c", path, (char *)NULL);
	_exit(127);
}

static unsigned daemon_count_entries(pid_t pid, const char *what)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n - 2; /* "." and ".." */
}

unsigned daemon_descriptors(const struct daemon_run *daemon)
{
	return daemon_count_entries(daemon->pid, "fd");
}

unsigned daemon_descriptors_at_first(const struct daemon_run *daemon)
{
	return daemon->descriptors;
}

struct daemon_run *daemon_start(const char *folder, const char *config)
{
	struct daemon_run *daemon = calloc(1, sizeof(*daemon));
	char path[512];
	int ends[2];

	ck_assert_msg(getenv("ADIEU") != NULL, "$ADIEU does not say what to start");
	(void)snprintf(path, sizeof(path), "%s/adieu.conf", folder);
	daemon_write_config(path, config);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	daemon->pid = fork();
	ck_assert_int_ge(daemon->pid, 0);
	if (daemon->pid == 0)
		daemon_become(path, ends[1]);
	(void)close(ends[1]);
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	/* Whoever takes its place shall be ours when it has ended. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	daemon->pumped.fd = ends[0];
	daemon->pumped.events = POLLIN;
	daemon->pumped.turn = daemon_turn;
	pump_add(&daemon->pumped);
	(void)daemon_expect_log(daemon, "event=ready");
	daemon->descriptors = daemon_descriptors(daemon);
	daemon->threads = daemon_count_entries(daemon->pid, "task");
	return daemon;
}

void daemon_free(struct daemon_run *daemon)
{
	if (daemon == NULL)
		return;
	if (daemon_is_running(daemon)) {
		(void)kill(daemon->pid, SIGKILL);
		(void)waitpid(daemon->pid, &daemon->status, 0);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		; /* who was followed by another */
	pump_remove(&daemon->pumped);
	if (daemon->pumped.fd >= 0)
		(void)close(daemon->pumped.fd);
	for (size_t i = 0; i < daemon->n_lines; i++)
		free(daemon->lines[i]);
	free(daemon->lines);
	free(daemon);
}

struct sockaddr_in daemon_address(struct daemon_run *daemon, const char *listener)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	char words[128];
	char value[LOG_VALUE_ROOM] = "";
	size_t mark = daemon->mark;
	const char *line;

	(void)snprintf(words, sizeof(words), "event=listen listener=%s", listener);
	daemon->mark = 0;
	line = daemon_log_line(daemon, words, 0);
	daemon->mark = mark;
	ck_assert_msg(line != NULL && log_reader_value(line, "address", value) &&
	                      strchr(value, ':') != NULL,
	              "adieu does not say where %s listens", listener);
	to.sin_port = htons((uint16_t)atoi(strrchr(value, ':') + 1));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return to;
}

void daemon_mark(struct daemon_run *daemon)
{
	daemon->mark = daemon->n_lines;
}

const char *daemon_log_line(const struct daemon_run *daemon, const char *words, unsigned i)
{
	for (size_t at = daemon->mark; at < daemon->n_lines; at++)
		if (log_reader_says(daemon->lines[at], words) && i-- == 0)
			return daemon->lines[at];
	return NULL;
}

unsigned daemon_count_log(const struct daemon_run *daemon, const char *words)
{
	unsigned n = 0;

	while (daemon_log_line(daemon, words, n) != NULL)
		n++;
	return n;
}

const char *daemon_any_line(const struct daemon_run *daemon, size_t i)
{
	return i < daemon->n_lines ? daemon->lines[i] : NULL;
}

void daemon_tell(const struct daemon_run *daemon)
{
	(void)fprintf(stderr, "--- adieu's log\n");
	for (size_t at = daemon->mark; at < daemon->n_lines; at++)
		(void)fprintf(stderr, "%s\n", daemon->lines[at]);
	(void)fprintf(stderr, "---\n");
}

struct daemon_wish {
	struct daemon_run *daemon;
	const char *words;
	const char *line;
	size_t looked_at;
	unsigned n;
};

static bool daemon_has_line(void *arg)
{
	struct daemon_wish *wish = arg;
	struct daemon_run *daemon = wish->daemon;

	for (; wish->looked_at < daemon->n_lines && wish->line == NULL; wish->looked_at++)
		if (log_reader_says(daemon->lines[wish->looked_at], wish->words))
			wish->line = daemon->lines[wish->looked_at];
	/* One that has ended says no more. */
	return wish->line != NULL || daemon->pumped.fd < 0;
}

const char *daemon_expect_log(struct daemon_run *daemon, const char *words, ...)
{
	char text[512];
	struct daemon_wish wish = { .daemon = daemon, .words = text, .looked_at = daemon->mark };
	va_list list;

	va_start(list, words);
	(void)vsnprintf(text, sizeof(text), words, list);
	va_end(list);
	(void)pump_until(daemon_has_line, &wish);
	ck_assert_msg(wish.line != NULL, "%s: the log does not say \"%s\"", peer_context(), text);
	return wish.line;
}

static bool daemon_is_settled(void *arg)
{
	const struct daemon_run *daemon = ((struct daemon_wish *)arg)->daemon;

	return daemon_descriptors(daemon) == daemon->descriptors &&
	       daemon_count_entries(daemon->pid, "task") == daemon->threads;
}

void daemon_expect_settled(struct daemon_run *daemon)
{
	struct daemon_wish wish = { .daemon = daemon };

	ck_assert_msg(pump_until(daemon_is_settled, &wish),
	              "%s: adieu is left with %u descriptors and %u threads; it had %u and %u",
	              peer_context(), daemon_descriptors(daemon),
	              daemon_count_entries(daemon->pid, "task"), daemon->descriptors,
	              daemon->threads);
}

static bool daemon_has_descriptors(void *arg)
{
	const struct daemon_wish *wish = arg;

	return daemon_descriptors(wish->daemon) == wish->daemon->descriptors + wish->n;
}

void daemon_expect_descriptors(struct daemon_run *daemon, unsigned more)
{
	struct daemon_wish wish = { .daemon = daemon, .n = more };

	ck_assert_msg(pump_until(daemon_has_descriptors, &wish),
	              "%s: adieu has %u descriptors, not %u + %u", peer_context(),
	              daemon_descriptors(daemon), daemon->descriptors, more);
}

void daemon_limit_descriptors(struct daemon_run *daemon, unsigned n)
{
	struct rlimit limit;

	ck_assert_int_eq(prlimit(daemon->pid, RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = n;
	ck_assert_int_eq(prlimit(daemon->pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

/* True when one socket is the other end of the other. */
static bool daemon_are_joined(int one, int other)
{
	struct sockaddr_in here = { 0 };
	struct sockaddr_in there = { 0 };
	socklen_t here_len = sizeof(here);
	socklen_t there_len = sizeof(there);

	return getpeername(one, (struct sockaddr *)&here, &here_len) == 0 &&
	       getsockname(other, (struct sockaddr *)&there, &there_len) == 0 &&
	       here.sin_port == there.sin_port && here.sin_family == AF_INET;
}

void daemon_lose_patience(struct daemon_run *daemon, int fd)
{
	const unsigned soon = 200; /* milliseconds */
	int process = (int)syscall(SYS_pidfd_open, daemon->pid, 0);
	unsigned n_set = 0;

	ck_assert_int_ge(process, 0);
	for (int i = 0; i < 256; i++) {
		int theirs = (int)syscall(SYS_pidfd_getfd, process, i, 0);

		if (theirs < 0)
			continue;
		if (daemon_are_joined(theirs, fd) && daemon_are_joined(fd, theirs) &&
		    setsockopt(theirs, IPPROTO_TCP, TCP_USER_TIMEOUT, &soon, sizeof(soon)) == 0)
			n_set++;
		(void)close(theirs);
	}
	(void)close(process);
	ck_assert_uint_eq(n_set, 1);
}

unsigned long daemon_cpu(const struct daemon_run *daemon)
{
	unsigned long user = 0;
	unsigned long kernel = 0;
	char path[64];
	FILE *stat;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", daemon->pid);
	stat = fopen(path, "r");
	ck_assert_ptr_nonnull(stat);
	/* Fields 14 and 15 (proc(5)); the program's name has no spaces. */
	ck_assert_int_eq(fscanf(stat, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	                        &user, &kernel),
	                 2);
	(void)fclose(stat);
	return (user + kernel) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

void daemon_signal(struct daemon_run *daemon, int number)
{
	ck_assert_int_eq(kill(daemon->pid, number), 0);
}

void daemon_follow(struct daemon_run *daemon, pid_t pid)
{
	daemon->pid = pid;
	daemon->ended = false;
}

bool daemon_is_running(struct daemon_run *daemon)
{
	if (!daemon->ended && waitpid(daemon->pid, &daemon->status, WNOHANG) == daemon->pid)
		daemon->ended = true;
	return !daemon->ended;
}

bool daemon_is_gone(struct daemon_run *daemon)
{
	return !daemon_is_running(daemon) && daemon->pumped.fd < 0;
}

static bool daemon_has_ended(void *arg)
{
	return daemon_is_gone(arg);
}

int daemon_wait(struct daemon_run *daemon)
{
	ck_assert_msg(pump_until(daemon_has_ended, daemon), "%s: adieu does not end",
	              peer_context());
	return daemon->status;
}

void daemon_stop(struct daemon_run *daemon)
{
	int status;

	daemon_signal(daemon, SIGTERM);
	status = daemon_wait(daemon);
	ck_assert_msg(status == 0, "%s: adieu ends with wait status %#x", peer_context(),
	              (unsigned)status);
	(void)daemon_expect_log(daemon, "event=stop");
}
