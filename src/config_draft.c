/* SPDX-License-Identifier: ISC */
#include "config_draft.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ini_file.h"

enum { NEAREST_WORD_MAX = 64 };

/* An array with room for one more than n; NULL, and the array as it was: noted. */
static void *draft_grow(struct draft *draft, void *array, size_t n, size_t size)
{
	/* Doubles at each power of two. */
	if (n > 0 && (n & (n - 1)) != 0)
		return array;
	array = realloc(array, (n == 0 ? 1 : 2 * n) * size);
	if (array == NULL)
		draft->out_of_memory = true;
	return array;
}

/* Takes text; NULL: there was no memory for it. */
static void draft_remark(struct draft *draft, struct draft_remarks *remarks, unsigned line,
                         char *text)
{
	struct draft_remark *grown = draft_grow(draft, remarks->of, remarks->n, sizeof(*grown));

	if (grown != NULL)
		remarks->of = grown;
	if (text == NULL || grown == NULL) {
		draft->out_of_memory = true;
		free(text);
		return;
	}
	remarks->of[remarks->n++] = (struct draft_remark){ line, text };
}

__attribute__((format(printf, 1, 0))) static char *draft_print(const char *format,
                                                               va_list arguments)
{
	char *text;

	return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

void draft_fail(struct draft *draft, unsigned line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	draft_remark(draft, &draft->errors, line, draft_print(format, arguments));
	va_end(arguments);
}

void draft_fail_key(struct draft *draft, const struct draft_section *section, unsigned line,
                    const char *key, const char *format, ...)
{
	va_list arguments;
	char *reason;

	va_start(arguments, format);
	reason = draft_print(format, arguments);
	va_end(arguments);
	draft_fail(draft, line, "[%s] %s: %s", section->title, key,
	           reason != NULL ? reason : "out of memory");
	free(reason);
}

void draft_warn(struct draft *draft, const struct draft_section *section, unsigned line,
                const char *key, const char *format, ...)
{
	va_list arguments;
	char *reason;
	char *text;

	va_start(arguments, format);
	reason = draft_print(format, arguments);
	va_end(arguments);
	if (reason == NULL || asprintf(&text, "[%s]%s%s: warning: %s", section->title,
	                               key != NULL ? " " : "", key != NULL ? key : "", reason) < 0)
		text = NULL;
	draft_remark(draft, &draft->warnings, line, text);
	free(reason);
}

/* ---- reading ---- */

static void draft_on_error(void *arg, unsigned line, const char *reason)
{
	draft_fail(arg, line, "%s", reason);
}

static void draft_on_section(void *arg, unsigned line, const char *title)
{
	struct draft *draft = arg;
	const char *colon = strchr(title, ':');
	struct draft_section section = { .line = line, .title = strdup(title) };
	struct draft_section *sections =
		draft_grow(draft, draft->sections, draft->n_sections, sizeof(section));

	if (sections != NULL)
		draft->sections = sections;
	section.kind = colon != NULL ? strndup(title, (size_t)(colon - title)) : strdup(title);
	section.name = colon != NULL ? strdup(colon + 1) : NULL;
	if (section.title == NULL || section.kind == NULL ||
	    (colon != NULL && section.name == NULL) || sections == NULL) {
		draft->out_of_memory = true;
		free(section.title);
		free(section.kind);
		free(section.name);
		return;
	}
	draft->sections[draft->n_sections++] = section;
}

static void draft_on_key(void *arg, unsigned line, const char *key, const char *value)
{
	struct draft *draft = arg;
	struct draft_entry entry = { .line = line, .key = strdup(key), .value = strdup(value) };
	struct draft_section *section;
	struct draft_entry *entries;

	/* Its section did not fit into memory. */
	if (draft->n_sections == 0)
		goto drop;
	section = &draft->sections[draft->n_sections - 1];
	entries = draft_grow(draft, section->entries, section->n_entries, sizeof(entry));
	if (entries != NULL)
		section->entries = entries;
	if (entry.key == NULL || entry.value == NULL || entries == NULL) {
		draft->out_of_memory = true;
		goto drop;
	}
	section->entries[section->n_entries++] = entry;
	return;
drop:
	free(entry.key);
	free(entry.value);
}

bool draft_read(struct draft *draft, FILE *file)
{
	const struct ini_listener listener = {
		.section = draft_on_section,
		.key = draft_on_key,
		.error = draft_on_error,
		.arg = draft,
	};

	if (ini_file_read(file, &listener))
		return true;
	draft_fail(draft, 0, "%s", strerror(errno));
	return false;
}

const struct draft_section *draft_find_section(const struct draft *draft, const char *kind)
{
	for (size_t i = 0; i < draft->n_sections; i++)
		if (strcmp(draft->sections[i].kind, kind) == 0)
			return &draft->sections[i];
	return NULL;
}

const struct draft_section *draft_find_named(const struct draft *draft, const char *kind,
                                             const char *name)
{
	for (size_t i = 0; i < draft->n_sections; i++) {
		const struct draft_section *section = &draft->sections[i];

		if (strcmp(section->kind, kind) == 0 && section->name != NULL &&
		    strcmp(section->name, name) == 0)
			return section;
	}
	return NULL;
}

const struct draft_entry *draft_find(const struct draft_section *section, const char *key)
{
	for (size_t i = 0; section != NULL && i < section->n_entries; i++)
		if (strcmp(section->entries[i].key, key) == 0)
			return &section->entries[i];
	return NULL;
}

static bool draft_begins(const char *text, const char *value, size_t len)
{
	return len > 0 && strncmp(text, value, len) == 0 && strncmp(text + len, ": ", 2) == 0;
}

bool draft_mentions(const char *text, const char *value)
{
	return draft_begins(text, value, strlen(value));
}

static bool draft_mentions_word(const char *text, const char *value)
{
	while (*value != '\0') {
		const size_t whole = strcspn(value, ",");
		size_t len = whole;

		while (len > 0 && strchr(" \t", value[len - 1]) != NULL)
			len--;
		if (draft_begins(text, value, len))
			return true;
		value += whole;
		value += strspn(value, ", \t");
	}
	return false;
}

const struct draft_entry *draft_find_mentioned(const struct draft_section *section,
                                               const char *text)
{
	for (size_t i = 0; i < section->n_entries; i++)
		if (draft_mentions_word(text, section->entries[i].value))
			return &section->entries[i];
	return NULL;
}

unsigned draft_line_of(const struct draft_section *section, const char *key, size_t i)
{
	for (size_t k = 0; k < section->n_entries; k++)
		if (strcmp(section->entries[k].key, key) == 0 && i < section->entries[k].end)
			return section->entries[k].line;
	abort(); /* it comes from somewhere */
}

/* ---- errors and warnings ---- */

bool draft_has_failed(const struct draft *draft, unsigned line)
{
	for (size_t i = 0; i < draft->errors.n; i++)
		if (draft->errors.of[i].line == line)
			return true;
	return false;
}

static int draft_compare(const void *a, const void *b)
{
	const struct draft_remark *left = a;
	const struct draft_remark *right = b;

	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return strcmp(left->text, right->text);
}

/* What no message can be lost by: a reader of errors that is gone. */
static void draft_print_remarks(struct draft_remarks *remarks, const char *path, FILE *errors)
{
	if (remarks->n > 0)
		qsort(remarks->of, remarks->n, sizeof(*remarks->of), draft_compare);
	for (size_t i = 0; i < remarks->n; i++) {
		const struct draft_remark *remark = &remarks->of[i];

		if (i > 0 && draft_compare(remark, remark - 1) == 0)
			continue;
		if (remark->line == 0)
			(void)fprintf(errors, "%s: %s\n", path, remark->text);
		else
			(void)fprintf(errors, "%s:%u: %s\n", path, remark->line, remark->text);
	}
}

bool draft_report(struct draft *draft, FILE *errors)
{
	/* What is missing now may well be in the file. */
	if (draft->out_of_memory) {
		(void)fprintf(errors, "%s: out of memory\n", draft->path);
		return true;
	}
	draft_print_remarks(&draft->errors, draft->path, errors);
	return draft->errors.n > 0;
}

void draft_report_warnings(struct draft *draft, FILE *errors)
{
	draft_print_remarks(&draft->warnings, draft->path, errors);
}

static void draft_clear_remarks(struct draft_remarks *remarks)
{
	for (size_t i = 0; i < remarks->n; i++)
		free(remarks->of[i].text);
	free(remarks->of);
}

static void draft_clear_section(struct draft_section *section)
{
	for (size_t i = 0; i < section->n_entries; i++) {
		free(section->entries[i].key);
		free(section->entries[i].value);
	}
	free(section->entries);
	free(section->title);
	free(section->kind);
	free(section->name);
}

void draft_clear(struct draft *draft)
{
	for (size_t i = 0; i < draft->n_sections; i++)
		draft_clear_section(&draft->sections[i]);
	draft_clear_remarks(&draft->errors);
	draft_clear_remarks(&draft->warnings);
	free(draft->sections);
	*draft = (struct draft){ 0 };
}

/* ---- what was meant ---- */

static size_t nearest_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's, one row at a time. */
static size_t nearest_distance(const char *a, const char *b)
{
	size_t row[NEAREST_WORD_MAX + 1];
	size_t len = strlen(b);

	for (size_t k = 0; k <= len; k++)
		row[k] = k;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < len; k++) {
			size_t above = row[k + 1];

			row[k + 1] = nearest_min(nearest_min(above, row[k]) + 1,
			                         diagonal + (a[i] != b[k]));
			diagonal = above;
		}
	}
	return row[len];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	const size_t len = strlen(nearest->word);
	const size_t enough = len < 4 ? 1 : len / 3 + 1;
	size_t distance;

	if (len > NEAREST_WORD_MAX || strlen(candidate) > NEAREST_WORD_MAX)
		return;
	distance = nearest_distance(nearest->word, candidate);
	if (distance <= enough && (nearest->best == NULL || distance < nearest->distance)) {
		nearest->best = candidate;
		nearest->distance = distance;
	}
}
