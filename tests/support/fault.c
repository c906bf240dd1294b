/* SPDX-License-Identifier: ISC */
/*
 * fault - a library to preload: calls fail at will, and the clock jumps
 *
 * Whoever starts a program with it (LD_PRELOAD) names a file in FAULT_CONTROL,
 * which both map. There a test says which calls are counted from now on, and
 * which of them fail; it reads how many there were, which of them was the
 * first to fail, and where the program crashed if it did. That is all under
 * the test's hand, at any moment, from outside: struct fault_control.
 *
 * Counted are allocations (with a sanitizer, which has its own, they are not
 * there to be had) and calls that make a descriptor, a thread or a process.
 * While nothing is armed all goes on as ever.
 *
 * With FAULT_LOGGER a connection to a logger of the system's goes there.
 */
/* Here each name is to stand for itself. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum fault_kind {
	FAULT_OUR_MEMORY = 1,   /* allocations, but for those of OpenSSL */
	FAULT_TLS_MEMORY = 2,   /* those of OpenSSL */
	FAULT_DESCRIPTORS = 4,
};

/* tests/programs/fault.py has the same. */
struct fault_control {
	atomic_uint armed;      /* kinds that are counted */
	atomic_uint pid;        /* of whom; 0: of everybody but `spared` */
	atomic_uint spared;
	atomic_uint first;      /* the first call that fails, from 1; 0: none */
	atomic_uint last;       /* the last one */
	atomic_uint calls;      /* so far */
	atomic_uint failed;     /* of them */
	atomic_int error;       /* errno, where a call has a choice; 0: what is usual */
	_Atomic(int64_t) clock; /* seconds that the clock on the wall is ahead */
	char where[4096];       /* the stack at the first that failed, innermost first */
	char crash[4096];       /* and at the end of a process that crashed */
};

static struct fault_control *control;

