/* SPDX-License-Identifier: ISC */
/*
 * What both kinds of socket do with the descriptor: what the kernel last said about
 * it, bytes to it and from it, and the queue of those that it refused.
 *
 * An error of the kernel is reported once and to whoever calls next. If a
 * send() eats ECONNRESET, the following recv() returns what is still queued
 * and then 0, which looks like a clean FIN. So the first errno is kept, and
 * an end of file that follows it is no end of file, unless the peer's FIN was
 * here before the error: then that FIN stands. EPIPE says so by itself, for a
 * RST that came after it; but not when we had sent our own FIN in between.
 */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "pipes.h"
#include "socket_impl.h"

/*
 * A read that returns less than it asked for has emptied the socket, and to
 * hear EAGAIN as well would cost a system call for each message. Unless there
 * is more to come that makes no edge of its own any more: an end or a reset
 * that arrived with the data, or what follows urgent data, at which recv(2)
 * stops.
 */
static const uint32_t socket_wary_of = EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI;

static void socket_on_event(void *owner, uint32_t what)
{
	struct socket *sock = owner;

	if (what & EPOLLIN)
		sock->readable = true;
	if (what & EPOLLOUT)
		sock->writable = true;
	if (what & socket_wary_of)
		sock->readable = sock->wary = true;
	/* A reset ends both directions as well, but never without an error. */
	if (what & EPOLLERR)
		sock->failed = true;
	else if ((what & EPOLLRDHUP) && sock->error == 0)
		sock->fin = true;
	/* Whoever waits for a connection is to hear that there will be none. */
	if (what & (EPOLLHUP | EPOLLERR))
		sock->writable = true;
	sock->wake(sock->owner);
}

static uint32_t socket_events(const struct socket *sock)
{
	return EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET | (sock->watches_write ? EPOLLOUT : 0U);
}

bool socket_watch(struct socket *sock, struct poller *poller, bool connected, socket_wake *wake,
                  void *owner)
{
	sock->poller = poller;
	sock->watch = (struct watch){ .tell = socket_on_event, .owner = sock, .brief = true };
	sock->wake = wake;
	sock->owner = owner;
	sock->writable = connected;
	sock->watches_write = !connected;
	sock->watched = poller_watch(poller, &sock->watch, sock->fd, socket_events(sock));
	return sock->watched;
}

void socket_set_family(struct socket *sock, int family)
{
	/* recv(2) stops behind what descriptors came with, which are closed: see unix(7). */
	sock->wary = sock->wary || family == AF_UNIX;
}

void socket_drop_queue(struct socket *sock)
{
	sock->dropped += sock->out.len;
	buffer_clear(&sock->out);
	socket_drop_pipe(sock);
}

/* The first word counts; from then on nothing can be sent. */
void socket_fail(struct socket *sock, int error)
{
	if (sock->error == 0)
		sock->error = error;
	sock->broken = true;
	sock->readable = true; /* whoever receives is to hear of it, too */
	socket_drop_queue(sock);
}

/* A send was refused. The first time, begin to watch for the opposite. */
enum io socket_refused(struct socket *sock)
{
	sock->writable = false;
	if (sock->watches_write || !sock->watched)
		return IO_WAIT;
	sock->watches_write = true;
	if (poller_change(sock->poller, &sock->watch, sock->fd, socket_events(sock)))
		return IO_WAIT;
	socket_fail(sock, errno);
	return IO_ENDED;
}

enum io socket_connected(struct socket *sock)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (!sock->writable)
		return IO_WAIT;
	if (!sock->wary)
		return IO_DONE; /* else it would be: see socket_on_event() */
	if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0)
		return IO_DONE;
	socket_fail(sock, error);
	/* It was connected, and may have said something before it was reset. */
	return error == ECONNRESET || error == EPIPE ? IO_DONE : IO_ENDED;
}

/* What a recv(2) that returned n says. */
static enum io socket_take_result(struct socket *sock, ssize_t n)
{
	if (n > 0) {
		sock->heard = true;
		return IO_DONE;
	}
	if (n == 0) {
		sock->eof = true;
		sock->readable = false; /* until the kernel has something new: a reset */
		return IO_ENDED;
	}
	if (errno == EAGAIN) {
		sock->readable = false;
		return sock->error != 0 ? IO_ENDED : IO_WAIT;
	}
	socket_fail(sock, errno);
	return IO_ENDED;
}

