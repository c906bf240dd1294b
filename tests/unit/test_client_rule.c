/* SPDX-License-Identifier: ISC */
#include "client_rule.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* In memory that ends where it ends, for a sanitizer to see. */
static bool admits(const char *rule, enum client_name kind, const char *name, size_t len)
{
	char *exact = malloc(len > 0 ? len : 1);
	bool does;

	memcpy(exact, name, len);
	does = client_rule_admits(rule, kind, exact, len);
	free(exact);
	return does;
}

static void expect_admits(const char *rule, enum client_name kind, const char *name)
{
	ck_assert_msg(client_rule_check(rule) == NULL, "%s %s", rule, client_rule_check(rule));
	ck_assert_int_eq(client_rule_kind(rule), kind);
	ck_assert_msg(admits(rule, kind, name, strlen(name)), "%s does not admit %s", rule, name);
}

static void expect_refuses(const char *rule, enum client_name kind, const char *name)
{
	ck_assert_msg(client_rule_check(rule) == NULL, "%s %s", rule, client_rule_check(rule));
	ck_assert_msg(!admits(rule, kind, name, strlen(name)), "%s admits %s", rule, name);
}

/* ---- rules ---- */

START_TEST(what_is_no_rule_is_told)
{
	static const struct {
		const char *rule;
		const char *why;
	} wrong[] = {
		{ "", "is none of" },
		{ "example.org", "is none of" },
		{ "DNS:example.org", "is none of" },
		{ "ip:10.0.0.1", "is none of" },
		{ "dns", "is none of" },
		{ "dns:", "has no name" },
		{ "dns:*.example.org", "has a \"*\"" },
		{ "cn:*", "has a \"*\"" },
		{ "email:*@example.org", "has a \"*\"" },
		{ "email:example.org", "is no address" },
		{ "email:@example.org", "is no address" },
		{ "email:me@", "is no address" },
		{ "uri:example.org/a", "is no URI" },
		{ "uri:*", "is no URI" },
		{ "uri:spiffe://*/a", "before its path" },
		{ "uri:spiffe://*", "before its path" },
		{ "uri:spiffe://example.*", "before its path" },
		{ "uri:*://example.org/a", "before its path" },
		{ "uri:urn:example:*", "before its path" },
		{ "uri:spiffe://example.org/**", "has a \"**\"" },
		{ "spki:0123", "no digest that is known" },
		{ "spki:sha1:0123", "no digest that is known" },
		{ "spki:sha256:0123", "64 hexadecimal digits" },
		{ "spki:sha256:"
		  "000000000000000000000000000000000000000000000000000000000000000g",
		  "64 hexadecimal digits" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *why = client_rule_check(wrong[i].rule);

		ck_assert_msg(why != NULL && strstr(why, wrong[i].why) != NULL, "%s %s",
		              wrong[i].rule, why != NULL ? why : "is a rule");
	}
}
END_TEST

/* ---- names ---- */

START_TEST(a_host_has_no_case)
{
	expect_admits("dns:web.Example.org", CLIENT_DNS, "WEB.example.ORG");
	expect_refuses("dns:web.example.org", CLIENT_DNS, "web.example.org.");
	expect_refuses("dns:web.example.org", CLIENT_DNS, "xweb.example.org");
	expect_refuses("dns:web.example.org", CLIENT_DNS, "web.example.or");
	expect_refuses("dns:web.example.org", CLIENT_DNS, "");
}
END_TEST

START_TEST(a_certificate_for_many_hosts_is_none_for_one)
{
	expect_refuses("dns:web.example.org", CLIENT_DNS, "*.example.org");
}
END_TEST

START_TEST(a_name_of_another_kind_is_another_name)
{
	expect_refuses("dns:web.example.org", CLIENT_CN, "web.example.org");
	expect_refuses("cn:web.example.org", CLIENT_DNS, "web.example.org");
	expect_refuses("uri:x:y", CLIENT_CN, "x:y");
	expect_refuses("email:me@example.org", CLIENT_CN, "me@example.org");
}
END_TEST

START_TEST(a_common_name_is_compared_byte_by_byte)
{
	expect_admits("cn:J\xc3\xb6rg", CLIENT_CN, "J\xc3\xb6rg");
	expect_refuses("cn:web", CLIENT_CN, "Web");
	expect_refuses("cn:web", CLIENT_CN, "web ");
}
END_TEST

START_TEST(only_the_host_of_a_mailbox_has_no_case)
{
	expect_admits("email:Me@example.org", CLIENT_EMAIL, "Me@EXAMPLE.org");
	expect_refuses("email:Me@example.org", CLIENT_EMAIL, "me@example.org");
	expect_refuses("email:Me@example.org", CLIENT_EMAIL, "Me@example.org.evil");
	expect_refuses("email:Me@example.org", CLIENT_EMAIL, "Me@");
	expect_refuses("email:Me@example.org", CLIENT_EMAIL, "M");
	expect_admits("email:\"a@b\"@example.org", CLIENT_EMAIL, "\"a@b\"@Example.org");
}
END_TEST

START_TEST(a_digest_has_no_case)
{
	expect_admits("spki:sha256:"
	              "ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
	              CLIENT_SPKI,
	              "sha256:abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789");
	expect_refuses("spki:sha256:"
	               "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
	               CLIENT_SPKI,
	               "sha256:abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456788");
}
END_TEST

START_TEST(a_nul_makes_it_nobodys_name)
{
	static const struct {
		const char *rule;
		enum client_name kind;
		const char *name;
		size_t len;
	} names[] = {
		{ "dns:a.test", CLIENT_DNS, "a.test\0", 7 },
		{ "dns:a.test", CLIENT_DNS, "a.test\0.evil", 12 },
		{ "cn:a", CLIENT_CN, "a\0b", 3 },
		{ "email:a@b", CLIENT_EMAIL, "a@b\0c", 5 },
		{ "uri:s://a/*", CLIENT_URI, "s://a/b\0c", 9 },
		{ "uri:s://a/b", CLIENT_URI, "s://a/b\0", 8 },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert(!admits(names[i].rule, names[i].kind, names[i].name, names[i].len));
}
END_TEST

/* ---- patterns ---- */

static const char web[] = "uri:spiffe://example.org/ns/*/sa/web";

START_TEST(a_star_is_a_segment)
{
	expect_admits(web, CLIENT_URI, "spiffe://example.org/ns/prod/sa/web");
	expect_admits(web, CLIENT_URI, "spiffe://example.org/ns/a%2Fb/sa/web");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns/prod/eu/sa/web");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns//sa/web");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns/sa/web");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns/prod/sa/web/x");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns/prod/sa/we");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns/prod/sa/");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org.evil/ns/prod/sa/web");
	expect_refuses(web, CLIENT_URI, "spiffe://Example.org/ns/prod/sa/web");
	expect_refuses(web, CLIENT_URI, "");
}
END_TEST

