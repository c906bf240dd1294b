/* SPDX-License-Identifier: ISC */
/* The draft of the configuration knows the lines; the table of options which keys there are. */
#include "explain.h"

#include <string.h>

#include "config.h"
#include "config_check.h"
#include "config_draft.h"
#include "config_options.h"
#include "generation_blame.h"
#include "tls_context.h"
#include "tls_explain.h"
#include "tls_store.h"

struct explainer {
	const struct draft *draft;
	FILE *out;
};

static void explain_value(const struct explainer *explainer, const char *key, const char *value,
                          const char *from, unsigned line)
{
	(void)fprintf(explainer->out, "  %-20s %-40s ", key, value);
	if (line == 0)
		(void)fprintf(explainer->out, "%s\n", from);
	else
		(void)fprintf(explainer->out, "%sline %u\n", from, line);
}

static void explain_list(const struct explainer *explainer, const struct draft_section *section,
                         const char *key)
{
	const char *label = key;

	for (size_t i = 0; section != NULL && i < section->n_entries; i++) {
		const struct draft_entry *entry = &section->entries[i];

		if (strcmp(entry->key, key) != 0)
			continue;
		explain_value(explainer, label, entry->value, "", entry->line);
		label = "";
	}
	if (label == key)
		explain_value(explainer, key, "-", "not set", 0);
}

static void explain_key(const struct explainer *explainer, const struct draft_section *section,
                        const struct config_key *key)
{
	const struct draft_entry *own = draft_find(section, key->key);
	const struct draft_entry *general =
		key->in_defaults
			? draft_find(draft_find_section(explainer->draft, "defaults"), key->key)
			: NULL;

	if (own != NULL)
		explain_value(explainer, key->key, own->value, "", own->line);
	else if (general != NULL)
		explain_value(explainer, key->key, general->value, "[defaults], ", general->line);
	else if (key->fallback != NULL)
		explain_value(explainer, key->key, key->fallback, "default", 0);
	else
		explain_value(explainer, key->key, "-", "not set", 0);
}

/* True when a policy has decided about it, whatever [defaults] says; see config_policy_apply(). */
static bool explain_policy(const struct explainer *explainer,
                           const struct listener_config *listener, const char *key)
{
	const bool modern = listener->tls_policy == TLS_POLICY_MODERN;
	const char *value = "-";

	if (strcmp(key, "tls-min") == 0 || strcmp(key, "tls-max") == 0) {
		value = "1.3";
		if (!modern)
			return false;
	} else if (listener->tls_policy == TLS_POLICY_CUSTOM ||
	           (strcmp(key, "ciphers") != 0 && strcmp(key, "ciphersuites") != 0 &&
	            strcmp(key, "groups") != 0)) {
		return false;
	}
	explain_value(explainer, key, value, "tls-policy", 0);
	return true;
}

/* What a route does not say; of clients' certificates it says all or nothing. */
static bool explain_is_listeners(const struct draft_section *section, const char *kind,
                                 const char *key)
{
	return strcmp(kind, "route") == 0 && draft_find(section, key) == NULL &&
	       (strncmp(key, "client-", 7) != 0 || !config_route_has_client(section));
}

/* listener: whose section it is; NULL: it is of another kind. */
static void explain_section(const struct explainer *explainer, const struct draft_section *section,
                            const char *kind, const struct listener_config *listener)
{
	for (size_t i = 0; i < n_option_rows; i++) {
		const struct option_row *row = &option_rows[i];
		const char *key = row->key.key;

		if (strcmp(row->key.section, kind) != 0)
			continue;
		if (listener != NULL && listener->mode != LISTENER_TLS && config_key_wants_tls(key))
			continue;
		if (listener != NULL && explain_policy(explainer, listener, key))
			continue;
		if (explain_is_listeners(section, kind, key))
			explain_value(explainer, key, "-", "as the listener has it", 0);
		else if (option_is_list(row))
			explain_list(explainer, section, key);
		else
			explain_key(explainer, section, &row->key);
	}
}