enum io socket_read(struct socket *sock, void *room, size_t len, size_t *got)
{
	ssize_t n;

	*got = 0;
	if (sock->eof)
		return IO_ENDED;
	if (!sock->readable)
		return IO_WAIT;
	do {
		n = recv(sock->fd, room, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		*got = (size_t)n;
	if (n > 0 && *got < len && !sock->wary && sock->error == 0 && sock->watched)
		sock->readable = false;
	return socket_take_result(sock, n);
}

/* The peer's FIN came before whatever was wrong later. */
static bool socket_had_fin(const struct socket *sock)
{
	return sock->fin || sock->error == EPIPE;
}

struct ending socket_wire_ending(const struct socket *sock, enum ending_kind at_eof)
{
	if (sock->error == 0 || (sock->eof && socket_had_fin(sock)))
		return (struct ending){ .kind = at_eof };
	return ending_of_errno(sock->error);
}

void socket_fail_write(struct socket *sock, bool partly)
{
	socket_fail(sock, errno == EPIPE && partly && !sock->fin ? ECONNRESET : errno);
}

/* One send(2) of what it takes; *sent may be short without an error. */
static enum io socket_write(struct socket *sock, const unsigned char *data, size_t len, bool last,
                            size_t *sent)
{
	const int flags = MSG_NOSIGNAL | (last ? MSG_MORE : 0);

	*sent = 0;
	while (*sent < len) {
		ssize_t n = send(sock->fd, data + *sent, len - *sent, flags);

		if (n >= 0) {
			*sent += (size_t)n;
		} else if (errno == EAGAIN) {
			return socket_refused(sock);
		} else if (errno != EINTR) {
			socket_fail_write(sock, *sent > 0);
			return IO_ENDED;
		}
	}
	return IO_DONE;
}

bool socket_push(struct socket *sock, const void *data, size_t len, bool last)
{
	size_t sent = 0;

	assert(!sock->finishing && (sock->pipe == NULL || len == 0));
	if (sock->broken)
		return false;
	if (sock->out.len == 0 && sock->writable &&
	    socket_write(sock, data, len, last, &sent) == IO_ENDED)
		return false;
	if (sent == len ||
	    buffer_append(&sock->out, (const unsigned char *)data + sent, len - sent))
		return true;
	socket_fail(sock, ENOMEM);
	return false;
}

enum io socket_flush(struct socket *sock)
{
	if (sock->broken)
		return IO_ENDED;
	if (sock->out.len > 0) {
		size_t sent;
		enum io io;

		if (!sock->writable)
			return IO_WAIT;
		io = socket_write(sock, buffer_front(&sock->out), sock->out.len, sock->finishing,
		                  &sent);
		if (io == IO_ENDED)
			return IO_ENDED;
		buffer_drop(&sock->out, sent);
		if (io == IO_WAIT)
			return IO_WAIT;
	}
	if (sock->pipe != NULL) {
		enum io io = socket_flush_pipe(sock);

		if (io != IO_DONE)
			return io;
	}
	if (sock->finishing && !sock->finished) {
		sock->finished = true;
		if (sock->fragile)
			socket_set_fragile(sock->fd, false);
		if (shutdown(sock->fd, SHUT_WR) != 0) {
			/* ENOTCONN: reset already; the next recv may still know more. */
			sock->broken = true;
			return IO_ENDED;
		}
	}
	return sock->held && !sock->finishing ? IO_WAIT : IO_DONE;
}

struct ending socket_loss(struct socket *sock)
{
	socklen_t len = sizeof(int);
	int error = 0;

	/* SO_ERROR also tells what TCP will get over: a router that lost its way for a while. */
	if (sock->error == 0 && sock->failed &&
	    getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
		socket_fail(sock, error);
	if (sock->error == 0 || socket_had_fin(sock))
		return (struct ending){ .kind = ENDING_NONE };
	return ending_of_errno(sock->error);
}
