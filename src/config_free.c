/* SPDX-License-Identifier: ISC */
/*
 * Giving back what a configuration holds.
 */
#include "config.h"

#include <stdlib.h>

#include "config_draft.h"
#include "config_fill.h"

static void config_free_texts(struct text_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->texts[i]);
	free(list->texts);
}

void config_free_listener(struct listener_config *listener)
{
	free(listener->name);
	free(listener->binds);
	free(listener->routes);
	config_free_texts(&listener->certs);
	config_free_texts(&listener->keys);
	config_free_texts(&listener->ocsps);
	config_free_texts(&listener->cert_dirs);
	free(listener->ciphers);
	free(listener->ciphersuites);
	free(listener->groups);
	free(listener->sigalgs);
	config_free_texts(&listener->client.ca);
	config_free_texts(&listener->client.crl);
	config_free_texts(&listener->client.allow);
	config_free_texts(&listener->ticket_keys);
	config_free_texts(&listener->alpn);
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
	free(backend->crl);
	free(backend->server_name);
	free(backend->verify_name);
	free(backend->cert);
	free(backend->key);
	free(backend);
}

static void config_free_route(struct route_config *route)
{
	free(route->name);
	config_free_texts(&route->listeners);
	config_free_texts(&route->names);
	config_free_texts(&route->client.ca);
	config_free_texts(&route->client.crl);
	config_free_texts(&route->client.allow);
	config_free_texts(&route->alpn);
	free(route);
}

static void config_free_draft(struct draft *draft)
{
	if (draft != NULL)
		draft_clear(draft);
	free(draft);
}

void config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (size_t i = 0; i < config->n_listeners; i++)
		config_free_listener(config->listeners[i]);
	for (size_t i = 0; i < config->n_backends; i++)
		config_free_backend(config->backends[i]);
	for (size_t i = 0; i < config->n_routes; i++)
		config_free_route(config->routes[i]);
	free(config->listeners);
	free(config->backends);
	free(config->routes);
	free(config->keylog);
	free(config->user);
	free(config->log.path);
	config_free_draft(config->draft);
	free(config);
}
