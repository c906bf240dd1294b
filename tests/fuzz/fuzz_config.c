/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a configuration file: there is a configuration or there are
 * errors, never both and never neither; a configuration is complete, errors
 * are lines in the order of the file.
 *
 * Nothing may be asked of the network, so getaddrinfo() is wrapped (by the
 * linker) and takes every host for a number.
 */
#include "config.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static const char name[] = "f";

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **found)
{
	struct addrinfo numeric = *hints;

	numeric.ai_flags |= AI_NUMERICHOST;
	return __real_getaddrinfo(host, service, &numeric, found);
}

static void check_backend(const struct backend_config *backend)
{
	assert(backend->name != NULL);
	assert(backend->n_servers > 0);
	for (size_t i = 0; i < backend->n_servers; i++) {
		char text[ADDRESS_TEXT_ROOM];

		assert(backend->servers[i].text != NULL);
		assert(backend->servers[i].n_addresses > 0);
		(void)address_text(&backend->servers[i].addresses[0].any,
		                   backend->servers[i].addresses[0].len, text);
		assert(strlen(text) > 1);
	}
	assert(backend->tls || (backend->ca == NULL && backend->server_name == NULL));
}

static void check_listener(const struct listener_config *listener)
{
	assert(listener->name != NULL);
	assert(listener->n_binds > 0);
	assert(listener->backend != NULL || listener->n_routes > 0);
	assert((listener->mode == LISTENER_TLS) ==
	       (listener->certs.n > 0 || listener->cert_dirs.n > 0));
	assert(listener->tls_min <= listener->tls_max);
	assert(listener->buffer_size >= 16 << 10 && listener->buffer_size <= 16 << 20);
}

static void check_config(const struct config *config)
{
	assert(config->n_listeners > 0);
	assert(config->max_connections > 0);
	assert((config->log.target == LOG_TO_FILE) <= (config->log.path != NULL));
	for (size_t i = 0; i < config->n_listeners; i++)
		check_listener(config->listeners[i]);
	for (size_t i = 0; i < config->n_backends; i++)
		check_backend(config->backends[i]);
}

/* "f: reason" or "f:LINE: reason", in order. */
static void check_errors(const char *errors)
{
	unsigned long last = 0;

	for (const char *end; *errors != '\0'; errors = end + 1) {
		unsigned long line = 0;

		end = strchr(errors, '\n');
		assert(end != NULL);
		assert(strncmp(errors, name, strlen(name)) == 0 && errors[strlen(name)] == ':');
		if (errors[strlen(name) + 1] != ' ')
			line = strtoul(errors + strlen(name) + 1, NULL, 10);
		assert(line >= last);
		last = line;
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	/* A stream over memory needs one byte to stand on. */
	FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	struct config *config;
	char *errors;
	size_t len;
	FILE *stream;

	if (file == NULL)
		return 0;
	stream = open_memstream(&errors, &len);
	assert(stream != NULL);
	config = config_read(file, name, stream);
	(void)fclose(file);
	(void)fclose(stream);
	assert((config == NULL) == (len > 0));
	if (config != NULL)
		check_config(config);
	else
		check_errors(errors);
	config_free(config);
	free(errors);
	return 0;
}
