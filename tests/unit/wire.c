/* SPDX-License-Identifier: ISC */
#include "wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

static void wire_make_tcp(int ends[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	const int on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(ends[0], (struct sockaddr *)&address, len), 0);
	ends[1] = accept(listening, NULL, NULL);
	ck_assert_int_ge(ends[1], 0);
	(void)close(listening);
	/* A RST drops what Nagle holds back. */
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
}

void wire_make(enum wire_kind kind, int ends[2])
{
	if (kind == WIRE_TCP)
		wire_make_tcp(ends);
	else
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
}

void wire_reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	(void)close(fd);
}
