/* SPDX-License-Identifier: ISC */
/*
 * poller - what a worker watches its sockets with: an event base, and second looks
 *
 * A read that returns less than it asked for has emptied the socket. To hear
 * EAGAIN as well costs a system call for each message, and an end that came
 * with the data is known without: EPOLLRDHUP tells of a FIN. It tells of a RST
 * too, but from libevent, in that case, we hear only that there is something
 * to read. So a socket that was not asked for the last word is looked at again
 * a little later, and one that was read in the meantime is spared.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

struct socket;

TAILQ_HEAD(socket_list, socket);

struct poller {
	struct event_base *base;        /* borrowed */
	struct event tick;
	struct socket_list fresh;       /* read since the last tick */
	struct socket_list stale;       /* read before it */
};

/*
 * A base for one thread. NULL: out of memory or descriptors, and then with no
 * second best; libevent has poll(2) to fall back on, which tells of no edges.
 */
struct event_base *poller_new_base(void);

/* False: out of memory. */
bool poller_init(struct poller *poller, struct event_base *base);

/* Before the base is freed; no socket uses it any more. */
void poller_clear(struct poller *poller);

/*
 * For socket.c: sock's owner is to be woken POLLER_LOOK_MS from now, or up to
 * twice that. False: without memory for that; ask it now.
 */
bool poller_look_later(struct poller *poller, struct socket *sock);
enum { POLLER_LOOK_MS = 20 };

/* For socket.c: no need any more; fine for one that is not waiting. */
void poller_spare(struct socket *sock);

#endif
