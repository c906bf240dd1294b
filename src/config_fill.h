/* SPDX-License-Identifier: ISC */
/*
 * config_fill - values of a draft into the struct of a section
 *
 * Key by key of the option table: from the table's own fallback, then
 * [defaults], then the section, all through the same setters.
 */
#ifndef CONFIG_FILL_H
#define CONFIG_FILL_H

#include "config_draft.h"
#include "config_options.h"

/* One value. Complaints name the key that was written, which need not be the row's. */
void config_set(struct draft *draft, const struct draft_section *section,
                const struct draft_entry *entry, const struct option_row *row, void *target,
                const char *value);

/*
 * A key that is no list, from the farthest source to the nearest; one that is
 * wrong leaves what was there.
 */
void config_fill_key(struct draft *draft, const struct draft_section *section,
                     const struct option_row *row, void *target);

/* All keys of that kind of section. section may be NULL: everything falls back. */
void config_fill(struct draft *draft, const struct draft_section *section, const char *kind,
                 void *target);

/* config_free.c: one that may be filled in part only. */
void config_free_listener(struct listener_config *listener);

#endif
