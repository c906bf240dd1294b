/* SPDX-License-Identifier: ISC */
#include "config_check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Where to point at: the key, if it is there, else the section. */
static unsigned check_line(const struct draft_section *section, const char *key)
{
	const struct draft_entry *entry = draft_find(section, key, 0);

	return entry != NULL ? entry->line : section->line;
}

static void check_required(struct draft *draft, const struct draft_section *section,
                           const char *key)
{
	if (draft_find(section, key, 0) == NULL)
		draft_fail_key(draft, section, section->line, key, "is missing");
}

/* Keys that do nothing here would only seem to. */
static void check_useless(struct draft *draft, const struct draft_section *section, const char *key,
                          const char *why)
{
	const struct draft_entry *entry = draft_find(section, key, 0);

	if (entry != NULL)
		draft_fail_key(draft, section, entry->line, key, "%s", why);
}

static void check_readable(struct draft *draft, const struct draft_section *section,
                           const char *key, const char *path)
{
	if (path != NULL && access(path, R_OK) != 0)
		draft_fail_key(draft, section, check_line(section, key), key, "%s: %s", path,
		               strerror(errno));
}

void config_check_backend(struct draft *draft, const struct draft_section *section,
                          const struct backend_config *backend)
{
	static const char needs_tls[] = "is of no use without tls = yes";

	check_required(draft, section, "server");
	if (!backend->tls) {
		check_useless(draft, section, "verify", needs_tls);
		check_useless(draft, section, "ca", needs_tls);
		check_useless(draft, section, "server-name", needs_tls);
	} else if (!backend->verify) {
		check_useless(draft, section, "ca", "is of no use with verify = no");
	}
	check_readable(draft, section, "ca", backend->ca);
}

static uint16_t check_port(const struct address *address)
{
	switch (address->any.sa_family) {
	case AF_INET:  return address->in.sin_port;
	case AF_INET6: return address->in6.sin6_port;
	default:       return UINT16_MAX; /* a Unix socket is never "any free port" */
	}
}

/* True when bind i of listener was bound before, there or in another one. */
static bool check_is_bound(const struct config *config, const struct listener_config *listener,
                           size_t i, const struct listener_config **where)
{
	for (size_t n = 0; n < config->n_listeners; n++) {
		const struct listener_config *other = config->listeners[n];
		size_t n_binds = other == listener ? i : other->n_binds;

		for (size_t k = 0; k < n_binds; k++) {
			if (address_equal(&other->binds[k], &listener->binds[i])) {
				*where = other;
				return true;
			}
		}
	}
	return false;
}

static void check_binds(struct draft *draft, const struct draft_section *section,
                        const struct config *config, const struct listener_config *listener)
{
	for (size_t i = 0; i < listener->n_binds; i++) {
		const struct address *address = &listener->binds[i];
		const struct listener_config *where;
		char text[ADDRESS_TEXT_ROOM];

		if (check_port(address) != 0 && check_is_bound(config, listener, i, &where))
			draft_fail_key(draft, section, check_line(section, "bind"), "bind",
			               "%s is bound by [listener:%s] already",
			               address_text(&address->any, address->len, text),
			               where->name);
	}
}

static void check_tls(struct draft *draft, const struct draft_section *section,
                      const struct listener_config *listener)
{
	if (listener->cert == NULL && draft_find(section, "cert", 0) == NULL)
		draft_fail_key(draft, section, section->line, "cert",
		               "is missing; without TLS say mode = tcp");
	check_readable(draft, section, "cert", listener->cert);
	check_readable(draft, section, "key", listener->key);
	if (listener->tls_min > listener->tls_max)
		draft_fail_key(draft, section, check_line(section, "tls-min"), "tls-min",
		               "is above tls-max");
}

void config_check_listener(struct draft *draft, const struct draft_section *section,
                           const struct config *config, const struct listener_config *listener)
{
	static const char *const tls_keys[] = {
		"cert", "key", "tls-min", "tls-max", "ciphers", "ciphersuites",
	};

	check_required(draft, section, "bind");
	check_required(draft, section, "backend");
	check_binds(draft, section, config, listener);
	if (listener->mode == LISTENER_TLS) {
		check_tls(draft, section, listener);
		return;
	}
	for (size_t i = 0; i < sizeof(tls_keys) / sizeof(tls_keys[0]); i++)
		check_useless(draft, section, tls_keys[i], "is of no use with mode = tcp");
}
