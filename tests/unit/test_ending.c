/* SPDX-License-Identifier: ISC */
#include "ending.h"

#include <errno.h>

#include "suite.h"

static const char *text(enum ending_kind kind, const char *detail)
{
	static char room[ENDING_TEXT_ROOM];

	return ending_text((struct ending){ kind, detail }, room);
}

START_TEST(only_two_endings_are_clean)
{
	for (int kind = ENDING_NONE; kind <= ENDING_SINK_GONE; kind++)
		ck_assert_int_eq(ending_is_clean((enum ending_kind)kind),
		                 kind == ENDING_CLOSE_NOTIFY || kind == ENDING_FIN);
}
END_TEST

START_TEST(are_written_as_the_manual_has_them)
{
	ck_assert_str_eq(text(ENDING_CLOSE_NOTIFY, NULL), "close_notify");
	ck_assert_str_eq(text(ENDING_FIN, NULL), "fin");
	ck_assert_str_eq(text(ENDING_TRUNCATED, NULL), "truncated");
	ck_assert_str_eq(text(ENDING_UNANSWERED, NULL), "unanswered");
	ck_assert_str_eq(text(ENDING_RESET, NULL), "reset");
	ck_assert_str_eq(text(ENDING_ALERT, "unknown_ca"), "alert:unknown_ca");
	ck_assert_str_eq(text(ENDING_VIOLATION, "bad_record_mac"), "violation:bad_record_mac");
	ck_assert_str_eq(text(ENDING_LOST, NULL), "lost");
	ck_assert_str_eq(text(ENDING_TIMEOUT, "idle"), "timeout:idle");
	ck_assert_str_eq(text(ENDING_REFUSED, "unreachable"), "refused:unreachable");
	ck_assert_str_eq(text(ENDING_DRAIN, NULL), "drain");
	ck_assert_str_eq(text(ENDING_KILLED, NULL), "killed");
	ck_assert_str_eq(text(ENDING_SINK_GONE, NULL), "sink-gone");
}
END_TEST

START_TEST(the_peers_doing_is_told_from_the_networks)
{
	static const int lost[] = { ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNABORTED, ENOMEM };

	ck_assert_int_eq(ending_of_errno(ECONNRESET).kind, ENDING_RESET);
	ck_assert_int_eq(ending_of_errno(EPIPE).kind, ENDING_RESET);
	for (size_t i = 0; i < sizeof(lost) / sizeof(lost[0]); i++)
		ck_assert_int_eq(ending_of_errno(lost[i]).kind, ENDING_LOST);
	ck_assert_ptr_null(ending_of_errno(ETIMEDOUT).detail);
	ck_assert_str_eq(ending_of_errno(ENOMEM).detail, "out_of_memory");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ending");
	TCase *tcase = tcase_create("endings");

	tcase_add_test(tcase, only_two_endings_are_clean);
	tcase_add_test(tcase, are_written_as_the_manual_has_them);
	tcase_add_test(tcase, the_peers_doing_is_told_from_the_networks);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
