/* SPDX-License-Identifier: ISC */
#include "gather.h"

#include "suite.h"

enum { TURN = 256 << 10, PER_MS = 1 << 20, BEGAN = 1000 };

static struct gather gather;
static uint64_t now;

static void begin(void)
{
	gather = (struct gather){ 0 };
	now = BEGAN;
}

/* So many bytes each millisecond, for so many; what to wait for, once it says so. */
static size_t give(size_t bytes, uint64_t milliseconds)
{
	for (const uint64_t end = now + milliseconds; now <= end; now++) {
		size_t want = gather_more(&gather, bytes, TURN, now);

		if (want > 0)
			return want;
	}
	return 0;
}

/* Its source rests, until patience ends. */
static void rest(void)
{
	ck_assert(gather_is_on(&gather));
	now = gather.until;
	gather_doubt(&gather);
	gather_stop(&gather);
	ck_assert(!gather_is_on(&gather));
}

START_TEST(what_gives_plenty_for_long_is_a_stream)
{
	begin();
	ck_assert_uint_eq(give(PER_MS, GATHER_TRUST - 1), 0);
	ck_assert(!gather_is_on(&gather));
	ck_assert_uint_eq(give(PER_MS, 2), TURN);
	ck_assert(gather_is_on(&gather));
	ck_assert_uint_ge(now, BEGAN + GATHER_TRUST);
}
END_TEST

START_TEST(no_more_is_waited_for_than_comes_in_time)
{
	const size_t slow = TURN / 2 / GATHER_WAIT;
	size_t want;

	begin();
	want = give(slow, 2 * GATHER_TRUST);
	ck_assert_uint_ge(want, TURN / 2);
	ck_assert_uint_le(want, TURN / 2 + slow);
	/* Longer than it should take, and yet not long. */
	ck_assert_uint_gt(gather.until - now, GATHER_WAIT);
	ck_assert_uint_le(gather.until - now, GATHER_TRUST / 8);
}
END_TEST

START_TEST(what_is_slow_is_not_waited_for)
{
	begin();
	ck_assert_uint_eq(give(GATHER_LEAST / GATHER_WAIT / 2, 10 * GATHER_TRUST), 0);
	/* But what it was does not count against what it becomes. */
	ck_assert_uint_eq(give(PER_MS, 2 * GATHER_TRUST + 2), TURN);
}
END_TEST

START_TEST(patience_begins_anew_with_each_byte)
{
	begin();
	(void)give(PER_MS, 2 * GATHER_TRUST);
	now += 5;
	ck_assert_uint_eq(gather_more(&gather, 1, TURN, now), 0);
	ck_assert_uint_eq(gather.until, now + gather.patience);
}
END_TEST

START_TEST(each_rest_doubles_what_has_to_be_given_first)
{
	begin();
	for (int doubts = 0; doubts < 4; doubts++) {
		ck_assert_uint_eq(give(PER_MS, (uint64_t)(GATHER_TRUST << doubts) - 1), 0);
		ck_assert_uint_eq(give(PER_MS, 2), TURN);
		rest();
	}
}
END_TEST

START_TEST(a_stream_that_went_on_for_long_is_not_doubted)
{
	begin();
	(void)give(PER_MS, GATHER_TRUST);
	rest();
	ck_assert_uint_eq(gather.doubts, 1);
	(void)give(PER_MS, 2 * GATHER_TRUST);
	ck_assert_uint_eq(give(PER_MS, (uint64_t)2 * GATHER_SURE * GATHER_TRUST), 0);
	rest();
	ck_assert_uint_eq(gather.doubts, 0);
}
END_TEST

START_TEST(doubts_have_an_end)
{
	begin();
	for (int i = 0; i < 3 * GATHER_MAX_DOUBTS; i++) {
		gather = (struct gather){ .since = now, .until = now, .doubts = gather.doubts };
		gather_doubt(&gather);
	}
	ck_assert_uint_eq(gather.doubts, GATHER_MAX_DOUBTS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gather");
	TCase *tcase = tcase_create("a source");

	tcase_add_test(tcase, what_gives_plenty_for_long_is_a_stream);
	tcase_add_test(tcase, no_more_is_waited_for_than_comes_in_time);
	tcase_add_test(tcase, what_is_slow_is_not_waited_for);
	tcase_add_test(tcase, patience_begins_anew_with_each_byte);
	tcase_add_test(tcase, each_rest_doubles_what_has_to_be_given_first);
	tcase_add_test(tcase, a_stream_that_went_on_for_long_is_not_doubted);
	tcase_add_test(tcase, doubts_have_an_end);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
