/* SPDX-License-Identifier: ISC */
/*
 * From a draft to a configuration: each section's struct is filled, key by
 * key of the option table, from the section, else from [defaults], else from
 * the table's own fallback, all through the same setters. What only makes
 * sense or nonsense together is judged by config_check.c.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_check.h"
#include "config_draft.h"
#include "config_options.h"

static const char *const config_kinds[] = { "global", "defaults", "listener", "backend" };

static bool config_is_kind(const struct draft_section *section, const char *kind)
{
	return strcmp(section->kind, kind) == 0;
}

static bool config_has_name(const struct draft_section *section)
{
	return config_is_kind(section, "listener") || config_is_kind(section, "backend");
}

/* ---- sections and keys that may not stand there ---- */

static bool config_is_name(const char *name)
{
	if (*name == '\0')
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && strchr("._-", *name) == NULL)
			return false;
	return true;
}

static void config_refuse_section(struct draft *draft, const struct draft_section *section)
{
	struct nearest nearest = { .word = section->kind };

	for (size_t i = 0; i < sizeof(config_kinds) / sizeof(config_kinds[0]); i++)
		nearest_offer(&nearest, config_kinds[i]);
	if (nearest.best != NULL)
		draft_fail(draft, section->line, "[%s]: unknown section; is [%s] meant?",
		           section->title, nearest.best);
	else
		draft_fail(draft, section->line, "[%s]: unknown section", section->title);
}

static bool config_knows_kind(const struct draft_section *section)
{
	for (size_t i = 0; i < sizeof(config_kinds) / sizeof(config_kinds[0]); i++)
		if (config_is_kind(section, config_kinds[i]))
			return true;
	return false;
}

static void config_check_title(struct draft *draft, const struct draft_section *section)
{
	if (!config_knows_kind(section)) {
		config_refuse_section(draft, section);
	} else if (config_has_name(section) && section->name == NULL) {
		draft_fail(draft, section->line, "[%s]: needs a name, as in [%s:NAME]",
		           section->title, section->kind);
	} else if (!config_has_name(section) && section->name != NULL) {
		draft_fail(draft, section->line, "[%s]: takes no name", section->title);
	} else if (section->name != NULL && !config_is_name(section->name)) {
		draft_fail(draft, section->line,
		           "[%s]: a name is made of letters, digits, \".\", \"_\" and \"-\"",
		           section->title);
	}
}

static void config_check_repeated(struct draft *draft, size_t n)
{
	const struct draft_section *section = &draft->sections[n];

	for (size_t i = 0; i < n; i++) {
		if (strcmp(draft->sections[i].title, section->title) == 0) {
			draft_fail(draft, section->line, "[%s]: the same section as in line %u",
			           section->title, draft->sections[i].line);
			return;
		}
	}
}

static void config_refuse_key(struct draft *draft, const struct draft_section *section,
                              const struct draft_entry *entry)
{
	struct nearest nearest = { .word = entry->key };

	for (size_t i = 0; i < n_option_rows; i++)
		if (option_find(section->kind, option_rows[i].key.key) != NULL)
			nearest_offer(&nearest, option_rows[i].key.key);
	if (nearest.best != NULL)
		draft_fail_key(draft, section, entry->line, entry->key,
		               "unknown key; is \"%s\" meant?", nearest.best);
	else
		draft_fail_key(draft, section, entry->line, entry->key, "unknown key");
}

static void config_check_entry(struct draft *draft, const struct draft_section *section,
                               const struct draft_entry *entry)
{
	const struct option_row *row = option_find(section->kind, entry->key);
	const struct draft_entry *first = draft_find(section, entry->key, 0);

	if (row == NULL)
		config_refuse_key(draft, section, entry);
	else if (!row->list && first != entry)
		draft_fail_key(draft, section, entry->line, entry->key, "is set in line %u already",
		               first->line);
}

static void config_check_draft(struct draft *draft)
{
	for (size_t i = 0; i < draft->n_sections; i++) {
		const struct draft_section *section = &draft->sections[i];

		config_check_title(draft, section);
		config_check_repeated(draft, i);
		if (!config_knows_kind(section))
			continue;
		for (size_t k = 0; k < section->n_entries; k++)
			config_check_entry(draft, section, &section->entries[k]);
	}
}

