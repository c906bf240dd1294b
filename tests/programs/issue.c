/* SPDX-License-Identifier: ISC */
/*
 * issue FOLDER COUNT SERIES - many certificates for many_names.py, in a moment
 *
 * In FOLDER: ca.pem, and folders 0, 1, ... of one series each, with n0.pem,
 * n1.pem, ...: certificate, authority and key, for n0.many.test and so on. What
 * it is called (CN) is the number of its series.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "certificates.h"

enum { WEEK = 7 * 24 * 3600, ROOM = 64 };

static const char *folder;
static int count;
static int n_series;

static void issue(int series, int number)
{
	char file[ROOM];
	char cn[ROOM];
	char names[ROOM];

	(void)snprintf(file, sizeof(file), "%d/n%d.pem", series, number);
	(void)snprintf(cn, sizeof(cn), "%d", series);
	(void)snprintf(names, sizeof(names), "DNS:n%d.many.test", number);
	/* What expires within two weeks is warned of. */
	certificates_issue(folder, &(struct certificate){ .file = file,
	                                                  .cn = cn,
	                                                  .names = names,
	                                                  .usage = "serverAuth",
	                                                  .chain = true,
	                                                  .until = 4L * WEEK });
}

START_TEST(certificates_are_issued)
{
	char path[512];

	certificates_write(folder);
	for (int series = 0; series < n_series; series++) {
		(void)snprintf(path, sizeof(path), "%s/%d", folder, series);
		ck_assert_int_eq(mkdir(path, 0700), 0);
		for (int i = 0; i < count; i++)
			issue(series, i);
	}
}
END_TEST

/* A Check suite, because what it is made of asserts as tests do. */
int main(int argc, char **argv)
{
	Suite *suite = suite_create("issue");
	TCase *tcase = tcase_create("issue");
	SRunner *runner = srunner_create(suite);
	int failed;

	if (argc != 4)
		return 2;
	folder = argv[1];
	count = atoi(argv[2]);
	n_series = atoi(argv[3]);
	tcase_add_test(tcase, certificates_are_issued);
	suite_add_tcase(suite, tcase);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed;
}
