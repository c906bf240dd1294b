/* SPDX-License-Identifier: ISC */
/* Loading; what it then does with clients is in scenario/test_client_certificates.c. */
#include "tls_client.h"

#include <string.h>

#include "certificates.h"
#include "folder.h"
#include "suite.h"
#include "tls_context.h"

enum { DAY = 24 * 3600, PATH_ROOM = FOLDER_ROOM + 32 };

static char folder[FOLDER_ROOM];
static char ca[PATH_ROOM];
static char crl[PATH_ROOM];
static char *ca_text = ca;
static char *crl_text = crl;
static char *allow_text = (char *)"cn:a";
static char reason[TLS_REASON_ROOM];
static char findings[1024];
static struct client_config rules;

static void in_folder(char *room, const char *file)
{
	(void)snprintf(room, PATH_ROOM, "%s/%s", folder, file);
}

static void set_up(void)
{
	in_folder(ca, "ca.pem");
	in_folder(crl, "good.crl");
	rules = (struct client_config){ .auth = CLIENT_AUTH_REQUIRE,
		                        .ca = { &ca_text, 1 },
		                        .depth = 4 };
}

static void on_finding(void *arg, const struct tls_finding *finding)
{
	size_t len = strlen(findings);

	(void)arg;
	(void)snprintf(findings + len, sizeof(findings) - len, "%s %s: %s\n",
	               strrchr(finding->file, '/') + 1, finding->problem, finding->detail);
}

static struct tls_client *load(void)
{
	findings[0] = '\0';
	return tls_client_new(&rules, on_finding, NULL, reason);
}

static void expect_loads(const char *found)
{
	struct tls_client *client = load();

	ck_assert_msg(client != NULL, "%s", reason);
	ck_assert_msg(strncmp(findings, found, strlen(found)) == 0 &&
	                      (*found != '\0' || *findings == '\0'),
	              "it says: %s", findings);
	tls_client_free(client);
}

static void expect_refusal(const char *path, const char *why)
{
	ck_assert_ptr_null(load());
	ck_assert_msg(strncmp(reason, path, strlen(path)) == 0 && strstr(reason, why) != NULL,
	              "it says: %s", reason);
}

START_TEST(a_file_that_is_of_no_use_is_named)
{
	in_folder(ca, "none.pem");
	expect_refusal(ca, "No such file");
	in_folder(ca, "good.crl");
	expect_refusal(ca, "holds no certificate");
	in_folder(ca, "adieu.pem");
	expect_refusal(ca, "is no authority's");
	in_folder(ca, "broken.pem");
	expect_refusal(ca, "");
	in_folder(ca, "ca.pem");
	rules.crl = (struct text_list){ &crl_text, 1 };
	in_folder(crl, "none.crl");
	expect_refusal(crl, "No such file");
	in_folder(crl, "ca.pem");
	expect_refusal(crl, "holds no CRL");
}
END_TEST

START_TEST(what_is_out_of_date_is_told)
{
	expect_loads("");
	rules.crl = (struct text_list){ &crl_text, 1 };
	expect_loads("");
	in_folder(crl, "stale.crl");
	expect_loads("stale.crl crl_expired: 20");
	rules.crl.n = 0;
	in_folder(ca, "old.pem");
	expect_loads("old.pem expired: 20");
	in_folder(ca, "future.pem");
	expect_loads("future.pem not_yet_valid: 20");
}
END_TEST

START_TEST(too_many_names_are_not_told)
{
	enum { AUTHORITIES = 450 };
	char path[PATH_ROOM];
	FILE *all;

	in_folder(ca, "many.pem");
	all = fopen(ca, "w");
	for (int i = 0; i < AUTHORITIES; i++) {
		char cn[65];
		char text[4096];
		FILE *one;

		(void)snprintf(cn, sizeof(cn), "%064d", i);
		certificates_issue(folder, &(struct certificate){ .file = "one.pem",
		                                                  .cn = cn,
		                                                  .authority = true,
		                                                  .until = DAY });
		in_folder(path, "one.pem");
		one = fopen(path, "r");
		ck_assert_uint_gt(fwrite(text, 1, fread(text, 1, sizeof(text), one), all), 0);
		(void)fclose(one);
	}
	ck_assert_int_eq(fclose(all), 0);
	expect_loads("many.pem too_many_authorities: ");
}
END_TEST

static void take_digest(unsigned char digest[static TLS_CLIENT_DIGEST])
{
	struct tls_client *client = load();

	ck_assert_msg(client != NULL, "%s", reason);
	memcpy(digest, tls_client_digest(client), TLS_CLIENT_DIGEST);
	tls_client_free(client);
}

static void expect_change(unsigned char before[static TLS_CLIENT_DIGEST])
{
	unsigned char now[TLS_CLIENT_DIGEST];

	take_digest(now);
	ck_assert_int_ne(memcmp(now, before, sizeof(now)), 0);
	memcpy(before, now, sizeof(now));
	take_digest(now);
	ck_assert_int_eq(memcmp(now, before, sizeof(now)), 0);
}

START_TEST(every_change_is_in_the_digest)
{
	unsigned char digest[TLS_CLIENT_DIGEST];

	take_digest(digest);
	rules.auth = CLIENT_AUTH_OPTIONAL;
	expect_change(digest);
	rules.depth = 3;
	expect_change(digest);
	rules.allow = (struct text_list){ &allow_text, 1 };
	expect_change(digest);
	allow_text = (char *)"cn:b";
	expect_change(digest);
	rules.crl = (struct text_list){ &crl_text, 1 };
	expect_change(digest);
	/* The same file, with something else in it. */
	certificates_write_crl(folder, "good.crl", "adieu.pem", DAY);
	expect_change(digest);
	in_folder(ca, "old.pem");
	expect_change(digest);
}
END_TEST

static void make_files(void)
{
	char path[PATH_ROOM];
	FILE *file;

	folder_make(folder);
	certificates_write(folder);
	certificates_write_crl(folder, "good.crl", NULL, DAY);
	certificates_write_crl(folder, "stale.crl", NULL, -DAY);
	certificates_issue(folder, &(struct certificate){
					   .file = "old.pem", .authority = true, .until = -DAY });
	certificates_issue(folder, &(struct certificate){ .file = "future.pem",
	                                                  .authority = true,
	                                                  .since = DAY,
	                                                  .until = 2 * DAY });
	in_folder(path, "broken.pem");
	file = fopen(path, "w");
	(void)fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
	(void)fclose(file);
}

static void remove_files(void)
{
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("tls_client");
	TCase *tcase = tcase_create("loading");

	tcase_add_unchecked_fixture(tcase, make_files, remove_files);
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_set_timeout(tcase, 60); /* under valgrind hundreds of keys take their time */
	tcase_add_test(tcase, a_file_that_is_of_no_use_is_named);
	tcase_add_test(tcase, what_is_out_of_date_is_told);
	tcase_add_test(tcase, too_many_names_are_not_told);
	tcase_add_test(tcase, every_change_is_in_the_digest);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
