/* SPDX-License-Identifier: ISC */
/*
 * deadlines - what is due when, the earliest first
 *
 * A pairing heap (Fredman, Sedgewick, Sleator and Tarjan, 1986). What it holds
 * is embedded in what it is about, so setting a deadline needs no memory and
 * cannot fail, and to set or to look costs the same however many there are.
 * Pure: knows no clock.
 */
#ifndef DEADLINES_H
#define DEADLINES_H

#include <stdint.h>

/* Embedded, zeroed. */
struct deadline {
	uint64_t due;               /* 0: not set */
	struct deadline *child;     /* the first of those that are due later */
	struct deadline *next;      /* its siblings */
	struct deadline *previous;  /* for the first of them: whose child it is */
};

/* Zeroed storage is an empty one. */
struct deadlines {
	struct deadline *first;     /* the earliest; NULL: none is set */
};

/* Sets it, or moves it; due is not 0. */
void deadlines_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t due);

/* Fine for one that is not set. */
void deadlines_unset(struct deadlines *deadlines, struct deadline *deadline);

#endif
