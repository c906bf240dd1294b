/* SPDX-License-Identifier: ISC */
#include "socket_script.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "socket_impl.h"
#include "suite.h"

struct socket_script {
	struct socket base;
	const struct script_line *lines;
	size_t n;
	size_t said;
};

static enum io script_open(struct socket *sock)
{
	(void)sock;
	return IO_DONE;
}

static enum io script_recv(struct socket *sock, void *room, size_t len, size_t *got)
{
	struct socket_script *script = (struct socket_script *)sock;
	const struct script_line *line = &script->lines[script->said];

	if (script->said == script->n)
		return IO_WAIT;
	script->said++;
	ck_assert_uint_le(line->got, len);
	memset(room, 'x', line->got);
	*got = line->got;
	if (line->io == IO_ENDED)
		sock->ending.kind = line->ending;
	return line->io;
}

static void script_nothing(struct socket *sock)
{
	(void)sock;
}

static const struct tls_facts *script_facts(const struct socket *sock)
{
	(void)sock;
	return NULL;
}

static const struct socket_ops script_ops = {
	.name = "script",
	.open = script_open,
	.recv = script_recv,
	.send = socket_push,
	.release = script_nothing,
	.clear = script_nothing,
	.facts = script_facts,
};

struct socket *socket_script_new(const struct script_line *lines, size_t n, int *other_end)
{
	struct socket_script *script = calloc(1, sizeof(*script));
	int pair[2];

	ck_assert_ptr_nonnull(script);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	socket_init(&script->base, &script_ops, pair[0]);
	script->base.writable = true;
	script->lines = lines;
	script->n = n;
	*other_end = pair[1];
	return &script->base;
}

size_t socket_script_said(const struct socket *sock)
{
	return ((const struct socket_script *)sock)->said;
}

void socket_script_stop(struct socket *sock)
{
	sock->writable = false;
}

void socket_script_go(struct socket *sock)
{
	sock->writable = true;
}
