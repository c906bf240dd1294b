/* SPDX-License-Identifier: ISC */
#include "folder.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void folder_make(char room[static FOLDER_ROOM])
{
	(void)snprintf(room, FOLDER_ROOM, "/tmp/adieu-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(room));
}

void folder_remove(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (dir == NULL)
		return;
	/* "." and ".." are no files, and stay. */
	while ((entry = readdir(dir)) != NULL)
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(folder);
}
