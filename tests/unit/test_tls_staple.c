/* SPDX-License-Identifier: ISC */
/* Which staples are given to clients, and what is said about the others. */
#include "tls_staple.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ocsp.h>

#include "catalog.h"
#include "certificates.h"
#include "folder.h"
#include "staples.h"
#include "suite.h"

enum { HOUR = 3600, DAY = 24 * HOUR, MONTH = 30 * DAY, PATH_ROOM = FOLDER_ROOM + 64 };

static char folder[FOLDER_ROOM];
static char *folders[] = { folder };
static char reason[TLS_REASON_ROOM];
static struct listener_config listener;
static struct catalog catalog;

static void issue(const char *file, const char *names)
{
	certificates_issue(folder,
	                   &(struct certificate){
				   .file = file, .names = names, .until = MONTH, .chain = true });
}

static void open_it(void)
{
	catalog_close(&catalog);
	ck_assert_msg(catalog_open(&catalog, &listener, NULL, reason), "%s", reason);
}

static const struct tls_staple *staple_of(const char *name)
{
	return tls_catalog_choose(catalog.catalog, name)->of[TLS_KIND_ECDSA]->staple;
}

static void expect_finding(const char *file, const char *text)
{
	char line[PATH_ROOM + 128];

	(void)snprintf(line, sizeof(line), "%s/%s %s", folder, file, text);
	ck_assert_msg(strstr(catalog.findings, line) != NULL, "%s in findings:\n%s", line,
	              catalog.findings);
}

static bool holds(long from_now)
{
	return tls_staple_holds(staple_of("x.test"), time(NULL) + from_now);
}

START_TEST(one_beside_its_certificate_is_used)
{
	unsigned char der[STAPLE_ROOM];
	const struct tls_staple *staple;
	size_t len = staples_write(folder,
	                           &(struct staple){ .file = "x.pem.ocsp",
	                                             .about = "x.pem",
	                                             .sha256 = _i != 0,
	                                             .from = -HOUR,
	                                             .until = DAY },
	                           der);

	open_it();
	ck_assert_str_eq(catalog.findings, "");
	staple = staple_of("x.test");
	ck_assert_ptr_nonnull(staple);
	ck_assert_uint_eq(staple->len, len);
	ck_assert_mem_eq(staple->der, der, len);
	ck_assert(!staple->revoked);
	ck_assert(holds(0));
	ck_assert(holds(DAY - 60));
	ck_assert(!holds(DAY));
	ck_assert(!holds(-2 * HOUR));
	ck_assert_uint_eq(tls_catalog_count_staples(catalog.catalog), 1);
}
END_TEST

/* What is wrong with it, and the words that tell. */
static const struct {
	struct staple staple;
	const char *finding;
} bad[] = {
	{ { .until = DAY, .about = "y.pem" }, "staple_unusable: it is about another certificate" },
	{ { .until = DAY, .status = V_OCSP_CERTSTATUS_UNKNOWN },
	  "staple_unusable: its responder does not know the certificate" },
	{ { .until = 0 }, "staple_unusable: it does not say until when it holds" },
	{ { .until = DAY, .spoilt = true },
	  "staple_unusable: neither the certificate's issuer nor a responder of its has signed "
	  "it" },
	{ { .until = DAY, .stranger = true },
	  "staple_unusable: neither the certificate's issuer nor a responder of its has signed "
	  "it" },
	{ { .until = DAY, .responder = "y.pem" },
	  "staple_unusable: neither the certificate's issuer nor a responder of its has signed "
	  "it" },
	{ { .until = DAY, .responder = "strange-responder.pem" },
	  "staple_unusable: neither the certificate's issuer nor a responder of its has signed "
	  "it" },
	{ { .until = DAY, .responder = "old-responder.pem" },
	  "staple_unusable: neither the certificate's issuer nor a responder of its has signed "
	  "it" },
	{ { .failure = OCSP_RESPONSE_STATUS_TRYLATER },
	  "staple_unusable: it says that the responder had no answer" },
	{ { .until = DAY, .trailed = true }, "staple_unusable: it is no OCSP response in DER" },
	{ { .until = DAY, .long_winded = true }, "staple_unusable: it is too long for TLS" },
	{ { .from = -DAY, .until = -HOUR }, "staple_expired: 2" },
	{ { .from = HOUR, .until = DAY }, "staple_not_yet_valid: 2" },
};

