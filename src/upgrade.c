/* SPDX-License-Identifier: ISC */
#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

struct upgrade_passing {
	FILE *text;
	posix_spawn_file_actions_t *actions;
	int error;
};

/* A descriptor that is duplicated onto itself loses its close-on-exec flag. */
static void upgrade_pass(void *arg, int fd, const char *name)
{
	struct upgrade_passing *passing = arg;

	(void)fprintf(passing->text, "%d %s\n", fd, name); /* fclose() tells */
	if (passing->error == 0)
		passing->error = posix_spawn_file_actions_adddup2(passing->actions, fd, fd);
}

/* errno, or 0. */
static int upgrade_pass_all(const struct generation *generation, int ready,
                            posix_spawn_file_actions_t *actions,
                            struct upgrade_environment *environment)
{
	struct upgrade_passing passing = { .actions = actions };
	size_t len;

	passing.text = open_memstream(&environment->listens, &len);
	if (passing.text == NULL)
		return errno;
	(void)fputs("ADIEU_LISTENS=", passing.text);
	generation_pass(generation, upgrade_pass, &passing);
	if (fclose(passing.text) != 0)
		return ENOMEM;
	if (passing.error == 0)
		passing.error = posix_spawn_file_actions_adddup2(actions, ready, ready);
	return passing.error;
}

/* Its signals are as they were before we had workers. errno, or 0. */
static int upgrade_spawn(pid_t *pid, const char *path, posix_spawn_file_actions_t *actions,
                         char *const *environment)
{
	char program[PATH_MAX];
	char *const arguments[] = { program, (char *)"-c", (char *)path, NULL };

	if (!upgrade_find_program(program))
		return errno;
	return posix_spawn(pid, program, actions, NULL, arguments, environment);
}

static int upgrade_try(const struct generation *generation, const char *path, int ready, pid_t *pid)
{
	struct upgrade_environment environment = { .list = NULL };
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	error = upgrade_pass_all(generation, ready, &actions, &environment);
	if (error == 0 && !upgrade_make_environment(&environment, ready))
		error = ENOMEM;
	if (error == 0)
		error = upgrade_spawn(pid, path, &actions, environment.list);
	(void)posix_spawn_file_actions_destroy(&actions); /* does not fail */
	free(environment.list);
	free(environment.listens);
	return error;
}

pid_t upgrade_start(const struct generation *generation, const char *path, int *ready)
{
	int ends[2];
	pid_t pid = -1;
	int error;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	error = upgrade_try(generation, path, ends[1], &pid);
	(void)close(ends[1]);
	if (error == 0) {
		*ready = ends[0];
		return pid;
	}
	(void)close(ends[0]);
	errno = error;
	return -1;
}

void upgrade_finish(void)
{
	const char *text = getenv(upgrade_ready_name);
	int fd;

	if (text == NULL)
		return;
	fd = (int)strtol(text, NULL, 10);
	if (write(fd, "1", 1) < 0)
		return; /* SIGPIPE is ignored: who started us is gone, and we are all there is */
	(void)close(fd);
	(void)unsetenv(upgrade_ready_name); /* cannot fail */
}