/* ---- values ---- */

static const struct draft_section *config_find_section(const struct draft *draft, const char *kind)
{
	for (size_t i = 0; i < draft->n_sections; i++)
		if (config_is_kind(&draft->sections[i], kind))
			return &draft->sections[i];
	return NULL;
}

/* Complaints name the key that was written, which need not be the row's. */
static void config_set(struct draft *draft, const struct draft_section *section,
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
		word += strspn(word, " \t");
		word[strcspn(word, " \t")] = '\0';
		if (*word == '\0')
			draft_fail_key(draft, section, entry->line, row->key.key,
			               "has nothing where an address should be");
		else
			config_set(draft, section, entry, row, target, word);
	}
	free(copy);
}

static void config_fill_key(struct draft *draft, const struct draft_section *section,
                            const struct option_row *row, void *target)
{
	const struct draft_section *defaults = config_find_section(draft, "defaults");
	const struct draft_entry *entry = draft_find(section, row->key.key, 0);

	if (row->list) {
		for (size_t i = 0; (entry = draft_find(section, row->key.key, i)) != NULL; i++)
			config_set_list(draft, section, entry, row, target);
		return;
	}
	/* A mistake in [defaults] is told once, where it is: see config_try_defaults(). */
	if (entry != NULL)
		config_set(draft, section, entry, row, target, entry->value);
	else if (row->key.in_defaults && (entry = draft_find(defaults, row->key.key, 0)) != NULL)
		(void)row->set((char *)target + row->offset, entry->value);
	else if (row->key.fallback != NULL &&
	         row->set((char *)target + row->offset, row->key.fallback) != NULL)
		abort(); /* the table contradicts itself */
}

/* section may be NULL: everything falls back. */
static void config_fill(struct draft *draft, const struct draft_section *section, const char *kind,
                        void *target)
{
	for (size_t i = 0; i < n_option_rows; i++)
		if (option_rows[i].set != NULL && strcmp(option_rows[i].key.section, kind) == 0)
			config_fill_key(draft, section, &option_rows[i], target);
}

/* ---- structs ---- */

static void config_free_listener(struct listener_config *listener)
{
	free(listener->name);
	free(listener->binds);
	free(listener->cert);
	free(listener->key);
	free(listener->ciphers);
	free(listener->ciphersuites);
	free(listener);
}

static void config_free_backend(struct backend_config *backend)
{
	for (size_t i = 0; i < backend->n_servers; i++) {
		free(backend->servers[i].text);
		free(backend->servers[i].addresses);
	}
	free(backend->servers);
	free(backend->name);
	free(backend->ca);
	free(backend->server_name);
	free(backend);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < config->n_listeners; i++)
		config_free_listener(config->listeners[i]);
	for (size_t i = 0; i < config->n_backends; i++)
		config_free_backend(config->backends[i]);
	free(config->listeners);
	free(config->backends);
	free(config->user);
	free(config->log.path);
	free(config);
}

/* Values that [defaults] gets wrong are told there, whoever would use them. */
static void config_try_defaults(struct draft *draft)
{
	const struct draft_section *defaults = config_find_section(draft, "defaults");
	struct listener_config *trial = calloc(1, sizeof(*trial));

	if (trial == NULL) {
		draft->out_of_memory = true;
		return;
	}
	for (size_t i = 0; defaults != NULL && i < n_option_rows; i++)
		if (option_rows[i].key.in_defaults)
			config_fill_key(draft, defaults, &option_rows[i], trial);
	config_free_listener(trial);
}

static struct backend_config *config_new_backend(struct config *config, struct draft *draft,
                                                 const char *name)
{
	struct backend_config *backend = calloc(1, sizeof(*backend));

	if (backend != NULL)
		backend->name = strdup(name);
	if (backend == NULL || backend->name == NULL) {
		draft->out_of_memory = true;
		free(backend);
		return NULL;
	}
	config->backends[config->n_backends++] = backend;
	return backend;
}

static void config_add_backend(struct config *config, struct draft *draft,
                               const struct draft_section *section)
{
	struct backend_config *backend = config_new_backend(config, draft, section->name);

	if (backend == NULL)
		return;
	config_fill(draft, section, "backend", backend);
	config_check_backend(draft, section, backend);
}

