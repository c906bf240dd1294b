/* SPDX-License-Identifier: ISC */
/*
 * wire - two connected descriptors, the first of which does not block
 */
#ifndef WIRE_H
#define WIRE_H

enum wire_kind {
	WIRE_TCP,
	WIRE_UNIX,
};
enum { WIRE_KINDS = 2 };

void wire_make(enum wire_kind kind, int ends[2]);

/* Closes with RST, which a Unix wire has not. */
void wire_reset(int fd);

#endif
