/* SPDX-License-Identifier: ISC */
#include "cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* UINT64_MAX: it is not there, or says "max". */
static uint64_t cgroup_read(const char *folder, const char *name)
{
	char path[PATH_MAX + 32];
	char text[32] = "";
	FILE *file;
	uint64_t bytes;
	char *end;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (file == NULL)
		return UINT64_MAX;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	(void)fclose(file); /* only read from */
	bytes = strtoull(text, &end, 10);
	return end == text ? UINT64_MAX : bytes;
}

/* In a container the path may be the host's; then what is mounted is its own group. */
static uint64_t cgroup_find_least(const char *root, const char *mount, const char *path,
                                  const char *name)
{
	char folder[PATH_MAX];
	uint64_t least = UINT64_MAX;
	int top = snprintf(folder, sizeof(folder), "%s%s", root, mount);
	char *slash;

	if (snprintf(folder + top, sizeof(folder) - (size_t)top, "%s", path) >=
	    (int)sizeof(folder) - top)
		folder[top] = '\0';
	for (;;) {
		uint64_t bytes = cgroup_read(folder, name);

		least = bytes < least ? bytes : least;
		slash = strrchr(folder + top, '/');
		if (slash == NULL)
			return least;
		*slash = '\0';
	}
}

static bool cgroup_lists(const char *controllers, const char *wanted)
{
	const size_t len = strlen(wanted);

	while (*controllers != '\0') {
		const size_t n = strcspn(controllers, ",");

		if (n == len && strncmp(controllers, wanted, len) == 0)
			return true;
		controllers += n + (controllers[n] == ',');
	}
	return false;
}

/* "HIERARCHY:CONTROLLERS:PATH"; version 2 has no controllers there. */
static uint64_t cgroup_judge(const char *root, char *line)
{
	char *controllers = strchr(line, ':');
	char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

	if (path == NULL)
		return UINT64_MAX;
	*path++ = '\0';
	controllers++;
	if (*controllers == '\0')
		return cgroup_find_least(root, "/sys/fs/cgroup", path, "memory.max");
	if (cgroup_lists(controllers, "memory"))
		return cgroup_find_least(root, "/sys/fs/cgroup/memory", path,
		                         "memory.limit_in_bytes");
	return UINT64_MAX;
}

uint64_t cgroup_memory(const char *root)
{
	char line[PATH_MAX];
	uint64_t least = UINT64_MAX;
	FILE *file;

	(void)snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
	file = fopen(line, "re");
	if (file == NULL)
		return least;
	while (fgets(line, sizeof(line), file) != NULL) {
		uint64_t bytes;

		line[strcspn(line, "\n")] = '\0';
		bytes = cgroup_judge(root, line);
		least = bytes < least ? bytes : least;
	}
	(void)fclose(file); /* only read from */
	return least;
}
