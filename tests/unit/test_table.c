/* SPDX-License-Identifier: ISC */
#include "table.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

enum { MANY = 5000 };

START_TEST(nothing_is_found_in_an_empty_one)
{
	const struct table table = { .slots = NULL };

	ck_assert_ptr_null(table_find(&table, ""));
	ck_assert_ptr_null(table_find(&table, "a"));
}
END_TEST

START_TEST(everything_is_found_again_however_much_it_is)
{
	static char names[MANY][16];
	struct table table = { .slots = NULL };

	for (int i = 0; i < MANY; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "n%d.test", i);
		ck_assert_ptr_null(table_find(&table, names[i]));
		ck_assert(table_add(&table, names[i], names[i]));
	}
	ck_assert_uint_eq(table.n, MANY);
	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_eq(table_find(&table, names[i]), names[i]);
	ck_assert_ptr_null(table_find(&table, "n5000.test"));
	table_clear(&table);
	ck_assert_ptr_null(table_find(&table, "n1.test"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tcase = tcase_create("table");

	tcase_add_test(tcase, nothing_is_found_in_an_empty_one);
	tcase_add_test(tcase, everything_is_found_again_however_much_it_is);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
