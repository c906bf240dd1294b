/* SPDX-License-Identifier: ISC */
/*
 * table - from a name to a thing, fast, and never smaller
 *
 * Filled by one thread; from then on any number may look.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table_slot {
	const char *name;       /* NULL: empty */
	void *thing;
};

/* All zero: empty. */
struct table {
	struct table_slot *slots;
	size_t n_slots;         /* 0, or a power of two */
	size_t n;
};

/* NULL: there is none of this name. */
void *table_find(const struct table *table, const char *name);

/*
 * Adds what is not there yet. name is borrowed, and thing is not NULL. False:
 * out of memory.
 */
bool table_add(struct table *table, const char *name, void *thing);

/* Frees the table, and nothing that is in it. */
void table_clear(struct table *table);

#endif
