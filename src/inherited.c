/* SPDX-License-Identifier: ISC */
#include "inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	INHERITED_FIRST = 3,    /* SD_LISTEN_FDS_START */
};

struct inherited {
	char *name;
	int fd;
	unsigned address;       /* which one it is bound to, counted from 1 */
	bool stays;             /* the service manager's */
};

static struct inherited *inherited;
static size_t n_inherited;

/* Takes name, which may be NULL: out of memory. */
static bool inherited_add(char *name, int fd, unsigned address, bool stays)
{
	struct inherited *grown = realloc(inherited, (n_inherited + 1) * sizeof(*grown));

	if (grown != NULL)
		inherited = grown;
	if (grown == NULL || name == NULL) {
		free(name);
		return false;
	}
	inherited[n_inherited++] =
		(struct inherited){ .name = name, .fd = fd, .address = address, .stays = stays };
	/* No descriptor: whoever uses it will hear. */
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return true;
}

/* names is "first:second", and may be shorter than the list. */
static bool inherited_load_activated(int n, const char *names)
{
	for (int i = 0; i < n; i++) {
		size_t len = strcspn(names, ":");
		char *name = NULL;

		if (asprintf(&name, "systemd:%.*s", (int)len, names) < 0)
			name = NULL;
		if (!inherited_add(name, INHERITED_FIRST + i, (unsigned)i + 1, true))
			return false;
		names += len + (names[len] == ':');
	}
	return true;
}

static bool inherited_load_passed(const char *text)
{
	const char *name = "";
	size_t name_len = 0;
	unsigned address = 0;

	while (*text != '\0') {
		char *rest;
		const int fd = (int)strtol(text, &rest, 10);
		const size_t len = strcspn(rest, "\n");

		if (len > 0) {
			name = rest + 1;
			name_len = len - 1;
			address++;
		}
		if (!inherited_add(strndup(name, name_len), fd, address,
		                   strncmp(name, "systemd:", 8) == 0))
			return false;
		text = rest + len + (rest[len] == '\n');
	}
	return true;
}

bool inherited_load(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *n = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	const char *passed = getenv("ADIEU_LISTENS");
	bool loaded = true;

	if (pid != NULL && n != NULL && strtol(pid, NULL, 10) == (long)getpid())
		loaded = inherited_load_activated((int)strtol(n, NULL, 10),
		                                  names != NULL ? names : "");
	if (passed != NULL)
		loaded = loaded && inherited_load_passed(passed);
	/* They are no business of our children's; this cannot fail. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	(void)unsetenv("ADIEU_LISTENS");
	return loaded;
}

unsigned inherited_count(const char *name)
{
	unsigned address = 0;
	unsigned n = 0;

	for (size_t i = 0; i < n_inherited; i++) {
		if (strcmp(inherited[i].name, name) != 0 || inherited[i].fd < 0)
			continue;
		if (n == 0)
			address = inherited[i].address;
		n += inherited[i].address == address;
	}
	return n;
}

unsigned inherited_count_addresses(const char *name)
{
	unsigned address = 0;
	unsigned n = 0;

	for (size_t i = 0; i < n_inherited; i++) {
		if (strcmp(inherited[i].name, name) != 0 || inherited[i].address == address)
			continue;
		address = inherited[i].address;
		n++;
	}
	return n;
}

int inherited_take(const char *name)
{
	for (size_t i = 0; i < n_inherited; i++) {
		int fd = inherited[i].fd;

		if (strcmp(inherited[i].name, name) != 0 || fd < 0)
			continue;
		if (inherited[i].stays)
			return fcntl(fd, F_DUPFD_CLOEXEC, 0);
		inherited[i].fd = -1;
		return fd;
	}
	errno = ENOENT;
	return -1;
}

static void inherited_close(bool all)
{
	for (size_t i = 0; i < n_inherited; i++) {
		if (inherited[i].fd < 0 || (inherited[i].stays && !all))
			continue;
		(void)close(inherited[i].fd); /* Linux: gone whatever it says */
		inherited[i].fd = -1;
	}
}

void inherited_drop(void)
{
	inherited_close(false);
}

void inherited_free(void)
{
	inherited_close(true);
	for (size_t i = 0; i < n_inherited; i++)
		free(inherited[i].name);
	free(inherited);
	inherited = NULL;
	n_inherited = 0;
}
