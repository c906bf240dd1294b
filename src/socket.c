/* SPDX-License-Identifier: ISC */
/*
 * What users of a socket call, whatever its kind: carrying, ending, letting go, facts.
 */
#include "socket.h"

#include <stdlib.h>
#include <unistd.h>

#include "pipes.h"
#include "socket_impl.h"

void socket_init(struct socket *sock, const struct socket_ops *ops, int fd)
{
	sock->ops = ops;
	sock->fd = fd;
}

bool socket_is_held(const struct socket *sock)
{
	return sock->held;
}

enum io socket_open(struct socket *sock)
{
	return sock->ops->open(sock);
}

enum io socket_recv(struct socket *sock, void *room, size_t len, size_t *got)
{
	*got = 0;
	if (sock->ending.kind != ENDING_NONE)
		return IO_ENDED;
	return sock->ops->recv(sock, room, len, got);
}

enum io socket_send(struct socket *sock, const void *data, size_t len, bool last)
{
	if (sock->broken || !sock->ops->send(sock, data, len, last))
		return IO_ENDED;
	sock->finishing = last;
	return socket_flush(sock);
}

enum io socket_finish(struct socket *sock)
{
	if (sock->finishing || sock->held)
		return socket_flush(sock);
	return socket_send(sock, NULL, 0, true);
}

void socket_settle(struct socket *sock)
{
	if (sock->ops->settle != NULL)
		sock->ops->settle(sock);
}

void socket_release(struct socket *sock)
{
	sock->ops->release(sock);
	sock->held = false; /* nothing will be added */
}

void socket_shut(struct socket *sock)
{
	sock->finishing = true;
	(void)socket_flush(sock); /* what it says shows in sock->broken */
}

enum io socket_drain(struct socket *sock, void *room, size_t len, size_t *got)
{
	return socket_read(sock, room, len, got);
}

void socket_close(struct socket *sock)
{
	if (sock->watched)
		poller_forget(sock->poller, &sock->watch, sock->fd);
	sock->watched = false;
	socket_drop_queue(sock);
	sock->broken = true;
	if (sock->fd >= 0)
		(void)close(sock->fd); /* Linux: the descriptor is gone whatever it says */
	sock->fd = -1;
}

void socket_abort(struct socket *sock)
{
	if (sock->fd >= 0)
		socket_set_fragile(sock->fd, true);
	socket_close(sock);
}

void socket_free(struct socket *sock)
{
	if (sock == NULL)
		return;
	/* A fatal alert may be on its way, and says enough; a RST could overtake it. */
	if (sock->alerted)
		socket_close(sock);
	else
		socket_abort(sock);
	sock->ops->release(sock);
	sock->ops->clear(sock);
	free(sock);
}

struct ending socket_ending(const struct socket *sock)
{
	return sock->ending;
}

void socket_set_ending(struct socket *sock, struct ending ending)
{
	if (sock->ending.kind == ENDING_NONE)
		sock->ending = ending;
}

int socket_error(const struct socket *sock)
{
	return sock->error;
}

const struct tls_facts *socket_tls_facts(const struct socket *sock)
{
	return sock->ops->facts(sock);
}

bool socket_has_alerted(const struct socket *sock)
{
	return sock->alerted;
}

bool socket_is_finished(const struct socket *sock)
{
	return sock->finished;
}

size_t socket_unsent(const struct socket *sock)
{
	return (size_t)sock->out.len + sock->dropped + (sock->pipe != NULL ? sock->pipe->len : 0);
}

bool socket_heard(const struct socket *sock)
{
	return sock->heard;
}

bool socket_is_readable(const struct socket *sock)
{
	return sock->readable;
}
