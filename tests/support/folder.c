/* SPDX-License-Identifier: ISC */
#include "folder.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void folder_make(char room[static FOLDER_ROOM])
{
	(void)snprintf(room, FOLDER_ROOM, "/tmp/adieu-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(room));
}

static int folder_remove_one(const char *path, const struct stat *status, int kind,
                             struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	(void)remove(path);
	return 0;
}

void folder_remove(const char *folder)
{
	(void)nftw(folder, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
