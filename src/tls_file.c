/* SPDX-License-Identifier: ISC */
#include "tls_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <openssl/crypto.h>

enum { TLS_FILE_MOST = 1 << 20 };

bool tls_file_look(struct tls_file *file, const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return false;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	file->size = status.st_size;
	file->modified = status.st_mtim;
	file->changed = status.st_ctim;
	return true;
}

static bool tls_file_same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool tls_file_is_same(const struct tls_file *a, const struct tls_file *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       tls_file_same_time(a->modified, b->modified) &&
	       tls_file_same_time(a->changed, b->changed);
}

bool tls_file_is_public(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink > 0 &&
	       (status.st_mode & S_IROTH) != 0;
}

unsigned char *tls_file_read(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	struct stat status;
	unsigned char *room = NULL;
	size_t most = 0;
	int error;

	*len = 0;
	if (file != NULL && fstat(fileno(file), &status) == 0)
		most = status.st_size < TLS_FILE_MOST ? (size_t)status.st_size + 1 : TLS_FILE_MOST;
	if (most > 0)
		room = OPENSSL_malloc(most);
	if (room != NULL) {
		setbuf(file, NULL); /* a key shall be in room alone */
		*len = fread(room, 1, most, file);
	}
	error = errno;
	if (room != NULL && (*len == most || ferror(file))) {
		error = *len == most ? EFBIG : errno;
		OPENSSL_clear_free(room, *len);
		room = NULL;
	}
	if (file != NULL)
		(void)fclose(file); /* only read from */
	errno = error;
	return room;
}
