/* SPDX-License-Identifier: ISC */
/*
 * sni - a name that a client asks for, and what it may be known as
 *
 * Names are compared in lower case, byte by byte; of what is in a certificate or
 * a route, "*." stands for one label. One that is there as it is goes before
 * that.
 */
#ifndef SNI_H
#define SNI_H

#include <stddef.h>

enum { SNI_ROOM = 256 };

/* The first len bytes of name in lower case; what is too long for any name is cut. */
void sni_lower(const char *name, size_t len, char lower[SNI_ROOM]);

/* Changes a name in lower case to the one that stands for it, and all beside it. NULL: none. */
const char *sni_widen(char lower[SNI_ROOM]);

/*
 * NULL, or why a name in lower case, with or without "*." before it, is none that a
 * client asks for; as it may follow the quoted name, "is longer than 253 characters".
 */
const char *sni_check(const char *name);

#endif
