/* SPDX-License-Identifier: ISC */
#include "buffer.h"

#include <string.h>

#include "suite.h"

START_TEST(costs_nothing_while_it_is_empty)
{
	struct buffer buffer = { 0 };

	ck_assert(buffer_append(&buffer, "", 0));
	ck_assert_ptr_null(buffer.bytes);
	ck_assert(buffer_append(&buffer, "abc", 3));
	buffer_drop(&buffer, 3);
	ck_assert_ptr_null(buffer.bytes);
	ck_assert_uint_eq(buffer.size, 0);
}
END_TEST

START_TEST(gives_back_in_order_what_it_took)
{
	struct buffer buffer = { 0 };
	unsigned char next = 0;
	unsigned char expected = 0;

	/* Takes more than it gives, in pieces of odd sizes, so that it wraps and grows. */
	for (size_t i = 1; i < 400; i++) {
		unsigned char piece[400];

		for (size_t k = 0; k < i; k++)
			piece[k] = next++;
		ck_assert(buffer_append(&buffer, piece, i));
		for (size_t k = 0; k < i / 2; k++)
			ck_assert_uint_eq(buffer_front(&buffer)[k], expected++);
		buffer_drop(&buffer, i / 2);
	}
	while (buffer.len > 0) {
		ck_assert_uint_eq(*buffer_front(&buffer), expected++);
		buffer_drop(&buffer, 1);
	}
	ck_assert_uint_eq(next, expected);
}
END_TEST

START_TEST(forgets_everything_when_cleared)
{
	struct buffer buffer = { 0 };

	ck_assert(buffer_append(&buffer, "abcdef", 6));
	buffer_drop(&buffer, 2);
	ck_assert_mem_eq(buffer_front(&buffer), "cdef", 4);
	buffer_clear(&buffer);
	ck_assert_uint_eq(buffer.len, 0);
	ck_assert_ptr_null(buffer.bytes);
}
END_TEST

START_TEST(refuses_what_it_cannot_count)
{
	struct buffer buffer = { 0 };

	ck_assert(buffer_append(&buffer, "a", 1));
	ck_assert(!buffer_append(&buffer, "a", (size_t)UINT32_MAX));
	ck_assert_uint_eq(buffer.len, 1);
	buffer_clear(&buffer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buffer");
	TCase *tcase = tcase_create("queue");

	tcase_add_test(tcase, costs_nothing_while_it_is_empty);
	tcase_add_test(tcase, gives_back_in_order_what_it_took);
	tcase_add_test(tcase, forgets_everything_when_cleared);
	tcase_add_test(tcase, refuses_what_it_cannot_count);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
