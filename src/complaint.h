/* SPDX-License-Identifier: ISC */
/*
 * complaint - why we do not start, for a person to read
 *
 * There may be no log yet, so it goes to standard error, a line for each thing
 * that is wrong. That may be nobody's if we were to take over from another
 * process; so that one, which has a log that is in use, is told the first line.
 */
#ifndef COMPLAINT_H
#define COMPLAINT_H

#include <stdio.h>

/* To be written to, and not to be closed. One thread's. */
FILE *complaints(void);

#endif