START_TEST(a_star_is_part_of_a_segment)
{
	expect_admits("uri:s://a/x-*", CLIENT_URI, "s://a/x-1");
	expect_admits("uri:s://a/*-x", CLIENT_URI, "s://a/-x-x");
	expect_admits("uri:s://a/a*b*c", CLIENT_URI, "s://a/a1b2bbc");
	expect_admits("uri:s://a/*/*/z", CLIENT_URI, "s://a/1/2/z");
	expect_refuses("uri:s://a/x-*", CLIENT_URI, "s://a/x-");
	expect_refuses("uri:s://a/x-*", CLIENT_URI, "s://a/x-1/2");
	expect_refuses("uri:s://a/a*b*c", CLIENT_URI, "s://a/abc");
	expect_refuses("uri:s://a/a*b*c", CLIENT_URI, "s://a/a1b/c");
	expect_refuses("uri:s://a/*/*/z", CLIENT_URI, "s://a/1/z");
}
END_TEST

START_TEST(a_star_ends_where_the_path_does)
{
	expect_refuses("uri:s://a/*", CLIENT_URI, "s://a/b?c");
	expect_refuses("uri:s://a/*", CLIENT_URI, "s://a/b#c");
	expect_refuses("uri:s://a/*", CLIENT_URI, "s://a/?");
	expect_admits("uri:s://a/*?x", CLIENT_URI, "s://a/b?x");
}
END_TEST

