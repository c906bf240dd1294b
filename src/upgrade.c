/* SPDX-License-Identifier: ISC */
#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generation.h"
#include "upgrade_impl.h"

const char upgrade_socket_name[] = "ADIEU_UPGRADE_FD";

/* Without a reason, which goes without its NUL. */
enum { UPGRADE_WORD_LEN = offsetof(struct upgrade_word, reason) };

/* Where our file is, or what has replaced it. False: errno. */
static bool upgrade_find_program(char room[PATH_MAX])
{
	static const char deleted[] = " (deleted)";
	ssize_t len = readlink("/proc/self/exe", room, PATH_MAX - 1);

	if (len < 0)
		return false;
	room[len] = '\0';
	if ((size_t)len > sizeof(deleted) - 1 &&
	    strcmp(room + len - (sizeof(deleted) - 1), deleted) == 0)
		room[len - (ssize_t)(sizeof(deleted) - 1)] = '\0';
	return true;
}

/* What a child needs to know, as a list for exec. */
struct upgrade_environment {
	char **list;            /* entries of environ, then ours */
	char *listens;
	char socket[32];
};

static bool upgrade_is_ours(const char *entry)
{
	/* Whoever feeds the watchdog from now on has another pid. */
	static const char *const names[] = { "WATCHDOG_PID=", "ADIEU_LISTENS=",
		                             "ADIEU_UPGRADE_FD=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool upgrade_make_environment(struct upgrade_environment *made, int socket)
{
	size_t n = 0;
	size_t kept = 0;

	while (environ[n] != NULL)
		n++;
	made->list = calloc(n + 3, sizeof(char *));
	if (made->list == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!upgrade_is_ours(environ[i]))
			made->list[kept++] = environ[i];
	(void)snprintf(made->socket, sizeof(made->socket), "%s=%d", upgrade_socket_name, socket);
	made->list[kept++] = made->listens;
	made->list[kept] = made->socket;
	return true;
}

/* All that a child needs, for it must not allocate. */
struct upgrade_plan {
	char program[PATH_MAX];
	const char *path;
	struct upgrade_environment environment;
	FILE *text;             /* of environment.listens */
	int *fds;               /* to pass */
	size_t n_fds;
	int error;
	int socket;             /* the heir's end */
	int birth;              /* where it is announced, by its parent */
};

static void upgrade_pass(void *arg, int fd, const char *name)
{
	struct upgrade_plan *plan = arg;
	int *grown = realloc(plan->fds, (plan->n_fds + 1) * sizeof(int));

	(void)fprintf(plan->text, "%d%s%s\n", fd, name != NULL ? " " : "",
	              name != NULL ? name : ""); /* fclose() tells */
	if (grown == NULL) {
		plan->error = ENOMEM;
		return;
	}
	plan->fds = grown;
	plan->fds[plan->n_fds++] = fd;
}

/* errno, or 0. */
static int upgrade_plan(struct upgrade_plan *plan, const struct generation *generation)
{
	size_t len;

	if (!upgrade_find_program(plan->program))
		return errno;
	plan->text = open_memstream(&plan->environment.listens, &len);
	if (plan->text == NULL)
		return errno;
	(void)fputs("ADIEU_LISTENS=", plan->text);
	generation_pass(generation, upgrade_pass, plan);
	if (fclose(plan->text) != 0 || plan->environment.listens == NULL || plan->error != 0 ||
	    !upgrade_make_environment(&plan->environment, plan->socket))
		return ENOMEM;
	return 0;
}

/* ---- in the child, where only what is safe in a signal handler may be called ---- */

static void upgrade_forget_signals(const sigset_t *mask)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };

	for (int number = 1; number < NSIG; number++) {
		struct sigaction now;

		/* There are numbers that nobody may touch, and what is ignored stays so. */
		if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			(void)sigaction(number, &standard, NULL);
	}
	(void)sigprocmask(SIG_SETMASK, mask, NULL); /* only EINVAL, for a wrong how */
}

/* Or who listens is gone. */
void upgrade_send(int fd, const struct upgrade_word *word)
{
	(void)send(fd, word, UPGRADE_WORD_LEN + strlen(word->reason), MSG_NOSIGNAL);
}

void upgrade_say(int fd, enum upgrade_what what, int error)
{
	const struct upgrade_word word = { .what = what, .error = error };

	upgrade_send(fd, &word);
}

static _Noreturn void upgrade_become(const struct upgrade_plan *plan, const sigset_t *mask)
{
	char *const arguments[] = { (char *)plan->program, (char *)"-c", (char *)plan->path, NULL };

	upgrade_forget_signals(mask);
	for (size_t i = 0; i < plan->n_fds; i++)
		(void)fcntl(plan->fds[i], F_SETFD, 0); /* it is open */
	(void)fcntl(plan->socket, F_SETFD, 0);
	(void)execve(plan->program, arguments, plan->environment.list);
	upgrade_say(plan->socket, UPGRADE_FAILED, errno);
	_exit(127);
}

