/* SPDX-License-Identifier: ISC */
#include "causes.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static uint64_t count_of(const struct causes *causes, const char *side, const char *cause)
{
	for (unsigned i = 0; i < causes->n; i++)
		if (strcmp(causes->counts[i].side, side) == 0 &&
		    strcmp(causes->counts[i].cause, cause) == 0)
			return causes->counts[i].n;
	return 0;
}

START_TEST(each_side_and_cause_is_counted_by_itself)
{
	struct causes causes = { 0 };

	causes_add(&causes, "client", "not_tls", 1);
	causes_add(&causes, "client", "plain_http", 2);
	causes_add(&causes, "backend", "not_tls", 3);
	causes_add(&causes, "client", "not_tls", 4);
	ck_assert_uint_eq(causes.n, 3);
	ck_assert_uint_eq(count_of(&causes, "client", "not_tls"), 5);
	ck_assert_uint_eq(count_of(&causes, "client", "plain_http"), 2);
	ck_assert_uint_eq(count_of(&causes, "backend", "not_tls"), 3);
}
END_TEST

START_TEST(what_has_no_room_is_counted_as_one)
{
	struct causes causes = { 0 };
	char cause[16];

	for (unsigned i = 0; i < CAUSES_MOST + 9; i++) {
		(void)snprintf(cause, sizeof(cause), "cause%u", i);
		causes_add(&causes, "client", cause, 1);
	}
	ck_assert_uint_eq(causes.n, CAUSES_MOST);
	ck_assert_uint_eq(count_of(&causes, "client", "cause0"), 1);
	ck_assert_uint_eq(count_of(&causes, "client", "other"), 10);
}
END_TEST

START_TEST(a_long_word_is_cut_and_still_the_same)
{
	struct causes causes = { 0 };
	char word[CAUSE_ROOM * 2];

	memset(word, 'x', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	causes_add(&causes, "client", word, 1);
	causes_add(&causes, "client", word, 1);
	ck_assert_uint_eq(causes.n, 1);
	ck_assert_uint_eq(causes.counts[0].n, 2);
	ck_assert_uint_eq(strlen(causes.counts[0].cause), CAUSE_ROOM - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("causes");
	TCase *tcase = tcase_create("causes");

	tcase_add_test(tcase, each_side_and_cause_is_counted_by_itself);
	tcase_add_test(tcase, what_has_no_room_is_counted_as_one);
	tcase_add_test(tcase, a_long_word_is_cut_and_still_the_same);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
