/* SPDX-License-Identifier: ISC */
/* Which certificate a name gets, and what is said about those in a folder. */
#include "tls_catalog.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog.h"
#include "certificates.h"
#include "folder.h"
#include "suite.h"

enum { DAY = 24 * 3600, MONTH = 30 * DAY, PATH_ROOM = FOLDER_ROOM + 64 };

static char folder[FOLDER_ROOM];
static char *folders[] = { folder };
static char reason[TLS_REASON_ROOM];
static struct listener_config listener;
static struct catalog catalog;

static void issue(const char *file, const char *names, int rsa_bits, long until)
{
	certificates_issue(folder, &(struct certificate){ .file = file,
	                                                  .names = names,
	                                                  .rsa_bits = rsa_bits,
	                                                  .until = until });
}

static void open_it(void)
{
	ck_assert_msg(catalog_open(&catalog, &listener, NULL, reason), "%s", reason);
}

static const char *file_of(const struct tls_credential *credential)
{
	return credential == NULL ? "none" : strrchr(credential->cert_file.path, '/') + 1;
}

/* The files that a client gets who asks for name; kinds as "ecdsa rsa". */
static void expect(const char *name, const char *ecdsa, const char *rsa)
{
	const struct tls_set *set = name != NULL ? tls_catalog_find(catalog.catalog, name)
	                                         : tls_catalog_default(catalog.catalog);

	ck_assert_ptr_nonnull(set);
	ck_assert_str_eq(file_of(set->of[TLS_KIND_ECDSA]), ecdsa);
	ck_assert_str_eq(file_of(set->of[TLS_KIND_RSA]), rsa);
}

static void expect_finding(const char *file, const char *text)
{
	char line[PATH_ROOM + 128];

	(void)snprintf(line, sizeof(line), "%s/%s %s", folder, file, text);
	ck_assert_msg(strstr(catalog.findings, line) != NULL, "findings:\n%s", catalog.findings);
}

START_TEST(an_exact_name_goes_before_a_wildcard)
{
	issue("a.pem", "DNS:*.x.test", 0, MONTH);
	issue("b.pem", "DNS:www.x.test,DNS:x.test", 0, MONTH);
	open_it();
	expect("www.x.test", "b.pem", "none");
	expect("WWW.X.Test", "b.pem", "none");
	expect("mail.x.test", "a.pem", "none");
	expect("x.test", "b.pem", "none");
	ck_assert_ptr_null(tls_catalog_find(catalog.catalog, "a.b.x.test"));
	ck_assert_ptr_null(tls_catalog_find(catalog.catalog, "y.test"));
	ck_assert_ptr_null(tls_catalog_find(catalog.catalog, ".x.test"));
	ck_assert_ptr_null(tls_catalog_find(catalog.catalog, ""));
	expect(NULL, "a.pem", "none");
}
END_TEST

START_TEST(each_kind_of_key_has_its_place)
{
	issue("a.pem", "DNS:x.test", 0, MONTH);
	issue("b.pem", "DNS:x.test", 2048, MONTH);
	issue("c.pem", "DNS:y.test", 2048, MONTH);
	open_it();
	expect("x.test", "a.pem", "b.pem");
	expect("y.test", "none", "c.pem");
	expect(NULL, "a.pem", "b.pem");
	ck_assert_str_eq(catalog.findings, "");
}
END_TEST

START_TEST(what_is_valid_goes_before_what_is_not)
{
	issue("a.pem", "DNS:x.test,DNS:y.test", 0, -DAY);
	issue("b.pem", "DNS:x.test", 0, MONTH);
	issue("c.pem", "DNS:*.test", 0, MONTH);
	issue("d.pem", "DNS:only.old", 0, -DAY);
	open_it();
	expect("x.test", "b.pem", "none");
	expect("y.test", "c.pem", "none");
	expect("only.old", "d.pem", "none");
	expect(NULL, "b.pem", "none");
	expect_finding("a.pem", "expired: ");
	expect_finding("a.pem", "overlap: x.test is served from ");
}
END_TEST