START_TEST(a_star_does_not_go_up)
{
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns/../sa/web");
	expect_refuses(web, CLIENT_URI, "spiffe://example.org/ns/./sa/web");
	expect_refuses("uri:s://a/*/..", CLIENT_URI, "s://a/b/..");
	expect_refuses("uri:s://a/*.", CLIENT_URI, "s://a/..");
	expect_admits("uri:s://a/*", CLIENT_URI, "s://a/...");
	expect_admits("uri:s://a/*", CLIENT_URI, "s://a/.b");
	/* Nobody but the operator has written it. */
	expect_admits("uri:s://a/../b", CLIENT_URI, "s://a/../b");
}
END_TEST

START_TEST(a_star_in_a_name_is_a_star)
{
	expect_admits(web, CLIENT_URI, "spiffe://example.org/ns/*/sa/web");
	expect_refuses("uri:s://a/b", CLIENT_URI, "s://a/*");
}
END_TEST

/* What it should be, the slow way: every length that a "*" may have. */
static bool fits_slowly(const char *value, const char *name)
{
	if (*value == '\0')
		return *name == '\0';
	if (*value != '*')
		return *value == *name && fits_slowly(value + 1, name + 1);
	for (; *name != '\0' && strchr("/?#", *name) == NULL; name++)
		if (fits_slowly(value + 1, name + 1))
			return true;
	return false;
}

START_TEST(it_agrees_with_the_slow_way)
{
	static const char letters[] = "ab/?*";
	unsigned long state = 1;
	unsigned n_admitted = 0;

	for (int round = 0; round < 200000; round++) {
		char rule[32] = "uri:s://h/";
		char name[32] = "s://h/";

		for (int i = 0; i < 6; i++) {
			state = state * 6364136223846793005UL + 1442695040888963407UL;
			rule[10 + i] = letters[(state >> 33) % 5];
			name[6 + i] = letters[(state >> 40) % 3];
		}
		rule[10 + (state >> 50) % 7] = '\0';
		name[6 + (state >> 55) % 7] = '\0';
		if (client_rule_check(rule) != NULL)
			continue;
		n_admitted += fits_slowly(rule + 4, name);
		ck_assert_msg(admits(rule, CLIENT_URI, name, strlen(name)) ==
		                      fits_slowly(rule + 4, name),
		              "%s and %s", rule, name);
	}
	ck_assert_uint_gt(n_admitted, 1000);
}
END_TEST

START_TEST(a_long_name_takes_no_long_time)
{
	enum { LEN = 60000 };
	char *name = malloc(LEN);

	memset(name, 'a', LEN);
	memcpy(name, "s://h/", 6);
	ck_assert(!client_rule_admits("uri:s://h/*a*a*a*a*a*a*a*a*a*a*b", CLIENT_URI, name, LEN));
	free(name);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_rule");
	TCase *rules = tcase_create("rules");
	TCase *names = tcase_create("names");
	TCase *patterns = tcase_create("patterns");

	tcase_add_test(rules, what_is_no_rule_is_told);
	suite_add_tcase(suite, rules);
	tcase_add_test(names, a_host_has_no_case);
	tcase_add_test(names, a_certificate_for_many_hosts_is_none_for_one);
	tcase_add_test(names, a_name_of_another_kind_is_another_name);
	tcase_add_test(names, a_common_name_is_compared_byte_by_byte);
	tcase_add_test(names, only_the_host_of_a_mailbox_has_no_case);
	tcase_add_test(names, a_digest_has_no_case);
	tcase_add_test(names, a_nul_makes_it_nobodys_name);
	suite_add_tcase(suite, names);
	tcase_add_test(patterns, a_star_is_a_segment);
	tcase_add_test(patterns, a_star_is_part_of_a_segment);
	tcase_add_test(patterns, a_star_ends_where_the_path_does);
	tcase_add_test(patterns, a_star_does_not_go_up);
	tcase_add_test(patterns, a_star_in_a_name_is_a_star);
	tcase_add_test(patterns, it_agrees_with_the_slow_way);
	tcase_add_test(patterns, a_long_name_takes_no_long_time);
	suite_add_tcase(suite, patterns);
	return suite_run(suite);
}
