/* SPDX-License-Identifier: ISC */
/* Keys about TLS: of listeners, who accept it, and of backends, who are asked for it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_check_impl.h"
#include "tls_list.h"

/* ---- backends ---- */

/* What is to be verified, if nobody says, is the host that is connected to. */
static void check_server_names(struct draft *draft, const struct draft_section *section,
                               const struct backend_config *backend)
{
	for (size_t i = 0; i < backend->n_servers; i++)
		if (backend->server_name == NULL && backend->verify_name == NULL &&
		    strncmp(backend->servers[i].text, "unix:", 5) == 0)
			draft_fail_key(draft, section, draft_line_of(section, "server", i),
			               "server", "%s has no host name to verify; set server-name",
			               backend->servers[i].text);
	if (backend->server_name != NULL && strcmp(backend->server_name, "off") == 0 &&
	    backend->verify_name == NULL)
		draft_fail_key(draft, section, draft_find(section, "server-name")->line,
		               "server-name",
		               "is off, so there is nothing to verify; set verify-name");
}

void check_backend_tls(struct draft *draft, const struct draft_section *section,
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

/* ---- listeners ---- */

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
			draft_fail_key(draft, section, draft_line_of(section, key, i), key,
			               "%s: %s", paths->texts[i], strerror(error));
	}
}

static void check_one_for_each(struct draft *draft, const struct draft_section *section,
                               const char *key, size_t n, size_t n_certs)
{
	if (n > 0 && n != n_certs)
		draft_fail_key(draft, section, draft_line_of(section, key, n - 1), key,
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

void check_client(struct draft *draft, const struct draft_section *section,
                  const struct client_config *client)
{
	static const char *const client_keys[] = { "client-ca", "client-crl", "client-allow",
		                                   "client-depth" };

	check_all_readable(draft, section, "client-ca", &client->ca);
	check_all_readable(draft, section, "client-crl", &client->crl);
	if (!check_is_known(draft, section, "client-auth"))
		return;
	if (client->auth != CLIENT_AUTH_NO) {
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

void config_check_lists(struct draft *draft, const struct draft_section *section)
{
	const char *key;

	for (unsigned i = 0; (key = tls_list_key(i)) != NULL; i++) {
		const struct draft_entry *entry = draft_find(section, key);
		char reason[TLS_LIST_REASON_ROOM];

		if (entry == NULL || draft_has_failed(draft, entry->line))
			continue;
		switch (tls_list_judge(key, entry->value, reason)) {
		case TLS_LIST_GOOD: break;
		case TLS_LIST_WRONG:
			draft_fail_key(draft, section, entry->line, key, "\"%s\" %s", entry->value,
			               reason);
			break;
		case TLS_LIST_ODD:
			draft_warn(draft, section, entry->line, key, "\"%s\" %s", entry->value,
			           reason);
			break;
		case TLS_LIST_OUT_OF_MEMORY: draft->out_of_memory = true; break;
		}
	}
}

void check_tls(struct draft *draft, const struct draft_section *section,
               const struct listener_config *listener)
{
	check_certificates(draft, section, listener);
	check_client(draft, section, &listener->client);
	check_tickets(draft, section, listener);
	config_check_versions(draft, section, listener);
	config_check_lists(draft, section);
}

static const char *const check_tls_keys[] = {
	"cert",       "key",        "ocsp",          "cert-dir",     "unknown-sni", "tls-min",
	"tls-max",    "ciphers",    "ciphersuites",  "groups",       "sigalgs",     "client-auth",
	"client-ca",  "client-crl", "client-allow",  "client-depth", "tickets",     "ticket-keys",
	"tls-policy", "alpn",       "alpn-mismatch", "record-layer",
};

bool config_key_wants_tls(const char *key)
{
	for (size_t i = 0; i < sizeof(check_tls_keys) / sizeof(check_tls_keys[0]); i++)
		if (strcmp(check_tls_keys[i], key) == 0)
			return true;
	return false;
}

void check_no_tls(struct draft *draft, const struct draft_section *section)
{
	for (size_t i = 0; i < sizeof(check_tls_keys) / sizeof(check_tls_keys[0]); i++)
		check_useless(draft, section, check_tls_keys[i], "is of no use with mode = tcp");
}
