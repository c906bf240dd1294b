/* SPDX-License-Identifier: ISC */
/*
 * What is taken away, from whom, and when. systemd's unit does the like from
 * outside, for a service and as a whole; this is for everybody, and knows our
 * threads apart:
 *
 *	main ---- a reload reads any file, resolves names, binds, listens;
 *	  |       an upgrade runs our program anew
 *	  +-- worker, worker ...    what comes from strangers is parsed here: sockets
 *	  |                         and memory; no file, no new address to listen on,
 *	  |                         no program, no process, no signal
 *	  +-- log                   one file, or a datagram socket of the system's
 *
 * Two parts, either of which does without the other. seccomp decides which calls
 * there are, and of some with which arguments (sandbox_seccomp.c); Landlock what
 * a call that takes a path, a port or a process may reach (sandbox_landlock.c).
 * A rule that a reload or an upgrade could make wrong is none of ours: so
 * the main thread may read and write whatever its account may, and workers connect to
 * whatever there is, for the next configuration names other files and
 * servers. Who wants more says so in the unit.
 *
 * Threads share their memory. Somebody who writes where he wants in a worker can
 * in the end have the main thread act for him, so it is that one's rules that
 * hold him; those of workers are in the way of everything simpler.
 *
 * All of it is per thread, inherited, and never taken back. So it happens after
 * the start (setuid(2) still has to reach every thread), and a change of the
 * key takes a restart. What an upgrade starts lives under what the old process had: its
 * main thread adds nothing if that was the same version, for layers are few (16
 * of Landlock), and says so if it did not want any.
 */
#include "sandbox.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "sandbox_impl.h"

/* The version that our main thread's parts are of, and these: "0.1.0 seccomp landlock". */
static const char sandbox_mark_name[] = "ADIEU_SANDBOX";

/* The parts that there are: for threads to come, written by the main one alone. */
static struct {
	bool seccomp;
	bool landlock;
} sandbox;

const char sandbox_shortage[] = "out of memory or descriptors for the sandbox";

const char *sandbox_problem(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE ? sandbox_shortage
	                                                             : strerror(error);
}

/* Why a part is not there, or not whole; NULL: it is. */
struct sandbox_problems {
	const char *seccomp;
	const char *landlock;
};

/* A kind of socket that there is not: the kernel and others' filters say so, ours says ENOSYS. */
static bool sandbox_is_filtered(void)
{
	const int fd = socket(INT16_MAX, SOCK_STREAM, 0);

	if (fd >= 0)
		(void)close(fd);
	return fd < 0 && errno == ENOSYS;
}

/* NULL: there is none, or it says what is not so. */
static const char *sandbox_mark(void)
{
	const char *mark = getenv(sandbox_mark_name);

	/* Nobody can have had the parts without this, and a service manager may have set it. */
	if (mark == NULL || prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) != 1)
		return NULL;
	return strstr(mark, "seccomp") == NULL || sandbox_is_filtered() ? mark : NULL;
}

static bool sandbox_has(const char *mark, const char *part)
{
	const size_t len = strlen(ADIEU_VERSION);

	return mark != NULL && strncmp(mark, ADIEU_VERSION, len) == 0 && mark[len] == ' ' &&
	       strstr(mark + len, part) != NULL;
}

static void sandbox_leave_mark(void)
{
	char mark[64];

	(void)snprintf(mark, sizeof(mark), "%s %s %s", ADIEU_VERSION,
	               sandbox.seccomp ? "seccomp" : "-", sandbox.landlock ? "landlock" : "-");
	(void)setenv(sandbox_mark_name, mark, 1); /* without memory an heir has two layers */
}

/* Both parts want it: no program that we run gets rights that we have not. */
static bool sandbox_promise(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) == 0;
}

static struct sandbox_problems sandbox_enter_main(void)
{
	const char *mark = sandbox_mark();
	struct sandbox_problems problems = { NULL, NULL };

	if (!sandbox_promise())
		return (struct sandbox_problems){ "no_new_privs is refused",
			                          "no_new_privs is refused" };
	if (sandbox_landlock_version() == 0)
		problems.landlock = "the kernel does not offer it";
	else
		sandbox.landlock = sandbox_has(mark, "landlock") ||
		                   sandbox_landlock_enter(SANDBOX_MAIN, &problems.landlock);
	/* The last one, for it could take away what the other needs. */
	if (!sandbox_has(mark, "seccomp"))
		problems.seccomp = sandbox_seccomp_enter(SANDBOX_MAIN);
	sandbox.seccomp = problems.seccomp == NULL;
	return problems;
}

static void sandbox_say(const struct sandbox_problems *problems)
{
	const bool whole = problems->seccomp == NULL && problems->landlock == NULL;
	struct log_line line;

	log_begin(&line, whole ? LEVEL_INFO : LEVEL_WARNING, "sandbox");
	log_flag(&line, "seccomp", problems->seccomp == NULL);
	log_number(&line, "landlock", sandbox.landlock ? sandbox_landlock_version() : 0);
	if (sandbox.landlock)
		log_text(&line, "landlock-lacks",
		         sandbox_landlock_lacks(sandbox_landlock_version()));
	log_text(&line, "seccomp-problem", problems->seccomp);
	log_text(&line, "landlock-problem", problems->landlock);
	log_end(&line);
}

/* What was inherited nobody can take off. */
static void sandbox_say_unwanted(void)
{
	const bool inherited = sandbox_mark() != NULL;
	struct log_line line;

	log_begin(&line, inherited ? LEVEL_WARNING : LEVEL_INFO, "sandbox");
	log_text(&line, "key", "sandbox");
	log_text(&line, "reason", inherited ? "takes a restart" : "not wanted");
	log_end(&line);
}

const char *sandbox_begin(bool wanted)
{
	struct sandbox_problems problems;

	if (!wanted) {
		sandbox_say_unwanted();
		return NULL;
	}
	problems = sandbox_enter_main();
	if (problems.seccomp == sandbox_shortage || problems.landlock == sandbox_shortage)
		return sandbox_shortage;
	sandbox_leave_mark();
	sandbox_say(&problems);
	return NULL;
}

/* ---- the other threads ---- */

static void sandbox_say_problem(const char *thread, const char *part, const char *problem)
{
	struct log_line line;

	if (problem == NULL)
		return;
	log_begin(&line, LEVEL_WARNING, "sandbox");
	log_text(&line, "thread", thread);
	log_text(&line, part, problem);
	log_end(&line);
}

/* What the main thread could not have is no news here. */
static void sandbox_enter(enum sandbox_role role, const char *thread)
{
	const char *problem = NULL;

	if (sandbox.landlock && !sandbox_landlock_enter(role, &problem))
		sandbox_say_problem(thread, "landlock-problem", problem);
	if (sandbox.seccomp)
		sandbox_say_problem(thread, "seccomp-problem", sandbox_seccomp_enter(role));
}

void sandbox_enter_worker(void)
{
	sandbox_enter(SANDBOX_WORKER, "worker");
}

void sandbox_enter_log(void)
{
	/* It is older than the main thread's promise, and cannot be refused one. */
	(void)sandbox_promise();
	sandbox_enter(SANDBOX_LOG, "log");
}
