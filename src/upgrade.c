/* SPDX-License-Identifier: ISC */
#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generation.h"

static const char upgrade_ready_name[] = "ADIEU_READY_FD";

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
	char ready[32];
};

static bool upgrade_is_ours(const char *entry)
{
	/* Whoever feeds the watchdog from now on has another pid. */
	static const char *const names[] = { "WATCHDOG_PID=", "ADIEU_LISTENS=", "ADIEU_READY_FD=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static bool upgrade_make_environment(struct upgrade_environment *made, int ready)
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
	(void)snprintf(made->ready, sizeof(made->ready), "%s=%d", upgrade_ready_name, ready);
	made->list[kept++] = made->listens;
	made->list[kept] = made->ready;
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
	int ready;              /* where it speaks */
};

static void upgrade_pass(void *arg, int fd, const char *name)
{
	struct upgrade_plan *plan = arg;
	int *grown = realloc(plan->fds, (plan->n_fds + 1) * sizeof(int));

	(void)fprintf(plan->text, "%d %s\n", fd, name); /* fclose() tells */
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
	    !upgrade_make_environment(&plan->environment, plan->ready))
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

/* What it says when it is ready, or why it never will be. */
static bool upgrade_speak(int ready, int error)
{
	const struct upgrade_word word = { .pid = getpid(), .error = error };

	return write(ready, &word, sizeof(word)) == (ssize_t)sizeof(word);
}

static _Noreturn void upgrade_become(const struct upgrade_plan *plan, const sigset_t *mask)
{
	char *const arguments[] = { (char *)plan->program, (char *)"-c", (char *)plan->path, NULL };

	upgrade_forget_signals(mask);
	for (size_t i = 0; i < plan->n_fds; i++)
		(void)fcntl(plan->fds[i], F_SETFD, 0); /* it is open */
	(void)fcntl(plan->ready, F_SETFD, 0);
	(void)execve(plan->program, arguments, plan->environment.list);
	(void)upgrade_speak(plan->ready, errno);
	_exit(127);
}

/* Ours is nothing but its parent, and gone at once. */
static _Noreturn void upgrade_leave(const struct upgrade_plan *plan, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid == 0)
		upgrade_become(plan, mask);
	if (pid < 0)
		(void)upgrade_speak(plan->ready, errno);
	_exit(0);
}

/* ---- in the parent ---- */

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

int upgrade_start(const struct generation *generation, const char *path)
{
	struct upgrade_plan plan = { .path = path };
	int ends[2];
	int error;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	plan.ready = ends[1];
	error = upgrade_plan(&plan, generation);
	if (error == 0)
		error = upgrade_fork(&plan);
	free(plan.environment.list);
	free(plan.environment.listens);
	free(plan.fds);
	(void)close(ends[1]);
	if (error == 0)
		return ends[0];
	(void)close(ends[0]);
	errno = error;
	return -1;
}

bool upgrade_hear(int fd, struct upgrade_word *word)
{
	return read(fd, word, sizeof(*word)) == (ssize_t)sizeof(*word);
}

void upgrade_finish(void)
{
	const char *text = getenv(upgrade_ready_name);
	int fd;

	if (text == NULL)
		return;
	fd = (int)strtol(text, NULL, 10);
	if (!upgrade_speak(fd, 0))
		return; /* SIGPIPE is ignored: who started us is gone, and we are all there is */
	(void)close(fd);
	(void)unsetenv(upgrade_ready_name); /* cannot fail */
}
