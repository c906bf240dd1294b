/* SPDX-License-Identifier: ISC */
#include "sni.h"

#include <string.h>

#include "suite.h"

static void expect(const char *name, size_t len, const char *lower, const char *wide)
{
	char room[SNI_ROOM];
	const char *seen;

	sni_lower(name, len, room);
	ck_assert_str_eq(room, lower);
	seen = sni_widen(room);
	if (wide == NULL)
		ck_assert_ptr_null(seen);
	else
		ck_assert_str_eq(seen, wide);
}

START_TEST(a_star_stands_for_one_label)
{
	expect("App.Example.COM", 15, "app.example.com", "*.example.com");
	expect("a.b.example.com", 15, "a.b.example.com", "*.b.example.com");
	expect("*.example.com", 13, "*.example.com", "*.example.com");
	expect("a.b.", 4, "a.b.", "*.b.");
}
END_TEST

START_TEST(what_has_no_first_label_has_none_that_stands_for_it)
{
	expect("localhost", 9, "localhost", NULL);
	expect(".com", 4, ".com", NULL);
	expect("", 0, "", NULL);
}
END_TEST

START_TEST(not_a_byte_too_many_is_taken)
{
	char name[SNI_ROOM + 40];
	char cut[SNI_ROOM];

	expect("a.test-and-more", 6, "a.test", "*.test");
	memset(name, 'A', sizeof(name));
	memset(cut, 'a', sizeof(cut));
	cut[SNI_ROOM - 1] = '\0';
	expect(name, sizeof(name), cut, NULL);
}
END_TEST

static void expect_check(const char *name, const char *reason)
{
	const char *said = sni_check(name);

	if (*reason == '\0')
		ck_assert_msg(said == NULL, "%s: %s", name, said);
	else
		ck_assert_msg(said != NULL && strstr(said, reason) != NULL, "%s: %s", name, said);
}

/* Labels of that length, the last one shorter, so that the name has so many characters. */
static const char *name_of(size_t len, size_t label)
{
	static char name[SNI_ROOM];

	for (size_t i = 0; i < len; i++)
		name[i] = i % (label + 1) == label ? '.' : 'a';
	name[len] = '\0';
	return name;
}

START_TEST(only_what_a_client_may_ask_for_is_a_name)
{
	expect_check("app.example.com", "");
	expect_check("*.example.com", "");
	expect_check("localhost", "");
	expect_check("_x.xn--bcher-kva.7.example", "");
	expect_check(name_of(253, 63), "");
	expect_check(name_of(254, 63), "longer than 253");
	expect_check(name_of(253, 64), "more than 63");
	expect_check("", "nothing before a dot");
	expect_check("*.", "nothing before a dot");
	expect_check("a..b", "nothing before a dot");
	expect_check("a.", "nothing before a dot");
	expect_check("*", "no host name");
	expect_check("*.*.a", "no host name");
	expect_check("a.*", "no host name");
	expect_check("a b", "no host name");
	expect_check("[::1]", "no host name");
	expect_check("192.0.2.1", "is an address");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sni");
	TCase *tcase = tcase_create("sni");

	tcase_add_test(tcase, a_star_stands_for_one_label);
	tcase_add_test(tcase, what_has_no_first_label_has_none_that_stands_for_it);
	tcase_add_test(tcase, not_a_byte_too_many_is_taken);
	tcase_add_test(tcase, only_what_a_client_may_ask_for_is_a_name);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
