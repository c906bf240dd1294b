/* SPDX-License-Identifier: ISC */
/*
 * account - the CPU time that processes have used, as the kernel counts it
 *
 * Each process has a clock that ticks while one of its threads runs; it is the
 * scheduler's own account in nanoseconds (the sum of what stands in
 * /proc/PID/task/TID/schedstat), and it keeps what threads have used that are
 * gone, which matters for a proxy with a thread per connection. Work that the
 * kernel does for a process in its system calls and in the interrupts that hit
 * it is in it.
 */
#ifndef BENCH_ACCOUNT_H
#define BENCH_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { ACCOUNT_PROCESSES = 64 };

struct account {
	clockid_t clocks[ACCOUNT_PROCESSES];
	int n;
};

/* False if there is no such process, or no room for another one. */
bool account_add(struct account *account, pid_t pid);
/* Nanoseconds, of all of them together. */
uint64_t account_read(const struct account *account);

#endif
