/* SPDX-License-Identifier: ISC */
/*
 * parse - text to value, for the configuration
 *
 * Each function parses the whole text, stores the value and returns NULL, or
 * returns the reason why it cannot, in words fit for a message, and stores
 * nothing. Reasons are static strings. Pure: no I/O, no allocation.
 */
#ifndef PARSE_H
#define PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* Value of a duration or size written "off": no limit. Never a real value. */
enum { PARSE_OFF = 0 };

/* "500ms", "30s", "5m", "1h", "2d" to milliseconds; "off" to PARSE_OFF. */
const char *parse_duration(const char *text, uint64_t *milliseconds);

/* "4096", "64k", "1m", "2g" (powers of 1024) to bytes; never 0. */
const char *parse_size(const char *text, uint64_t *bytes);

/* A decimal number from 1 to UINT32_MAX. */
const char *parse_count(const char *text, uint32_t *count);

/* yes, no, on, off, true, false. */
const char *parse_bool(const char *text, bool *value);

#endif
