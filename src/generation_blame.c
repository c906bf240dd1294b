/* SPDX-License-Identifier: ISC */
/*
 * A reason begins with the file that it is about. Which line that is from is known
 * from what was tried, or else it is the first that names the file.
 */
#include "generation_blame.h"

#include <string.h>

#include "backend.h"
#include "config_draft.h"
#include "tls_client.h"
#include "tls_context.h"
#include "tls_heap.h"
#include "tls_store.h"
#include "tls_tickets.h"

/* It is told elsewhere, or was. */
static void blame_on_finding(void *arg, const struct tls_finding *finding)
{
	(void)arg;
	(void)finding;
}

static bool blame_is_memory(const struct config *config, const char *reason)
{
	if (!tls_heap_was_short() && strcmp(reason, "out of memory") != 0)
		return false;
	config->draft->out_of_memory = true;
	return true;
}

/* ---- the line ---- */

static void blame(const struct config *config, const char *kind, const char *name,
                  const char *reason)
{
	const struct draft_section *section = draft_find_named(config->draft, kind, name);
	const struct draft_entry *entry;

	/* A backend without a section has nothing to be loaded. */
	if (blame_is_memory(config, reason) || section == NULL)
		return;
	entry = draft_find_mentioned(section, reason);
	if (entry != NULL)
		draft_fail_key(config->draft, section, entry->line, entry->key, "%s", reason);
	else
		draft_fail(config->draft, section->line, "[%s]: %s", section->title, reason);
}

/* Value i of a key. */
static void blame_value(const struct config *config, const char *kind, const char *name,
                        const char *key, size_t i, const char *reason)
{
	const struct draft_section *section = draft_find_named(config->draft, kind, name);

	if (!blame_is_memory(config, reason))
		draft_fail_key(config->draft, section, draft_line_of(section, key, i), key, "%s",
		               reason);
}

void generation_blame_key(const struct config *config, const char *key, const char *reason)
{
	const struct draft_section *section = draft_find_section(config->draft, "global");
	const struct draft_entry *entry = draft_find(section, key);

	if (blame_is_memory(config, reason))
		return;
	if (entry != NULL)
		draft_fail_key(config->draft, section, entry->line, key, "%s", reason);
	else /* its default */
		draft_fail(config->draft, 0, "%s", reason);
}

void generation_tell_key(const struct config *config, const char *key, const char *reason,
                         FILE *errors)
{
	generation_blame_key(config, key, reason);
	(void)draft_report(config->draft, errors); /* what was just put there */
}

/* ---- a listener ---- */

/* The file that reason begins with may be that of the key. */
static const char *blame_key_of(const struct tls_source *source, const char *reason)
{
	return !draft_mentions(reason, source->cert) && source->key != NULL &&
	                       draft_mentions(reason, source->key)
	               ? "key"
	               : "cert";
}

static void blame_certificates(const struct config *config, const struct listener_config *listener,
                               struct tls_store *store)
{
	char reason[TLS_REASON_ROOM];

	for (size_t i = 0; i < listener->certs.n; i++) {
		const struct tls_source source = {
			.cert = listener->certs.texts[i],
			.key = listener->keys.n > 0 ? listener->keys.texts[i] : NULL,
			.ocsp = listener->ocsps.n > 0 ? listener->ocsps.texts[i] : NULL,
		};

		if (tls_store_get(store, &source, reason) == NULL)
			blame_value(config, "listener", listener->name,
			            blame_key_of(&source, reason), i, reason);
	}
}

/* Only value i of key is in doubt. */
static bool blame_client(const struct config *config, const char *kind, const char *name,
                         const struct client_config *rules, const char *key, size_t i)
{
	char reason[TLS_REASON_ROOM];
	struct tls_client *client = tls_client_new(rules, blame_on_finding, NULL, reason);
	const bool fine = client != NULL;

	if (!fine)
		blame_value(config, kind, name, key, i, reason);
	tls_client_free(client);
	return fine;
}

