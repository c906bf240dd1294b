/* SPDX-License-Identifier: ISC */
#include "config_check.h"

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
	{ "global", false },
	{ "defaults", false },
	{ "listener", true },
	{ "backend", true },
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
		draft_fail(draft, section->line, "[%s]: unknown section", section->title);
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

static void check_refuse_key(struct draft *draft, const struct draft_section *section,
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

static void check_required(struct draft *draft, const struct draft_section *section,
                           const char *key)
{
	if (draft_find(section, key) == NULL)
		draft_fail_key(draft, section, section->line, key, "is missing");
}

/* Keys that do nothing here would only seem to. */
static void check_useless(struct draft *draft, const struct draft_section *section, const char *key,
                          const char *why)
{
	const struct draft_entry *entry = draft_find(section, key);

	if (entry != NULL)
		draft_fail_key(draft, section, entry->line, key, "%s", why);
}

/* False: there is a value, but nobody knows which was meant. */
static bool check_is_known(const struct draft *draft, const struct draft_section *section,
                           const char *key)
{
	const struct draft_entry *entry = draft_find(section, key);

	return entry == NULL || !draft_has_failed(draft, entry->line);
}

/* The line that value i of a list comes from. */
static unsigned check_line_of(const struct draft_section *section, const char *key, size_t i)
{
	for (size_t k = 0; k < section->n_entries; k++)
		if (strcmp(section->entries[k].key, key) == 0 && i < section->entries[k].end)
			return section->entries[k].line;
	abort(); /* it comes from somewhere */
}

static int check_file(const char *path)
{
	struct stat status;

	if (access(path, R_OK) != 0 || stat(path, &status) != 0)
		return errno;
	return S_ISDIR(status.st_mode) ? EISDIR : 0;
}

static void check_readable(struct draft *draft, const struct draft_section *section,
                           const char *key, const char *path)
{
	const struct draft_entry *entry = draft_find(section, key);
	int error = path != NULL ? check_file(path) : 0;

	if (error != 0)
		draft_fail_key(draft, section, entry->line, key, "%s: %s", path, strerror(error));
}

static void check_all_readable(struct draft *draft, const struct draft_section *section,
                               const char *key, const struct text_list *paths)
{
	for (size_t i = 0; i < paths->n; i++) {
		int error = check_file(paths->texts[i]);

		if (error != 0)
			draft_fail_key(draft, section, check_line_of(section, key, i), key,
			               "%s: %s", paths->texts[i], strerror(error));
	}
}

/* What is to be verified, if nobody says, is the host that is connected to. */
static void check_server_names(struct draft *draft, const struct draft_section *section,
                               const struct backend_config *backend)
{
	for (size_t i = 0; i < backend->n_servers; i++)
		if (backend->server_name == NULL && backend->verify_name == NULL &&
		    strncmp(backend->servers[i].text, "unix:", 5) == 0)
			draft_fail_key(draft, section, check_line_of(section, "server", i),
			               "server", "%s has no host name to verify; set server-name",
			               backend->servers[i].text);
	if (backend->server_name != NULL && strcmp(backend->server_name, "off") == 0 &&
	    backend->verify_name == NULL)
		draft_fail_key(draft, section, draft_find(section, "server-name")->line,
		               "server-name",
		               "is off, so there is nothing to verify; set verify-name");
}

/* Keys that need TLS, and of these the ones that need somebody to be verified. */
static void check_backend_tls(struct draft *draft, const struct draft_section *section,
                              const struct backend_config *backend)
{
	static const char *const verify_keys[] = { "ca", "crl", "verify-name" };
	static const char *const tls_keys[] = { "verify", "server-name", "cert",         "key",
		                                "alpn",   "tls-min",     "session-reuse" };
	const char *why =
		backend->tls ? "is of no use with verify = no" : "is of no use without tls = yes";

	if (backend->tls && backend->verify)
		check_server_names(draft, section, backend);
	for (size_t i = 0; !backend->tls && i < sizeof(tls_keys) / sizeof(tls_keys[0]); i++)
		check_useless(draft, section, tls_keys[i], why);
	for (size_t i = 0; i < sizeof(verify_keys) / sizeof(verify_keys[0]); i++)
		if (!backend->tls || !backend->verify)
			check_useless(draft, section, verify_keys[i], why);
	if (backend->cert == NULL)
		check_useless(draft, section, "key", "is of no use without cert");
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
	unsigned line = check_line_of(section, "bind", i);
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

void config_check_versions(struct draft *draft, const struct draft_section *section,
                           const struct listener_config *listener)
{
	const struct draft_entry *min = draft_find(section, "tls-min");
	const struct draft_entry *max = draft_find(section, "tls-max");

	if (listener->tls_min <= listener->tls_max)
		return;
	if (min != NULL)
		draft_fail_key(draft, section, min->line, "tls-min", "is above tls-max");
	else if (max != NULL)
		draft_fail_key(draft, section, max->line, "tls-max", "is below tls-min");
	/* Else [defaults] contradicts itself, where it is told. */
}

static void check_folders(struct draft *draft, const struct draft_section *section, const char *key,
                          const struct text_list *paths)
{
	for (size_t i = 0; i < paths->n; i++) {
		struct stat status;
		int error = 0;

		if (access(paths->texts[i], R_OK | X_OK) != 0 ||
		    stat(paths->texts[i], &status) != 0)
			error = errno;
		else if (!S_ISDIR(status.st_mode))
			error = ENOTDIR;
		if (error != 0)
			draft_fail_key(draft, section, check_line_of(section, key, i), key,
			               "%s: %s", paths->texts[i], strerror(error));
	}
}

static void check_one_for_each(struct draft *draft, const struct draft_section *section,
                               const char *key, size_t n, size_t n_certs)
{
	if (n > 0 && n != n_certs)
		draft_fail_key(draft, section, check_line_of(section, key, n - 1), key,
		               "there are %zu for %zu of cert: one for each, in their order, or "
		               "none",
		               n, n_certs);
}

/* A staple that cannot be read is left out when it is loaded, and that is told. */
static void check_certificates(struct draft *draft, const struct draft_section *section,
                               const struct listener_config *listener)
{
	if (draft_find(section, "cert") == NULL && draft_find(section, "cert-dir") == NULL)
		draft_fail_key(draft, section, section->line, "cert",
		               "is missing; without TLS say mode = tcp");
	check_one_for_each(draft, section, "key", listener->keys.n, listener->certs.n);
	check_one_for_each(draft, section, "ocsp", listener->ocsps.n, listener->certs.n);
	check_all_readable(draft, section, "cert", &listener->certs);
	check_all_readable(draft, section, "key", &listener->keys);
	check_folders(draft, section, "cert-dir", &listener->cert_dirs);
}

static void check_client(struct draft *draft, const struct draft_section *section,
                         const struct listener_config *listener)
{
	static const char *const client_keys[] = { "client-ca", "client-crl", "client-allow",
		                                   "client-depth" };

	check_all_readable(draft, section, "client-ca", &listener->client.ca);
	check_all_readable(draft, section, "client-crl", &listener->client.crl);
	if (!check_is_known(draft, section, "client-auth"))
		return;
	if (listener->client.auth != CLIENT_AUTH_NO) {
		if (draft_find(section, "client-ca") == NULL)
			draft_fail_key(draft, section, section->line, "client-ca",
			               "is missing: client-auth needs to know who issues "
			               "certificates");
		return;
	}
	for (size_t i = 0; i < sizeof(client_keys) / sizeof(client_keys[0]); i++)
		check_useless(draft, section, client_keys[i],
		              "is of no use without client-auth = require, or optional");
}

static void check_tickets(struct draft *draft, const struct draft_section *section,
                          const struct listener_config *listener)
{
	check_all_readable(draft, section, "ticket-keys", &listener->ticket_keys);
	if (check_is_known(draft, section, "tickets") && !listener->tickets)
		check_useless(draft, section, "ticket-keys", "is of no use with tickets = no");
}

static void check_tls(struct draft *draft, const struct draft_section *section,
                      const struct listener_config *listener)
{
	check_certificates(draft, section, listener);
	check_client(draft, section, listener);
	check_tickets(draft, section, listener);
	if (listener->alpn.n == 0 && draft_find(section, "alpn") == NULL)
		check_useless(draft, section, "alpn-mismatch", "is of no use without alpn");
	config_check_versions(draft, section, listener);
}

static const char *const check_tls_keys[] = {
	"cert",       "key",        "ocsp",          "cert-dir",     "unknown-sni", "tls-min",
	"tls-max",    "ciphers",    "ciphersuites",  "groups",       "sigalgs",     "client-auth",
	"client-ca",  "client-crl", "client-allow",  "client-depth", "tickets",     "ticket-keys",
	"tls-policy", "alpn",       "alpn-mismatch",
};

bool config_key_wants_tls(const char *key)
{
	for (size_t i = 0; i < sizeof(check_tls_keys) / sizeof(check_tls_keys[0]); i++)
		if (strcmp(check_tls_keys[i], key) == 0)
			return true;
	return false;
}

static void check_no_tls(struct draft *draft, const struct draft_section *section)
{
	for (size_t i = 0; i < sizeof(check_tls_keys) / sizeof(check_tls_keys[0]); i++)
		check_useless(draft, section, check_tls_keys[i], "is of no use with mode = tcp");
}

void config_check_listener(struct draft *draft, const struct draft_section *section,
                           const struct config *config, const struct listener_config *listener)
{
	check_required(draft, section, "bind");
	check_required(draft, section, "backend");
	for (size_t i = 0; i < listener->n_binds; i++)
		check_bind_is_free(draft, section, config, listener, i);
	if (!check_is_known(draft, section, "mode"))
		return;
	if (listener->mode == LISTENER_TLS)
		check_tls(draft, section, listener);
	else
		check_no_tls(draft, section);
}