START_TEST(one_that_is_bad_is_skipped_and_the_rest_serve)
{
	issue("a.pem", "DNS:x.test", 0, MONTH);
	issue("b.pem", "DNS:y.test", 1024, MONTH);
	issue("c.pem", "DNS:z.test", 0, 13 * DAY);
	open_it();
	expect("x.test", "a.pem", "none");
	ck_assert_ptr_null(tls_catalog_find(catalog.catalog, "y.test"));
	ck_assert_uint_eq(tls_catalog_count(catalog.catalog), 2);
	ck_assert_uint_eq(tls_catalog_count_skipped(catalog.catalog), 1);
	expect_finding("b.pem", "skipped: ");
	expect_finding("c.pem", "expires: 2");
	ck_assert_ptr_null(strstr(catalog.findings, "a.pem"));
}
END_TEST

START_TEST(a_folder_may_hold_folders)
{
	char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/x.test", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	issue("x.test/fullchain.pem", "DNS:x.test", 0, MONTH);
	(void)snprintf(path, sizeof(path), "%s/x.test/privkey.pem", folder);
	ck_assert_int_eq(symlink("fullchain.pem", path), 0);
	(void)snprintf(path, sizeof(path), "%s/README", folder);
	ck_assert_int_eq(symlink("/dev/null", path), 0);
	open_it();
	expect("x.test", "fullchain.pem", "none");
	ck_assert_uint_eq(tls_catalog_count(catalog.catalog), 1);
	ck_assert_uint_eq(tls_catalog_count_skipped(catalog.catalog), 0);
}
END_TEST

START_TEST(one_that_is_named_has_to_work)
{
	char path[PATH_ROOM];
	char *paths[] = { path };

	(void)snprintf(path, sizeof(path), "%s/weak.pem", folder);
	issue("a.pem", "DNS:x.test", 0, MONTH);
	issue("weak.pem", "DNS:y.test", 1024, MONTH);
	listener.certs = (struct text_list){ paths, 1 };
	ck_assert(!catalog_open(&catalog, &listener, NULL, reason));
	ck_assert_ptr_nonnull(strstr(reason, "weak.pem: "));
}
END_TEST

START_TEST(a_folder_without_any_is_told)
{
	ck_assert(!catalog_open(&catalog, &listener, NULL, reason));
	ck_assert_ptr_nonnull(strstr(reason, "there is no certificate that works"));
}
END_TEST

START_TEST(a_chain_that_could_go_on_is_told)
{
	certificates_issue(folder,
	                   &(struct certificate){ .file = "a.pem",
	                                          .names = "DNS:x.test",
	                                          .places = "caIssuers;URI:http://ca.test/ca.der",
	                                          .until = MONTH });
	issue("b.pem", "DNS:y.test", 0, MONTH);
	open_it();
	expect_finding("a.pem", "chain_incomplete: ");
	ck_assert_ptr_null(strstr(catalog.findings, "b.pem"));
}
END_TEST

/* What else a certificate may be, and what is said of it. */
static const struct {
	struct certificate certificate;
	const char *finding;
} odd[] = {
	{ { .key_usage = "keyEncipherment" }, "key_usage: its key is not for signatures" },
	{ { .usage = "clientAuth" }, "extended_key_usage: it is not for TLS servers" },
	{ { .itself = true }, "self_signed: clients trust it only if they were given it" },
	{ { .sha1 = true }, "skipped: " },
	{ { .rsa_bits = 1024 }, "skipped: " },
};

START_TEST(what_clients_would_refuse_is_told)
{
	struct certificate certificate = odd[_i].certificate;

	certificate.file = "odd.pem";
	certificate.names = "DNS:odd.test";
	certificate.until = MONTH;
	issue("a.pem", "DNS:x.test", 0, MONTH);
	certificates_issue(folder, &certificate);
	open_it();
	expect_finding("odd.pem", odd[_i].finding);
	ck_assert_ptr_null(strstr(catalog.findings, "a.pem"));
	if (certificate.sha1)
		ck_assert_ptr_nonnull(strstr(catalog.findings,
		                             "the signature of \"odd.pem\" is too weak: "
		                             "ecdsa-with-SHA1"));
	if (certificate.rsa_bits != 0)
		ck_assert_ptr_nonnull(strstr(catalog.findings,
		                             "the key of \"odd.pem\" is too weak: RSA, 1024 bits"));
}
END_TEST

