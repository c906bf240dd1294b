/* SPDX-License-Identifier: ISC */
/* Routes, and listeners that have some. */
#include <string.h>

#include "config_check_impl.h"

void config_check_route(struct draft *draft, const struct draft_section *section,
                        const struct route_config *route)
{
	check_required(draft, section, "listener");
	check_required(draft, section, "sni");
	if (route->has_client)
		check_client(draft, section, &route->client);
}

bool config_route_has_client(const struct draft_section *section)
{
	for (size_t i = 0; i < section->n_entries; i++)
		if (strncmp(section->entries[i].key, "client-", 7) == 0)
			return true;
	return false;
}

/* The route of listener that has this name; NULL: none. */
static const struct route_config *check_find_route(const struct listener_config *listener,
                                                   const char *name)
{
	for (size_t i = 0; i < listener->n_routes; i++)
		for (size_t k = 0; k < listener->routes[i]->names.n; k++)
			if (strcmp(listener->routes[i]->names.texts[k], name) == 0)
				return listener->routes[i];
	return NULL;
}

static void check_names(struct draft *draft, const struct draft_section *section,
                        const struct route_config *route, const struct listener_config *listener)
{
	for (size_t i = 0; i < route->names.n; i++) {
		const struct route_config *other =
			check_find_route(listener, route->names.texts[i]);

		if (other != NULL)
			draft_fail_key(draft, section, draft_line_of(section, "sni", i), "sni",
			               "\"%s\" is in [route:%s] already", route->names.texts[i],
			               other->name);
	}
}

/* An entry that is there and wrong is told already. */
static bool check_lacks_backend(const struct draft *draft, const struct draft_section *section,
                                const struct listener_config *listener)
{
	const struct draft_section *other = draft_find_named(draft, "listener", listener->name);

	return draft_find(section, "backend") == NULL && draft_find(other, "backend") == NULL;
}

void config_check_junction(struct draft *draft, const struct draft_section *section,
                           const struct route_config *route, size_t i,
                           const struct listener_config *listener)
{
	const unsigned line = draft_line_of(section, "listener", i);

	for (size_t k = 0; k < i; k++) {
		if (strcmp(route->listeners.texts[k], listener->name) != 0)
			continue;
		draft_fail_key(draft, section, line, "listener", "\"%s\" is there already",
		               listener->name);
		return;
	}
	if (listener->mode != LISTENER_TLS)
		draft_fail_key(draft, section, line, "listener",
		               "[listener:%s] has mode = tcp: nobody asks for a name there",
		               listener->name);
	if (check_lacks_backend(draft, section, listener))
		draft_fail_key(draft, section, section->line, "backend",
		               "is missing, and [listener:%s] has none either", listener->name);
	check_names(draft, section, route, listener);
}

/* Some route's listener is not known, so it may be any. */
static bool check_is_astray(const struct draft *draft)
{
	for (size_t i = 0; i < draft->n_sections; i++) {
		const struct draft_section *section = &draft->sections[i];

		if (strcmp(section->kind, "route") != 0)
			continue;
		for (size_t k = 0; k < section->n_entries; k++)
			if (strcmp(section->entries[k].key, "listener") == 0 &&
			    draft_has_failed(draft, section->entries[k].line))
				return true;
	}
	return false;
}

static bool check_has_alpn(const struct listener_config *listener)
{
	for (size_t i = 0; i < listener->n_routes; i++)
		if (listener->routes[i]->alpn.n > 0)
			return true;
	return listener->alpn.n > 0;
}

void config_check_routed(struct draft *draft, const struct draft_section *section,
                         const struct listener_config *listener)
{
	if (listener->n_routes == 0 && check_is_astray(draft))
		return;
	if (listener->n_routes == 0)
		check_required(draft, section, "backend");
	if (check_is_known(draft, section, "mode") && listener->mode == LISTENER_TLS &&
	    draft_find(section, "alpn") == NULL && !check_has_alpn(listener))
		check_useless(draft, section, "alpn-mismatch", "is of no use without alpn");
}
