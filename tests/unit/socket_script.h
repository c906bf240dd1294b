/* SPDX-License-Identifier: ISC */
/*
 * socket_script - a third kind of socket: receives what a test has written down
 *
 * Sending is the plain kind's, to a socketpair whose other end is the test's.
 * socket_script_stop() makes the kernel refuse, socket_script_go() take again.
 */
#ifndef SOCKET_SCRIPT_H
#define SOCKET_SCRIPT_H

#include "socket.h"

struct script_line {
	enum io io;
	size_t got;             /* bytes that come with it */
	enum ending_kind ending; /* for IO_ENDED */
};

/* Says the lines one after another, then IO_WAIT. Lines are borrowed. */
struct socket *socket_script_new(const struct script_line *lines, size_t n, int *other_end);

/* How many lines were said. */
size_t socket_script_said(const struct socket *sock);

void socket_script_stop(struct socket *sock);
void socket_script_go(struct socket *sock);

#endif
