/* SPDX-License-Identifier: ISC */
/*
 * Workers write at any time, so a descriptor that they may know is never closed:
 * its number could be a connection's the next moment. Another file takes its
 * number, and if that shall be none, /dev/null does.
 */
#include "tls_keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tls_context.h"
#include "tls_secrets.h"

static atomic_int keylog_fd = -1;       /* -1: there never was one */
static int keylog_prepared = -1;        /* -1: none */

/* NULL, or what is wrong with it. */
static const char *keylog_judge(int fd)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "is no file";
	/* root may open it for the account that it becomes. */
	if (status.st_uid != geteuid() && geteuid() != 0)
		return "belongs to somebody else";
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "others may read or write this file of secrets; chmod 600";
	return NULL;
}

bool tls_keylog_prepare(const char *path, char *reason)
{
	const char *wrong = NULL;

	if (path == NULL)
		return true;
	keylog_prepared =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
	             S_IRUSR | S_IWUSR);
	wrong = keylog_prepared < 0 ? strerror(errno) : keylog_judge(keylog_prepared);
	if (wrong == NULL)
		return true;
	(void)snprintf(reason, TLS_REASON_ROOM, "keylog: %s: %s", path, wrong);
	tls_keylog_cancel();
	return false;
}

/* One call, and so one piece in the file. What does not fit on the disk is missing there. */
static void keylog_on_line(const SSL *ssl, const char *line)
{
	const struct iovec parts[] = {
		{ .iov_base = (char *)line, .iov_len = strlen(line) },
		{ .iov_base = (char *)"\n", .iov_len = 1 },
	};

	tls_secrets_hear(ssl, line);
	(void)!writev(atomic_load(&keylog_fd), parts, 2);
}

void tls_keylog_apply(SSL_CTX *ctx)
{
	if (keylog_prepared >= 0)
		SSL_CTX_set_keylog_callback(ctx, keylog_on_line);
}

void tls_keylog_commit(void)
{
	int known = atomic_load(&keylog_fd);

	if (known < 0) {
		atomic_store(&keylog_fd, keylog_prepared);
		keylog_prepared = -1;
		return;
	}
	if (keylog_prepared < 0)
		keylog_prepared = open("/dev/null", O_WRONLY | O_CLOEXEC);
	/* Without /dev/null secrets still go where the operator once wanted them. */
	if (keylog_prepared >= 0)
		(void)dup3(keylog_prepared, known, O_CLOEXEC);
	tls_keylog_cancel();
}

void tls_keylog_cancel(void)
{
	if (keylog_prepared >= 0)
		(void)close(keylog_prepared);
	keylog_prepared = -1;
}
