/* SPDX-License-Identifier: ISC */
/*
 * buffer - a queue of bytes that costs nothing while it is empty
 *
 * Bytes are appended at the back and dropped from the front. The memory comes
 * with the first byte and goes with the last. Pure: knows no socket.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	unsigned char *bytes;   /* NULL exactly when len is 0 */
	uint32_t start;         /* where the front is */
	uint32_t len;
	uint32_t size;
};

/* Copies len bytes to the back. False, and nothing changed: out of memory. */
bool buffer_append(struct buffer *buffer, const void *data, size_t len);

/* Forgets len bytes at the front; at most what is there. */
void buffer_drop(struct buffer *buffer, size_t len);

/* Forgets everything. Zeroed storage is an empty buffer, too. */
void buffer_clear(struct buffer *buffer);

/* The front; valid until the next change. */
static inline const unsigned char *buffer_front(const struct buffer *buffer)
{
	return buffer->bytes + buffer->start;
}

#endif
