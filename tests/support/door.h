/* SPDX-License-Identifier: ISC */
/*
 * door - where a backend of ours is connected to
 *
 * A listening socket on a free loopback port, or at a Unix path. Whoever
 * knocks waits in the backlog until the test lets it in.
 */
#ifndef DOOR_H
#define DOOR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "peer.h"

struct door;

struct door *door_open(void);
/* Bound, so that the port is ours, and never listened at: a connect(2) is refused. */
struct door *door_open_closed(void);
struct door *door_open_unix(const char *path, int backlog);
/* Closes it; who waits outside is reset. NULL is fine. */
void door_free(struct door *door);

/* What the next ones who are let in are. The setup is copied. */
void door_set_setup(struct door *door, const struct peer_setup *setup);
/* Waits until somebody knocks. */
struct peer *door_accept(struct door *door);
/* Nobody waits outside. */
bool door_is_quiet(struct door *door);
/* Lets everybody in who waits, and throws them out. */
void door_clear(struct door *door);
/* Does not answer any more: a connect(2) to it hangs. */
void door_hang(struct door *door);
/* Answers again. */
void door_unhang(struct door *door);

/* As a configuration has it: "127.0.0.1:40123", "unix:/tmp/x.sock". */
const char *door_address(const struct door *door);
const struct sockaddr *door_sockaddr(const struct door *door, socklen_t *len);

#endif
