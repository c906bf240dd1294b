/* SPDX-License-Identifier: ISC */
#include "binding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inherited.h"
#include "log.h"

enum {
	BINDING_BACKLOG = 4096, /* until binding_set_backlog() */
};

struct binding {
	struct address asked;
	struct address bound;   /* the port is known */
	bool passed;            /* by the process before us */
	bool made;              /* a Unix socket that is ours to remove: this file */
	dev_t dev;
	ino_t ino;
	unsigned n_workers;
	struct {
		int fd;         /* -1: none */
		bool taken;     /* and so the worker's to close */
	} slots[];
};

static bool binding_set_options(int fd, const struct address *address, bool shared)
{
	const int on = 1;
	const int v6_only = !address->dual_stack;

	if (address->any.sa_family == AF_UNIX)
		return true;
	if (address->any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) != 0)
		return false;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return false;
	return !shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
}

/* shared: with our other workers. -1 and errno. */
static int binding_open(const struct address *address, bool shared)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -1;
	if (binding_set_options(fd, address, shared) &&
	    bind(fd, &address->any, address->len) == 0 && listen(fd, BINDING_BACKLOG) == 0)
		return fd;
	error = errno;
	(void)close(fd);
	errno = error;
	return -1;
}

/* What connect(2) says where nobody may be listening: 0, or errno. */
static int binding_knock(const struct address *address)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = errno;

	if (fd < 0)
		return error;
	error = connect(fd, &address->any, address->len) != 0 ? errno : 0;
	(void)close(fd);
	return error;
}

/* A socket file that nobody listens on any more is left over from a crash. */
static void binding_remove_stale(const struct address *address)
{
	struct stat status;

	/* bind() says so if it cannot be removed. */
	if (lstat(address->un.sun_path, &status) == 0 && S_ISSOCK(status.st_mode) &&
	    binding_knock(address) == ECONNREFUSED)
		(void)unlink(address->un.sun_path);
}

/* The file that is there by now is the one to be removed. */
static void binding_own_file(struct binding *binding)
{
	struct stat status;

	binding->made = lstat(binding->bound.un.sun_path, &status) == 0;
	if (binding->made) {
		binding->dev = status.st_dev;
		binding->ino = status.st_ino;
	}
}

/*
 * Once nobody of ours listens there. Another daemon may: started meanwhile, it has found
 * our file stale and put its own there, perhaps with the number that ours had.
 */
static void binding_remove_file(const struct binding *binding)
{
	const char *path = binding->bound.un.sun_path;
	struct stat status;
	int error;

	if (lstat(path, &status) != 0 || status.st_dev != binding->dev ||
	    status.st_ino != binding->ino)
		return;
	error = binding_knock(&binding->bound);
	if (error != 0 && error != EAGAIN)
		(void)unlink(path); /* gone is good, too */
}

/*
 * SO_REUSEPORT would let a second daemon of the same user share our port
 * without a word. So somebody who does not share looks first.
 */
static int binding_open_exclusive(const struct address *address)
{
	int fd = binding_open(address, false);

	if (fd < 0 || address->any.sa_family == AF_UNIX)
		return fd;
	(void)close(fd); /* nobody was told of it */
	return binding_open(address, true);
}

static int binding_open_first(struct address *address)
{
	struct address plain = { .len = sizeof(plain.in) };
	int fd;

	if (address->any.sa_family == AF_UNIX)
		binding_remove_stale(address);
	fd = binding_open_exclusive(address);
	if (fd >= 0 || errno != EAFNOSUPPORT || !address->dual_stack)
		return fd;
	/* ":443" on a host without IPv6 is 0.0.0.0:443. */
	plain.in.sin_family = AF_INET;
	plain.in.sin_port = address->in6.sin6_port;
	*address = plain;
	return binding_open_exclusive(address);
}

/* By what name it is inherited: ":443" is another address than "[::]:443". */
static void binding_name(const struct binding *binding, char room[static ADDRESS_TEXT_ROOM + 1])
{
	const struct address *asked = &binding->asked;

	room[0] = '*';
	(void)address_text(&asked->any, asked->len, asked->dual_stack ? room + 1 : room);
}

