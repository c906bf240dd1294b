/* SPDX-License-Identifier: ISC */
/*
 * config_options - the one table: every key, what it takes, where it goes
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "config.h"

/*
 * Parses value into the struct of a section (struct config, listener_config,
 * route_config, backend_config). Returns NULL, or the reason as it may follow the quoted
 * value, "is not a number", and stores nothing. A list option is called once
 * for each word.
 */
typedef const char *option_set(void *member, const char *value);

struct option_row {
	struct config_key key;
	size_t offset;          /* of the member in the section's struct */
	size_t count;           /* a list: offset of its length; else 0 */
	option_set *set;        /* NULL: config.c's business */
};

/* As many rows as config_keys() has, in the same order. */
extern const struct option_row option_rows[];
extern const size_t n_option_rows;

/* The row of a key in a section of this kind ("defaults" too), or NULL. */
const struct option_row *option_find(const char *kind, const char *key);

/* May be repeated, and separated by commas. */
static inline bool option_is_list(const struct option_row *row)
{
	return row->count != 0;
}

/* For lists of addresses, whose length stands behind them. */
struct address_list {
	struct address *addresses;
	size_t n;
};

#endif
