/* SPDX-License-Identifier: ISC */
/*
 * Building a line: fields in the format of the log, escaped so that a line
 * stays one line of valid UTF-8 whatever a peer sent. A field that does not
 * fit is left out, and the line says that it is not whole.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "log_impl.h"

enum {
	/* Kept free for "line-cut" and the closing brace. */
	LOG_LINE_RESERVE = 32,
	/* Of a peer's words in one field: a name (RFC 1035) is not cut. */
	LOG_WORDS_MOST = 256,
};

static const char *const level_names[] = {
	[LEVEL_DEBUG] = "debug",
	[LEVEL_INFO] = "info",
	[LEVEL_WARNING] = "warning",
	[LEVEL_ERROR] = "error",
};

/* A field under construction: nothing of it counts before it is whole. */
struct field {
	struct log_line *line;
	size_t len;             /* of the line, this field included */
	size_t room;
	bool fits;
};

static void field_add(struct field *field, const char *bytes, size_t len)
{
	field->fits = field->fits && field->len + len <= field->room;
	if (!field->fits)
		return;
	memcpy(field->line->text + field->len, bytes, len);
	field->len += len;
}

static void field_add_text(struct field *field, const char *text)
{
	field_add(field, text, strlen(text));
}

static bool log_is_json(const struct log_line *line)
{
	return line->format == LOG_JSON;
}

static struct field field_begin(struct log_line *line, const char *key)
{
	struct field field = {
		.line = line,
		.len = line->len,
		.room = sizeof(line->text) - LOG_LINE_RESERVE,
		.fits = line->wanted && !line->cut,
	};

	if (log_is_json(line)) {
		field_add_text(&field, line->len == 0 ? "{\"" : ",\"");
		field_add_text(&field, key);
		field_add_text(&field, "\":");
	} else {
		if (line->len > 0)
			field_add_text(&field, " ");
		field_add_text(&field, key);
		field_add_text(&field, "=");
	}
	return field;
}

static void field_end(const struct field *field)
{
	if (field->fits)
		field->line->len = field->len;
	else
		field->line->cut = true;
}

/* Length of the UTF-8 sequence at text, or 0 if it is none (RFC 3629, 4). */
static size_t log_utf8_len(const unsigned char *text)
{
	unsigned char low = 0x80;
	unsigned char high = 0xbf;
	size_t len;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xc2 && text[0] <= 0xdf)
		len = 2;
	else if (text[0] >= 0xe0 && text[0] <= 0xef)
		len = 3;
	else if (text[0] >= 0xf0 && text[0] <= 0xf4)
		len = 4;
	else
		return 0;
	if (text[0] == 0xe0)
		low = 0xa0; /* overlong */
	else if (text[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (text[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (text[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* U+0080 to U+009F too: to a terminal U+009B is what ESC [ is. */
static bool log_is_control(const unsigned char *text)
{
	return text[0] < 0x20 || text[0] == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0);
}

static void field_add_escaped(struct field *field, const unsigned char *text)
{
	char code[8];

	switch (*text) {
	case '"':  field_add_text(field, "\\\""); return;
	case '\\': field_add_text(field, "\\\\"); return;
	case '\n': field_add_text(field, "\\n"); return;
	case '\r': field_add_text(field, "\\r"); return;
	case '\t': field_add_text(field, "\\t"); return;
	default:   break;
	}
	(void)snprintf(code, sizeof(code), "\\u%04x",
	               *text == 0xc2 ? text[1] : *text); /* it has room */
	field_add_text(field, code);
}

/* What takes more than most bytes is cut. */
static void field_add_quoted(struct field *field, const char *value, size_t most)
{
	const unsigned char *text = (const unsigned char *)value;
	const size_t start = field->len;

	field_add_text(field, "\"");
	while (*text != '\0' && field->fits) {
		size_t len = log_utf8_len(text);

		if (field->len - start > most) {
			field_add_text(field, "\xe2\x80\xa6"); /* U+2026 */
			break;
		}
		if (len == 0) {
			field_add_text(field, "\xef\xbf\xbd"); /* U+FFFD */
			len = 1;
		} else if (log_is_control(text) || *text == '"' || *text == '\\') {
			field_add_escaped(field, text);
		} else {
			field_add(field, (const char *)text, len);
		}
		text += len;
	}
	field_add_text(field, "\"");
}

/* Plain ASCII without anything that means something in logfmt. */
static bool log_is_bare(const char *value)
{
	if (*value == '\0')
		return false;
	for (; *value != '\0'; value++)
		if (*value <= ' ' || *value >= 0x7f || strchr("\"=\\", *value) != NULL)
			return false;
	return true;
}

static void log_value(struct log_line *line, const char *key, const char *text, size_t most)
{
	struct field field;

	if (text == NULL || !line->wanted)
		return;
	field = field_begin(line, key);
	if (!log_is_json(line) && log_is_bare(text) && strnlen(text, most + 1) <= most)
		field_add_text(&field, text);
	else
		field_add_quoted(&field, text, most);
	field_end(&field);
}

void log_text(struct log_line *line, const char *key, const char *text)
{
	log_value(line, key, text, sizeof(line->text));
}

void log_words(struct log_line *line, const char *key, const char *text)
{
	log_value(line, key, text, LOG_WORDS_MOST);
}

/* Numbers, and the JSON words that need no quotes. */
static void log_raw(struct log_line *line, const char *key, const char *text)
{
	struct field field;

	if (!line->wanted)
		return;
	field = field_begin(line, key);
	field_add_text(&field, text);
	field_end(&field);
}

void log_number(struct log_line *line, const char *key, uint64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, number);
	log_raw(line, key, text);
}

void log_flag(struct log_line *line, const char *key, bool yes)
{
	if (log_is_json(line))
		log_raw(line, key, yes ? "true" : "false");
	else
		log_raw(line, key, yes ? "yes" : "no");
}

void log_duration(struct log_line *line, const char *key, uint64_t milliseconds)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRIu64 ".%03" PRIu64, milliseconds / 1000,
	               milliseconds % 1000);
	log_raw(line, key, text);
}

void log_format(struct log_line *line, const char *key, const char *format, ...)
{
	char text[sizeof(line->text)]; /* what is cut here does not fit the line either */
	va_list arguments;

	if (!line->wanted)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments); /* fails for no format of ours */
	va_end(arguments);
	log_text(line, key, text);
}

static void log_line_init(struct log_line *line, enum log_level level)
{
	line->wanted = log_wants(level);
	line->level = level;
	line->cut = false;
	line->len = 0;
	line->format = LOG_LOGFMT;
}

static void log_line_name(struct log_line *line, const char *event)
{
	log_text(line, "level", level_names[line->level]);
	log_text(line, "event", event);
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
	log_line_init(line, level);
	if (line->wanted)
		log_enter(line);
	log_line_name(line, event);
}

void log_begin_aside(struct log_line *line, enum log_level level, const char *event)
{
	log_line_init(line, level);
	log_line_name(line, event);
}

void log_line_finish(struct log_line *line)
{
	const char *mark = log_is_json(line) ? ",\"line-cut\":true" : " line-cut=yes";

	if (line->cut) {
		memcpy(line->text + line->len, mark, strlen(mark));
		line->len += strlen(mark);
	}
	if (log_is_json(line))
		line->text[line->len++] = '}';
	line->text[line->len] = '\0';
}
