/* SPDX-License-Identifier: ISC */
/*
 * explain - what a configuration comes to, and which line each value is from
 */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

/* Reads the file at path, and loads what it names. False: errors says what is wrong. */
bool explain(const char *path, FILE *out, FILE *errors);

#endif
