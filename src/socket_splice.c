/* SPDX-License-Identifier: ISC */
/*
 * Large amounts from one plain socket to another, in the kernel's own pages.
 *
 * What the sink refuses stays in the pipe, which is part of its queue then. It
 * is never there together with bytes in sock->out: splicing begins with an
 * empty queue, and nothing is sent before that is empty again.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>

#include "pipes.h"
#include "socket_impl.h"

/*
 * splice(2) moves at most a pipe's worth, so a short one says nothing about the
 * source. Nor does one that moves nothing say that nothing is there: it never
 * gets past urgent data, and calls that the end once a FIN has come.
 */
static void socket_fill_pipe(struct socket *source, struct pipe *pipe)
{
	ssize_t n;

	if (!source->readable)
		return;
	do {
		n = splice(source->fd, NULL, pipe->in, NULL, PIPES_SIZE,
		           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		source->heard = true;
		pipe->len = (size_t)n;
	} else if (n < 0 && errno != EAGAIN) {
		socket_fail(source, errno);
	} else if (n < 0 && !source->wary && source->error == 0) {
		source->readable = false;
	}
}

bool socket_begin_splice(const struct socket *source, struct socket *sink, struct pipes *pipes)
{
	if (!source->ops->splices || !sink->ops->splices)
		return false;
	assert(sink->pipe == NULL && sink->out.len == 0);
	sink->pipe = pipe_take(pipes);
	return sink->pipe != NULL;
}

size_t socket_splice(struct socket *source, struct socket *sink)
{
	size_t got;

	if (source->ending.kind == ENDING_NONE)
		socket_fill_pipe(source, sink->pipe);
	got = sink->pipe->len;
	if (got == 0)
		socket_drop_pipe(sink);
	return got;
}

enum io socket_flush_pipe(struct socket *sock)
{
	struct pipe *pipe = sock->pipe;
	const unsigned flags =
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (sock->finishing ? SPLICE_F_MORE : 0);

	bool partly = false;

	if (!sock->writable)
		return IO_WAIT;
	while (pipe->len > 0) {
		ssize_t n = splice(pipe->out, NULL, sock->fd, NULL, pipe->len, flags);

		if (n > 0) {
			pipe->len -= (size_t)n;
			partly = true;
		} else if (n < 0 && errno == EAGAIN) {
			return socket_refused(sock);
		} else if (n == 0 || errno != EINTR) {
			if (n == 0)
				errno = EIO;
			socket_fail_write(sock, partly);
			return IO_ENDED;
		}
	}
	socket_drop_pipe(sock);
	return IO_DONE;
}

void socket_drop_pipe(struct socket *sock)
{
	if (sock->pipe != NULL)
		sock->dropped += (uint32_t)sock->pipe->len;
	pipe_give_back(sock->pipe);
	sock->pipe = NULL;
}
