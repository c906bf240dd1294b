/* SPDX-License-Identifier: ISC */
/*
 * sandbox_impl - what sandbox.c wants of its two parts
 *
 * PR_SET_NO_NEW_PRIVS is set. Neither part depends on the other.
 */
#ifndef SANDBOX_IMPL_H
#define SANDBOX_IMPL_H

#include <stdbool.h>

enum sandbox_role {
	SANDBOX_MAIN,
	SANDBOX_WORKER,
	SANDBOX_LOG,
};

/*
 * sandbox.c: errno in words, as a problem. What runs out is no property of the
 * kernel's, and so is one and the same text, this one, by its address.
 */
const char *sandbox_problem(int error);
extern const char sandbox_shortage[];

/* sandbox_seccomp.c: the calling thread may make the calls of its role. NULL, or why not. */
const char *sandbox_seccomp_enter(enum sandbox_role role);

/* sandbox_landlock.c: the version of what the kernel offers; 0: nothing. */
unsigned sandbox_landlock_version(void);

/* What a kernel of this version cannot be kept from, in words; NULL: nothing. Static. */
const char *sandbox_landlock_lacks(unsigned version);

/*
 * True: the calling thread reaches what its role has to, and nothing else; *problem
 * is NULL, or why a rule is missing, so that it may reach less. False: *problem
 * says why not; sandbox_shortage: for the rules, too.
 */
bool sandbox_landlock_enter(enum sandbox_role role, const char **problem);

#endif
