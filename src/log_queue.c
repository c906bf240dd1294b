/* SPDX-License-Identifier: ISC */
/* Finished lines, one behind the other, until somebody has time to write them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log_impl.h"

enum { LOG_QUEUE_SIZE = 1 << 20 };

static uint64_t log_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail on Linux */
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool log_queue_init(struct log_queue *queue)
{
	*queue = (struct log_queue){ .bytes = malloc(LOG_QUEUE_SIZE) };
	return queue->bytes != NULL;
}

void log_queue_clear(struct log_queue *queue)
{
	free(queue->bytes);
	*queue = (struct log_queue){ .bytes = NULL };
}

bool log_queue_push(struct log_queue *queue, const struct log_line *line, unsigned tells)
{
	const size_t size = log_record_size(line->len);
	struct log_record *record;

	if (queue->len + size > LOG_QUEUE_SIZE)
		return false;
	record = (struct log_record *)(void *)(queue->bytes + queue->len);
	record->time = log_now();
	record->len = (uint32_t)line->len;
	record->level = line->level;
	record->outlet = line->outlet;
	record->tells = tells;
	memcpy(record->text, line->text, line->len + 1);
	queue->len += size;
	queue->n++;
	return true;
}
