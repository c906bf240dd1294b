/* SPDX-License-Identifier: ISC */
#include "table.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_LEAST = 16 };

/* FNV-1a. Who asks does not add, so nobody can make names that collide. */
static uint64_t table_hash(const char *name)
{
	uint64_t hash = 14695981039346656037U;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 1099511628211U;
	return hash ^ hash >> 32;
}

/* Where name is, or would be; there is always an empty slot. */
static struct table_slot *table_slot(const struct table *table, const char *name)
{
	const size_t mask = table->n_slots - 1;
	size_t i = table_hash(name) & mask;

	while (table->slots[i].name != NULL && strcmp(table->slots[i].name, name) != 0)
		i = (i + 1) & mask;
	return &table->slots[i];
}

void *table_find(const struct table *table, const char *name)
{
	return table->n > 0 ? table_slot(table, name)->thing : NULL;
}

static bool table_grow(struct table *table)
{
	const size_t n_slots = table->n_slots > 0 ? 2 * table->n_slots : TABLE_LEAST;
	struct table grown = { .slots = calloc(n_slots, sizeof(*table->slots)),
		               .n_slots = n_slots,
		               .n = table->n };

	if (grown.slots == NULL)
		return false;
	for (size_t i = 0; i < table->n_slots; i++)
		if (table->slots[i].name != NULL)
			*table_slot(&grown, table->slots[i].name) = table->slots[i];
	free(table->slots);
	*table = grown;
	return true;
}

bool table_add(struct table *table, const char *name, void *thing)
{
	struct table_slot *slot;

	assert(thing != NULL);
	if (2 * (table->n + 1) > table->n_slots && !table_grow(table))
		return false;
	slot = table_slot(table, name);
	assert(slot->name == NULL);
	*slot = (struct table_slot){ name, thing };
	table->n++;
	return true;
}

void table_clear(struct table *table)
{
	free(table->slots);
	*table = (struct table){ .slots = NULL };
}
