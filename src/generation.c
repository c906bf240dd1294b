/* SPDX-License-Identifier: ISC */
#include "generation.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "binding.h"
#include "config_draft.h"
#include "generation_blame.h"
#include "listener.h"
#include "log.h"
#include "quota.h"
#include "tls_catalog.h"
#include "tls_store.h"
#include "tls_supply.h"
#include "worker.h"

struct generation {
	struct config *config;
	atomic_uint references;
	struct quota **quotas;          /* one per listener */
	struct tls_store *store;
	struct tls_supply *supplies;    /* one per listener; empty: it has no TLS */
	size_t n_bindings;
	struct binding *bindings[];     /* in the order of listeners and their binds */
};

static bool generation_has(const struct generation *generation, const struct binding *binding)
{
	for (size_t i = 0; generation != NULL && i < generation->n_bindings; i++)
		if (generation->bindings[i] == binding)
			return true;
	return false;
}

/* One that previous has, and nobody here yet: port 0 is any number of addresses. */
static struct binding *generation_inherit(const struct generation *generation,
                                          const struct generation *previous,
                                          const struct address *address)
{
	for (size_t i = 0; previous != NULL && i < previous->n_bindings; i++)
		if (binding_is_for(previous->bindings[i], address) &&
		    !generation_has(generation, previous->bindings[i]))
			return previous->bindings[i];
	return NULL;
}

static bool generation_bind(struct generation *generation, const struct generation *previous,
                            const struct listener_config *listener, unsigned n_workers,
                            char *reason)
{
	for (size_t i = 0; i < listener->n_binds; i++) {
		const struct address *address = &listener->binds[i];
		struct binding *binding = generation_inherit(generation, previous, address);
		const char *why;

		if (binding == NULL)
			binding = binding_new(address, n_workers, &why);
		if (binding == NULL) {
			(void)snprintf(reason, TLS_REASON_ROOM, "[listener:%s]: %s", listener->name,
			               why);
			return false;
		}
		generation->bindings[generation->n_bindings++] = binding;
	}
	return true;
}

static struct quota *generation_find_quota(const struct generation *previous, const char *name)
{
	for (size_t i = 0; previous != NULL && i < previous->config->n_listeners; i++)
		if (quota_is_for(previous->quotas[i], name))
			return quota_hold(previous->quotas[i]);
	return quota_new(name);
}

