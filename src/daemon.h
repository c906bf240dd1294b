/* SPDX-License-Identifier: ISC */
/*
 * daemon - the running whole: listening addresses, workers, signals, the end
 *
 * The main thread owns it and carries no relay. SIGTERM and SIGINT drain: no
 * more connections, running relays go on until drain-timeout, then they are
 * cut; a second signal cuts at once. SIGHUP loads the configuration again, all
 * of it or nothing. SIGUSR1 opens a log file again. The service manager is told
 * of it all.
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
 * Loads everything and listens; nothing runs yet. Takes config, in any case.
 * path, which is borrowed, is what SIGHUP reads; NULL: it ends us, as a
 * terminal that hangs up should. observer is copied (NULL: none). NULL: reason
 * (TLS_REASON_ROOM bytes) says why, or it is empty and stderr has all of it.
 */
struct daemon *daemon_new(const char *path, struct config *config, const struct observer *observer,
                          char *reason);

/* Where the n-th listener's first address is bound; borrowed. */
const struct address *daemon_address(const struct daemon *daemon, size_t n);

/* The main thread's event base, to hang other things on; borrowed. */
struct event_base *daemon_base(struct daemon *daemon);

/* Runs until it was told to end and has. False: it could not begin; reason says why. */
bool daemon_run(struct daemon *daemon, char *reason);

/* NULL is fine. */
void daemon_free(struct daemon *daemon);

#endif
