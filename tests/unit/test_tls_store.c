/* SPDX-License-Identifier: ISC */
/* That thousands of certificates are loaded fast, cost little, and are kept. */
#include "tls_store.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "catalog.h"
#include "certificates.h"
#include "folder.h"
#include "suite.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MANY = 500 };
#else
enum { MANY = 5000 };
#endif
enum { DAY = 24 * 3600, SECONDS = 6, BYTES_EACH = 40 * 1024 };

static char folder[FOLDER_ROOM];
static char *folders[] = { folder };
static char reason[TLS_REASON_ROOM];
static const struct listener_config listener = { .name = (char *)"test",
	                                         .cert_dirs = { folders, 1 } };

/* They differ in their names alone: made in a second, and as large as any. */
static void make_many(void)
{
	char scratch[FOLDER_ROOM];

	folder_make(scratch);
	certificates_write(scratch);
	folder_remove(scratch);
	for (int i = 0; i < MANY; i++) {
		char file[32];
		char names[64];

		(void)snprintf(file, sizeof(file), "n%d.pem", i);
		(void)snprintf(names, sizeof(names), "DNS:n%d.test,DNS:www.n%d.test", i, i);
		certificates_issue(
			folder,
			&(struct certificate){ .file = file, .names = names, .until = 90 * DAY });
	}
}

/* Of one thread: others are not our fault. */
static double used_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t used_bytes(void)
{
	return mallinfo2().uordblks;
}

START_TEST(thousands_are_loaded_fast_and_cost_little)
{
	struct catalog first;
	struct catalog second;
	double making = -used_seconds();
	double seconds;
	size_t bytes;

	make_many();
	making += used_seconds();
	seconds = used_seconds();
	bytes = used_bytes();
	ck_assert_msg(catalog_open(&first, &listener, NULL, reason), "%s", reason);
	seconds = used_seconds() - seconds;
	bytes = (used_bytes() - bytes) / MANY;
	(void)printf("%d certificates in %.2f s, %zu bytes each\n", MANY, seconds, bytes);
	ck_assert_uint_eq(tls_catalog_count(first.catalog), MANY);
	ck_assert_uint_eq(tls_catalog_count_names(first.catalog), 2 * MANY);
	/* Under valgrind everything takes longer. */
	ck_assert(seconds < SECONDS || seconds < making);
	ck_assert_uint_lt(bytes, BYTES_EACH);

	seconds = used_seconds();
	ck_assert_msg(catalog_open(&second, &listener, &first, reason), "%s", reason);
	seconds = used_seconds() - seconds;
	(void)printf("again in %.2f s\n", seconds);
	ck_assert_uint_eq(tls_store_count_kept(second.store), MANY);
	catalog_close(&first);
	catalog_close(&second);
}
END_TEST

static void make_folder(void)
{
	folder_make(folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("tls_store");
	TCase *tcase = tcase_create("many");

	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, thousands_are_loaded_fast_and_cost_little);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