/* "backend = 127.0.0.1:8080": a backend without a section. */
static const struct backend_config *config_add_inline(struct config *config, struct draft *draft,
                                                      const struct draft_section *section,
                                                      const struct draft_entry *entry)
{
	struct backend_config *backend = config_new_backend(config, draft, entry->value);

	if (backend == NULL)
		return NULL;
	config_fill(draft, NULL, "backend", backend);
	config_set(draft, section, entry, option_find("backend", "server"), backend, entry->value);
	return backend;
}

static const struct backend_config *config_find_backend(const struct config *config,
                                                        struct draft *draft,
                                                        const struct draft_section *section,
                                                        const struct draft_entry *entry)
{
	struct nearest nearest = { .word = entry->value };

	for (size_t i = 0; i < config->n_backends; i++) {
		if (strcmp(config->backends[i]->name, entry->value) == 0)
			return config->backends[i];
		nearest_offer(&nearest, config->backends[i]->name);
	}
	if (nearest.best != NULL)
		draft_fail_key(draft, section, entry->line, "backend",
		               "there is no [backend:%s]; is \"%s\" meant?", entry->value,
		               nearest.best);
	else
		draft_fail_key(draft, section, entry->line, "backend", "there is no [backend:%s]",
		               entry->value);
	return NULL;
}

static void config_add_listener(struct config *config, struct draft *draft,
                                const struct draft_section *section)
{
	const struct draft_entry *backend = draft_find(section, "backend", 0);
	struct listener_config *listener = calloc(1, sizeof(*listener));

	if (listener != NULL)
		listener->name = strdup(section->name);
	if (listener == NULL || listener->name == NULL) {
		draft->out_of_memory = true;
		free(listener);
		return;
	}
	config->listeners[config->n_listeners++] = listener;
	config_fill(draft, section, "listener", listener);
	if (backend != NULL && strchr(backend->value, ':') != NULL)
		listener->backend = config_add_inline(config, draft, section, backend);
	else if (backend != NULL)
		listener->backend = config_find_backend(config, draft, section, backend);
	config_check_listener(draft, section, config, listener);
}

static void config_build(struct config *config, struct draft *draft)
{
	config_fill(draft, config_find_section(draft, "global"), "global", config);
	config_try_defaults(draft);
	for (size_t i = 0; i < draft->n_sections; i++)
		if (config_is_kind(&draft->sections[i], "backend") &&
		    draft->sections[i].name != NULL)
			config_add_backend(config, draft, &draft->sections[i]);
	for (size_t i = 0; i < draft->n_sections; i++)
		if (config_is_kind(&draft->sections[i], "listener") &&
		    draft->sections[i].name != NULL)
			config_add_listener(config, draft, &draft->sections[i]);
	if (config->n_listeners == 0)
		draft_fail(draft, 0, "there is no [listener:NAME]");
}

static struct config *config_alloc(const struct draft *draft)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		return NULL;
	/* Each section makes one listener or backend, a listener perhaps both. */
	config->listeners = calloc(draft->n_sections + 1, sizeof(struct listener_config *));
	config->backends = calloc(draft->n_sections + 1, sizeof(struct backend_config *));
	if (config->listeners == NULL || config->backends == NULL) {
		config_free(config);
		return NULL;
	}
	return config;
}

struct config *config_read(FILE *file, const char *path, FILE *errors)
{
	struct draft draft = { 0 };
	struct config *config;

	draft_read(&draft, file);
	config_check_draft(&draft);
	config = config_alloc(&draft);
	if (config == NULL)
		draft.out_of_memory = true;
	else
		config_build(config, &draft);
	if (draft_report(&draft, path, errors)) {
		config_free(config);
		config = NULL;
	}
	draft_clear(&draft);
	return config;
}

struct config *config_load(const char *path, FILE *errors)
{
	FILE *file = fopen(path, "re");
	struct config *config;

	if (file == NULL) {
		(void)fprintf(errors, "%s: %s\n", path, strerror(errno));
		return NULL;
	}
	config = config_read(file, path, errors);
	(void)fclose(file); /* only read from */
	return config;
}