static bool generation_make_quotas(struct generation *generation, const struct generation *previous,
                                   char *reason)
{
	const struct config *config = generation->config;

	generation->quotas = calloc(config->n_listeners, sizeof(struct quota *));
	for (size_t i = 0; generation->quotas != NULL && i < config->n_listeners; i++) {
		generation->quotas[i] = generation_find_quota(previous, config->listeners[i]->name);
		if (generation->quotas[i] == NULL)
			break;
		if (i + 1 == config->n_listeners)
			return true;
	}
	(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	return false;
}

/* ---- certificates ---- */

static void generation_on_finding(void *arg, const struct tls_finding *finding)
{
	const struct listener_config *listener = arg;
	struct log_line line;

	log_begin(&line, LEVEL_WARNING, "certificate");
	log_text(&line, "listener", listener->name);
	log_text(&line, "file", finding->file);
	log_text(&line, "problem", finding->problem);
	log_text(&line, "detail", finding->detail);
	log_end(&line);
}

static bool generation_load(struct generation *generation, size_t n)
{
	struct listener_config *listener = generation->config->listeners[n];
	char reason[TLS_REASON_ROOM];

	if (tls_supply_load(&generation->supplies[n], listener, generation->store,
	                    generation_on_finding, listener, reason))
		return true;
	generation_blame_listener(generation->config, listener, generation->store, reason);
	return false;
}

static bool generation_load_all(struct generation *generation, const struct generation *previous,
                                FILE *errors, char *reason)
{
	const struct config *config = generation->config;
	bool fine = true;

	generation->store = tls_store_new(previous != NULL ? previous->store : NULL);
	generation->supplies = calloc(config->n_listeners, sizeof(struct tls_supply));
	if (generation->store == NULL || generation->supplies == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return false;
	}
	for (size_t i = 0; i < config->n_listeners; i++)
		if (config->listeners[i]->mode == LISTENER_TLS)
			fine = generation_load(generation, i) && fine;
	tls_store_settle(generation->store);
	if (fine)
		return true;
	(void)generation_blame_backends(config); /* that is not all, perhaps */
	(void)draft_report(config->draft, errors);
	*reason = '\0';
	return false;
}

static void generation_log_certificates(const struct generation *generation)
{
	const size_t n = tls_store_count(generation->store);
	size_t skipped = 0;
	size_t names = 0;
	size_t staples = 0;
	struct log_line line;

	for (size_t i = 0; i < generation->config->n_listeners; i++) {
		const struct tls_catalog *catalog = generation->supplies[i].catalog;

		if (catalog == NULL)
			continue;
		names += tls_catalog_count_names(catalog);
		staples += tls_catalog_count_staples(catalog);
		skipped += tls_catalog_count_skipped(catalog);
	}
	if (n + skipped == 0)
		return;
	log_begin(&line, LEVEL_INFO, "certificates");
	log_number(&line, "loaded", n - tls_store_count_kept(generation->store));
	log_number(&line, "kept", tls_store_count_kept(generation->store));
	log_number(&line, "skipped", skipped);
	log_number(&line, "names", names);
	log_number(&line, "staples", staples);
	log_end(&line);
}

static struct generation *generation_alloc(struct config *config, char *reason)
{
	struct generation *generation;
	size_t n = 0;

	for (size_t i = 0; i < config->n_listeners; i++)
		n += config->listeners[i]->n_binds;
	generation = calloc(1, sizeof(*generation) + n * sizeof(generation->bindings[0]));
	if (generation == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		config_free(config);
		return NULL;
	}
	generation->config = config;
	atomic_init(&generation->references, 1);
	return generation;
}

struct generation *generation_new(struct config *config, const struct generation *previous,
                                  unsigned n_workers, FILE *errors, char *reason)
{
	struct generation *generation = generation_alloc(config, reason);

	if (generation == NULL)
		return NULL;
	if (!generation_make_quotas(generation, previous, reason) ||
	    !generation_load_all(generation, previous, errors, reason)) {
		generation_end(generation, previous);
		return NULL;
	}
	for (size_t i = 0; i < config->n_listeners; i++) {
		if (!generation_bind(generation, previous, config->listeners[i], n_workers,
		                     reason)) {
			generation_end(generation, previous);
			return NULL;
		}
	}
	return generation;
}

const struct config *generation_config(const struct generation *generation)
{
	return generation->config;
}

/* Where the bindings of the n-th listener begin. */
static size_t generation_first(const struct generation *generation, size_t n)
{
	size_t first = 0;

	for (size_t i = 0; i < n; i++)
		first += generation->config->listeners[i]->n_binds;
	return first;
}

const struct binding *generation_binding(const struct generation *generation, size_t n)
{
	return generation->bindings[generation_first(generation, n)];
}

static bool generation_make_listeners(struct generation *generation, struct handover *handover,
                                      struct worker *worker, unsigned n, char *reason)
{
	const struct config *config = generation->config;

	for (size_t i = 0; i < config->n_listeners; i++) {
		struct listener *listener =
			listener_new(generation, config->listeners[i], &generation->supplies[i],
		                     &generation->bindings[generation_first(generation, i)],
		                     generation->quotas[i], worker, n, reason);

		if (listener == NULL)
			return false;
		handover->listeners[handover->n_listeners++] = listener;
	}
	return true;
}

struct handover *generation_equip(struct generation *generation, struct worker *worker, unsigned n,
                                  FILE *errors, char *reason)
{
	const struct config *config = generation->config;
	size_t turn = 0;
	struct handover *handover;

	for (size_t i = 0; i < config->n_listeners; i++)
		if (config->listeners[i]->buffer_size > turn)
			turn = config->listeners[i]->buffer_size;
	handover = handover_new(config->n_listeners, turn);
	if (handover == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return NULL;
	}
	if (generation_make_listeners(generation, handover, worker, n, reason))
		return handover;
	handover_free(handover);
	if (generation_blame_backends(config)) {
		(void)draft_report(config->draft, errors);
		*reason = '\0';
	}
	return NULL;
}

void generation_set_backlogs(const struct generation *generation)
{
	const struct config *config = generation->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_listeners; i++)
		for (size_t k = 0; k < config->listeners[i]->n_binds; k++)
			binding_set_backlog(generation->bindings[n++],
			                    config->listeners[i]->backlog);
}

