/* SPDX-License-Identifier: ISC */
/*
 * ini_file - a file of [sections] and keys, told line by line
 */
#ifndef INI_FILE_H
#define INI_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Longest line, its newline not counted. */
enum { INI_LINE_MAX = 65536 };

/* Who is told. Text is borrowed for the call. Lines count from 1. */
struct ini_listener {
	void (*section)(void *arg, unsigned line, const char *name);
	/* Never before the first section, nor in one whose name is unreadable. */
	void (*key)(void *arg, unsigned line, const char *key, const char *value);
	void (*error)(void *arg, unsigned line, const char *reason);
	void *arg;
};

/* Reads to the end, whatever is wrong on the way. False: it cannot be read; see errno. */
bool ini_file_read(FILE *file, const struct ini_listener *listener);

#endif
