/* SPDX-License-Identifier: ISC */
/*
 * sandbox - what our threads may still ask of the kernel once they are set up
 *
 * Each thread is confined by itself and for good, and what it begins inherits
 * that: the main thread first, then each worker, which needs far less, on top.
 * A part that the kernel does not have is missed in the log, and the other
 * one does what it can. What is missing for want of memory or descriptors would
 * be missing for good, so with that nobody starts.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

/*
 * For the main thread, with all rights that it was to lose lost and no worker begun: confines it,
 * and says what the sandbox consists of. wanted: else it only says that there is none. NULL, or
 * why the process must not go on.
 */
const char *sandbox_begin(bool wanted);

/* For the thread of a worker, before it meets anybody. Without sandbox_begin() nothing. */
void sandbox_enter_worker(void);

/* Likewise for that of the log, which writes to what is open, and connects to the system's loggers.
 */
void sandbox_enter_log(void);

#endif
