/* SPDX-License-Identifier: ISC */
#include "buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for len more bytes at the back, moving the front down if that does. */
static bool buffer_make_room(struct buffer *buffer, size_t len)
{
	size_t needed = buffer->len + len;
	size_t size = needed;
	unsigned char *bytes;

	if (buffer->start + needed <= buffer->size)
		return true;
	if (needed > UINT32_MAX)
		return false;
	if (buffer->start > 0) {
		memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->len);
		buffer->start = 0;
		if (needed <= buffer->size)
			return true;
	}
	/* The first refusal says how much is left over; later ones come in a row. */
	if (buffer->bytes != NULL && size < 2 * (size_t)buffer->size)
		size = 2 * (size_t)buffer->size;
	if (size > UINT32_MAX)
		size = needed;
	bytes = realloc(buffer->bytes, size);
	if (bytes == NULL)
		return false;
	buffer->bytes = bytes;
	buffer->size = (uint32_t)size;
	return true;
}

bool buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	if (len == 0)
		return true;
	if (!buffer_make_room(buffer, len))
		return false;
	memcpy(buffer->bytes + buffer->start + buffer->len, data, len);
	buffer->len += (uint32_t)len;
	return true;
}

void buffer_drop(struct buffer *buffer, size_t len)
{
	assert(len <= buffer->len);
	buffer->start += (uint32_t)len;
	buffer->len -= (uint32_t)len;
	if (buffer->len == 0)
		buffer_clear(buffer);
}

void buffer_clear(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){ 0 };
}