/* Of a service manager everything can come: datagrams, a pipe, one end of a connection. */
static bool binding_is_listening(int fd)
{
	int listens = 0;
	int type = 0;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

/* As we were given them, if we were. *found says that; NULL: it went well. */
static const char *binding_inherit(struct binding *binding, bool *found)
{
	const bool activated = binding->asked.any.sa_family == AF_UNSPEC;
	char name[ADDRESS_TEXT_ROOM + 1];
	socklen_t len = sizeof(binding->bound.un);
	unsigned n;

	binding_name(binding, name);
	n = inherited_count(name);
	*found = n > 0 || activated;
	if (!*found)
		return NULL;
	if (n == 0)
		return "the service manager has passed no such socket";
	/* All but one would be listened on, and nobody would accept there. */
	if (activated && inherited_count_addresses(name) > 1)
		return "the service manager has passed several sockets of that name; give each "
		       "its own";
	/* The kernel deals connections to all of them, so each needs a worker. */
	if (!activated && n != binding->n_workers)
		return "taken over from another number of workers; restart instead";
	for (unsigned i = 0; i < binding->n_workers; i++) {
		binding->slots[i].fd = inherited_take(name);
		if (binding->slots[i].fd < 0)
			return strerror(errno);
	}
	if (!binding_is_listening(binding->slots[0].fd))
		return "what the service manager has passed is no stream socket that listens";
	if (getsockname(binding->slots[0].fd, &binding->bound.any, &len) != 0)
		return strerror(errno);
	binding->bound.len = len;
	binding->passed = !activated;
	return NULL;
}

/* False: errno. */
static bool binding_open_all(struct binding *binding)
{
	struct address *address = &binding->bound;
	bool is_unix = address->any.sa_family == AF_UNIX;
	int fd = binding_open_first(address);
	socklen_t len = sizeof(address->un);

	if (fd < 0)
		return false;
	binding->slots[0].fd = fd;
	if (is_unix)
		binding_own_file(binding);
	if (!is_unix && getsockname(fd, &address->any, &len) != 0)
		return false;
	for (unsigned worker = 1; worker < binding->n_workers; worker++) {
		int other = is_unix ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : binding_open(address, true);

		if (other < 0)
			return false;
		binding->slots[worker].fd = other;
	}
	return true;
}

static const char *binding_reason(const struct address *address, const char *why)
{
	static char reason[ADDRESS_TEXT_ROOM + 128];
	char text[ADDRESS_TEXT_ROOM];

	(void)snprintf(reason, sizeof(reason), "cannot listen on %s: %s",
	               address_text(&address->any, address->len, text), why);
	return reason;
}

struct binding *binding_new(const struct address *address, unsigned n_workers, const char **reason)
{
	struct binding *binding =
		calloc(1, sizeof(*binding) + n_workers * sizeof(binding->slots[0]));
	const char *why;
	bool found;

	if (binding == NULL) {
		*reason = "out of memory";
		return NULL;
	}
	binding->asked = binding->bound = *address;
	binding->n_workers = n_workers;
	for (unsigned i = 0; i < n_workers; i++)
		binding->slots[i].fd = -1;
	why = binding_inherit(binding, &found);
	if (!found && !binding_open_all(binding))
		why = strerror(errno);
	if (why == NULL)
		return binding;
	*reason = binding_reason(found ? &binding->asked : &binding->bound, why);
	binding_free(binding);
	return NULL;
}

bool binding_is_for(const struct binding *binding, const struct address *address)
{
	return binding->asked.dual_stack == address->dual_stack &&
	       address_equal(&binding->asked, address);
}

bool binding_is_shared(const struct binding *binding)
{
	return binding->asked.any.sa_family == AF_UNSPEC;
}

int binding_take(struct binding *binding, unsigned worker)
{
	if (binding->slots[worker].taken)
		return -1;
	binding->slots[worker].taken = true;
	return binding->slots[worker].fd;
}

void binding_pass(const struct binding *binding, binding_passing *pass, void *arg)
{
	char name[ADDRESS_TEXT_ROOM + 1];

	binding_name(binding, name);
	for (unsigned i = 0; i < binding->n_workers; i++)
		pass(arg, binding->slots[i].fd, i == 0 ? name : NULL);
}

void binding_set_backlog(const struct binding *binding, unsigned backlog)
{
	/* The kernel lowers it to net.core.somaxconn, and refuses nothing that listens. */
	for (unsigned i = 0; i < binding->n_workers; i++)
		(void)listen(binding->slots[i].fd, (int)backlog);
}

void binding_disown(struct binding *binding)
{
	binding->made = false;
}

void binding_adopt(struct binding *binding)
{
	if (binding->passed && binding->bound.any.sa_family == AF_UNIX)
		binding_own_file(binding);
}

static void binding_log_address(const struct binding *binding, struct log_line *line,
                                const struct listener_config *listener)
{
	const struct address *address = &binding->bound;
	char text[ADDRESS_TEXT_ROOM];

	log_text(line, "listener", listener->name);
	log_text(line, "address", address_text(&address->any, address->len, text));
}

void binding_log(const struct binding *binding, const struct listener_config *listener)
{
	struct log_line line;

	log_begin(&line, LEVEL_INFO, "listen");
	binding_log_address(binding, &line, listener);
	log_text(&line, "mode", listener->mode == LISTENER_TLS ? "tls" : "tcp");
	log_end(&line);
}

void binding_log_end(const struct binding *binding, const struct listener_config *listener)
{
	struct log_line line;

	log_begin(&line, LEVEL_INFO, "listen-ended");
	binding_log_address(binding, &line, listener);
	log_end(&line);
}

const struct address *binding_address(const struct binding *binding)
{
	return &binding->bound;
}

void binding_free(struct binding *binding)
{
	if (binding == NULL)
		return;
	for (unsigned i = 0; i < binding->n_workers; i++)
		if (binding->slots[i].fd >= 0 && !binding->slots[i].taken)
			(void)close(binding->slots[i].fd);
	if (binding->made)
		binding_remove_file(binding);
	free(binding);
}
