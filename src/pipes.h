/* SPDX-License-Identifier: ISC */
/*
 * pipes - a worker's pipes for splice(2)
 *
 * Bytes go from one plain socket to another through a pipe without being
 * copied. A pipe is borrowed for as long as something is in it, which is the
 * length of a turn unless the sink stalls.
 */
#ifndef PIPES_H
#define PIPES_H

#include <stddef.h>

struct pipes;

struct pipe {
	int in;   /* both ends do not block */
	int out;
	size_t len;             /* bytes in it */
	struct pipes *pipes;
};

struct pipes {
	struct pipe *idle;      /* one is kept: a worker has one turn at a time */
	unsigned n;             /* in all */
};

enum {
	/* What is moved at once, at most, and so what a pipe can hold. */
	PIPES_SIZE = 256 * 1024,
	/* So many descriptors does a worker spend on them at most. */
	PIPES_FDS = 128,
};

/* Makes the one to be kept; without it they are made when they are needed. */
void pipes_init(struct pipes *pipes);

/* Closes it; all are back. */
void pipes_clear(struct pipes *pipes);

/* An empty one. NULL: too many are in use, or the system has no more. */
struct pipe *pipe_take(struct pipes *pipes);

/* Back to where it came from; one that is not empty is closed. NULL is fine. */
void pipe_give_back(struct pipe *pipe);

#endif
