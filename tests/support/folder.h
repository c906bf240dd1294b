/* SPDX-License-Identifier: ISC */
/*
 * folder - a temporary folder of one test program
 */
#ifndef FOLDER_H
#define FOLDER_H

enum { FOLDER_ROOM = 64 };

/* Makes one and writes its path to room. */
void folder_make(char room[static FOLDER_ROOM]);
/* Removes it with the files in it. */
void folder_remove(const char *folder);

#endif
