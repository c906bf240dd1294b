/* SPDX-License-Identifier: ISC */
/*
 * upgrade - another program in our place, and nobody refused
 *
 * A process is started from the file that we were started from, which may have
 * been replaced since. It inherits the listening descriptors and says, through
 * a pipe, when its own workers accept; only then do we stop doing so. What waits
 * in a backlog meanwhile is in a socket that both have. One that fails
 * leaves everything as it was.
 */
#ifndef UPGRADE_H
#define UPGRADE_H

#include <stdbool.h>
#include <sys/types.h>

struct generation;

/* What comes of it. */
struct upgrade_word {
	pid_t pid;
	int error;              /* errno of what kept it from starting; 0: it is ready */
};

/*
 * Starts the program anew with the configuration in path, as a child of
 * whoever started us: a service manager follows nobody else's. Returns where it
 * speaks, the caller's to close; -1: errno.
 */
int upgrade_start(const struct generation *generation, const char *path);

/* False: it has ended without a word. */
bool upgrade_hear(int fd, struct upgrade_word *word);

/* For the child: it is ready. Nothing, if we are nobody's child. */
void upgrade_finish(void);

#endif
