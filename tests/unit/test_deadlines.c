/* SPDX-License-Identifier: ISC */
#include "deadlines.h"

#include "suite.h"

enum { MANY = 1000 };

static struct deadlines deadlines;
static struct deadline many[MANY];

/* The next one, taken out; 0: there is none. */
static uint64_t take(void)
{
	struct deadline *first = deadlines.first;
	uint64_t due;

	if (first == NULL)
		return 0;
	due = first->due;
	deadlines_unset(&deadlines, first);
	ck_assert_uint_eq(first->due, 0);
	return due;
}

/* In no order, and with some that are the same. */
static uint64_t due_of(int i)
{
	return 1 + (uint64_t)i * 7919 % 611;
}

static void set_all(void)
{
	for (int i = 0; i < MANY; i++)
		deadlines_set(&deadlines, &many[i], due_of(i));
}

static int take_all(void)
{
	uint64_t last = 0;
	uint64_t due;
	int n = 0;

	while ((due = take()) != 0) {
		ck_assert_uint_le(last, due);
		last = due;
		n++;
	}
	return n;
}

START_TEST(the_earliest_comes_first)
{
	ck_assert_ptr_null(deadlines.first);
	set_all();
	ck_assert_int_eq(take_all(), MANY);
}
END_TEST

START_TEST(what_is_unset_does_not_come)
{
	set_all();
	for (int i = 0; i < MANY; i += 3)
		deadlines_unset(&deadlines, &many[i]);
	deadlines_unset(&deadlines, &many[0]); /* and again is fine */
	ck_assert_int_eq(take_all(), MANY - (MANY + 2) / 3);
}
END_TEST

START_TEST(one_can_be_moved_both_ways)
{
	set_all();
	deadlines_set(&deadlines, &many[500], 10000);
	deadlines_set(&deadlines, &many[600], 1);
	for (int i = 0; i < MANY - 1; i++)
		ck_assert_uint_lt(take(), 10000);
	ck_assert_ptr_eq(deadlines.first, &many[500]);
	ck_assert_uint_eq(take(), 10000);
	ck_assert_uint_eq(take(), 0);
}
END_TEST

START_TEST(they_come_and_go_in_between)
{
	int taken = 0;

	for (int i = 0; i < MANY; i++) {
		deadlines_set(&deadlines, &many[i], due_of(i));
		if (i % 2 == 1)
			taken += take() != 0;
	}
	ck_assert_int_eq(taken + take_all(), MANY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("deadlines");
	TCase *tcase = tcase_create("order");

	tcase_add_test(tcase, the_earliest_comes_first);
	tcase_add_test(tcase, what_is_unset_does_not_come);
	tcase_add_test(tcase, one_can_be_moved_both_ways);
	tcase_add_test(tcase, they_come_and_go_in_between);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
