/* SPDX-License-Identifier: ISC */
/*
 * plain_pair - our plain socket at one end of a wire, a descriptor at the other
 */
#ifndef PLAIN_PAIR_H
#define PLAIN_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "socket_impl.h"
#include "wire.h"

enum { PLAIN_PAIR_ROOM = 65536 };

struct plain_pair {
	struct socket *sock;
	int peer;         /* blocks; -1: closed */
	struct poller poller;
	unsigned woken;                 /* how often our side was */
	char room[PLAIN_PAIR_ROOM + SOCKET_RECV_SLACK]; /* for anybody */
};

/* The one that a test plays with. */
extern struct plain_pair plain;

void plain_pair_meet(enum wire_kind kind);
/* A socket of the test's own instead, without a peer. */
void plain_pair_watch(int fd, bool connected);
void plain_pair_tear_down(void);

/* The peer says something; closes; closes with RST. */
void plain_pair_say(const char *text);
void plain_pair_leave(void);
void plain_pair_reset(void);

/* Until the kernel has news for our side. */
void plain_pair_await(void);
/* Our side receives to the end; the bytes. */
size_t plain_pair_receive(void);
/* How that was. */
enum ending_kind plain_pair_ending(void);

#endif