/* Each file without the others; lists need authorities that are good. */
static void blame_clients(const struct config *config, const char *kind, const char *name,
                          const struct client_config *rules)
{
	struct client_config one = *rules;
	bool fine = true;

	if (rules->auth == CLIENT_AUTH_NO)
		return;
	one.crl.n = 0;
	one.ca.n = 1;
	for (size_t i = 0; i < rules->ca.n; i++) {
		one.ca.texts = &rules->ca.texts[i];
		fine = blame_client(config, kind, name, &one, "client-ca", i) && fine;
	}
	one.ca = rules->ca;
	one.crl.n = 1;
	for (size_t i = 0; fine && i < rules->crl.n; i++) {
		one.crl.texts = &rules->crl.texts[i];
		(void)blame_client(config, kind, name, &one, "client-crl", i); /* and the next */
	}
}

static void blame_ticket_keys(const struct config *config, const struct listener_config *listener)
{
	char reason[TLS_REASON_ROOM];

	for (size_t i = 0; i < listener->ticket_keys.n; i++) {
		const struct text_list one = { &listener->ticket_keys.texts[i], 1 };
		struct tls_tickets *tickets = tls_tickets_load(&one, reason);

		if (tickets == NULL)
			blame_value(config, "listener", listener->name, "ticket-keys", i, reason);
		tls_tickets_free(tickets);
	}
}

void generation_blame_listener(const struct config *config, const struct listener_config *listener,
                               struct tls_store *store, const char *reason)
{
	const size_t n = config->draft->errors.n;

	if (blame_is_memory(config, reason))
		return;
	blame_certificates(config, listener, store);
	blame_clients(config, "listener", listener->name, &listener->client);
	for (size_t i = 0; i < listener->n_routes; i++)
		if (listener->routes[i]->has_client)
			blame_clients(config, "route", listener->routes[i]->name,
			              &listener->routes[i]->client);
	blame_ticket_keys(config, listener);
	/* It is about all of them together, or about none. */
	if (config->draft->errors.n == n)
		blame(config, "listener", listener->name, reason);
}

/* ---- backends ---- */

/* False: it cannot be made, and the line of key, or of other, whichever names the file, is told. */
static bool blame_backend(const struct config *config, const struct backend_config *backend,
                          const char *key, const char *other)
{
	const struct draft_section *section =
		draft_find_named(config->draft, "backend", backend->name);
	char reason[TLS_REASON_ROOM];
	struct backend *made = backend_new(backend, reason);
	const struct draft_entry *entry = draft_find(section, key);
	const struct draft_entry *second = draft_find(section, other);

	if (made != NULL) {
		backend_free(made);
		return true;
	}
	if (second != NULL && draft_mentions(reason, second->value) &&
	    (entry == NULL || !draft_mentions(reason, entry->value)))
		entry = second;
	if (entry == NULL)
		blame(config, "backend", backend->name, reason);
	else if (!blame_is_memory(config, reason))
		draft_fail_key(config->draft, section, entry->line, entry->key, "%s", reason);
	return false;
}

/* Whom it trusts, and what it shows. A list needs authorities that are good. */
static bool blame_parts(const struct config *config, const struct backend_config *backend)
{
	struct backend_config trusting = *backend;
	struct backend_config showing = *backend;
	bool fine;

	trusting.crl = trusting.cert = NULL;
	showing.verify = false;
	fine = blame_backend(config, &trusting, "ca", "server");
	trusting.crl = backend->crl;
	if (fine && trusting.crl != NULL)
		fine = blame_backend(config, &trusting, "crl", "server");
	return (showing.cert == NULL || blame_backend(config, &showing, "cert", "key")) && fine;
}

bool generation_blame_backends(const struct config *config)
{
	bool fine = true;

	for (size_t i = 0; i < config->n_backends; i++) {
		const struct backend_config *backend = config->backends[i];
		char reason[TLS_REASON_ROOM];
		struct backend *made = backend_new(backend, reason);

		if (made == NULL && blame_parts(config, backend))
			blame(config, "backend", backend->name, reason);
		fine = fine && made != NULL;
		backend_free(made);
	}
	return !fine;
}
