/* SPDX-License-Identifier: ISC */
/*
 * Landlock, through its system calls, for no library has them. Rules are about
 * folders, never about files, because a file that is replaced is another one:
 *
 *	main    executes what is in the folders of our program and of its loader
 *	        (either may be replaced before an upgrade); reads, creates, writes and
 *	        removes files and Unix sockets wherever a reload may name them
 *	worker  nothing at all; it may connect, to Unix sockets too, which are no
 *	        business of Landlock's, but not bind
 *	log     nothing at all; the system's loggers are Unix sockets
 *
 * Nobody makes folders, links, FIFOs or devices, truncates files, gives orders
 * to devices, or signals other processes. What the kernel is too old for is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "sandbox_impl.h"

/* Headers may be older than the kernel. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_SIGNAL
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

#define LANDLOCK_FS_FIRST ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define LANDLOCK_FS_ALL                                                               \
	(LANDLOCK_FS_FIRST | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE | \
	 LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define LANDLOCK_FS_CONFIGURED                                         \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |  \
	 LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* struct landlock_ruleset_attr of version 6. An older kernel takes it if what is new is 0. */
struct landlock_rights {
	uint64_t files;
	uint64_t network;
	uint64_t scopes;
};

/* What a thread has to have a rule for. */
static const struct landlock_rights landlock_roles[] = {
	[SANDBOX_MAIN] = {
		.files = LANDLOCK_FS_ALL & ~LANDLOCK_FS_CONFIGURED,
		.scopes = LANDLOCK_SCOPE_SIGNAL,
	},
	[SANDBOX_WORKER] = {
		.files = LANDLOCK_FS_ALL,
		.network = LANDLOCK_ACCESS_NET_BIND_TCP,
		.scopes = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL,
	},
	[SANDBOX_LOG] = {
		.files = LANDLOCK_FS_ALL,
		.network = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP,
		.scopes = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL,
	},
};

/* What came with which version. */
static const struct {
	unsigned version;
	struct landlock_rights rights;
	const char *what;
} landlock_news[] = {
	{ 1, { .files = LANDLOCK_FS_FIRST }, "files" },
	{ 2, { .files = LANDLOCK_ACCESS_FS_REFER }, "links" },
	{ 3, { .files = LANDLOCK_ACCESS_FS_TRUNCATE }, "truncation" },
	{ 4, { .network = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP }, "TCP" },
	{ 5, { .files = LANDLOCK_ACCESS_FS_IOCTL_DEV }, "devices" },
	{ 6, { .scopes = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL }, "signals" },
};
enum { N_LANDLOCK_NEWS = sizeof(landlock_news) / sizeof(landlock_news[0]) };

unsigned sandbox_landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (unsigned)version : 0;
}

const char *sandbox_landlock_lacks(unsigned version)
{
	static char text[128];
	size_t len = 0;

	for (size_t i = 0; i < N_LANDLOCK_NEWS; i++)
		if (landlock_news[i].version > version)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			                        len > 0 ? ", " : "", landlock_news[i].what);
	return len > 0 ? text : NULL;
}

static struct landlock_rights landlock_known(unsigned version)
{
	struct landlock_rights known = { .files = 0 };

	for (size_t i = 0; i < N_LANDLOCK_NEWS; i++) {
		if (landlock_news[i].version > version)
			break;
		known.files |= landlock_news[i].rights.files;
		known.network |= landlock_news[i].rights.network;
		known.scopes |= landlock_news[i].rights.scopes;
	}
	return known;
}

/* What a thread is to have. */
struct landlock_rules {
	int fd;
	const char *problem;    /* why one of them could not be made; NULL: all are there */
};

/* A folder that is out of reach cannot be used anyway, rule or not. */
static void landlock_miss(struct landlock_rules *rules)
{
	if (errno != ENOENT && errno != ENOTDIR && errno != EACCES &&
	    rules->problem != sandbox_shortage)
		rules->problem = sandbox_problem(errno);
}

static void landlock_allow(struct landlock_rules *rules, const char *folder, uint64_t files)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = files,
		.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};

	if (rule.parent_fd < 0) {
		landlock_miss(rules);
		return;
	}
	if (syscall(SYS_landlock_add_rule, rules->fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
		landlock_miss(rules);
	(void)close(rule.parent_fd);
}

static void landlock_allow_beside(struct landlock_rules *rules, const char *path, uint64_t files)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash - path >= PATH_MAX - 1)
		return;
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
	landlock_allow(rules, folder, files);
}

/* Beside where path leads in the end, if that is somewhere else. */
static void landlock_allow_at_end(struct landlock_rules *rules, const char *path, uint64_t files)
{
	char *end = realpath(path, NULL);

	if (end != NULL)
		landlock_allow_beside(rules, end, files);
	else
		landlock_miss(rules);
	free(end);
}

/* The loader is what lies where the kernel has put it; a static program has none. */
static int landlock_allow_loader(struct dl_phdr_info *info, size_t size, void *rules)
{
	(void)size;
	if (info->dlpi_addr != getauxval(AT_BASE))
		return 0;
	landlock_allow_at_end(rules, info->dlpi_name, LANDLOCK_ACCESS_FS_EXECUTE);
	return 1;
}

static void landlock_allow_program(struct landlock_rules *rules)
{
	char program[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (len < 0) {
		landlock_miss(rules);
		return;
	}
	program[len] = '\0';
	landlock_allow_beside(rules, program, LANDLOCK_ACCESS_FS_EXECUTE);
	(void)dl_iterate_phdr(landlock_allow_loader, rules);
}

/* What lacks a rule only for now would lack it for good. */
static bool landlock_restrict(struct landlock_rules *rules)
{
	if (rules->problem == sandbox_shortage)
		return false;
	if (syscall(SYS_landlock_restrict_self, rules->fd, 0) == 0)
		return true;
	rules->problem = sandbox_problem(errno);
	return false;
}

bool sandbox_landlock_enter(enum sandbox_role role, const char **problem)
{
	const struct landlock_rights known = landlock_known(sandbox_landlock_version());
	struct landlock_rights rights = landlock_roles[role];
	struct landlock_rules rules = { .problem = NULL };
	bool entered;

	rights.files &= known.files;
	rights.network &= known.network;
	rights.scopes &= known.scopes;
	rules.fd = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0);
	if (rules.fd < 0) {
		*problem = sandbox_problem(errno);
		return false;
	}
	if (role == SANDBOX_MAIN)
		landlock_allow_program(&rules);
	entered = landlock_restrict(&rules);
	*problem = rules.problem;
	(void)close(rules.fd);
	return entered;
}
