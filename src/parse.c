/* SPDX-License-Identifier: ISC */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Digits only, no sign, no space. *rest is what follows them. */
static const char *parse_digits(const char *text, uint64_t *number, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return "is not a number";
	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno != 0)
		return "is too large";
	*rest = end;
	return NULL;
}

static const struct unit *parse_unit(const struct unit *units, const char *text)
{
	for (; units->name != NULL; units++)
		if (strcmp(units->name, text) == 0)
			return units;
	return NULL;
}

static const char *parse_scaled(const char *text, const struct unit *units, const char *no_unit,
                                const char *zero, uint64_t *value)
{
	const struct unit *unit;
	const char *rest;
	uint64_t number;
	const char *reason = parse_digits(text, &number, &rest);

	if (reason != NULL)
		return reason;
	unit = parse_unit(units, rest);
	if (unit == NULL)
		return no_unit;
	if (number == 0)
		return zero;
	if (number > INT64_MAX / unit->factor)
		return "is too large";
	*value = number * unit->factor;
	return NULL;
}

const char *parse_duration(const char *text, uint64_t *milliseconds)
{
	static const struct unit units[] = {
		{ "ms", 1 },          { "s", 1000 },         { "m", 60 * 1000 },
		{ "h", 3600 * 1000 }, { "d", 86400 * 1000 }, { NULL, 0 },
	};

	if (strcmp(text, "off") == 0) {
		*milliseconds = PARSE_OFF;
		return NULL;
	}
	return parse_scaled(text, units,
	                    text[strspn(text, "0123456789")] == '\0'
	                            ? "needs a unit: ms, s, m, h or d"
	                            : "has an unknown unit: ms, s, m, h and d are known",
	                    "must be more than 0 (\"off\" is no limit)", milliseconds);
}

const char *parse_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 }, { "k", 1 << 10 }, { "m", 1 << 20 }, { "g", 1 << 30 }, { NULL, 0 },
	};

	return parse_scaled(text, units, "has an unknown unit: k, m and g are known",
	                    "must be more than 0", bytes);
}

const char *parse_count(const char *text, uint32_t *count)
{
	static const struct unit units[] = { { "", 1 }, { NULL, 0 } };
	uint64_t value = 0;
	const char *reason =
		parse_scaled(text, units, "is not a number", "must be more than 0", &value);

	if (reason != NULL)
		return reason;
	if (value > UINT32_MAX)
		return "is too large";
	*count = (uint32_t)value;
	return NULL;
}

const char *parse_bool(const char *text, bool *value)
{
	static const struct {
		const char *name;
		bool value;
	} words[] = {
		{ "yes", true },  { "no", false },  { "on", true },
		{ "off", false }, { "true", true }, { "false", false },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, text) == 0) {
			*value = words[i].value;
			return NULL;
		}
	}
	return "is neither yes nor no, on nor off, true nor false";
}
