/* SPDX-License-Identifier: ISC */
/* In place of sandbox_seccomp.c where there is no libseccomp. */
#include "sandbox_impl.h"

const char *sandbox_seccomp_enter(enum sandbox_role role)
{
	(void)role;
	return "adieu was built without libseccomp";
}
