/* SPDX-License-Identifier: ISC */
#include "peer.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "peer_impl.h"

enum {
	VOICE_CLIENT = 'c',
	VOICE_BACKEND = 'b',
	PEER_READ = 65536,
	PEER_READS = 16,        /* of one peer, before the others have their turn */
};

static struct peer *peer_list;

void peer_bytes_add(struct peer_bytes *bytes, const void *data, size_t n)
{
	if (bytes->len + n > bytes->room) {
		bytes->room = 2 * (bytes->len + n);
		bytes->at = realloc(bytes->at, bytes->room);
	}
	if (n > 0)
		memcpy(bytes->at + bytes->len, data, n);
	bytes->len += n;
}

void peer_bytes_drop(struct peer_bytes *bytes, size_t n)
{
	if (n == 0)
		return;
	bytes->len -= n;
	memmove(bytes->at, bytes->at + n, bytes->len);
}

void peer_bytes_clear(struct peer_bytes *bytes)
{
	free(bytes->at);
	memset(bytes, 0, sizeof(*bytes));
}

static void peer_flag(const struct peer *peer, int level, int name, int value)
{
	(void)setsockopt(peer->pumped.fd, level, name, &value, sizeof(value));
}

static int peer_unacked(const struct peer *peer)
{
	int n = 0;

	if (peer->pumped.fd >= 0 && peer->is_tcp)
		(void)ioctl(peer->pumped.fd, SIOCOUTQ, &n);
	return n;
}

static void peer_shut_descriptor(struct peer *peer, bool with_rst)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int fd = peer->pumped.fd;

	if (fd < 0)
		return;
	if (with_rst)
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	(void)close(fd);
	peer->pumped.fd = -1;
}

/* The kernel tells a loss once; an end of file that follows it is none. */
static void peer_on_error(struct peer *peer, int error)
{
	if (peer->first_error == 0)
		peer->first_error = error;
	peer->out.len = 0;
	if (peer->saw_rst)
		return;
	peer->saw_rst = true;
	if (error == ECONNRESET || error == EPIPE)
		peer_saw(peer, "rst");
	else
		peer_saw(peer, "error:%s", strerrorname_np(error));
}

static void peer_on_eof(struct peer *peer)
{
	if (peer->first_error == ECONNRESET) {
		peer_on_error(peer, ECONNRESET);
		return;
	}
	if (!peer->saw_fin)
		peer_saw(peer, "fin");
	peer->saw_fin = true;
	if (peer->first_error != 0)
		peer_on_error(peer, peer->first_error);
}

static void peer_receive(struct peer *peer)
{
	static uint8_t room[PEER_READ];

	for (int i = 0; i < PEER_READS && !peer->saw_fin && !peer->saw_rst && !peer->paused; i++) {
		ssize_t n = recv(peer->pumped.fd, room, sizeof(room), MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			peer_on_error(peer, errno);
		else if (n == 0)
			peer_on_eof(peer);
		else if (peer->tls != NULL)
			peer_tls_take(peer, room, (size_t)n);
		else
			peer_saw_data(peer, room, (size_t)n);
	}
}

/* A RST behind the FIN that we saw shows in no read. */
static void peer_look_for_rst(struct peer *peer)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(peer->pumped.fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error != 0)
		peer_on_error(peer, error);
}

static void peer_flush(struct peer *peer)
{
	size_t sent = 0;

	while (sent < peer->out.len && peer->first_error == 0) {
		ssize_t n = send(peer->pumped.fd, peer->out.at + sent, peer->out.len - sent,
		                 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0)
			sent += (size_t)n;
		else if (errno == EAGAIN || errno == ENOTCONN)
			break;
		else
			peer->first_error = errno;
	}
	if (peer->first_error == 0) {
		peer_bytes_drop(&peer->out, sent);
		return;
	}
	peer->out.len = 0;
	/* After the FIN nobody reads on to find it. */
	if (peer->saw_fin && !peer->saw_rst)
		peer_on_error(peer, peer->first_error);
}

/* Our own end, once everything before it is out. */
static void peer_part(struct peer *peer)
{
	if (peer->out.len > 0)
		return;
	if (peer->parting == PEER_FIN && !peer->finished) {
		(void)shutdown(peer->pumped.fd, SHUT_WR);
		peer->finished = true;
	} else if (peer->parting == PEER_CLOSE) {
		peer_shut_descriptor(peer, false);
	} else if (peer->parting == PEER_RST && peer_unacked(peer) == 0) {
		peer_shut_descriptor(peer, true);
	}
}

void peer_update(struct peer *peer)
{
	if (peer->pumped.fd < 0)
		return;
	if (!peer->corked) {
		peer_flush(peer);
		peer_part(peer);
	}
	peer->pumped.events = 0;
	if (!peer->saw_fin && !peer->saw_rst && !peer->paused)
		peer->pumped.events |= POLLIN;
	if (peer->out.len > 0 && !peer->corked)
		peer->pumped.events |= POLLOUT;
	/* With both ends seen a hang-up would be reported for ever. */
	peer->pumped.asleep = peer->saw_rst || (peer->paused && peer->pumped.events == 0) ||
	                      (peer->saw_fin && peer->finished);
}

static void peer_turn(struct pumped *pumped, short revents)
{
	struct peer *peer = (struct peer *)pumped;

	if (pumped->fd < 0 || (revents == 0 && peer->parting == PEER_STAYS))
		return;
	if (revents & (POLLIN | POLLHUP | POLLERR))
		peer_receive(peer);
	if ((revents & POLLERR) && peer->saw_fin && !peer->saw_rst)
		peer_look_for_rst(peer);
	peer_update(peer);
}

