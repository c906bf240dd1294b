/* SPDX-License-Identifier: ISC */
/*
 * log_reader - lines of adieu's log, logfmt or JSON, asked for what they say
 *
 * What a line should say is written as words:
 *
 *	key=value        it has this value; * and ? match as in file names
 *	!key             it has no such key
 */
#ifndef LOG_READER_H
#define LOG_READER_H

#include <stdbool.h>
#include <stddef.h>

enum { LOG_VALUE_ROOM = 256 };

/* False: the line has no such key. Quotes are taken off, escapes stay. */
bool log_reader_value(const char *line, const char *key, char room[static LOG_VALUE_ROOM]);

/* True when the line says all of it. */
bool log_reader_says(const char *line, const char *words);

#endif
