/* SPDX-License-Identifier: ISC */
/*
 * From a draft to a configuration: a struct for each section, and who belongs
 * to whom. Their values come from config_fill.c. What may stand where, and what
 * makes sense only together, is judged by config_check.c.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config_check.h"
#include "config_fill.h"
#include "config_policy.h"

/* Values that [defaults] gets wrong are told there, whoever would use them. */
static void config_try_defaults(struct draft *draft)
{
	const struct draft_section *defaults = draft_find_section(draft, "defaults");
	struct listener_config *trial = calloc(1, sizeof(*trial));

	if (trial == NULL) {
		draft->out_of_memory = true;
		return;
	}
	for (size_t i = 0; i < n_option_rows; i++)
		if (option_rows[i].key.in_defaults)
			config_fill_key(draft, defaults, &option_rows[i], trial);
	config_policy_apply(draft, defaults, trial);
	config_check_versions(draft, defaults, trial);
	config_check_lists(draft, defaults);
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
	struct backend_config *backend;

	if (strchr(entry->value, ',') != NULL) {
		draft_fail_key(draft, section, entry->line, "backend",
		               "\"%s\" is a list; put it into a [backend:NAME]", entry->value);
		return NULL;
	}
	backend = config_new_backend(config, draft, entry->value);
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

	if (*entry->value == '\0') {
		draft_fail_key(draft, section, entry->line, "backend", "\"\" is empty");
		return NULL;
	}
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
		draft_fail_key(
			draft, section, entry->line, "backend",
			"there is no [backend:%s], and an address needs a port, as in host:port",
			entry->value);
	return NULL;
}

/* What the key "backend" of a listener or a route means; NULL: nothing, or nothing good. */
static const struct backend_config *config_take_backend(struct config *config, struct draft *draft,
                                                        const struct draft_section *section)
{
	const struct draft_entry *entry = draft_find(section, "backend");

	if (entry == NULL)
		return NULL;
	return strchr(entry->value, ':') != NULL
	               ? config_add_inline(config, draft, section, entry)
	               : config_find_backend(config, draft, section, entry);
}

static void config_add_listener(struct config *config, struct draft *draft,
                                const struct draft_section *section)
{
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
	config_policy_apply(draft, section, listener);
	listener->backend = config_take_backend(config, draft, section);
	config_check_listener(draft, section, config, listener);
}

/* ---- routes ---- */

static struct listener_config *config_find_listener(const struct config *config,
                                                    struct draft *draft,
                                                    const struct draft_section *section,
                                                    unsigned line, const char *name)
{
	struct nearest nearest = { .word = name };

	for (size_t i = 0; i < config->n_listeners; i++) {
		if (strcmp(config->listeners[i]->name, name) == 0)
			return config->listeners[i];
		nearest_offer(&nearest, config->listeners[i]->name);
	}
	if (nearest.best != NULL)
		draft_fail_key(draft, section, line, "listener",
		               "there is no [listener:%s]; is \"%s\" meant?", name, nearest.best);
	else
		draft_fail_key(draft, section, line, "listener", "there is no [listener:%s]", name);
	return NULL;
}

static void config_join(struct draft *draft, struct listener_config *listener,
                        const struct route_config *route)
{
	const struct route_config **grown =
		realloc(listener->routes, (listener->n_routes + 1) * sizeof(*grown));

	if (grown == NULL) {
		draft->out_of_memory = true;
		return;
	}
	listener->routes = grown;
	grown[listener->n_routes++] = route;
}

static void config_join_all(const struct config *config, struct draft *draft,
                            const struct draft_section *section, const struct route_config *route)
{
	for (size_t i = 0; i < route->listeners.n; i++) {
		struct listener_config *listener = config_find_listener(
			config, draft, section, draft_line_of(section, "listener", i),
			route->listeners.texts[i]);

		if (listener == NULL)
			continue;
		config_check_junction(draft, section, route, i, listener);
		config_join(draft, listener, route);
	}
}

