/* SPDX-License-Identifier: ISC */
/*
 * upgrade_impl - what both sides of an upgrade have in common; for upgrade*.c only
 */
#ifndef UPGRADE_IMPL_H
#define UPGRADE_IMPL_H

#include "upgrade.h"

/* The variable that names an heir's end of the socket. */
extern const char upgrade_socket_name[];

/* A word to the one before. Safe in a child between fork(2) and exec(3). */
void upgrade_send(int fd, const struct upgrade_word *word);
/* The same, without a reason. */
void upgrade_say(int fd, enum upgrade_what what, int error);

#endif
