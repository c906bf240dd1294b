/* SPDX-License-Identifier: ISC */
/* The plain kind: what goes in comes out; FIN is a clean end. */
#include <stdlib.h>

#include "socket_impl.h"

static enum io socket_plain_open(struct socket *sock)
{
	(void)sock;
	return IO_DONE;
}

static enum io socket_plain_recv(struct socket *sock, void *room, size_t len, size_t *got)
{
	enum io io;
	size_t n;

	/* Until the kernel has no more: an end right behind the data is seen with it. */
	do {
		io = socket_read(sock, (char *)room + *got, len - *got, &n);
		*got += n;
	} while (io == IO_DONE && *got < len);
	if (io == IO_ENDED)
		sock->ending = socket_wire_ending(sock, ENDING_FIN);
	return io;
}

static void socket_plain_release(struct socket *sock)
{
	(void)sock;
}

static const struct tls_facts *socket_plain_facts(const struct socket *sock)
{
	(void)sock;
	return NULL;
}

static const struct socket_ops socket_plain_ops = {
	.name = "plain",
	.open = socket_plain_open,
	.recv = socket_plain_recv,
	.send = socket_push,
	.release = socket_plain_release,
	.clear = socket_plain_release,
	.facts = socket_plain_facts,
	.splices = true,
};

struct socket *socket_plain_new(int fd)
{
	struct socket *sock = calloc(1, sizeof(*sock));

	if (sock == NULL) {
		socket_abort_fd(fd);
		return NULL;
	}
	socket_init(sock, &socket_plain_ops, fd);
	sock->fragile = true;
	return sock;
}
