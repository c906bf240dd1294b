/* SPDX-License-Identifier: ISC */
/*
 * inih takes lines apart, but as distributions build it, it would do things
 * to a file that its author cannot see: cut lines at 200 bytes and go on with
 * the rest as if it were another one, cut section names at 50, take an
 * indented key for more of the value above, drop what follows a "]", and keep
 * line numbers and empty sections to itself. So a reader of ours stands
 * between: it takes any line, hands over keys one at a time, without
 * indentation and comments, and keeps sections and line numbers itself. A
 * line that is too long for inih's buffer goes there with a stand-in for its
 * value.
 */
#include "ini_file.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

/* No text can contain it: control characters are refused. */
static const char stand_in[] = "\001";

struct ini_reader {
	FILE *file;
	const struct ini_listener *listener;
	char *line;             /* getline()'s */
	size_t size;
	unsigned number;
	bool in_section;
	const char *value;      /* of the present line, whole */
};

static void ini_fail(const struct ini_reader *reader, const char *reason)
{
	reader->listener->error(reader->listener->arg, reader->number, reason);
}

static bool ini_is_space(char c)
{
	return c == ' ' || c == '\t';
}

static char *ini_trim(char *text)
{
	size_t len;

	while (ini_is_space(*text))
		text++;
	len = strlen(text);
	while (len > 0 && ini_is_space(text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* A comment begins the line or follows a space. */
static void ini_drop_comment(char *text)
{
	for (char *at = text; *at != '\0'; at++) {
		if ((*at == ';' || *at == '#') && (at == text || ini_is_space(at[-1]))) {
			*at = '\0';
			return;
		}
	}
}

static bool ini_is_text(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return false;
	return true;
}

/* "[name]" and nothing else. */
static void ini_take_section(struct ini_reader *reader, char *text)
{
	char *end = strchr(text, ']');

	reader->in_section = true; /* its keys need no complaints of their own */
	if (end == NULL) {
		ini_fail(reader, "a section needs a \"]\"");
		return;
	}
	*end = '\0';
	if (end[1] != '\0')
		ini_fail(reader, "something follows the \"]\"");
	reader->listener->section(reader->listener->arg, reader->number, ini_trim(text + 1));
}

/* False: a line that is no key. */
static bool ini_take_key(struct ini_reader *reader, char *text)
{
	char *equals = strchr(text, '=');

	if (equals == NULL) {
		ini_fail(reader, "a line is \"key = value\", \"[section]\" or a comment");
		return false;
	}
	*equals = '\0';
	reader->value = ini_trim(equals + 1);
	if (*ini_trim(text) == '\0') {
		ini_fail(reader, "a key is missing before \"=\"");
		return false;
	}
	if (!reader->in_section) {
		ini_fail(reader, "a key needs a [section] above it");
		return false;
	}
	return true;
}

/* The next line that is a key; its name is what is left of reader->line. */
static char *ini_next_key(struct ini_reader *reader)
{
	ssize_t len;

	while ((len = getline(&reader->line, &reader->size, reader->file)) >= 0) {
		char *text = reader->line;

		reader->number++;
		while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			text[--len] = '\0';
		if (reader->number == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0) {
			text += 3; /* a byte order mark */
			len -= 3;
		}
		if (len > INI_LINE_MAX) {
			ini_fail(reader, "the line is longer than 65536 bytes");
			continue;
		}
		if (!ini_is_text(text, (size_t)len)) {
			ini_fail(reader, "the line has a control character in it");
			continue;
		}
		ini_drop_comment(text);
		text = ini_trim(text);
		if (*text == '[')
			ini_take_section(reader, text);
		else if (*text != '\0' && ini_take_key(reader, text))
			return ini_trim(text);
	}
	return NULL;
}

/* fgets() for inih. */
static char *ini_read_line(char *room, int size, void *arg)
{
	struct ini_reader *reader = arg;
	const char *key;

	while ((key = ini_next_key(reader)) != NULL) {
		if (snprintf(room, (size_t)size, "%s=%s\n", key, reader->value) < size ||
		    snprintf(room, (size_t)size, "%s=%s\n", key, stand_in) < size)
			return room;
		ini_fail(reader, "the key is too long");
	}
	return NULL;
}

static int ini_on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct ini_reader *reader = arg;

	(void)section; /* cut at 50 bytes */
	(void)value;   /* cut, perhaps, and without what follows a " ;" */
	reader->listener->key(reader->listener->arg, reader->number, key, reader->value);
	return 1;
}

bool ini_file_read(FILE *file, const struct ini_listener *listener)
{
	struct ini_reader reader = { .file = file, .listener = listener };
	int status = ini_parse_stream(ini_read_line, &reader, ini_on_key, &reader);

	free(reader.line);
	return status >= 0 && !ferror(file) && feof(file);
}
