/* SPDX-License-Identifier: ISC */
/*
 * notify - telling the service manager, as sd_notify(3) describes it
 *
 * A datagram to the socket that $NOTIFY_SOCKET names; without that, nothing.
 * Every call is from the main thread.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Assignments, a line each: "READY=1\nSTATUS=...". What cannot be sent is lost. */
void notify(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "RELOADING=1" with the time it wants. */
void notify_reloading(const char *status);

/* What is under way may take so long from now on; what is too long to be told is very long. */
void notify_extend_timeout(uint64_t milliseconds);

/* Milliseconds within which WATCHDOG=1 is due again; 0: nobody waits for it. */
uint64_t notify_watchdog(void);

/* From now on it is due within so many, if anybody waits for it. */
void notify_stretch_watchdog(uint64_t milliseconds);

#endif
