/* SPDX-License-Identifier: ISC */
#include "backend.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "socket.h"
#include "tls_context.h"

/* One address of one server. */
struct target {
	const struct address *address;
	char *name;             /* to ask for and verify; NULL: none */
};

struct backend {
	const struct backend_config *config;
	struct tls_context *tls;        /* NULL: plaintext */
	struct target *targets;
	unsigned n_targets;
	unsigned next;
	uint64_t keepalive;
	uint64_t user_timeout;
};

/* The host of "host:port" or "[v6]:port"; NULL for a Unix socket. */
static char *backend_host_of(const char *text)
{
	const char *colon = strrchr(text, ':');

	if (strncmp(text, "unix:", 5) == 0 || colon == NULL)
		return NULL;
	if (*text == '[' && colon > text && colon[-1] == ']')
		return strndup(text + 1, (size_t)(colon - text) - 2);
	return strndup(text, (size_t)(colon - text));
}

static char *backend_name_for(const struct backend_config *config,
                              const struct server_config *server)
{
	if (!config->tls)
		return NULL;
	return config->server_name != NULL ? strdup(config->server_name)
	                                   : backend_host_of(server->text);
}

static bool backend_add_targets(struct backend *backend, char *reason)
{
	const struct backend_config *config = backend->config;
	size_t n = 0;

	for (size_t i = 0; i < config->n_servers; i++)
		n += config->servers[i].n_addresses;
	backend->targets = calloc(n, sizeof(*backend->targets));
	if (backend->targets == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return false;
	}
	for (size_t i = 0; i < config->n_servers; i++) {
		for (size_t k = 0; k < config->servers[i].n_addresses; k++) {
			struct target *target = &backend->targets[backend->n_targets++];

			target->address = &config->servers[i].addresses[k];
			target->name = backend_name_for(config, &config->servers[i]);
			if (config->tls && config->verify && target->name == NULL) {
				(void)snprintf(reason, TLS_REASON_ROOM,
				               "%s: has no host name to verify; set server-name",
				               config->servers[i].text);
				return false;
			}
		}
	}
	return true;
}

struct backend *backend_new(const struct backend_config *config, char *reason)
{
	struct backend *backend = calloc(1, sizeof(*backend));

	if (backend == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return NULL;
	}
	backend->config = config;
	if (config->tls)
		backend->tls = tls_context_client(config, reason);
	if ((config->tls && backend->tls == NULL) || !backend_add_targets(backend, reason)) {
		backend_free(backend);
		return NULL;
	}
	return backend;
}

void backend_free(struct backend *backend)
{
	if (backend == NULL)
		return;
	for (unsigned i = 0; i < backend->n_targets; i++)
		free(backend->targets[i].name);
	free(backend->targets);
	tls_context_free(backend->tls);
	free(backend);
}

const struct backend_config *backend_config(const struct backend *backend)
{
	return backend->config;
}

static const struct target *backend_next(struct backend *backend, struct backend_search *search)
{
	if (!search->begun && backend->config->balance == BALANCE_ROUND_ROBIN) {
		search->begin = backend->next;
		backend->next = (backend->next + 1) % backend->n_targets;
	}
	search->begun = true;
	return &backend->targets[(search->begin + search->n_tried) % backend->n_targets];
}

void backend_set_patience(struct backend *backend, uint64_t keepalive, uint64_t user_timeout)
{
	backend->keepalive = keepalive;
	backend->user_timeout = user_timeout;
}

/* A descriptor that is connecting; -1 and errno. */
static int backend_dial(const struct backend *backend, const struct address *address)
{
	const int on = 1;
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* We gather writes ourselves; on a Unix socket this fails, and may. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (address->any.sa_family != AF_UNIX &&
	    (backend->keepalive > 0 || backend->user_timeout > 0))
		socket_set_patience(fd, backend->keepalive, backend->user_timeout);
	if (connect(fd, &address->any, address->len) != 0 && errno != EINPROGRESS) {
		int error = errno;

		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

enum backend_attempt backend_connect(struct backend *backend, struct backend_search *search,
                                     struct tls_io *io, const char *alpn,
                                     const struct address **address, struct socket **sock)
{
	const struct target *target;
	int fd;

	if (search->n_tried == backend->n_targets)
		return BACKEND_EXHAUSTED;
	target = backend_next(backend, search);
	*address = target->address;
	search->n_tried++;
	fd = backend_dial(backend, target->address);
	if (fd < 0 && errno == EAGAIN) {
		search->n_tried--;
		return BACKEND_BUSY;
	}
	if (fd < 0)
		return BACKEND_FAILED;
	if (backend->config->alpn == BACKEND_ALPN_OFF)
		alpn = NULL;
	*sock = backend->tls == NULL ? socket_plain_new(fd)
	                             : socket_tls_connect(backend->tls, io, fd, target->name, alpn);
	if (*sock == NULL) {
		errno = ENOMEM;
		return BACKEND_FAILED;
	}
	return BACKEND_TRYING;
}
