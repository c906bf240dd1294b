/* SPDX-License-Identifier: ISC */
#include "causes.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

static const char manual_path[] = ADIEU_SOURCE_ROOT "/man/adieu.8";

static const char *word_of(enum ending_kind kind, const char *detail, enum side side)
{
	return cause_word(cause_of_ending((struct ending){ kind, detail }), side);
}

START_TEST(an_ending_is_a_cause)
{
	ck_assert_str_eq(word_of(ENDING_TRUNCATED, NULL, SIDE_CLIENT), "closed");
	ck_assert_str_eq(word_of(ENDING_CLOSE_NOTIFY, NULL, SIDE_BACKEND), "closed");
	ck_assert_str_eq(word_of(ENDING_RESET, NULL, SIDE_CLIENT), "reset");
	ck_assert_str_eq(word_of(ENDING_LOST, "out_of_memory", SIDE_CLIENT), "out_of_memory");
	ck_assert_str_eq(word_of(ENDING_TIMEOUT, "handshake", SIDE_BACKEND), "timeout:handshake");
	ck_assert_str_eq(word_of(ENDING_VIOLATION, "decode_error", SIDE_CLIENT), "violation");
}
END_TEST

START_TEST(who_dislikes_our_certificate_is_told_from_others)
{
	ck_assert_str_eq(word_of(ENDING_ALERT, "unknown_ca", SIDE_CLIENT),
	                 "client_rejects_our_cert:unknown_ca");
	ck_assert_str_eq(word_of(ENDING_ALERT, "certificate_expired", SIDE_BACKEND),
	                 "backend_rejects_our_cert:certificate_expired");
	ck_assert_str_eq(word_of(ENDING_ALERT, "internal_error", SIDE_CLIENT),
	                 "alert:internal_error");
	ck_assert_str_eq(word_of(ENDING_ALERT, "export_restriction", SIDE_CLIENT), "alert:other");
	ck_assert(cause_is_rejection(CAUSE_REJECTED_BAD));
	ck_assert(cause_is_rejection(CAUSE_REJECTED_DENIED));
	ck_assert(!cause_is_rejection(CAUSE_CERT_INVALID));
	ck_assert(!cause_is_rejection(CAUSE_ALERT_UNEXPECTED_MESSAGE));
}
END_TEST

START_TEST(no_word_stands_for_two)
{
	for (enum cause one = CAUSE_UNKNOWN + 1; one < CAUSES_END; one++) {
		for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
			ck_assert(cause_word(one, SIDE_CLIENT) != NULL ||
			          cause_word(one, SIDE_BACKEND) != NULL);
			for (enum cause other = one + 1; other < CAUSES_END; other++)
				ck_assert(cause_word(one, side) == NULL ||
				          cause_word(other, side) == NULL ||
				          strcmp(cause_word(one, side), cause_word(other, side)));
		}
	}
}
END_TEST

/* ---- adieu(8) ---- */

static const struct {
	const char *words[SIDES];
	const char *meaning;    /* NULL: the alert's name says it */
} list[] = {
#define X(name, words, meaning) { words, meaning },
	CAUSES(X)
#undef X
};
enum { LIST = sizeof(list) / sizeof(list[0]) };

/* What the manual has between two lines; the caller's. */
static char *manual_part(const char *from, const char *to)
{
	static char text[1 << 17];
	FILE *manual = fopen(manual_path, "r");
	char *start;
	char *end;

	ck_assert_ptr_nonnull(manual);
	text[fread(text, 1, sizeof(text) - 1, manual)] = '\0';
	(void)fclose(manual);
	start = strstr(text, from);
	ck_assert_ptr_nonnull(start);
	end = strstr(start, to);
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	return start;
}

static char *causes_part(void)
{
	return manual_part("The cause is one of these:", ".\\\" the end of causes");
}

/* As the manual has it: of a family only what tells them apart. */
static const char *own_part(size_t i)
{
	const char *word = list[i].words[list[i].words[SIDE_CLIENT] == NULL];
	const char *colon = strchr(word, ':');

	return colon != NULL && strncmp(word, "timeout", 7) != 0 ? colon + 1 : word;
}

START_TEST(the_manual_has_every_word_with_its_meaning)
{
	const char *part = causes_part();
	char item[256];

	for (size_t i = 0; i < LIST; i++) {
		if (list[i].meaning != NULL)
			(void)snprintf(item, sizeof(item), ".It Cm %s\n%s\n", own_part(i),
			               list[i].meaning);
		else
			(void)snprintf(item, sizeof(item), ".Cm %s\n", own_part(i));
		ck_assert_msg(strstr(part, item) != NULL, "adieu(8) does not say:\n%s", item);
	}
}
END_TEST

static bool is_listed(const char *word)
{
	for (size_t i = 0; i < LIST; i++)
		if (strcmp(own_part(i), word) == 0)
			return true;
	return false;
}

START_TEST(the_manual_has_no_other_word)
{
	char *rest = NULL;

	for (char *line = strtok_r(causes_part(), "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		char word[64];

		/* ".It Cm a : Ns Ar b" is a family. */
		if (strstr(line, " Ar ") == NULL &&
		    (sscanf(line, ".It Cm %63s", word) == 1 || sscanf(line, ".Cm %63s", word) == 1))
			ck_assert_msg(is_listed(word), "adieu(8) has \"%s\"", word);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("causes");
	TCase *tcase = tcase_create("causes");

	tcase_add_test(tcase, an_ending_is_a_cause);
	tcase_add_test(tcase, who_dislikes_our_certificate_is_told_from_others);
	tcase_add_test(tcase, no_word_stands_for_two);
	tcase_add_test(tcase, the_manual_has_every_word_with_its_meaning);
	tcase_add_test(tcase, the_manual_has_no_other_word);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
