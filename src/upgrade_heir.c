/* SPDX-License-Identifier: ISC */
/* The new process of an upgrade: what it asks the one before it, and tells it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "upgrade_impl.h"

/* -1: we are nobody's. */
static int upgrade_find_socket(void)
{
	const char *text = getenv(upgrade_socket_name);
	int fd = text != NULL ? (int)strtol(text, NULL, 10) : -1;

	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* it is open, or is found not to be */
	return fd;
}

bool upgrade_is_heir(void)
{
	return upgrade_find_socket() >= 0;
}

enum upgrade_verdict upgrade_ask(struct upgrade_answer *answer)
{
	const int fd = upgrade_find_socket();
	ssize_t n;

	*answer = (struct upgrade_answer){ .yes = 0 };
	if (fd < 0)
		return UPGRADE_ALONE;
	upgrade_say(fd, UPGRADE_ASKS, 0); /* an answer may be there in any case */
	do
		n = recv(fd, answer, sizeof(*answer), 0);
	/* Who closes with our question unread resets; what it said before follows. */
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < (ssize_t)sizeof(answer->yes))
		return UPGRADE_ALONE; /* who started us is gone */
	if (n < (ssize_t)sizeof(*answer) || answer->len > sizeof(answer->secrets))
		answer->len = 0;
	return answer->yes != 0 ? UPGRADE_YES : UPGRADE_NO;
}

void upgrade_complain(const char *reason, size_t len)
{
	struct upgrade_word word = { .what = UPGRADE_FAILED };
	const int fd = upgrade_find_socket();

	if (len >= sizeof(word.reason))
		len = sizeof(word.reason) - 1;
	memcpy(word.reason, reason, len);
	if (fd >= 0)
		upgrade_send(fd, &word);
}

static void upgrade_hang_up(void)
{
	const int fd = upgrade_find_socket();

	if (fd >= 0)
		(void)close(fd);
	(void)unsetenv(upgrade_socket_name); /* cannot fail */
}

void upgrade_finish(void)
{
	const int fd = upgrade_find_socket();

	if (fd >= 0)
		upgrade_say(fd, UPGRADE_READY, 0);
	upgrade_hang_up();
}

void upgrade_give_up(const char *reason)
{
	upgrade_complain(reason, strlen(reason));
	upgrade_hang_up();
}
