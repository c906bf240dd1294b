/* SPDX-License-Identifier: ISC */
#include "resources.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "log.h"
#include "pipes.h"

enum {
	/* Descriptors a worker needs for itself, generously. */
	RESOURCES_FDS_PER_WORKER = 8 + PIPES_FDS,
	RESOURCES_FDS_SPARE = 32,
	/* Of memory: an idle relay with TLS on both sides, a worker's buffers, the rest. */
	RESOURCES_RELAY = 2 * 16384,
	RESOURCES_WORKER = 1 << 20,
	RESOURCES_PROCESS = 8 << 20,
};

static void resources_say(const char *limit, uint64_t needed, uint64_t allowed,
                          unsigned connections)
{
	struct log_line line;

	log_begin(&line, LEVEL_WARNING, "limit");
	log_text(&line, "limit", limit);
	log_number(&line, "needed", needed);
	log_number(&line, "allowed", allowed);
	log_number(&line, "max-connections", connections);
	log_end(&line);
}

unsigned resources_raise_descriptors(const struct config *config, unsigned n_workers, unsigned said)
{
	const rlim_t fixed = RESOURCES_FDS_SPARE +
	                     n_workers * (RESOURCES_FDS_PER_WORKER + (rlim_t)config->n_listeners);
	const rlim_t needed = 2 * (rlim_t)config->max_connections + fixed;
	struct rlimit limit;
	unsigned most;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
		return config->max_connections;
	limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == needed)
		return config->max_connections;
	most = limit.rlim_cur > fixed + 2 ? (unsigned)((limit.rlim_cur - fixed) / 2) : 1;
	if (most != said)
		resources_say("open-files", needed, limit.rlim_cur, most);
	return most;
}

/* The path of our cgroup's memory.max (cgroups(7), version 2). False: there is none. */
static bool resources_find_cgroup(char room[PATH_MAX])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	bool found = false;

	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		found = strncmp(line, "0::/", 4) == 0 &&
		        snprintf(room, PATH_MAX, "/sys/fs/cgroup%s/memory.max", line + 3) <
		                PATH_MAX;
	}
	(void)fclose(file); /* only read from */
	return found;
}

/* UINT64_MAX: as much as there is. */
static uint64_t resources_cgroup_memory(void)
{
	char path[PATH_MAX];
	char text[32] = "max";
	uint64_t bytes;
	FILE *file;
	char *end;

	if (!resources_find_cgroup(path))
		return UINT64_MAX;
	file = fopen(path, "re");
	if (file == NULL)
		return UINT64_MAX;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	(void)fclose(file); /* only read from */
	bytes = strtoull(text, &end, 10);
	return end == text ? UINT64_MAX : bytes; /* "max" */
}

uint64_t resources_check_memory(const struct config *config, unsigned n_workers,
                                unsigned max_connections)
{
	uint64_t buffer = 0;
	uint64_t needed;
	uint64_t allowed;

	for (size_t i = 0; i < config->n_listeners; i++)
		if (config->listeners[i]->buffer_size > buffer)
			buffer = config->listeners[i]->buffer_size;
	needed = RESOURCES_PROCESS + n_workers * (RESOURCES_WORKER + buffer) +
	         max_connections * (RESOURCES_RELAY + 2 * buffer);
	allowed = resources_cgroup_memory();
	if (allowed < needed)
		resources_say("memory", needed, allowed, max_connections);
	return needed;
}
