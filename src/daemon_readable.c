/* SPDX-License-Identifier: ISC */
/*
 * What the start could read, being root, and a reload will not: nobody should have
 * to learn that on the day of a renewal.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon_impl.h"
#include "log.h"

static void daemon_try(const char *path, int how)
{
	struct log_line line;

	if (access(path, how) == 0)
		return;
	log_begin(&line, LEVEL_WARNING, "unreadable");
	log_text(&line, "file", path);
	log_text(&line, "reason", strerror(errno));
	log_end(&line);
}

static void daemon_try_file(const char *path)
{
	if (path != NULL)
		daemon_try(path, R_OK);
}

static void daemon_try_files(const struct text_list *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		daemon_try_file(paths->texts[i]);
}

static void daemon_try_client_files(const struct client_config *client)
{
	daemon_try_files(&client->ca);
	daemon_try_files(&client->crl);
}

static void daemon_try_listener_files(const struct listener_config *listener)
{
	daemon_try_files(&listener->certs);
	daemon_try_files(&listener->keys);
	daemon_try_files(&listener->ocsps);
	for (size_t i = 0; i < listener->cert_dirs.n; i++)
		daemon_try(listener->cert_dirs.texts[i], R_OK | X_OK);
	daemon_try_files(&listener->ticket_keys);
	daemon_try_client_files(&listener->client);
}

static void daemon_try_backend_files(const struct backend_config *backend)
{
	daemon_try_file(backend->ca);
	daemon_try_file(backend->crl);
	daemon_try_file(backend->cert);
	daemon_try_file(backend->key);
}

void daemon_warn_of_unreadable(const struct daemon *daemon)
{
	const struct config *config = daemon_config(daemon);

	if (config->user == NULL)
		return;
	daemon_try_file(daemon->path);
	for (size_t i = 0; i < config->n_listeners; i++)
		daemon_try_listener_files(config->listeners[i]);
	for (size_t i = 0; i < config->n_routes; i++)
		daemon_try_client_files(&config->routes[i]->client);
	for (size_t i = 0; i < config->n_backends; i++)
		daemon_try_backend_files(config->backends[i]);
}
