/* SPDX-License-Identifier: ISC */
#include "tls_identity.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "suite.h"

static X509 *certificate;

static void set_up(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	certificate = X509_new();
	ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
	EVP_PKEY_free(key);
}

static void tear_down(void)
{
	X509_free(certificate);
}

static void add_subject(const char *field, int type, const char *text, int len)
{
	ck_assert_int_eq(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, type,
	                                            (const unsigned char *)text, len, -1, 0),
	                 1);
}

static void add_common_name(const char *text)
{
	add_subject("CN", MBSTRING_UTF8, text, (int)strlen(text));
}

/* One after the other: kind, text and its length, up to a length of 0. */
struct name {
	int type;
	const char *text;
	int len;
};

static void add_names(const struct name *name)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	for (; name->len > 0; name++) {
		GENERAL_NAME *one = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();

		ck_assert_int_eq(ASN1_STRING_set(text, name->text, name->len), 1);
		GENERAL_NAME_set0_value(one, name->type, text);
		ck_assert_int_gt(sk_GENERAL_NAME_push(names, one), 0);
	}
	ck_assert_int_eq(
		X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND),
		1);
	GENERAL_NAMES_free(names);
}

/* rule NULL: there are none. */
static bool allows(const char *rule)
{
	char *text = (char *)rule;
	struct text_list rules = { &text, rule != NULL };

	return tls_identity_is_allowed(certificate, &rules);
}

static void expect_identity(const char *rule, const char *subject, const char *name)
{
	char *text = (char *)rule;
	struct text_list rules = { &text, rule != NULL };
	struct tls_identity *identity = tls_identity_new(certificate, &rules);

	ck_assert_str_eq(identity->subject, subject);
	ck_assert_str_eq(identity->name, name);
	free(identity);
}

START_TEST(without_rules_everybody_may_come)
{
	ck_assert(allows(NULL));
	expect_identity(NULL, "", "");
	ck_assert(!allows("cn:a"));
	ck_assert(!allows("dns:a"));
}
END_TEST

START_TEST(each_of_the_names_will_do)
{
	static const struct name names[] = { { GEN_DNS, "a.test", 6 },
		                             { GEN_URI, "s://a/b", 7 },
		                             { GEN_EMAIL, "me@a.test", 9 },
		                             { GEN_DNS, "b.test", 6 },
		                             { 0 } };

	add_names(names);
	add_common_name("first");
	add_common_name("J\xc3\xb6rg");
	ck_assert(allows("dns:a.test"));
	ck_assert(allows("dns:B.test"));
	ck_assert(allows("uri:s://a/*"));
	ck_assert(allows("email:me@A.test"));
	ck_assert(allows("cn:first"));
	ck_assert(allows("cn:J\xc3\xb6rg"));
	ck_assert(!allows("cn:a.test"));
	ck_assert(!allows("dns:first"));
	expect_identity("uri:s://a/*", "CN=J\\C3\\B6rg,CN=first", "uri:s://a/b");
	expect_identity("cn:first", "CN=J\\C3\\B6rg,CN=first", "cn:first");
	expect_identity(NULL, "CN=J\\C3\\B6rg,CN=first", "dns:a.test");
}
END_TEST

START_TEST(a_common_name_may_be_written_in_many_ways)
{
	add_subject("CN", V_ASN1_BMPSTRING, "\0a\0b", 4);
	add_subject("CN", V_ASN1_T61STRING, "J\xf6rg", 4);
	ck_assert(allows("cn:ab"));
	ck_assert(allows("cn:J\xc3\xb6rg"));
}
END_TEST

START_TEST(a_name_with_a_nul_is_nobodys)
{
	static const struct name names[] = { { GEN_DNS, "a.test\0.evil", 12 },
		                             { GEN_URI, "s://a/b\0", 8 },
		                             { GEN_DNS, "b.test", 6 },
		                             { 0 } };

	add_names(names);
	add_subject("CN", V_ASN1_UTF8STRING, "a\0b", 3);
	ck_assert(!allows("dns:a.test"));
	ck_assert(!allows("uri:s://a/b"));
	ck_assert(!allows("uri:s://a/*"));
	ck_assert(!allows("cn:a"));
	ck_assert(allows("dns:b.test"));
	expect_identity(NULL, "CN=a\\00b", "dns:b.test");
}
END_TEST

START_TEST(a_name_that_cannot_be_read_is_no_name)
{
	ASN1_OCTET_STRING *noise = ASN1_OCTET_STRING_new();
	X509_EXTENSION *extension;

	ck_assert_int_eq(ASN1_OCTET_STRING_set(noise, (const unsigned char *)"noise", 5), 1);
	extension = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, noise);
	ck_assert_int_eq(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(noise);
	add_common_name("me");
	ck_assert(!allows("dns:noise"));
	ck_assert(allows("cn:me"));
	expect_identity("cn:me", "CN=me", "cn:me");
}
END_TEST

START_TEST(names_twice_are_none)
{
	static const struct name first[] = { { GEN_DNS, "a.test", 6 }, { 0 } };
	static const struct name second[] = { { GEN_DNS, "b.test", 6 }, { 0 } };

	add_names(first);
	add_names(second);
	ck_assert(!allows("dns:a.test"));
	ck_assert(!allows("dns:b.test"));
}
END_TEST

START_TEST(a_long_subject_is_cut)
{
	struct text_list rules = { NULL, 0 };
	char text[65];
	struct tls_identity *identity;

	memset(text, '\n', sizeof(text));
	for (int i = 0; i < 20; i++)
		add_subject("OU", MBSTRING_UTF8, text, 64);
	identity = tls_identity_new(certificate, &rules);
	ck_assert_uint_eq(strlen(identity->subject), TLS_IDENTITY_ROOM - 1);
	ck_assert_int_eq(strncmp(identity->subject, "OU=\\0A\\0A", 9), 0);
	free(identity);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_identity");
	TCase *tcase = tcase_create("names");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, without_rules_everybody_may_come);
	tcase_add_test(tcase, each_of_the_names_will_do);
	tcase_add_test(tcase, a_common_name_may_be_written_in_many_ways);
	tcase_add_test(tcase, a_name_with_a_nul_is_nobodys);
	tcase_add_test(tcase, a_name_that_cannot_be_read_is_no_name);
	tcase_add_test(tcase, names_twice_are_none);
	tcase_add_test(tcase, a_long_subject_is_cut);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