/* What is called here is the next one of that name. */
#define FAULT_NEXT(name)               \
	static __typeof__(name) *next; \
	if (next == NULL)              \
	*(void **)&next = dlsym(RTLD_NEXT, #name)

/* ---- which calls fail ---- */

static void fault_write_stack(char *room, size_t len)
{
	enum { DEPTH = 40 };
	void *frames[DEPTH];
	const int n = backtrace(frames, DEPTH);
	size_t at = 0;

	for (int i = 2; i < n && at < len; i++) {
		Dl_info info;
		const char *name;

		if (dladdr(frames[i], &info) == 0)
			continue;
		name = strrchr(info.dli_fname, '/');
		at += (size_t)snprintf(room + at, len - at, "%s+%#tx ",
		                       name != NULL ? name + 1 : info.dli_fname,
		                       (char *)frames[i] - (char *)info.dli_fbase);
	}
}

static bool fault_is_counted(enum fault_kind kind)
{
	unsigned pid;

	if (control == NULL || (atomic_load(&control->armed) & kind) == 0)
		return false;
	pid = atomic_load(&control->pid);
	return pid == 0 ? (unsigned)getpid() != atomic_load(&control->spared)
	                : (unsigned)getpid() == pid;
}

/* True when this call is to fail. */
static bool fault_strikes(enum fault_kind kind)
{
	const int before = errno;
	unsigned n;

	if (!fault_is_counted(kind))
		return false;
	n = atomic_fetch_add(&control->calls, 1) + 1;
	if (n < atomic_load(&control->first) || n > atomic_load(&control->last))
		return false;
	if (atomic_fetch_add(&control->failed, 1) == 0)
		fault_write_stack(control->where, sizeof(control->where));
	errno = before;
	return true;
}

/* The same for a descriptor; then errno says why. */
static bool fault_denies(int usual)
{
	if (!fault_strikes(FAULT_DESCRIPTORS))
		return false;
	errno = atomic_load(&control->error);
	if (errno == 0)
		errno = usual;
	return true;
}

/* ---- the program's begin, and its crash ---- */

static void fault_on_crash(int number)
{
	fault_write_stack(control->crash, sizeof(control->crash));
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

__attribute__((constructor)) static void fault_begin(void)
{
	const char *path = getenv("FAULT_CONTROL");
	void *frame;
	void *mapped;
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	mapped = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (mapped == MAP_FAILED)
		abort();
	(void)backtrace(&frame, 1); /* loads what it needs */
	control = mapped;
	if (getenv("FAULT_CRASH") == NULL)
		return; /* sanitizers tell of it themselves */
	(void)signal(SIGSEGV, fault_on_crash);
	(void)signal(SIGBUS, fault_on_crash);
	(void)signal(SIGABRT, fault_on_crash);
}

/* ---- memory ---- */

#ifdef FAULT_MEMORY
typedef void *fault_malloc(size_t len, const char *file, int line);
typedef void *fault_realloc(void *block, size_t len, const char *file, int line);
typedef void fault_free(void *block, const char *file, int line);

int CRYPTO_set_mem_functions(fault_malloc *new, fault_realloc *renew, fault_free *drop);
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t n, size_t len);
void *__libc_realloc(void *block, size_t len);

/* OpenSSL asks through functions of adieu's, which are called from here. */
static fault_malloc *their_malloc;
static fault_realloc *their_realloc;
/* Not to be allocated itself. */
static __thread bool for_openssl __attribute__((tls_model("initial-exec")));

static void *fault_malloc_for_openssl(size_t len, const char *file, int line)
{
	void *block;

	for_openssl = true;
	block = their_malloc(len, file, line);
	for_openssl = false;
	return block;
}

static void *fault_realloc_for_openssl(void *block, size_t len, const char *file, int line)
{
	for_openssl = true;
	block = their_realloc(block, len, file, line);
	for_openssl = false;
	return block;
}

int CRYPTO_set_mem_functions(fault_malloc *new, fault_realloc *renew, fault_free *drop)
{
	FAULT_NEXT(CRYPTO_set_mem_functions);
	their_malloc = new;
	their_realloc = renew;
	return next(fault_malloc_for_openssl, fault_realloc_for_openssl, drop);
}

static bool fault_starves(void)
{
	if (!fault_strikes(for_openssl ? FAULT_TLS_MEMORY : FAULT_OUR_MEMORY))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t len)
{
	return fault_starves() ? NULL : __libc_malloc(len);
}

void *calloc(size_t n, size_t len)
{
	return fault_starves() ? NULL : __libc_calloc(n, len);
}

void *realloc(void *block, size_t len)
{
	return fault_starves() ? NULL : __libc_realloc(block, len);
}
#endif

/* ---- descriptors, threads, processes ---- */

int socket(int domain, int type, int protocol)
{
	FAULT_NEXT(socket);
	return fault_denies(EMFILE) ? -1 : next(domain, type, protocol);
}

int socketpair(int domain, int type, int protocol, int ends[2])
{
	FAULT_NEXT(socketpair);
	return fault_denies(EMFILE) ? -1 : next(domain, type, protocol, ends);
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *len, int flags)
{
	FAULT_NEXT(accept4);
	return fault_denies(EMFILE) ? -1 : next(fd, address, len, flags);
}

int pipe2(int ends[2], int flags)
{
	FAULT_NEXT(pipe2);
	return fault_denies(EMFILE) ? -1 : next(ends, flags);
}

int eventfd(unsigned value, int flags)
{
	FAULT_NEXT(eventfd);
	return fault_denies(EMFILE) ? -1 : next(value, flags);
}

int timerfd_create(int clock, int flags)
{
	FAULT_NEXT(timerfd_create);
	return fault_denies(EMFILE) ? -1 : next(clock, flags);
}

int epoll_create(int size)
{
	FAULT_NEXT(epoll_create);
	return fault_denies(EMFILE) ? -1 : next(size);
}

int epoll_create1(int flags)
{
	FAULT_NEXT(epoll_create1);
	return fault_denies(EMFILE) ? -1 : next(flags);
}

/* To forget a descriptor takes nothing. */
int epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
	FAULT_NEXT(epoll_ctl);
	return what == EPOLL_CTL_ADD && fault_denies(ENOSPC) ? -1 : next(epoll, what, fd, event);
}

