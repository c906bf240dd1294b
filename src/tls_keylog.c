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
static const char *keylog_judge(int fd, uid_t owner)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "is no file";
	/* root, if that is who stays, may write to anybody's. */
	if (status.st_uid != owner && owner != 0)
		return "belongs to somebody else";
	if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "others may read or write this file of secrets; chmod 600";
	return NULL;
}

/*
 * One that is there is not given away: in a folder of the account's own it may be
 * another name of a file that is none of his. -1 and errno.
 */
static int keylog_open(const char *path, uid_t owner)
{
	const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	const int made = open(path, flags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);

	if (made < 0)
		return errno == EEXIST ? open(path, flags) : -1;
	if (owner != geteuid() && fchown(made, owner, (gid_t)-1) != 0) {
		const int error = errno;

		(void)close(made);
		errno = error;
		return -1;
	}
	return made;
}

bool tls_keylog_prepare(const char *path, uid_t owner, char *reason)
{
	const char *wrong = NULL;

	if (path == NULL)
		return true;
	keylog_prepared = keylog_open(path, owner);
	wrong = keylog_prepared < 0 ? strerror(errno) : keylog_judge(keylog_prepared, owner);
	if (wrong == NULL)
		return true;
	(void)snprintf(reason, TLS_REASON_ROOM, "%s: %s", path, wrong);
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