void generation_pass(const struct generation *generation, binding_passing *pass, void *arg)
{
	for (size_t i = 0; i < generation->n_bindings; i++)
		binding_pass(generation->bindings[i], pass, arg);
}

void generation_disown(const struct generation *generation)
{
	for (size_t i = 0; i < generation->n_bindings; i++)
		binding_disown(generation->bindings[i]);
}

void generation_adopt(const struct generation *generation)
{
	for (size_t i = 0; i < generation->n_bindings; i++)
		binding_adopt(generation->bindings[i]);
}

/* Whose it is; NULL: nobody's, here. */
static const struct listener_config *generation_find_owner(const struct generation *generation,
                                                           const struct binding *binding)
{
	const struct config *config = generation->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_listeners; i++)
		for (size_t k = 0; k < config->listeners[i]->n_binds; k++)
			if (generation->bindings[n++] == binding)
				return config->listeners[i];
	return NULL;
}

static void generation_log_binding(const struct generation *generation,
                                   const struct generation *previous, const struct binding *binding)
{
	const struct listener_config *owner = generation_find_owner(generation, binding);
	const struct listener_config *before =
		previous != NULL ? generation_find_owner(previous, binding) : NULL;

	if (before == NULL || before->mode != owner->mode || strcmp(before->name, owner->name) != 0)
		binding_log(binding, owner);
}

void generation_log(const struct generation *generation, const struct generation *previous)
{
	for (size_t i = 0; i < generation->n_bindings; i++)
		generation_log_binding(generation, previous, generation->bindings[i]);
	for (size_t i = 0; previous != NULL && i < previous->n_bindings; i++)
		if (!generation_has(generation, previous->bindings[i]))
			binding_log_end(previous->bindings[i],
			                generation_find_owner(previous, previous->bindings[i]));
	generation_log_certificates(generation);
}

void generation_end(struct generation *generation, const struct generation *other)
{
	if (generation == NULL)
		return;
	for (size_t i = 0; i < generation->n_bindings; i++)
		if (!generation_has(other, generation->bindings[i]))
			binding_free(generation->bindings[i]);
	generation->n_bindings = 0;
	generation_release(generation);
}

struct generation *generation_hold(struct generation *generation)
{
	if (generation != NULL)
		(void)atomic_fetch_add(&generation->references, 1);
	return generation;
}

void generation_release(struct generation *generation)
{
	if (generation == NULL || atomic_fetch_sub(&generation->references, 1) > 1)
		return;
	for (size_t i = 0; generation->quotas != NULL && i < generation->config->n_listeners; i++)
		quota_release(generation->quotas[i]);
	free(generation->quotas);
	for (size_t i = 0; generation->supplies != NULL && i < generation->config->n_listeners; i++)
		tls_supply_clear(&generation->supplies[i]);
	free(generation->supplies);
	tls_store_free(generation->store);
	config_free(generation->config);
	free(generation);
}
