/* SPDX-License-Identifier: ISC */
#include "complaint.h"

#include <stdbool.h>
#include <string.h>

#include "upgrade.h"

/* What is first is mostly what the rest comes of. */
static void complaint_pass_on(const char *text, size_t len)
{
	static bool passed;
	const char *end = memchr(text, '\n', len);

	if (!passed)
		upgrade_complain(text, end != NULL ? (size_t)(end - text) : len);
	passed = true;
}

static ssize_t complaint_write(void *cookie, const char *text, size_t len)
{
	(void)cookie;
	(void)fwrite(text, 1, len, stderr); /* or there is nowhere to say so */
	complaint_pass_on(text, len);
	return (ssize_t)len;
}

FILE *complaints(void)
{
	static FILE *stream;

	if (stream != NULL)
		return stream;
	stream = fopencookie(NULL, "w", (cookie_io_functions_t){ .write = complaint_write });
	if (stream == NULL)
		return stderr; /* out of memory */
	(void)setvbuf(stream, NULL, _IOLBF, BUFSIZ); /* or it is there in the end */
	return stream;
}
