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
#include "tls_memory.h"

/* One address of one server. */
struct target {
	const struct address *address;
	char *host;             /* of the server as it is written; NULL: none */
	struct tls_memory *memory;      /* NULL: sessions are not resumed */
	bool fails;             /* as of the last attempt */
};

struct backend {
	const struct backend_config *config;
	struct tls_context *tls;        /* NULL: plaintext */
	struct target *targets;
	unsigned n_targets;
	unsigned next;
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

/* Its name for TLS, and what has to be in its certificate; "off" asks for none. */
static const char *backend_name_of(const struct backend *backend, const struct target *target)
{
	const char *name = backend->config->server_name;

	if (name == NULL)
		return target->host;
	return strcmp(name, "off") == 0 ? NULL : name;
}

static const char *backend_verify_name_of(const struct backend *backend,
                                          const struct target *target)
{
	return backend->config->verify_name != NULL ? backend->config->verify_name
	                                            : backend_name_of(backend, target);
}

/* False: reason says why. */
static bool backend_equip_for_tls(const struct backend *backend, struct target *target,
                                  const struct server_config *server, char *reason)
{
	target->host = backend_host_of(server->text);
	if (backend->config->verify && backend_verify_name_of(backend, target) == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM,
		               "%s: has no host name to verify; set server-name", server->text);
		return false;
	}
	if (!backend->config->session_reuse)
		return true;
	target->memory = tls_memory_new();
	if (target->memory == NULL)
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	return target->memory != NULL;
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
			if (config->tls &&
			    !backend_equip_for_tls(backend, target, &config->servers[i], reason))
				return false;
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
	for (unsigned i = 0; i < backend->n_targets; i++) {
		free(backend->targets[i].host);
		tls_memory_free(backend->targets[i].memory);
	}
	free(backend->targets);
	tls_context_free(backend->tls);
	free(backend);
}

const struct backend_config *backend_config(const struct backend *backend)
{
	return backend->config;
}

/* The one after so many. */
static struct target *backend_at(const struct backend *backend, const struct backend_search *search,
                                 unsigned n_tried)
{
	return &backend->targets[(search->begin + n_tried) % backend->n_targets];
}

static const struct target *backend_next(struct backend *backend, struct backend_search *search)
{
	if (!search->begun && backend->config->balance == BALANCE_ROUND_ROBIN) {
		search->begin = backend->next;
		backend->next = (backend->next + 1) % backend->n_targets;
	}
	search->begun = true;
	return backend_at(backend, search, search->n_tried);
}

bool backend_note(struct backend *backend, const struct backend_search *search, bool answers)
{
	struct target *target = backend_at(backend, search, search->n_tried - 1);
	const bool is_news = target->fails == answers;

	target->fails = !answers;
	return is_news;
}

void backend_set_user_timeout(struct backend *backend, uint64_t timeout)
{
	backend->user_timeout = timeout;
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
	if (backend->tls == NULL)
		socket_set_fragile(fd, true);
	if (backend->user_timeout > 0)
		socket_set_user_timeout(fd, backend->user_timeout);
	if (connect(fd, &address->any, address->len) != 0 && errno != EINPROGRESS) {
		int error = errno;

		(void)close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static struct socket *backend_begin_tls(const struct backend *backend, const struct target *target,
                                        struct tls_io *io, int fd, const char *alpn)
{
	const struct tls_request request = {
		.name = backend_name_of(backend, target),
		.verify = backend_verify_name_of(backend, target),
		.alpn = backend->config->alpn == BACKEND_ALPN_PASS ? alpn : NULL,
		.memory = target->memory,
	};

	return socket_tls_connect(backend->tls, io, fd, &request);
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
	*sock = backend->tls == NULL ? socket_plain_new(fd)
	                             : backend_begin_tls(backend, target, io, fd, alpn);
	if (*sock == NULL) {
		errno = ENOMEM;
		return BACKEND_FAILED;
	}
	return BACKEND_TRYING;
}
