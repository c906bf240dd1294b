/* SPDX-License-Identifier: ISC */
/*
 * privileges - give up what only the start needed
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>

/*
 * Becomes user, with its groups, for good. NULL: nothing to do. False: reason
 * (TLS_REASON_ROOM bytes) says why, and the process must not go on.
 */
bool privileges_drop(const char *user, char *reason);

#endif
