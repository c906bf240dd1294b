/* SPDX-License-Identifier: ISC */
/*
 * inih takes lines apart, but as distributions build it (inih 55, all options
 * at their defaults) it does things to a file that its author cannot see:
 *
 *   - a line is cut after 199 bytes, and the rest is read as another line;
 *   - an indented key is more of the value above it;
 *   - "a: b = c" is the key "a", since a colon separates as well;
 *   - " #" begins no comment, " ;" does;
 *   - what follows a "]" is dropped, and a section's name is cut after 49 bytes;
 *   - an empty or repeated section is not told of, nor any line's number.
 *
 * So a reader of ours stands between. It takes lines of any length, keeps
 * sections and line numbers itself, and hands over one key at a time, without
 * indentation and comments. A line that is too long for inih's buffer goes
 * there with a stand-in for its value. Nothing here depends on how inih was
 * built, but that a buffer holds a key.
 *
 * A key is ASCII, and so are names of sections; values are bytes, as paths are.
 */
#include "ini_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

/* No text can contain it: control characters are refused. */
static const char stand_in[] = "\001";

enum ini_place {
	INI_ABOVE,              /* all sections */
	INI_INSIDE,             /* of one */
	INI_ASTRAY,             /* below a line that should have been one */
};

struct ini_reader {
	FILE *file;
	const struct ini_listener *listener;
	char *line;             /* getline()'s */
	size_t size;
	unsigned number;
	enum ini_place place;
	const char *value;      /* of the present line, whole */
	int error;              /* errno of a read that failed */
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
		if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == '\x7f')
			return false;
	return true;
}

static bool ini_is_key(const char *key)
{
	for (; *key != '\0'; key++)
		if (!isalnum((unsigned char)*key) && strchr("-_.", *key) == NULL)
			return false;
	return true;
}

/* "[name]" and nothing else. */
static void ini_take_section(struct ini_reader *reader, char *text)
{
	char *end = strchr(text, ']');

	if (end == NULL) {
		ini_fail(reader, "a section needs a \"]\"");
		reader->place = INI_ASTRAY; /* its keys need no complaints of their own */
		return;
	}
	reader->place = INI_INSIDE;
	*end = '\0';
	if (end[1] != '\0')
		ini_fail(reader, "something follows the \"]\"");
	reader->listener->section(reader->listener->arg, reader->number, ini_trim(text + 1));
}

/* False: a line that is no key, or nobody's. */
static bool ini_take_key(struct ini_reader *reader, char *text)
{
	char *equals = strchr(text, '=');
	const char *key;

	if (equals == NULL) {
		ini_fail(reader, "a line is \"key = value\", \"[section]\" or a comment");
		return false;
	}
	*equals = '\0';
	reader->value = ini_trim(equals + 1);
	key = ini_trim(text);
	if (*key == '\0')
		ini_fail(reader, "a key is missing before \"=\"");
	else if (!ini_is_key(key))
		ini_fail(reader, "a key is made of letters, digits, \"-\", \"_\" and \".\"");
	else if (reader->place == INI_ABOVE)
		ini_fail(reader, "a key needs a [section] above it");
	else
		return reader->place == INI_INSIDE;
	return false;
}

/* What a line says, without newline, byte order mark and comment. NULL: unfit, and told so. */
static char *ini_clean(const struct ini_reader *reader, size_t len)
{
	char *text = reader->line;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = '\0';
	if (reader->number == 1 && strncmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (len > INI_LINE_MAX) {
		ini_fail(reader, "the line is longer than 65536 bytes");
		return NULL;
	}
	if (!ini_is_text(text, len)) {
		ini_fail(reader, "the line has a control character in it");
		return NULL;
	}
	ini_drop_comment(text);
	return ini_trim(text);
}

/* The next key that counts; it is in reader->line. NULL: there is none. */
static const char *ini_next_key(struct ini_reader *reader)
{
	ssize_t len;

	while ((len = getline(&reader->line, &reader->size, reader->file)) >= 0) {
		char *text;

		reader->number++;
		text = ini_clean(reader, (size_t)len);
		if (text == NULL || *text == '\0')
			continue;
		if (*text == '[')
			ini_take_section(reader, text);
		else if (ini_take_key(reader, text))
			return ini_trim(text);
	}
	reader->error = feof(reader->file) ? 0 : errno;
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
	errno = status < 0 ? ENOMEM : reader.error;
	return errno == 0;
}
