/* SPDX-License-Identifier: ISC */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tls_context.h"

static bool privileges_fail(char *reason, const char *what, const char *user, const char *why)
{
	(void)snprintf(reason, TLS_REASON_ROOM, "%s %s: %s", what, user, why);
	return false;
}

static const struct passwd *privileges_find(const char *user, char *reason)
{
	const struct passwd *account;

	errno = 0;
	account = getpwnam(user);
	if (account == NULL)
		(void)privileges_fail(reason, "cannot find", user,
		                      errno != 0 ? strerror(errno) : "no such account");
	return account;
}

bool privileges_check(const char *user, char *reason)
{
	return user == NULL || privileges_find(user, reason) != NULL;
}

bool privileges_foresee(const char *user, uid_t *uid, char *reason)
{
	const struct passwd *account;

	*uid = geteuid();
	/* Whoever is not root stays who he is, and a reload changes nobody. */
	if (user == NULL || *uid != 0)
		return true;
	account = privileges_find(user, reason);
	if (account != NULL)
		*uid = account->pw_uid;
	return account != NULL;
}

bool privileges_drop(const char *user, char *reason)
{
	const struct passwd *account;

	if (user == NULL)
		return true;
	account = privileges_find(user, reason);
	if (account == NULL)
		return false;
	if (geteuid() == account->pw_uid)
		return true;
	if (initgroups(user, account->pw_gid) != 0 || setgid(account->pw_gid) != 0 ||
	    setuid(account->pw_uid) != 0)
		return privileges_fail(reason, "cannot become", user, strerror(errno));
	return true;
}

void privileges_allow_dumps(bool allowed)
{
	(void)prctl(PR_SET_DUMPABLE, allowed ? 1UL : 0UL, 0UL, 0UL,
	            0UL); /* fails for other values */
}