START_TEST(one_that_nobody_would_believe_is_not_used)
{
	struct staple staple = bad[_i].staple;

	issue("y.pem", "DNS:y.test");
	certificates_issue(folder, &(struct certificate){ .file = "strange-responder.pem",
	                                                  .usage = "OCSPSigning",
	                                                  .until = MONTH,
	                                                  .stranger = true });
	certificates_issue(folder, &(struct certificate){ .file = "old-responder.pem",
	                                                  .usage = "OCSPSigning",
	                                                  .until = -HOUR });
	staple.file = "x.pem.ocsp";
	if (staple.about == NULL)
		staple.about = "x.pem";
	(void)staples_write(folder, &staple, NULL);
	open_it();
	expect_finding("x.pem.ocsp", bad[_i].finding);
	ck_assert(!holds(0));
	ck_assert_uint_eq(tls_catalog_count_staples(catalog.catalog), 0);
}
END_TEST

START_TEST(one_that_is_none_is_told)
{
	char path[PATH_ROOM];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/x.pem.ocsp", folder);
	file = fopen(path, "w");
	ck_assert_int_gt(fprintf(file, "-----BEGIN OCSP RESPONSE-----\n"), 0);
	ck_assert_int_eq(fclose(file), 0);
	open_it();
	expect_finding("x.pem.ocsp", "staple_unusable: it is no OCSP response in DER");
	ck_assert_int_eq(remove(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	open_it();
	expect_finding("x.pem.ocsp", "staple_unusable: Is a directory");
}
END_TEST

START_TEST(a_responder_may_sign_for_as_long_as_its_certificate_lives)
{
	certificates_issue(folder, &(struct certificate){ .file = "responder.pem",
	                                                  .usage = "OCSPSigning",
	                                                  .until = HOUR });
	(void)staples_write(folder,
	                    &(struct staple){ .file = "x.pem.ocsp",
	                                      .about = "x.pem",
	                                      .responder = "responder.pem",
	                                      .until = DAY },
	                    NULL);
	open_it();
	ck_assert_ptr_null(strstr(catalog.findings, "staple"));
	ck_assert(holds(HOUR - 60));
	ck_assert(!holds(HOUR + 60));
}
END_TEST

START_TEST(one_that_says_revoked_is_told_and_given)
{
	(void)staples_write(folder,
	                    &(struct staple){ .file = "x.pem.ocsp",
	                                      .about = "x.pem",
	                                      .status = V_OCSP_CERTSTATUS_REVOKED,
	                                      .until = DAY },
	                    NULL);
	open_it();
	expect_finding("x.pem.ocsp", "revoked: that is what its authority says");
	ck_assert(holds(0));
}
END_TEST

START_TEST(without_its_issuer_none_can_be_checked)
{
	certificates_issue(
		folder,
		&(struct certificate){ .file = "x.pem", .names = "DNS:x.test", .until = MONTH });
	(void)staples_write(
		folder, &(struct staple){ .file = "x.pem.ocsp", .about = "x.pem", .until = DAY },
		NULL);
	open_it();
	expect_finding("x.pem.ocsp", "staple_unusable: the certificate's issuer, who must");
}
END_TEST

START_TEST(one_that_must_be_there_and_is_not_is_told)
{
	certificates_issue(folder, &(struct certificate){ .file = "x.pem",
	                                                  .names = "DNS:x.test",
	                                                  .features = "status_request",
	                                                  .until = MONTH,
	                                                  .chain = true });
	open_it();
	expect_finding("x.pem", "staple_missing: it tells clients to insist on one");
	(void)staples_write(
		folder, &(struct staple){ .file = "x.pem.ocsp", .about = "x.pem", .until = DAY },
		NULL);
	open_it();
	ck_assert_str_eq(catalog.findings, "");
}
END_TEST

/* FOLDER/name, in a place of its own. */
static char *path_of(char path[PATH_ROOM], const char *name)
{
	(void)snprintf(path, PATH_ROOM, "%s/%s", folder, name);
	return path;
}

START_TEST(one_may_be_named)
{
	char cert[PATH_ROOM];
	char ocsp[PATH_ROOM];
	char *certs[] = { path_of(cert, "x.pem") };
	char *ocsps[] = { path_of(ocsp, "elsewhere.der") };

	listener = (struct listener_config){ .name = (char *)"test",
		                             .certs = { certs, 1 },
		                             .ocsps = { ocsps, 1 } };
	open_it();
	expect_finding("elsewhere.der", "staple_unusable: No such file or directory");
	(void)staples_write(
		folder, &(struct staple){ .file = "elsewhere.der", .about = "x.pem", .until = DAY },
		NULL);
	open_it();
	ck_assert_str_eq(catalog.findings, "");
	ck_assert(holds(0));
}
END_TEST

/* A second catalog, as a reload makes it; how many certificates it has kept. */
static size_t reload(void)
{
	struct catalog next;
	size_t kept;

	ck_assert_msg(catalog_open(&next, &listener, &catalog, reason), "%s", reason);
	kept = tls_store_count_kept(next.store);
	catalog_close(&catalog);
	catalog = next;
	return kept;
}

START_TEST(a_reload_reads_what_is_new_and_nothing_else)
{
	struct staple staple = { .file = "x.pem.ocsp", .about = "x.pem", .until = DAY };
	char path[PATH_ROOM];
	const struct tls_credential *before;
	const X509 *certificate;

	open_it();
	before = tls_catalog_choose(catalog.catalog, NULL)->of[TLS_KIND_ECDSA];
	certificate = before->certificate;
	ck_assert_uint_eq(reload(), 1);
	ck_assert_ptr_eq(tls_catalog_choose(catalog.catalog, NULL)->of[TLS_KIND_ECDSA], before);

	(void)staples_write(folder, &staple, NULL);
	ck_assert_uint_eq(reload(), 1);
	ck_assert(holds(0));
	ck_assert_ptr_eq(tls_catalog_choose(catalog.catalog, NULL)->of[TLS_KIND_ECDSA]->certificate,
	                 certificate);
	before = tls_catalog_choose(catalog.catalog, NULL)->of[TLS_KIND_ECDSA];
	ck_assert_uint_eq(reload(), 1);
	ck_assert_ptr_eq(tls_catalog_choose(catalog.catalog, NULL)->of[TLS_KIND_ECDSA], before);

	ck_assert_int_eq(remove(path_of(path, "x.pem.ocsp")), 0);
	ck_assert_uint_eq(reload(), 1);
	ck_assert_ptr_null(staple_of("x.test"));
}
END_TEST

static void set_up(void)
{
	char scratch[FOLDER_ROOM];

	folder_make(scratch);
	certificates_write(scratch);
	folder_remove(scratch);
	folder_make(folder);
	listener = (struct listener_config){ .name = (char *)"test", .cert_dirs = { folders, 1 } };
	issue("x.pem", "DNS:x.test");
}

static void tear_down(void)
{
	catalog_close(&catalog);
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("tls_staple");
	TCase *tcase = tcase_create("staples");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, one_beside_its_certificate_is_used, 0, 2);
	tcase_add_loop_test(tcase, one_that_nobody_would_believe_is_not_used, 0,
	                    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, one_that_is_none_is_told);
	tcase_add_test(tcase, a_responder_may_sign_for_as_long_as_its_certificate_lives);
	tcase_add_test(tcase, one_that_says_revoked_is_told_and_given);
	tcase_add_test(tcase, without_its_issuer_none_can_be_checked);
	tcase_add_test(tcase, one_that_must_be_there_and_is_not_is_told);
	tcase_add_test(tcase, one_may_be_named);
	tcase_add_test(tcase, a_reload_reads_what_is_new_and_nothing_else);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