int dup(int fd)
{
	FAULT_NEXT(dup);
	return fault_denies(EMFILE) ? -1 : next(fd);
}

#define FAULT_FCNTL(name)                                                                          \
	int name(int fd, int what, ...)                                                            \
	{                                                                                          \
		va_list arguments;                                                                 \
		void *argument;                                                                    \
		FAULT_NEXT(name);                                                                  \
		va_start(arguments, what);                                                         \
		argument = va_arg(arguments, void *);                                              \
		va_end(arguments);                                                                 \
		return what == F_DUPFD_CLOEXEC && fault_denies(EMFILE) ? -1                        \
		                                                       : next(fd, what, argument); \
	}

#define FAULT_OPEN(name)                                                    \
	int name(const char *path, int flags, ...)                          \
	{                                                                   \
		va_list arguments;                                          \
		mode_t mode = 0;                                            \
		FAULT_NEXT(name);                                           \
		va_start(arguments, flags);                                 \
		if ((flags & O_CREAT) != 0)                                 \
			mode = va_arg(arguments, mode_t);                   \
		va_end(arguments);                                          \
		return fault_denies(EMFILE) ? -1 : next(path, flags, mode); \
	}

/* With large files or without: two names for the same. */
FAULT_FCNTL(fcntl)
FAULT_FCNTL(fcntl64)
FAULT_OPEN(open)
FAULT_OPEN(open64)

FILE *fopen(const char *path, const char *mode)
{
	FAULT_NEXT(fopen);
	return fault_denies(EMFILE) ? NULL : next(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	FAULT_NEXT(fopen64);
	return fault_denies(EMFILE) ? NULL : next(path, mode);
}

DIR *opendir(const char *path)
{
	FAULT_NEXT(opendir);
	return fault_denies(EMFILE) ? NULL : next(path);
}

pid_t fork(void)
{
	FAULT_NEXT(fork);
	return fault_denies(EAGAIN) ? -1 : next();
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*begin)(void *),
                   void *arg)
{
	FAULT_NEXT(pthread_create);
	return fault_denies(EAGAIN) ? EAGAIN : next(thread, attributes, begin, arg);
}

/* ---- the system's loggers ---- */

static bool fault_is_logger(const struct sockaddr_un *un)
{
	return un->sun_family == AF_UNIX &&
	       (strcmp(un->sun_path, "/dev/log") == 0 ||
	        strcmp(un->sun_path, "/run/systemd/journal/socket") == 0);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
	const char *logger = getenv("FAULT_LOGGER");
	struct sockaddr_un ours = { .sun_family = AF_UNIX };
	FAULT_NEXT(connect);

	if (logger == NULL || !fault_is_logger(address.__sockaddr_un__))
		return next(fd, address, len);
	(void)snprintf(ours.sun_path, sizeof(ours.sun_path), "%s", logger);
	address.__sockaddr_un__ = &ours;
	return next(fd, address, sizeof(ours));
}

/* ---- the clock on the wall ---- */

static int64_t fault_clock(void)
{
	return control != NULL ? atomic_load(&control->clock) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result;
	FAULT_NEXT(clock_gettime);

	result = next(clock, now);
	if (result == 0 && clock == CLOCK_REALTIME)
		now->tv_sec += fault_clock();
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	int result;
	FAULT_NEXT(gettimeofday);

	result = next(now, zone);
	if (result == 0)
		now->tv_sec += fault_clock();
	return result;
}

time_t time(time_t *at)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail on Linux */
	if (at != NULL)
		*at = now.tv_sec;
	return now.tv_sec;
}
