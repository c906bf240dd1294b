/* SPDX-License-Identifier: ISC */
#include "confined.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct confined {
	enum sandbox_role role;
	const char *(*enter)(const struct confined *confined);  /* NULL, or the problem */
	trial *trial;
	int error;
};

static const char *confined_enter_seccomp(const struct confined *confined)
{
	return sandbox_seccomp_enter(confined->role);
}

static const char *confined_enter_landlock(const struct confined *confined)
{
	const char *problem = NULL;

	ck_assert_int_eq(sandbox_landlock_enter(confined->role, &problem), problem == NULL);
	return problem;
}

static void *confined_main(void *arg)
{
	struct confined *confined = arg;
	const char *problem;

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL), 0);
	problem = confined->enter(confined);
	ck_assert_msg(problem == NULL, "%s", problem);
	confined->error = confined->trial();
	return NULL;
}

static int confined_run(struct confined *confined)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, confined_main, confined), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	return confined->error;
}

int confined_by_seccomp(enum sandbox_role role, trial *tried)
{
	return confined_run(&(struct confined){
		.role = role, .enter = confined_enter_seccomp, .trial = tried });
}

int confined_by_landlock(enum sandbox_role role, trial *tried)
{
	return confined_run(&(struct confined){
		.role = role, .enter = confined_enter_landlock, .trial = tried });
}

int errno_of(int fd)
{
	const int error = fd < 0 ? errno : 0;

	if (fd >= 0)
		(void)close(fd);
	return error;
}

int try_to_read(void)
{
	return errno_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

int try_to_bind(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int error = bind(fd, (const struct sockaddr *)&any, sizeof(any)) != 0 ? errno : 0;

	(void)close(fd);
	return error;
}
