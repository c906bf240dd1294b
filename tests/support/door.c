/* SPDX-License-Identifier: ISC */
#include "door.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "pump.h"

struct door {
	struct pumped pumped;
	struct peer_setup setup;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} address;
	socklen_t len;
	char text[140];
	bool knocked;
	bool narrow;            /* SO_RCVBUF is one that somebody asked for */
};

enum { DOOR_WIDE = 1 << 20 };

static void door_turn(struct pumped *pumped, short revents)
{
	if (revents & POLLIN)
		((struct door *)pumped)->knocked = true;
}

/* A negative backlog: is not listened at. */
static struct door *door_new(struct door *door, int backlog)
{
	int fd = socket(door->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &door->address.any, door->len), 0);
	ck_assert(backlog < 0 || listen(fd, backlog) == 0);
	ck_assert_int_eq(getsockname(fd, &door->address.any, &door->len), 0);
	door->pumped.fd = fd;
	door->pumped.turn = door_turn;
	/* Only while somebody waits: one who stays outside would keep poll() awake. */
	door->pumped.asleep = true;
	door->pumped.events = POLLIN;
	pump_add(&door->pumped);
	return door;
}

static struct door *door_open_tcp(int backlog)
{
	struct door *door = calloc(1, sizeof(*door));

	door->address.in.sin_family = AF_INET;
	door->address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	door->len = sizeof(door->address.in);
	(void)door_new(door, backlog);
	(void)snprintf(door->text, sizeof(door->text), "127.0.0.1:%u",
	               ntohs(door->address.in.sin_port));
	return door;
}

struct door *door_open(void)
{
	return door_open_tcp(1024);
}

struct door *door_open_closed(void)
{
	return door_open_tcp(-1);
}

struct door *door_open_unix(const char *path, int backlog)
{
	struct door *door = calloc(1, sizeof(*door));

	door->address.un.sun_family = AF_UNIX;
	(void)snprintf(door->address.un.sun_path, sizeof(door->address.un.sun_path), "%s", path);
	door->len = sizeof(door->address.un);
	(void)snprintf(door->text, sizeof(door->text), "unix:%s", path);
	return door_new(door, backlog);
}

void door_free(struct door *door)
{
	if (door == NULL)
		return;
	pump_remove(&door->pumped);
	(void)close(door->pumped.fd);
	free(door);
}

void door_set_setup(struct door *door, const struct peer_setup *setup)
{
	int buffer = setup->receive_buffer;

	door->setup = *setup;
	/* Inherited by what is accepted; the kernel's own choice cannot be had back. */
	if (buffer == 0 && door->narrow)
		buffer = DOOR_WIDE;
	door->narrow = setup->receive_buffer > 0;
	if (buffer > 0)
		(void)setsockopt(door->pumped.fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
}

static bool door_has_knock(void *arg)
{
	return ((struct door *)arg)->knocked;
}

struct peer *door_accept(struct door *door)
{
	int fd;

	door->knocked = false;
	door->pumped.asleep = false;
	ck_assert_msg(pump_until(door_has_knock, door), "%s: nobody connects to the backend",
	              peer_context());
	door->pumped.asleep = true;
	fd = accept4(door->pumped.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return peer_accepted(fd, &door->setup);
}

bool door_is_quiet(struct door *door)
{
	struct pollfd one = { .fd = door->pumped.fd, .events = POLLIN };

	return poll(&one, 1, 0) == 0;
}

void door_clear(struct door *door)
{
	int fd;

	while ((fd = accept4(door->pumped.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		(void)close(fd);
	door_set_setup(door, &(struct peer_setup){ 0 });
}

void door_hang(struct door *door)
{
	/* Not a byte of any packet: not even of a SYN. */
	struct sock_filter none[] = { { BPF_RET | BPF_K, 0, 0, 0 } };
	struct sock_fprog program = { 1, none };

	ck_assert_int_eq(setsockopt(door->pumped.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	                            sizeof(program)),
	                 0);
}

void door_unhang(struct door *door)
{
	int unused = 0;

	(void)setsockopt(door->pumped.fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused));
}

const char *door_address(const struct door *door)
{
	return door->text;
}

const struct sockaddr *door_sockaddr(const struct door *door, socklen_t *len)
{
	*len = door->len;
	return &door->address.any;
}