/* Who was born, and a hold on it that no later process of that number can be taken for. */
struct upgrade_birth {
	pid_t pid;              /* -1: nobody */
	int error;
};

union upgrade_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void upgrade_announce(int fd, pid_t pid)
{
	struct upgrade_birth birth = { .pid = pid, .error = errno };
	struct iovec part = { .iov_base = &birth, .iov_len = sizeof(birth) };
	union upgrade_control control = { .room = { 0 } };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pidfd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &pidfd, sizeof(pidfd));
	}
	(void)sendmsg(fd, &message, MSG_NOSIGNAL); /* whoever waits for it sees us end */
}

/*
 * Ours is nothing but its parent, and gone at once. As long as it is there nobody
 * has waited for the heir, so its number is its own.
 */
static _Noreturn void upgrade_leave(const struct upgrade_plan *plan, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid == 0)
		upgrade_become(plan, mask);
	upgrade_announce(plan->birth, pid);
	_exit(0);
}

/* ---- in the parent ---- */

/* errno, or 0. */
static int upgrade_learn(int fd, struct upgrade_heir *heir)
{
	struct upgrade_birth birth = { .pid = -1 };
	struct iovec part = { .iov_base = &birth, .iov_len = sizeof(birth) };
	union upgrade_control control = { .room = { 0 } };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != (ssize_t)sizeof(birth))
		return ECHILD; /* its parent was killed */
	if (birth.pid < 0)
		return birth.error;
	heir->pid = birth.pid;
	if (CMSG_FIRSTHDR(&message) != NULL)
		memcpy(&heir->pidfd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return 0;
}

/* errno, or 0. */
static int upgrade_fork(const struct upgrade_plan *plan)
{
	sigset_t all;
	sigset_t before;
	int error = 0;
	pid_t pid;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before); /* only EINVAL, for a wrong how */
	pid = fork();
	if (pid == 0)
		upgrade_leave(plan, &before);
	if (pid < 0)
		error = errno;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* it does nothing that takes time */
	return error;
}

/* errno, or 0. */
static int upgrade_beget(struct upgrade_heir *heir, struct upgrade_plan *plan,
                         const struct generation *generation)
{
	int births[2];
	int error;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, births) != 0)
		return errno;
	plan->birth = births[1];
	error = upgrade_plan(plan, generation);
	if (error == 0)
		error = upgrade_fork(plan);
	if (error == 0)
		error = upgrade_learn(births[0], heir);
	(void)close(births[0]);
	(void)close(births[1]);
	free(plan->environment.list);
	free(plan->environment.listens);
	free(plan->fds);
	return error;
}

bool upgrade_hear(const struct upgrade_heir *heir, struct upgrade_word *word)
{
	ssize_t n;

	*word = (struct upgrade_word){ .error = 0 }; /* the reason's end is not sent */
	n = recv(heir->fd, word, sizeof(*word) - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < UPGRADE_WORD_LEN)
		*word = (struct upgrade_word){ .what = UPGRADE_ENDED };
	return true;
}

void upgrade_answer(const struct upgrade_heir *heir, const struct upgrade_answer *answer)
{
	(void)send(heir->fd, answer, sizeof(*answer), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void upgrade_signal(const struct upgrade_heir *heir, int number)
{
	if (heir->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, heir->pidfd, number, NULL,
		              0); /* or it is gone */
}

void upgrade_kill(const struct upgrade_heir *heir)
{
	const struct upgrade_answer no = { .yes = 0 };

	/* In this order: who asks behind our back is told. */
	upgrade_answer(heir, &no);
	upgrade_signal(heir, SIGKILL);
}

void upgrade_let_go(struct upgrade_heir *heir)
{
	if (heir->fd >= 0)
		(void)close(heir->fd);
	if (heir->pidfd >= 0)
		(void)close(heir->pidfd);
	*heir = (struct upgrade_heir){ .fd = -1, .pidfd = -1 };
}

bool upgrade_start(struct upgrade_heir *heir, const struct generation *generation, const char *path)
{
	struct upgrade_plan plan = { .path = path };
	int ends[2];
	int error;

	*heir = (struct upgrade_heir){ .fd = -1, .pidfd = -1 };
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	plan.socket = ends[1];
	heir->fd = ends[0];
	error = upgrade_beget(heir, &plan, generation);
	if (error != 0)
		upgrade_kill(heir); /* it may have been born all the same */
	(void)close(ends[1]);
	if (error == 0)
		return true;
	upgrade_let_go(heir);
	errno = error;
	return false;
}
