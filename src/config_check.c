/* SPDX-License-Identifier: ISC */
#include "config_check_impl.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_options.h"

/* ---- sections and keys that may not stand there ---- */

struct check_kind {
	const char *name;
	bool many;              /* and so each has a name */
};
static const struct check_kind check_kinds[] = {
	{ "global", false }, { "defaults", false }, { "listener", true },
	{ "route", true },   { "backend", true },
};
static const size_t n_check_kinds = sizeof(check_kinds) / sizeof(check_kinds[0]);

static const struct check_kind *check_find_kind(const struct draft_section *section)
{
	for (size_t i = 0; i < n_check_kinds; i++)
		if (strcmp(section->kind, check_kinds[i].name) == 0)
			return &check_kinds[i];
	return NULL;
}

static void check_refuse_section(struct draft *draft, const struct draft_section *section)
{
	struct nearest nearest = { .word = section->kind };

	for (size_t i = 0; i < n_check_kinds; i++)
		nearest_offer(&nearest, check_kinds[i].name);
	if (nearest.best != NULL)
		draft_fail(draft, section->line, "[%s]: unknown section; is [%s] meant?",
		           section->title, nearest.best);
	else
		draft_fail(
			draft, section->line,
			"[%s]: unknown section; there are [global], [defaults], [listener:NAME], "
			"[route:NAME] and [backend:NAME]",
			section->title);
}

static bool check_is_name(const char *name)
{
	if (*name == '\0')
		return false;
	for (; *name != '\0'; name++)
		if (!isalnum((unsigned char)*name) && strchr("._-", *name) == NULL)
			return false;
	return true;
}

static void check_title(struct draft *draft, const struct draft_section *section)
{
	const struct check_kind *kind = check_find_kind(section);

	if (kind == NULL)
		check_refuse_section(draft, section);
	else if (kind->many && section->name == NULL)
		draft_fail(draft, section->line, "[%s]: needs a name, as in [%s:NAME]",
		           section->title, section->kind);
	else if (!kind->many && section->name != NULL)
		draft_fail(draft, section->line, "[%s]: takes no name", section->title);
	else if (kind->many && !check_is_name(section->name))
		draft_fail(draft, section->line,
		           "[%s]: a name is made of letters, digits, \".\", \"_\" and \"-\"",
		           section->title);
}

static void check_repeated(struct draft *draft, size_t n)
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

/* Where the key belongs, as "[defaults] or [listener:NAME]"; empty: nowhere. */
static void check_find_home(const char *key, char *room, size_t size)
{
	*room = '\0';
	for (size_t i = 0; i < n_check_kinds; i++) {
		const size_t len = strlen(room);

		if (option_find(check_kinds[i].name, key) != NULL)
			(void)snprintf(room + len, size - len, "%s[%s%s]", len > 0 ? " or " : "",
			               check_kinds[i].name, check_kinds[i].many ? ":NAME" : "");
	}
}

static void check_refuse_key(struct draft *draft, const struct draft_section *section,
                             const struct draft_entry *entry)
{
	struct nearest nearest = { .word = entry->key };
	char home[128];

	check_find_home(entry->key, home, sizeof(home));
	if (*home != '\0') {
		draft_fail_key(draft, section, entry->line, entry->key, "belongs in %s", home);
		return;
	}
	for (size_t i = 0; i < n_option_rows; i++)
		if (option_find(section->kind, option_rows[i].key.key) != NULL)
			nearest_offer(&nearest, option_rows[i].key.key);
	if (nearest.best != NULL)
		draft_fail_key(draft, section, entry->line, entry->key,
		               "unknown key; is \"%s\" meant?", nearest.best);
	else
		draft_fail_key(draft, section, entry->line, entry->key, "unknown key");
}

static void check_entry(struct draft *draft, const struct draft_section *section,
                        const struct draft_entry *entry)
{
	const struct option_row *row = option_find(section->kind, entry->key);
	const struct draft_entry *first = draft_find(section, entry->key);

	if (row == NULL)
		check_refuse_key(draft, section, entry);
	else if (!option_is_list(row) && first != entry)
		draft_fail_key(draft, section, entry->line, entry->key, "is set in line %u already",
		               first->line);
}

