/* SPDX-License-Identifier: ISC */
#include "parse.h"

#include "suite.h"

START_TEST(durations_have_units)
{
	static const struct {
		const char *text;
		uint64_t milliseconds;
	} good[] = {
		{ "500ms", 500 },  { "30s", 30000 },    { "5m", 300000 },
		{ "1h", 3600000 }, { "2d", 172800000 }, { "off", PARSE_OFF },
	};
	uint64_t value = 1;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_ptr_null(parse_duration(good[i].text, &value));
		ck_assert_uint_eq(value, good[i].milliseconds);
	}
	ck_assert_str_eq(parse_duration("30", &value), "needs a unit: ms, s, m, h or d");
	ck_assert_str_eq(parse_duration("30 s", &value),
	                 "has an unknown unit: ms, s, m, h and d are known");
	ck_assert_str_eq(parse_duration("30sec", &value),
	                 "has an unknown unit: ms, s, m, h and d are known");
	ck_assert_str_eq(parse_duration("0s", &value), "must be more than 0 (\"off\" is no limit)");
	ck_assert_str_eq(parse_duration("-1s", &value), "is not a number");
	ck_assert_str_eq(parse_duration("", &value), "is not a number");
	ck_assert_str_eq(parse_duration("99999999999999999999s", &value), "is too large");
	ck_assert_str_eq(parse_duration("9223372036854775807d", &value), "is too large");
}
END_TEST

START_TEST(sizes_count_in_powers_of_1024)
{
	uint64_t value = 1;

	ck_assert_ptr_null(parse_size("4096", &value));
	ck_assert_uint_eq(value, 4096);
	ck_assert_ptr_null(parse_size("64k", &value));
	ck_assert_uint_eq(value, 65536);
	ck_assert_ptr_null(parse_size("1m", &value));
	ck_assert_uint_eq(value, 1048576);
	ck_assert_ptr_null(parse_size("2g", &value));
	ck_assert_uint_eq(value, UINT64_C(2) << 30);
	ck_assert_str_eq(parse_size("1K", &value), "has an unknown unit: k, m and g are known");
	ck_assert_str_eq(parse_size("9223372036854775807g", &value), "is too large");
	ck_assert_str_eq(parse_size("1x", &value), "has an unknown unit: k, m and g are known");
	ck_assert_str_eq(parse_size("0", &value), "must be more than 0");
	ck_assert_str_eq(parse_size("off", &value), "is not a number");
}
END_TEST

START_TEST(counts_are_positive_and_fit)
{
	uint32_t value = 7;

	ck_assert_ptr_null(parse_count("4294967295", &value));
	ck_assert_uint_eq(value, UINT32_MAX);
	ck_assert_str_eq(parse_count("4294967296", &value), "is too large");
	ck_assert_str_eq(parse_count("0", &value), "must be more than 0");
	ck_assert_str_eq(parse_count("1k", &value), "is not a number");
	ck_assert_str_eq(parse_count("+1", &value), "is not a number");
	ck_assert_uint_eq(value, UINT32_MAX);
}
END_TEST

START_TEST(booleans_have_three_spellings)
{
	bool value = false;

	static const struct {
		const char *text;
		bool value;
	} good[] = {
		{ "yes", true },  { "no", false },  { "on", true },
		{ "off", false }, { "true", true }, { "false", false },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_ptr_null(parse_bool(good[i].text, &value));
		ck_assert_int_eq(value, good[i].value);
	}
	ck_assert_str_eq(parse_bool("1", &value),
	                 "is neither yes nor no, on nor off, true nor false");
	ck_assert_str_eq(parse_bool("Yes", &value),
	                 "is neither yes nor no, on nor off, true nor false");
}
END_TEST

START_TEST(what_is_wrong_stores_nothing)
{
	uint64_t number = 7;
	uint32_t count = 7;
	bool value = true;

	ck_assert_ptr_nonnull(parse_duration("30", &number));
	ck_assert_ptr_nonnull(parse_duration("0s", &number));
	ck_assert_ptr_nonnull(parse_size("9x", &number));
	ck_assert_ptr_nonnull(parse_count("4294967296", &count));
	ck_assert_ptr_nonnull(parse_bool("nein", &value));
	ck_assert_uint_eq(number, 7);
	ck_assert_uint_eq(count, 7);
	ck_assert(value);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("parse");
	TCase *tcase = tcase_create("values");

	tcase_add_test(tcase, durations_have_units);
	tcase_add_test(tcase, sizes_count_in_powers_of_1024);
	tcase_add_test(tcase, counts_are_positive_and_fit);
	tcase_add_test(tcase, booleans_have_three_spellings);
	tcase_add_test(tcase, what_is_wrong_stores_nothing);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
