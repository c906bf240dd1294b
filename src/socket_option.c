/* SPDX-License-Identifier: ISC */
/* What the kernel is told about a descriptor, and asked about it, beside its bytes. */
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_impl.h"

/* Where an option does not exist, as on Unix sockets, there is nothing to set. */
static void socket_set_option(int fd, int level, int option, uint64_t value)
{
	const int number = value > INT_MAX ? INT_MAX : (int)value;

	(void)setsockopt(fd, level, option, &number, sizeof(number));
}

void socket_set_keepalive(int fd, uint64_t keepalive)
{
	enum { PROBES = 6 };
	const uint64_t idle = keepalive / 1000;

	socket_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, keepalive > 0);
	if (keepalive > 0) {
		socket_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
		socket_set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL,
		                  idle > PROBES ? idle / PROBES : 1);
		socket_set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
	}
}

void socket_set_user_timeout(int fd, uint64_t timeout)
{
	socket_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout);
}

/* A Unix socket knows no RST; there nothing changes. */
void socket_set_fragile(int fd, bool fragile)
{
	const struct linger linger = { .l_onoff = fragile, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void socket_keep_alive(const struct socket *sock, uint64_t keepalive)
{
	socket_set_keepalive(sock->fd, keepalive);
}

void socket_gather(struct socket *sock, size_t len)
{
	if (len == 0)
		sock->readable = true; /* maybe; it was not told of */
	socket_set_option(sock->fd, SOL_SOCKET, SO_RCVLOWAT, len);
}

void socket_abort_fd(int fd)
{
	socket_set_fragile(fd, true);
	(void)close(fd); /* Linux: the descriptor is gone whatever it says */
}

size_t socket_unacked(const struct socket *sock)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);
	int unacked = 0;

	/* On a Unix socket SIOCOUTQ counts what is unread, which a close keeps. */
	if (sock->fd < 0 || getsockopt(sock->fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) != 0 ||
	    domain == AF_UNIX || ioctl(sock->fd, SIOCOUTQ, &unacked) != 0)
		return 0;
	return (size_t)unacked;
}

uint16_t socket_local_port(const struct socket *sock)
{
	struct sockaddr_in6 local = { 0 };
	socklen_t len = sizeof(local);

	if (getsockname(sock->fd, (struct sockaddr *)&local, &len) != 0)
		return 0;
	/* sin_port and sin6_port are the same place. */
	if (local.sin6_family != AF_INET && local.sin6_family != AF_INET6)
		return 0;
	return ntohs(local.sin6_port);
}
