/* SPDX-License-Identifier: ISC */
/*
 * sandbox_impl - what sandbox.c wants of its two parts
 *
 * PR_SET_NO_NEW_PRIVS is set. Neither part depends on the other.
 */
#ifndef SANDBOX_IMPL_H
#define SANDBOX_IMPL_H

enum sandbox_role {
	SANDBOX_MAIN,
	SANDBOX_WORKER,
	SANDBOX_LOG,
};

/* sandbox_seccomp.c: the calling thread may make the calls of its role. NULL, or why not. */
const char *sandbox_seccomp_enter(enum sandbox_role role);

/* sandbox_landlock.c: the version of what the kernel offers; 0: nothing. */
unsigned sandbox_landlock_version(void);

/* What a kernel of this version cannot be kept from, in words; NULL: nothing. Static. */
const char *sandbox_landlock_lacks(unsigned version);

/* The calling thread may reach what its role has to. NULL, or why not. */
const char *sandbox_landlock_enter(enum sandbox_role role);

#endif