static void peer_set_name(struct peer *peer)
{
	struct sockaddr_storage own = { 0 };
	struct sockaddr_in *in = (struct sockaddr_in *)&own;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&own;
	socklen_t len = sizeof(own);
	char host[INET6_ADDRSTRLEN];

	(void)getsockname(peer->pumped.fd, (struct sockaddr *)&own, &len);
	peer->is_tcp = own.ss_family != AF_UNIX;
	if (own.ss_family == AF_INET)
		(void)snprintf(peer->name, sizeof(peer->name), "%s:%u",
		               inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)),
		               ntohs(in->sin_port));
	else if (own.ss_family == AF_INET6)
		(void)snprintf(peer->name, sizeof(peer->name), "[%s]:%u",
		               inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)),
		               ntohs(in6->sin6_port));
	else
		(void)snprintf(peer->name, sizeof(peer->name), "unix");
}

static struct peer *peer_new(int fd, const struct peer_setup *setup, bool is_client)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	peer->pumped.fd = fd;
	peer->pumped.turn = peer_turn;
	peer->is_client = is_client;
	peer->my_voice = is_client ? VOICE_CLIENT : VOICE_BACKEND;
	peer->their_voice = is_client ? VOICE_BACKEND : VOICE_CLIENT;
	peer_set_name(peer);
	if (peer->is_tcp)
		peer_flag(peer, IPPROTO_TCP, TCP_NODELAY, 1);
	peer->is_open = setup->tls == NULL;
	if (setup->tls != NULL) {
		peer->tls = peer_tls_new(peer, setup);
		if (is_client)
			peer_tls_step(peer);
	}
	peer->next = peer_list;
	peer_list = peer;
	pump_add(&peer->pumped);
	peer_update(peer);
	return peer;
}

struct peer *peer_connect(const struct sockaddr *to, socklen_t len, const struct peer_setup *setup)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	if (setup->receive_buffer > 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &setup->receive_buffer, sizeof(int));
	ck_assert_msg(connect(fd, to, len) == 0 || errno == EINPROGRESS, "%s: connect: %s",
	              peer_context(), strerror(errno));
	return peer_new(fd, setup, true);
}

struct peer *peer_accepted(int fd, const struct peer_setup *setup)
{
	return peer_new(fd, setup, false);
}

static void peer_destroy(struct peer *peer)
{
	if (peer->pumped.fd >= 0)
		peer_flag(peer, SOL_SOCKET, SO_DETACH_FILTER, 0);
	peer_shut_descriptor(peer, true);
	pump_remove(&peer->pumped);
	peer_tls_free(peer->tls);
	peer_bytes_clear(&peer->out);
	free(peer->events);
	free(peer);
}

void peer_free(struct peer *peer)
{
	struct peer **link = &peer_list;

	if (peer == NULL)
		return;
	while (*link != peer)
		link = &(*link)->next;
	*link = peer->next;
	peer_destroy(peer);
}

void peer_free_all(void)
{
	while (peer_list != NULL)
		peer_free(peer_list);
}

void peer_vanish(struct peer *peer)
{
	/* Takes no byte of any packet that comes in: not even an acknowledgement. */
	struct sock_filter none[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
	struct sock_fprog program = { 1, none };

	ck_assert_int_eq(setsockopt(peer->pumped.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	                            sizeof(program)),
	                 0);
}

void peer_cork(struct peer *peer)
{
	peer->corked = true;
	if (peer->is_tcp)
		peer_flag(peer, IPPROTO_TCP, TCP_CORK, 1);
}

void peer_uncork(struct peer *peer)
{
	peer->corked = false;
	peer_update(peer);
	if (peer->is_tcp && peer->pumped.fd >= 0)
		peer_flag(peer, IPPROTO_TCP, TCP_CORK, 0);
}

void peer_pause(struct peer *peer)
{
	peer->paused = true;
	peer_update(peer);
}

void peer_resume(struct peer *peer)
{
	peer->paused = false;
	peer_update(peer);
}

static void peer_set_parting(struct peer *peer, enum peer_parting parting)
{
	peer->parting = parting;
	peer_update(peer);
}

void peer_fin(struct peer *peer)
{
	peer_set_parting(peer, PEER_FIN);
}

void peer_close(struct peer *peer)
{
	peer_set_parting(peer, PEER_CLOSE);
}

void peer_rst_now(struct peer *peer)
{
	peer_shut_descriptor(peer, true);
}

static bool peer_is_shut(void *arg)
{
	return ((struct peer *)arg)->pumped.fd < 0;
}

void peer_rst_behind(struct peer *peer)
{
	peer_set_parting(peer, PEER_RST);
}

void peer_rst(struct peer *peer)
{
	peer_rst_behind(peer);
	ck_assert_msg(pump_until(peer_is_shut, peer), "%s: what was sent is not acknowledged",
	              peer_context());
}

void peer_raw(struct peer *peer, const void *bytes, size_t n)
{
	peer_bytes_add(&peer->out, bytes, n);
	peer_update(peer);
}

bool peer_is_open(const struct peer *peer)
{
	return peer->is_open;
}

bool peer_heard_all(const struct peer *peer)
{
	return peer->pumped.fd < 0 || peer->saw_fin || peer->saw_rst;
}

bool peer_is_over(const struct peer *peer)
{
	return peer->pumped.fd < 0 || peer->saw_rst || (peer->saw_fin && peer->finished);
}

bool peer_sent_all(const struct peer *peer)
{
	return peer->out.len == 0 && peer_unacked(peer) == 0;
}

int peer_fd(const struct peer *peer)
{
	return peer->pumped.fd;
}
