/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into adieu it is what a bug would let in: when a thread waits for
 * events for the first time, it tries there what an intruder would, and says on
 * stderr what came of it, as the log does.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* result: as system calls have it. */
static void intruder_say(const char *thread, const char *what, long result)
{
	char line[128];
	const int len = snprintf(line, sizeof(line), "event=intruder thread=%s tried=%s errno=%d\n",
	                         thread, what, result < 0 ? errno : 0);

	if (write(STDERR_FILENO, line, (size_t)len) != len)
		abort();
}

static int intruder_bind(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };

	return bind(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (const struct sockaddr *)&any,
	            sizeof(any));
}

/* Runs a program that is not adieu. */
static int intruder_run(const char *program)
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		(void)execl(program, "true", (char *)NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	errno = WEXITSTATUS(status);
	return errno == 0 ? 0 : -1;
}

/* A program that is in no folder. */
static int intruder_run_memory(void)
{
	const int program = open("/bin/true", O_RDONLY | O_CLOEXEC);
	const int copy = memfd_create("true", MFD_CLOEXEC);
	char path[32];

	if (copy < 0)
		return -1;
	while (sendfile(copy, program, NULL, 1 << 20) > 0)
		continue;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", copy);
	return intruder_run(path);
}

static int intruder_listen(void)
{
	return listen(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), 1);
}

static int intruder_map(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	                       MAP_FAILED
	               ? -1
	               : 0;
}

static void intruder_in_worker(const char *folder)
{
	if (getenv("INTRUDER_DEADLY") != NULL)
		(void)execl("/bin/true", "true", (char *)NULL);
	intruder_say("worker", "read", open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	intruder_say("worker", "write", open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600));
	intruder_say("worker", "bind", intruder_bind());
	intruder_say("worker", "listen", intruder_listen());
	intruder_say("worker", "run", intruder_run("/bin/true"));
	intruder_say("worker", "signal", kill(getppid(), 0));
	intruder_say("worker", "map", intruder_map());
}

static void intruder_in_main(const char *folder)
{
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s/intruder", folder);
	intruder_say("main", "run", intruder_run("/bin/true"));
	intruder_say("main", "memory", intruder_run_memory());
	intruder_say("main", "folder", mkdir(path, 0700));
	(void)rmdir(path);
	intruder_say("main", "link", symlink("/etc/passwd", path));
	(void)unlink(path);
	intruder_say("main", "signal", kill(getppid(), 0));
	intruder_say("main", "map", intruder_map());
}

int epoll_wait(int fd, struct epoll_event *events, int n, int timeout)
{
	static _Thread_local bool tried;
	const char *folder = getenv("INTRUDER_FOLDER");
	int (*call)(int, struct epoll_event *, int, int);

	if (!tried && gettid() == getpid())
		intruder_in_main(folder);
	else if (!tried)
		intruder_in_worker(folder);
	tried = true;
	*(void **)&call = dlsym(RTLD_NEXT, "epoll_wait");
	return call(fd, events, n, timeout);
}
