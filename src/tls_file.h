/* SPDX-License-Identifier: ISC */
/*
 * tls_file - a small file, read whole, and whether it has changed since
 */
#ifndef TLS_FILE_H
#define TLS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

/* A file as it was when it was read; equal: it has not changed since. */
struct tls_file {
	char *path;
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

/* What it is at path now. False: errno. */
bool tls_file_look(struct tls_file *file, const char *path);
bool tls_file_is_same(const struct tls_file *a, const struct tls_file *b);

/* A whole file, at most a megabyte, to be freed with OPENSSL_clear_free(); NULL: errno. */
unsigned char *tls_file_read(const char *path, size_t *len);

/* True when everybody may read it. One without a name, like the demo's, nobody else can open. */
bool tls_file_is_public(const char *path);

#endif