START_TEST(what_clients_would_take_is_not_told)
{
	certificates_issue(folder, &(struct certificate){ .file = "a.pem",
	                                                  .names = "DNS:x.test",
	                                                  .usage = "serverAuth,clientAuth",
	                                                  .key_usage = "digitalSignature",
	                                                  .rsa_bits = 2048,
	                                                  .until = MONTH });
	certificates_issue(folder, &(struct certificate){ .file = "local.pem",
	                                                  .names = "DNS:localhost",
	                                                  .itself = true,
	                                                  .until = MONTH });
	open_it();
	ck_assert_str_eq(catalog.findings, "");
}
END_TEST

START_TEST(a_reload_loads_what_has_changed)
{
	struct catalog next;

	issue("a.pem", "DNS:x.test", 0, MONTH);
	issue("b.pem", "DNS:y.test", 0, MONTH);
	open_it();
	issue("b.pem", "DNS:z.test", 0, MONTH);
	issue("c.pem", "DNS:w.test", 0, MONTH);
	ck_assert_msg(catalog_open(&next, &listener, &catalog, reason), "%s", reason);
	ck_assert_uint_eq(tls_store_count(next.store), 3);
	ck_assert_uint_eq(tls_store_count_kept(next.store), 1);
	ck_assert_ptr_eq(tls_catalog_find(next.catalog, "x.test")->of[TLS_KIND_ECDSA],
	                 tls_catalog_find(catalog.catalog, "x.test")->of[TLS_KIND_ECDSA]);
	ck_assert_ptr_null(tls_catalog_find(next.catalog, "y.test"));
	ck_assert_ptr_nonnull(tls_catalog_find(next.catalog, "z.test"));
	/* The new one needs nothing of the old one's. */
	catalog_close(&catalog);
	catalog = next;
	expect("x.test", "a.pem", "none");
}
END_TEST

/* With the one before, which is closed then. */
static void open_it_again(void)
{
	struct catalog next;

	ck_assert_msg(catalog_open(&next, &listener, &catalog, reason), "%s", reason);
	catalog_close(&catalog);
	catalog = next;
}

START_TEST(a_reload_takes_nothing_good_away_because_of_a_file_that_is_bad_now)
{
	char path[PATH_ROOM];

	issue("a.pem", "DNS:x.test", 0, MONTH);
	issue("b.pem", "DNS:y.test", 0, MONTH);
	open_it();
	issue("b.pem", "DNS:y.test", 1024, MONTH);
	for (int i = 0; i < 2; i++) {
		open_it_again();
		expect("y.test", "b.pem", "none");
		ck_assert_uint_eq(tls_catalog_count_skipped(catalog.catalog), 0);
		expect_finding("b.pem", "not_renewed: ");
	}
	issue("b.pem", "DNS:z.test", 0, MONTH);
	open_it_again();
	expect("z.test", "b.pem", "none");
	(void)snprintf(path, sizeof(path), "%s/b.pem", folder);
	ck_assert_int_eq(unlink(path), 0);
	open_it_again();
	ck_assert_ptr_null(tls_catalog_find(catalog.catalog, "z.test"));
}
END_TEST

static void set_up(void)
{
	char scratch[FOLDER_ROOM];

	/* The authority's files are elsewhere. */
	folder_make(scratch);
	certificates_write(scratch);
	folder_remove(scratch);
	folder_make(folder);
	listener = (struct listener_config){ .name = (char *)"test", .cert_dirs = { folders, 1 } };
}

static void tear_down(void)
{
	catalog_close(&catalog);
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("tls_catalog");
	TCase *tcase = tcase_create("names");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, an_exact_name_goes_before_a_wildcard);
	tcase_add_test(tcase, each_kind_of_key_has_its_place);
	tcase_add_test(tcase, what_is_valid_goes_before_what_is_not);
	tcase_add_test(tcase, one_that_is_bad_is_skipped_and_the_rest_serve);
	tcase_add_test(tcase, a_folder_may_hold_folders);
	tcase_add_test(tcase, one_that_is_named_has_to_work);
	tcase_add_test(tcase, a_folder_without_any_is_told);
	tcase_add_test(tcase, a_chain_that_could_go_on_is_told);
	tcase_add_loop_test(tcase, what_clients_would_refuse_is_told, 0,
	                    sizeof(odd) / sizeof(odd[0]));
	tcase_add_test(tcase, what_clients_would_take_is_not_told);
	tcase_add_test(tcase, a_reload_loads_what_has_changed);
	tcase_add_test(tcase, a_reload_takes_nothing_good_away_because_of_a_file_that_is_bad_now);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
