/* SPDX-License-Identifier: ISC */
/*
 * confined - a thread in one part of a role's sandbox, and what it tries there
 *
 * Each part by itself, for where both forbid the same one could hide that the
 * other does not. The calling thread stays free.
 */
#ifndef CONFINED_H
#define CONFINED_H

#include "sandbox_impl.h"

/* errno, or 0. */
typedef int trial(void);

/* What the trial came to. */
int confined_by_seccomp(enum sandbox_role role, trial *tried);
int confined_by_landlock(enum sandbox_role role, trial *tried);

/* Trials of both. */
int try_to_read(void);
int try_to_bind(void);

/* errno if fd is none; else closes it. */
int errno_of(int fd);

#endif