void config_check_draft(struct draft *draft)
{
	for (size_t i = 0; i < draft->n_sections; i++) {
		const struct draft_section *section = &draft->sections[i];

		check_title(draft, section);
		check_repeated(draft, i);
		if (check_find_kind(section) == NULL)
			continue;
		for (size_t k = 0; k < section->n_entries; k++)
			check_entry(draft, section, &section->entries[k]);
	}
}

/* ---- keys that mean something only together ---- */

void check_required(struct draft *draft, const struct draft_section *section, const char *key)
{
	if (draft_find(section, key) == NULL)
		draft_fail_key(draft, section, section->line, key, "is missing");
}

void check_useless(struct draft *draft, const struct draft_section *section, const char *key,
                   const char *why)
{
	const struct draft_entry *entry = draft_find(section, key);

	if (entry != NULL)
		draft_fail_key(draft, section, entry->line, key, "%s", why);
}

bool check_is_known(const struct draft *draft, const struct draft_section *section, const char *key)
{
	const struct draft_entry *entry = draft_find(section, key);

	return entry == NULL || !draft_has_failed(draft, entry->line);
}

static int check_file(const char *path)
{
	struct stat status;

	if (access(path, R_OK) != 0 || stat(path, &status) != 0)
		return errno;
	return S_ISDIR(status.st_mode) ? EISDIR : 0;
}

void check_readable(struct draft *draft, const struct draft_section *section, const char *key,
                    const char *path)
{
	const struct draft_entry *entry = draft_find(section, key);
	int error = path != NULL ? check_file(path) : 0;

	if (error != 0)
		draft_fail_key(draft, section, entry->line, key, "%s: %s", path, strerror(error));
}

void check_all_readable(struct draft *draft, const struct draft_section *section, const char *key,
                        const struct text_list *paths)
{
	for (size_t i = 0; i < paths->n; i++) {
		int error = check_file(paths->texts[i]);

		if (error != 0)
			draft_fail_key(draft, section, draft_line_of(section, key, i), key,
			               "%s: %s", paths->texts[i], strerror(error));
	}
}

void config_check_backend(struct draft *draft, const struct draft_section *section,
                          const struct backend_config *backend)
{
	check_required(draft, section, "server");
	check_readable(draft, section, "ca", backend->ca);
	check_readable(draft, section, "crl", backend->crl);
	check_readable(draft, section, "cert", backend->cert);
	check_readable(draft, section, "key", backend->key);
	if (check_is_known(draft, section, "tls") && check_is_known(draft, section, "verify"))
		check_backend_tls(draft, section, backend);
}

/* In no order of its own. A Unix socket is never "any free port". */
static uint16_t check_port(const struct address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:  return address->in.sin_port;
	case AF_INET6: return address->in6.sin6_port;
	default:       return UINT16_MAX;
	}
}

/* True when whole stands for every address of the family, or families, of part. */
static bool check_covers(const struct address *whole, const struct address *part)
{
	switch (whole->any.sa_family) {
	case AF_INET:
		return whole->in.sin_addr.s_addr == INADDR_ANY && part->any.sa_family == AF_INET;
	case AF_INET6:
		return IN6_IS_ADDR_UNSPECIFIED(&whole->in6.sin6_addr) &&
		       (part->any.sa_family == AF_INET6 ||
		        (part->any.sa_family == AF_INET && whole->dual_stack));
	default: return false;
	}
}

/* The kernel would refuse to bind the second one of these. */
static bool check_collide(const struct address *a, const struct address *b)
{
	if (check_port(a) != check_port(b) || check_port(a) == 0)
		return false;
	return address_equal(a, b) || check_covers(a, b) || check_covers(b, a);
}

static void check_refuse_bind(struct draft *draft, const struct draft_section *section,
                              const struct listener_config *other, const struct address *bound,
                              const struct listener_config *listener, size_t i)
{
	const struct address *address = &listener->binds[i];
	unsigned line = draft_line_of(section, "bind", i);
	char text[ADDRESS_TEXT_ROOM];
	char bound_text[ADDRESS_TEXT_ROOM];

	(void)address_text(&address->any, address->len, text);
	if (address_equal(address, bound))
		draft_fail_key(draft, section, line, "bind", "%s is bound by [listener:%s] already",
		               text, other->name);
	else
		draft_fail_key(draft, section, line, "bind",
		               "%s cannot be bound beside %s of [listener:%s]", text,
		               address_text(&bound->any, bound->len, bound_text), other->name);
}

