/* SPDX-License-Identifier: ISC */
#include "config_fill.h"

#include <stdlib.h>
#include <string.h>

void config_set(struct draft *draft, const struct draft_section *section,
                const struct draft_entry *entry, const struct option_row *row, void *target,
                const char *value)
{
	const char *reason = row->set((char *)target + row->offset, value);

	if (reason != NULL)
		draft_fail_key(draft, section, entry->line, entry->key, "\"%s\" %s", value, reason);
}

/* Each word between commas. */
static void config_set_list(struct draft *draft, const struct draft_section *section,
                            const struct draft_entry *entry, const struct option_row *row,
                            void *target)
{
	char *copy = strdup(entry->value);
	char *rest = copy;
	char *word;

	if (copy == NULL)
		draft->out_of_memory = true;
	while (rest != NULL && (word = strsep(&rest, ",")) != NULL) {
		size_t len;

		word += strspn(word, " \t");
		len = strlen(word);
		while (len > 0 && (word[len - 1] == ' ' || word[len - 1] == '\t'))
			word[--len] = '\0';
		if (len == 0)
			draft_fail_key(draft, section, entry->line, row->key.key,
			               "has nothing where a value should be");
		else
			config_set(draft, section, entry, row, target, word);
	}
	free(copy);
}

static void config_fill_list(struct draft *draft, const struct draft_section *section,
                             const struct option_row *row, void *target)
{
	for (size_t i = 0; section != NULL && i < section->n_entries; i++) {
		struct draft_entry *entry = &section->entries[i];

		if (strcmp(entry->key, row->key.key) != 0)
			continue;
		config_set_list(draft, section, entry, row, target);
		memcpy(&entry->end, (char *)target + row->count, sizeof(entry->end));
	}
}

/* Its mistakes are told already, by config_try_defaults(). */
static void config_set_default(struct draft *draft, const struct draft_entry *entry,
                               const struct option_row *row, void *target)
{
	if (row->set((char *)target + row->offset, entry->value) != NULL &&
	    !draft_has_failed(draft, entry->line))
		draft->out_of_memory = true;
}

void config_fill_key(struct draft *draft, const struct draft_section *section,
                     const struct option_row *row, void *target)
{
	const struct draft_section *defaults = draft_find_section(draft, "defaults");
	const struct draft_entry *general = draft_find(defaults, row->key.key);
	const struct draft_entry *entry = draft_find(section, row->key.key);

	if (row->key.fallback != NULL &&
	    row->set((char *)target + row->offset, row->key.fallback) != NULL)
		abort(); /* the table contradicts itself */
	if (general != NULL && row->key.in_defaults && section != defaults)
		config_set_default(draft, general, row, target);
	if (entry != NULL)
		config_set(draft, section, entry, row, target, entry->value);
}

void config_fill(struct draft *draft, const struct draft_section *section, const char *kind,
                 void *target)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];

		if (row->set == NULL || strcmp(row->key.section, kind) != 0)
			continue;
		if (option_is_list(row))
			config_fill_list(draft, section, row, target);
		else
			config_fill_key(draft, section, row, target);
	}
}
