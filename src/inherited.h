/* SPDX-License-Identifier: ISC */
/*
 * inherited - listening descriptors from whoever started us
 *
 * A service manager passes those of its sockets as sd_listen_fds(3) has it:
 * $LISTEN_PID, $LISTEN_FDS and $LISTEN_FDNAMES; here they are called
 * "systemd:NAME", and stay for the life of the process. The process that we
 * take over from passes all of its own in $ADIEU_LISTENS: for each address a
 * line "FD NAME" for its first worker, and "FD" for each other. So port 0 may
 * be there more than once, and counts in the order of the file.
 *
 * For the main thread alone.
 */
#ifndef INHERITED_H
#define INHERITED_H

#include <stdbool.h>

/* Once, before there are threads. False: out of memory. */
bool inherited_load(void);

/* How many there are of that name, for one address. */
unsigned inherited_count(const char *name);

/* How many addresses of that name there are. */
unsigned inherited_count_addresses(const char *name);

/* A descriptor of that name, the caller's from here on. -1: there is none, or errno says why. */
int inherited_take(const char *name);

/* Closes what the process before had and we do not want. */
void inherited_drop(void);

/* Closes everything. */
void inherited_free(void);

#endif
