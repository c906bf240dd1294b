/* SPDX-License-Identifier: ISC */
/*
 * privileges - give up what only the start needed
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

/* False: there is no such user, and reason (TLS_REASON_ROOM bytes) says so. NULL will do. */
bool privileges_check(const char *user, char *reason);

/* Who we are once user, which may be NULL, is who we have become. False: see above. */
bool privileges_foresee(const char *user, uid_t *uid, char *reason);

/*
 * Becomes user, with its groups, for good. NULL: nothing to do. False: reason
 * (TLS_REASON_ROOM bytes) says why, and the process must not go on.
 */
bool privileges_drop(const char *user, char *reason);

/*
 * Whether a core may be dumped, and others of the same account may look into
 * our memory, where keys are (PR_SET_DUMPABLE, prctl(2)). After the former, which
 * changes it.
 */
void privileges_allow_dumps(bool allowed);

#endif