static void config_add_route(struct config *config, struct draft *draft,
                             const struct draft_section *section)
{
	struct route_config *route = calloc(1, sizeof(*route));

	if (route != NULL)
		route->name = strdup(section->name);
	if (route == NULL || route->name == NULL) {
		draft->out_of_memory = true;
		free(route);
		return;
	}
	config->routes[config->n_routes++] = route;
	config_fill(draft, section, "route", route);
	route->has_client = config_route_has_client(section);
	route->backend = config_take_backend(config, draft, section);
	config_check_route(draft, section, route);
	config_join_all(config, draft, section, route);
}

const struct backend_config *config_backend_of(const struct listener_config *listener,
                                               const struct route_config *route)
{
	return route != NULL && route->backend != NULL ? route->backend : listener->backend;
}

const struct client_config *config_client_of(const struct listener_config *listener,
                                             const struct route_config *route)
{
	return route != NULL && route->has_client ? &route->client : &listener->client;
}

const struct text_list *config_alpn_of(const struct listener_config *listener,
                                       const struct route_config *route)
{
	return route != NULL && route->alpn.n > 0 ? &route->alpn : &listener->alpn;
}

/* ---- the whole ---- */

static bool config_is_named(const struct draft_section *section, const char *kind)
{
	return strcmp(section->kind, kind) == 0 && section->name != NULL;
}

static void config_build(struct config *config, struct draft *draft)
{
	config_fill(draft, draft_find_section(draft, "global"), "global", config);
	config_try_defaults(draft);
	for (size_t i = 0; i < draft->n_sections; i++)
		if (config_is_named(&draft->sections[i], "backend"))
			config_add_backend(config, draft, &draft->sections[i]);
	for (size_t i = 0; i < draft->n_sections; i++)
		if (config_is_named(&draft->sections[i], "listener"))
			config_add_listener(config, draft, &draft->sections[i]);
	for (size_t i = 0; i < draft->n_sections; i++)
		if (config_is_named(&draft->sections[i], "route"))
			config_add_route(config, draft, &draft->sections[i]);
	for (size_t i = 0; i < config->n_listeners; i++)
		config_check_routed(draft,
		                    draft_find_named(draft, "listener", config->listeners[i]->name),
		                    config->listeners[i]);
	config_check_use(draft, config);
	if (draft_find_section(draft, "listener") == NULL)
		draft_fail(draft, 0, "there is no [listener:NAME]");
}

static struct config *config_alloc(const struct draft *draft)
{
	struct config *config = calloc(1, sizeof(*config));

	if (config == NULL)
		return NULL;
	/* Each section makes one thing, a listener or a route perhaps a backend too. */
	config->listeners = calloc(draft->n_sections + 1, sizeof(struct listener_config *));
	config->backends = calloc(draft->n_sections + 1, sizeof(struct backend_config *));
	config->routes = calloc(draft->n_sections + 1, sizeof(struct route_config *));
	if (config->listeners == NULL || config->backends == NULL || config->routes == NULL) {
		config_free(config);
		return NULL;
	}
	return config;
}

/* Fails through the draft. NULL: nothing could be built. */
static struct config *config_from_draft(struct draft *draft)
{
	struct config *config = config_alloc(draft);

	if (config == NULL) {
		draft->out_of_memory = true;
		return NULL;
	}
	config_check_draft(draft);
	config_build(config, draft);
	return config;
}

struct config *config_read(FILE *file, const char *path, FILE *errors)
{
	struct draft *draft = calloc(1, sizeof(*draft));
	struct config *config = NULL;

	if (draft == NULL) {
		(void)fprintf(errors, "%s: out of memory\n", path);
		return NULL;
	}
	draft->path = path;
	if (draft_read(draft, file))
		config = config_from_draft(draft);
	if (draft_report(draft, errors) || config == NULL) {
		config_free(config);
		draft_clear(draft);
		free(draft);
		return NULL;
	}
	config->draft = draft;
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
