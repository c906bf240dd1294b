/* SPDX-License-Identifier: ISC */
#include "plain_pair.h"

#include <string.h>
#include <unistd.h>

#include "suite.h"

struct plain_pair plain = { .peer = -1 };

static void wake(void *owner)
{
	(void)owner;
	plain.woken++;
}

void plain_pair_watch(int fd, bool connected)
{
	ck_assert(poller_init(&plain.poller));
	plain.sock = socket_plain_new(fd);
	ck_assert(socket_watch(plain.sock, &plain.poller, connected, wake, NULL));
	plain.woken = 0;
}

void plain_pair_meet(enum wire_kind kind)
{
	int ends[2];

	wire_make(kind, ends);
	plain.peer = ends[1];
	plain_pair_watch(ends[0], true);
}

void plain_pair_tear_down(void)
{
	socket_free(plain.sock);
	if (plain.peer >= 0)
		plain_pair_leave();
	poller_clear(&plain.poller);
}

void plain_pair_say(const char *text)
{
	ck_assert_int_eq(write(plain.peer, text, strlen(text)), (ssize_t)strlen(text));
}

void plain_pair_leave(void)
{
	(void)close(plain.peer);
	plain.peer = -1;
}

void plain_pair_reset(void)
{
	wire_reset(plain.peer);
	plain.peer = -1;
}

void plain_pair_await(void)
{
	unsigned before = plain.woken;

	while (plain.woken == before)
		poller_turn(&plain.poller, true);
}

size_t plain_pair_receive(void)
{
	size_t sum = 0;
	size_t got;

	for (;;) {
		enum io io = socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got);

		sum += got;
		if (io == IO_ENDED)
			return sum;
		if (io == IO_WAIT)
			plain_pair_await();
	}
}

enum ending_kind plain_pair_ending(void)
{
	return socket_ending(plain.sock).kind;
}
