/* SPDX-License-Identifier: ISC */
/* What a folder that stands for "/" says of our control group. */
#include "cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "folder.h"
#include "suite.h"

enum { ROOM = FOLDER_ROOM + 256 };

static char root[FOLDER_ROOM];

static void setup(void)
{
	folder_make(root);
}

static void teardown(void)
{
	folder_remove(root);
}

/* With the folders above it. */
static void write_file(const char *name, const char *text)
{
	char path[ROOM];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(without_a_limit_there_is_none)
{
	ck_assert_uint_eq(cgroup_memory(root), UINT64_MAX);
	write_file("/proc/self/cgroup", "0::/a\n");
	ck_assert_uint_eq(cgroup_memory(root), UINT64_MAX);
	write_file("/sys/fs/cgroup/a/memory.max", "max\n");
	ck_assert_uint_eq(cgroup_memory(root), UINT64_MAX);
}
END_TEST

START_TEST(version_2_counts_with_those_above)
{
	write_file("/proc/self/cgroup", "0::/system.slice/adieu.service\n");
	write_file("/sys/fs/cgroup/system.slice/adieu.service/memory.max", "4096000\n");
	ck_assert_uint_eq(cgroup_memory(root), 4096000);
	write_file("/sys/fs/cgroup/system.slice/memory.max", "8192000\n");
	ck_assert_uint_eq(cgroup_memory(root), 4096000);
	write_file("/sys/fs/cgroup/memory.max", "2048000\n");
	ck_assert_uint_eq(cgroup_memory(root), 2048000);
}
END_TEST

START_TEST(version_1_counts_where_its_controller_is)
{
	write_file("/proc/self/cgroup", "9:name=systemd:/x\n4:cpu,memory:/a/b\n3:memoryless:/c\n"
	                                "0::/\n");
	write_file("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "1\n");
	write_file("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
	write_file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000\n");
	ck_assert_uint_eq(cgroup_memory(root), 1000000);
}
END_TEST

START_TEST(in_a_container_the_top_is_our_own)
{
	write_file("/proc/self/cgroup", "4:memory:/docker/0123\n");
	write_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n");
	ck_assert_uint_eq(cgroup_memory(root), 3000000);
}
END_TEST

START_TEST(nonsense_is_no_limit)
{
	write_file("/proc/self/cgroup", "\nnonsense\n0:\n0::a\n");
	write_file("/sys/fs/cgroupa/memory.max", "soon\n");
	ck_assert_uint_eq(cgroup_memory(root), UINT64_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup");
	TCase *tcase = tcase_create("memory");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, without_a_limit_there_is_none);
	tcase_add_test(tcase, version_2_counts_with_those_above);
	tcase_add_test(tcase, version_1_counts_where_its_controller_is);
	tcase_add_test(tcase, in_a_container_the_top_is_our_own);
	tcase_add_test(tcase, nonsense_is_no_limit);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
