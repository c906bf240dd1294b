/* SPDX-License-Identifier: ISC */
/*
 * daemon - the running whole: listening addresses, workers, signals, the end
 *
 * The main thread owns it and carries no relay. SIGTERM and SIGINT drain: no
 * more connections, running relays go on until drain-timeout, then they are
 * cut; a second signal cuts at once.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config.h"
#include "worker.h"

struct daemon;
struct event_base;

/*
 * Loads everything and listens; nothing runs yet. config is borrowed, observer
 * copied (NULL: none). NULL: reason (TLS_REASON_ROOM bytes) says why.
 */
struct daemon *daemon_new(const struct config *config, const struct observer *observer,
                          char *reason);

/* Where the n-th listener's first address is bound; borrowed. */
const struct address *daemon_address(const struct daemon *daemon, size_t n);

/* The main thread's event base, to hang other things on; borrowed. */
struct event_base *daemon_base(struct daemon *daemon);

/* Runs until it was told to end and has. False: it could not begin; reason says why. */
bool daemon_run(struct daemon *daemon, char *reason);

/* NULL is fine. */
void daemon_free(struct daemon *daemon);

/*
 * True when everything the configuration names can be loaded; binds nothing.
 * What cannot is written to errors, a line each, after path.
 */
bool daemon_check(const struct config *config, const char *path, FILE *errors);

#endif