/* For the table of names; see tls_explain.h. */
struct explain_place {
	const struct explainer *explainer;
	const struct draft_section *listener;
};

static const char *explain_origin(void *arg, const struct route_config *route, const char *key,
                                  size_t i, char room[TLS_ORIGIN_ROOM])
{
	const struct explain_place *place = arg;
	const struct draft *draft = place->explainer->draft;
	const struct option_row *row = option_find(route != NULL ? "route" : "listener", key);
	const struct draft_section *section =
		route != NULL ? draft_find_named(draft, "route", route->name) : place->listener;
	const struct draft_entry *own = draft_find(section, key);
	const struct draft_entry *general =
		row->key.in_defaults ? draft_find(draft_find_section(draft, "defaults"), key)
				     : NULL;

	if (option_is_list(row))
		(void)snprintf(room, TLS_ORIGIN_ROOM, "line %u", draft_line_of(section, key, i));
	else if (own != NULL)
		(void)snprintf(room, TLS_ORIGIN_ROOM, "line %u", own->line);
	else if (general != NULL)
		(void)snprintf(room, TLS_ORIGIN_ROOM, "[defaults], line %u", general->line);
	else
		(void)snprintf(room, TLS_ORIGIN_ROOM, "default");
	return room;
}

static void explain_title(const struct explainer *explainer, const struct draft_section *section)
{
	char title[128];

	(void)snprintf(title, sizeof(title), "[%s]", section->title);
	(void)fprintf(explainer->out, "\n%-63s line %u\n", title, section->line);
}

static void explain_listener(const struct explainer *explainer, const struct config *config,
                             const struct listener_config *listener, struct tls_store *store)
{
	const struct draft_section *section =
		draft_find_named(explainer->draft, "listener", listener->name);
	struct explain_place place = { explainer, section };
	const struct tls_origin origin = { explain_origin, &place };
	char reason[TLS_REASON_ROOM];

	explain_title(explainer, section);
	explain_section(explainer, section, "listener", listener);
	if (listener->mode != LISTENER_TLS)
		return;
	(void)fprintf(explainer->out, "\n");
	if (!tls_explain(listener, store, &origin, explainer->out, reason))
		generation_blame_listener(config, listener, store, reason);
}

static void explain_kind(const struct explainer *explainer, const char *kind)
{
	const struct draft *draft = explainer->draft;

	for (size_t i = 0; i < draft->n_sections; i++) {
		if (strcmp(draft->sections[i].kind, kind) != 0)
			continue;
		explain_title(explainer, &draft->sections[i]);
		explain_section(explainer, &draft->sections[i], kind, NULL);
	}
}

static void explain_config(const struct explainer *explainer, const struct config *config)
{
	const struct draft_section *global = draft_find_section(explainer->draft, "global");
	struct tls_store *store = tls_store_new(NULL);

	(void)fprintf(explainer->out, "%s\n", explainer->draft->path);
	if (global != NULL)
		explain_title(explainer, global);
	else
		(void)fprintf(explainer->out, "\n[global]\n");
	explain_section(explainer, global, "global", NULL);
	for (size_t i = 0; store != NULL && i < config->n_listeners; i++)
		explain_listener(explainer, config, config->listeners[i], store);
	explain_kind(explainer, "route");
	explain_kind(explainer, "backend");
	if (store == NULL)
		config->draft->out_of_memory = true;
	tls_store_free(store);
}

bool explain(const char *path, FILE *out, FILE *errors)
{
	struct config *config = config_load(path, errors);
	bool fine = false;

	if (config != NULL) {
		const struct explainer explainer = { config->draft, out };

		draft_report_warnings(config->draft, errors);
		explain_config(&explainer, config);
		fine = !draft_report(config->draft, errors);
	}
	config_free(config);
	return fine;
}
