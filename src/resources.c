/* SPDX-License-Identifier: ISC */
#include "resources.h"

#include <sys/resource.h>

#include "cgroup.h"
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
	struct rlimit raised;
	unsigned most;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
		return config->max_connections;
	raised = limit;
	raised.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
	/* It is refused where the hard limit is above fs.nr_open. */
	if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
		limit = raised;
	if (limit.rlim_cur >= needed)
		return config->max_connections;
	most = limit.rlim_cur > fixed + 2 ? (unsigned)((limit.rlim_cur - fixed) / 2) : 1;
	if (most != said)
		resources_say("open-files", needed, limit.rlim_cur, most);
	return most;
}

uint64_t resources_check_memory(const struct config *config, unsigned n_workers,
                                unsigned max_connections, uint64_t said)
{
	uint64_t buffer = 0;
	uint64_t needed;
	uint64_t allowed;

	for (size_t i = 0; i < config->n_listeners; i++)
		if (config->listeners[i]->buffer_size > buffer)
			buffer = config->listeners[i]->buffer_size;
	needed = RESOURCES_PROCESS + n_workers * (RESOURCES_WORKER + buffer) +
	         max_connections * (RESOURCES_RELAY + 2 * buffer);
	allowed = cgroup_memory("");
	if (allowed < needed && needed != said)
		resources_say("memory", needed, allowed, max_connections);
	return needed;
}