/* Bind i of listener against those before it, there and in other listeners; one error will do. */
static void check_bind_is_free(struct draft *draft, const struct draft_section *section,
                               const struct config *config, const struct listener_config *listener,
                               size_t i)
{
	for (size_t n = 0; n < config->n_listeners; n++) {
		const struct listener_config *other = config->listeners[n];
		size_t n_binds = other == listener ? i : other->n_binds;

		for (size_t k = 0; k < n_binds; k++) {
			if (check_collide(&other->binds[k], &listener->binds[i])) {
				check_refuse_bind(draft, section, other, &other->binds[k], listener,
				                  i);
				return;
			}
		}
	}
}

void config_check_listener(struct draft *draft, const struct draft_section *section,
                           const struct config *config, const struct listener_config *listener)
{
	check_required(draft, section, "bind");
	for (size_t i = 0; i < listener->n_binds; i++)
		check_bind_is_free(draft, section, config, listener, i);
	if (!check_is_known(draft, section, "mode"))
		return;
	if (listener->mode == LISTENER_TLS)
		check_tls(draft, section, listener);
	else
		check_no_tls(draft, section);
}

static bool check_is_used(const struct config *config, const char *backend)
{
	for (size_t i = 0; i < config->n_listeners; i++)
		if (config->listeners[i]->backend != NULL &&
		    strcmp(config->listeners[i]->backend->name, backend) == 0)
			return true;
	for (size_t i = 0; i < config->n_routes; i++)
		if (config->routes[i]->backend != NULL &&
		    strcmp(config->routes[i]->backend->name, backend) == 0)
			return true;
	return false;
}

/* Whoever connects to server may come to bind. Of a port 0 nobody knows yet. */
static bool check_leads_to(const struct address *server, const struct address *bind)
{
	struct address same = *server;

	if (address_equal(server, bind))
		return true;
	if (bind->any.sa_family == AF_INET6 && address_is_loopback(server) &&
	    (bind->dual_stack || server->any.sa_family == AF_INET6)) {
		const in_port_t port = server->any.sa_family == AF_INET ? server->in.sin_port
		                                                        : server->in6.sin6_port;

		same.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
			                          .sin6_addr = in6addr_any,
			                          .sin6_port = port };
	} else if (bind->any.sa_family == AF_INET && address_is_loopback(server)) {
		same.in.sin_addr.s_addr = INADDR_ANY;
	}
	return address_equal(&same, bind);
}

static bool check_is_its_own(const struct listener_config *listener,
                             const struct backend_config *backend)
{
	for (size_t i = 0; backend != NULL && i < backend->n_servers; i++)
		for (size_t k = 0; k < backend->servers[i].n_addresses; k++)
			for (size_t n = 0; n < listener->n_binds; n++)
				if (check_leads_to(&backend->servers[i].addresses[k],
				                   &listener->binds[n]))
					return true;
	return false;
}

static void check_loops(struct draft *draft, const struct config *config)
{
	for (size_t i = 0; i < config->n_listeners; i++) {
		const struct listener_config *listener = config->listeners[i];
		const struct draft_section *section =
			draft_find_named(draft, "listener", listener->name);

		if (check_is_its_own(listener, listener->backend))
			draft_fail(draft, section->line,
			           "[%s]: is its own backend: each connection would make another",
			           section->title);
	}
}

void config_check_use(struct draft *draft, const struct config *config)
{
	check_loops(draft, config);
	for (size_t i = 0; i < draft->n_sections; i++) {
		const struct draft_section *section = &draft->sections[i];

		if (strcmp(section->kind, "backend") == 0 && section->name != NULL &&
		    !check_is_used(config, section->name))
			draft_warn(draft, section, section->line, NULL,
			           "no listener and no route uses it");
	}
}
