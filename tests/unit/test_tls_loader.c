/* SPDX-License-Identifier: ISC */
/* What tls_context's tests say about files is not said again. */
#include "tls_loader.h"

#include <string.h>
#include <sys/stat.h>

#include "certificates.h"
#include "folder.h"
#include "suite.h"
#include "tls_context.h"

enum { DAY = 24 * 3600, PATH_ROOM = FOLDER_ROOM + 32 };

static char folder[FOLDER_ROOM];
static char reason[TLS_REASON_ROOM];
static struct tls_loader *loader;

static const char *in_folder(const char *name)
{
	static char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static struct tls_credential *load(const char *name)
{
	struct tls_credential *credential = tls_loader_load(loader, in_folder(name), NULL, reason);

	ck_assert_msg(credential != NULL, "%s", reason);
	return credential;
}

static void expect_reason(const char *path, const char *why)
{
	char expected[TLS_REASON_ROOM];

	(void)snprintf(expected, sizeof(expected), "%s: %s", path, why);
	ck_assert_str_eq(reason, expected);
}

static void copy(const char *from, FILE *to)
{
	FILE *file = fopen(in_folder(from), "r");
	char text[8192];
	size_t len = fread(text, 1, sizeof(text), file);

	(void)fclose(file);
	ck_assert_uint_eq(fwrite(text, 1, len, to), len);
}

static void join(const char *a, const char *b, const char *both)
{
	FILE *file = fopen(in_folder(both), "w");

	ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
	copy(a, file);
	copy(b, file);
	(void)fclose(file);
}

START_TEST(names_kinds_and_dates_are_read)
{
	struct tls_credential *credential;

	certificates_issue(folder, &(struct certificate){ .file = "names.pem",
	                                                  .names = "DNS:One.TEST,IP:127.0.0.1,"
	                                                           "DNS:*.two.test",
	                                                  .until = DAY });
	credential = load("names.pem");
	ck_assert_uint_eq(credential->n_names, 2);
	ck_assert_mem_eq(credential->names, "one.test\0*.two.test\0", 21);
	ck_assert_int_eq(credential->kind, TLS_KIND_ECDSA);
	ck_assert(tls_credential_is_valid(credential, time(NULL)));
	ck_assert(!tls_credential_is_valid(credential, time(NULL) + 2 * DAY));
	ck_assert(!tls_credential_is_valid(credential, time(NULL) - 3 * DAY));
	tls_credential_release(credential);
	credential = load("adieu-rsa.pem");
	ck_assert_int_eq(credential->kind, TLS_KIND_RSA);
	tls_credential_release(credential);
}
END_TEST

START_TEST(without_alternatives_the_common_name_counts)
{
	struct tls_credential *credential;

	certificates_issue(
		folder, &(struct certificate){ .file = "cn.pem", .cn = "cn.test", .until = DAY });
	credential = load("cn.pem");
	ck_assert_mem_eq(credential->names, "cn.test\0", 9);
	tls_credential_release(credential);
}
END_TEST

START_TEST(those_who_sign_are_kept_once)
{
	struct tls_credential *one;
	struct tls_credential *two;

	join("adieu.pem", "ca.pem", "one.pem");
	join("adieu-rsa.pem", "ca.pem", "two.pem");
	one = load("one.pem");
	two = load("two.pem");
	ck_assert_int_eq(sk_X509_num(one->chain), 1);
	ck_assert_ptr_eq(sk_X509_value(one->chain, 0), sk_X509_value(two->chain, 0));
	tls_credential_release(one);
	tls_credential_release(two);
}
END_TEST

START_TEST(a_key_may_be_written_in_any_of_its_ways)
{
	static const char *const options[] = { "", "-traditional" };

	for (size_t i = 0; i < 2; i++) {
		char command[512];
		char key[PATH_ROOM];
		struct tls_credential *credential;

		(void)snprintf(key, sizeof(key), "%s/key%zu.pem", folder, i);
		(void)snprintf(command, sizeof(command), "openssl pkey %s -in %s -out %s",
		               options[i], in_folder("adieu-rsa.pem"), key);
		ck_assert_int_eq(system(command), 0);
		credential = tls_loader_load(loader, in_folder("adieu-rsa.pem"), key, reason);
		ck_assert_msg(credential != NULL, "%s", reason);
		tls_credential_release(credential);
	}
}
END_TEST

START_TEST(what_tls_would_not_take_is_refused)
{
	certificates_issue(folder, &(struct certificate){ .file = "weak.pem",
	                                                  .names = "DNS:weak.test",
	                                                  .rsa_bits = 1024,
	                                                  .until = DAY });
	ck_assert_ptr_null(tls_loader_load(loader, in_folder("weak.pem"), NULL, reason));
	ck_assert_msg(strstr(reason, "is too weak: RSA, 1024 bits") != NULL, "%s", reason);
}
END_TEST

START_TEST(what_is_in_a_file_is_said_where_something_else_was_expected)
{
	char cert[PATH_ROOM];
	char key[PATH_ROOM];
	char command[2 * PATH_ROOM + 64];
	FILE *file;

	(void)snprintf(cert, sizeof(cert), "%s/ca.pem", folder);
	(void)snprintf(key, sizeof(key), "%s/key.pem", folder);
	(void)snprintf(command, sizeof(command), "openssl pkey -in %s -out %s",
	               in_folder("adieu.pem"), key);
	ck_assert_int_eq(system(command), 0);
	ck_assert_ptr_null(tls_loader_load(loader, key, cert, reason));
	expect_reason(key,
	              "holds no certificate, but \"PRIVATE KEY\": cert and key are the wrong way "
	              "round");
	ck_assert_ptr_null(tls_loader_load(loader, key, key, reason));
	expect_reason(key, "holds no certificate, but \"PRIVATE KEY\"");
	ck_assert_ptr_null(tls_loader_load(loader, key, NULL, reason));
	expect_reason(key, "holds no certificate, but \"PRIVATE KEY\"");
	ck_assert_ptr_null(tls_loader_load(loader, cert, cert, reason));
	expect_reason(cert, "holds no private key, but \"CERTIFICATE\"");
	ck_assert_ptr_null(tls_loader_load(loader, cert, NULL, reason));
	expect_reason(cert, "holds no private key, but \"CERTIFICATE\", and there is no key beside "
	                    "it");
	file = fopen(key, "w");
	(void)fputs("-----BEGIN \033[2J-----\nAAAA\n-----END \033[2J-----\n", file);
	(void)fclose(file);
	ck_assert_ptr_null(tls_loader_load(loader, key, NULL, reason));
	expect_reason(key, "holds no certificate, but \"?[2J\"");
	file = fopen(key, "w");
	(void)fputs("0\202", file);
	(void)fclose(file);
	ck_assert_ptr_null(tls_loader_load(loader, cert, key, reason));
	expect_reason(key, "holds no private key, nor anything else in PEM");
}
END_TEST

START_TEST(a_name_in_a_certificate_does_nothing_to_a_terminal)
{
	certificates_issue(folder, &(struct certificate){ .file = "tricky.pem",
	                                                  .cn = "a\033[2J\nREADY=1",
	                                                  .rsa_bits = 1024,
	                                                  .until = DAY });
	ck_assert_ptr_null(tls_loader_load(loader, in_folder("tricky.pem"), NULL, reason));
	ck_assert_msg(strstr(reason, "\"a?[2J?READY=1\" is too weak") != NULL, "%s", reason);
}
END_TEST

START_TEST(noise_is_no_certificate)
{
	FILE *file = fopen(in_folder("noise.pem"), "w");

	(void)fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
	(void)fclose(file);
	ck_assert_ptr_null(tls_loader_load(loader, in_folder("noise.pem"), NULL, reason));
	file = fopen(in_folder("noise.pem"), "w");
	(void)fputs("nothing\n", file);
	(void)fclose(file);
	ck_assert_ptr_null(tls_loader_load(loader, in_folder("noise.pem"), NULL, reason));
	ck_assert_msg(strstr(reason, "holds no certificate") != NULL, "%s", reason);
	/* One that is good is still loaded by the same loader. */
	tls_credential_release(load("adieu.pem"));
}
END_TEST

static void set_up(void)
{
	folder_make(folder);
	certificates_write(folder);
	loader = tls_loader_new();
	ck_assert_ptr_nonnull(loader);
}

static void tear_down(void)
{
	tls_loader_free(loader);
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("tls_loader");
	TCase *tcase = tcase_create("files");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, names_kinds_and_dates_are_read);
	tcase_add_test(tcase, without_alternatives_the_common_name_counts);
	tcase_add_test(tcase, those_who_sign_are_kept_once);
	tcase_add_test(tcase, a_key_may_be_written_in_any_of_its_ways);
	tcase_add_test(tcase, what_tls_would_not_take_is_refused);
	tcase_add_test(tcase, what_is_in_a_file_is_said_where_something_else_was_expected);
	tcase_add_test(tcase, a_name_in_a_certificate_does_nothing_to_a_terminal);
	tcase_add_test(tcase, noise_is_no_certificate);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
