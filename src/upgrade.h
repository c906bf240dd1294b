/* SPDX-License-Identifier: ISC */
/*
 * upgrade - another program in our place, and nobody refused
 *
 * A child is started from the file that we were started from, which may have
 * been replaced since. It inherits the listening descriptors and says, through
 * a pipe, when its own workers accept; only then do we stop doing so. What waits
 * in a backlog meanwhile is in a socket that both have. A child that fails
 * leaves everything as it was.
 */
#ifndef UPGRADE_H
#define UPGRADE_H

#include <stdbool.h>
#include <sys/types.h>

struct generation;

/*
 * Starts the program anew with the configuration in path. *ready is where it
 * speaks: a byte when it is ready, and nothing if it never will be; the
 * caller's to close. Returns its pid; -1: errno.
 */
pid_t upgrade_start(const struct generation *generation, const char *path, int *ready);

/* For the child: it is ready. Nothing, if we are nobody's child. */
void upgrade_finish(void);

#endif
