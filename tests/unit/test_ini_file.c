/* SPDX-License-Identifier: ISC */
/*
 * Files as people write and break them. What is told is written down, an event
 * a line, and compared as a whole: "2 [name]", "3 key=value", "4 !reason".
 */
#include "ini_file.h"

#include <errno.h>
#include <string.h>

#include "suite.h"

struct told {
	char *text;
	size_t len;
	FILE *stream;
};

static void on_section(void *arg, unsigned line, const char *name)
{
	const struct told *told = arg;

	(void)fprintf(told->stream, "%u [%s]\n", line, name);
}

static void on_key(void *arg, unsigned line, const char *key, const char *value)
{
	const struct told *told = arg;

	(void)fprintf(told->stream, "%u %s=%s\n", line, key, value);
}

static void on_error(void *arg, unsigned line, const char *reason)
{
	const struct told *told = arg;

	(void)fprintf(told->stream, "%u !%s\n", line, reason);
}

/* Reads it and closes it; the caller frees what was told. */
static char *read_file(FILE *file)
{
	struct told told = { 0 };
	const struct ini_listener listener = { on_section, on_key, on_error, &told };

	told.stream = open_memstream(&told.text, &told.len);
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(told.stream);
	ck_assert_msg(ini_file_read(file, &listener), "%s", strerror(errno));
	(void)fclose(file);
	(void)fclose(told.stream);
	return told.text;
}

static void expect_of_bytes(const char *bytes, size_t len, const char *expected)
{
	/* A stream over memory needs one byte to stand on. */
	FILE *file = len > 0 ? fmemopen((char *)bytes, len, "r") : fopen("/dev/null", "r");
	char *told = read_file(file);

	ck_assert_str_eq(told, expected);
	free(told);
}

static void expect(const char *text, const char *expected)
{
	expect_of_bytes(text, strlen(text), expected);
}

static char *repeat(char c, size_t n)
{
	char *text = malloc(n + 1);

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

/* "[s]" and a line of exactly len bytes, "k=vvv..."; the value is at *value. */
static char *with_long_line(size_t len, const char **value)
{
	char *fill = repeat('v', len - 2);
	char *text;

	ck_assert_int_ge(asprintf(&text, "[s]\nk=%s\nafter=1\n", fill), 0);
	free(fill);
	*value = text + 6;
	return text;
}

/* ---- what is taken ---- */

START_TEST(sections_and_keys_are_told_with_their_lines)
{
	expect("[one]\nkey = value\n\nother=1\n[two]\nkey = 2\n",
	       "1 [one]\n2 key=value\n4 other=1\n5 [two]\n6 key=2\n");
}
END_TEST

START_TEST(nothing_is_told_of_nothing)
{
	expect("", "");
	expect("\n \n\t\n# x\n;\n", "");
}
END_TEST

START_TEST(empty_and_repeated_sections_are_told)
{
	expect("[a]\n[a]\n[b]\n", "1 [a]\n2 [a]\n3 [b]\n");
}
END_TEST

START_TEST(a_section_is_taken_as_it_is_written)
{
	expect("[ listener:web ]\n", "1 [listener:web]\n");
	expect("[]\n", "1 []\n");
	expect("[a=b]\n", "1 [a=b]\n");
}
END_TEST

START_TEST(indentation_does_not_continue_a_value)
{
	expect("[s]\n a = 1\n\t\tb = 2\n   \n  [t]\n", "1 [s]\n2 a=1\n3 b=2\n5 [t]\n");
}
END_TEST

START_TEST(comments_begin_a_line_or_follow_a_space)
{
	expect("# 1\n; 2\n[s] # 3\na = 1 ; 4\nb = 2\t# 5\nc = x;y#z\n  # d = 3\n",
	       "3 [s]\n4 a=1\n5 b=2\n6 c=x;y#z\n");
	expect("[s]\na = # all of it\n", "1 [s]\n2 a=\n");
}
END_TEST

START_TEST(the_first_equals_sign_counts)
{
	expect("[s]\na = b = c\nd = e:f\n", "1 [s]\n2 a=b = c\n3 d=e:f\n");
}
END_TEST

START_TEST(newlines_may_be_foreign_or_missing)
{
	expect("[s]\r\na = 1\r\nb = 2", "1 [s]\n2 a=1\n3 b=2\n");
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped_at_the_very_beginning)
{
	expect("\xef\xbb\xbf[s]\na=1\n", "1 [s]\n2 a=1\n");
	expect("\xef\xbb\xbf", "");
	expect("[s]\n\xef\xbb\xbf"
	       "a=1\n",
	       "1 [s]\n2 !a key is made of letters, digits, \"-\", \"_\" and \".\"\n");
}
END_TEST

START_TEST(values_are_bytes)
{
	expect("[s]\npath = /srv/\xc3\xbc/\xfc\n", "1 [s]\n2 path=/srv/\xc3\xbc/\xfc\n");
}
END_TEST

/* ---- what is refused ---- */

START_TEST(other_lines_are_errors)
{
	const char *no_key = "1 [s]\n2 !a line is \"key = value\", \"[section]\" or a comment\n";
	const char *bad_key =
		"1 [s]\n2 !a key is made of letters, digits, \"-\", \"_\" and \".\"\n";

	expect("[s]\nkey\n", no_key);
	expect("[s]\nkey: value\n", no_key);
	expect("[s]\n\"key = value\n", bad_key);
	expect("[s]\nkey: x = value\n", bad_key);
	expect("[s]\na b = 1\n", bad_key);
	expect("[s]\nk\xc3\xa4y = 1\n", bad_key);
	expect("[s]\n = 1\n", "1 [s]\n2 !a key is missing before \"=\"\n");
}
END_TEST

START_TEST(keys_belong_to_a_section)
{
	expect("a = 1\n[s]\nb = 2\n", "1 !a key needs a [section] above it\n2 [s]\n3 b=2\n");
}
END_TEST

START_TEST(keys_below_a_broken_section_belong_to_nobody)
{
	expect("[s]\na = 1\n[t\nb = 2\nc\n[u]\nd = 4\n",
	       "1 [s]\n2 a=1\n3 !a section needs a \"]\"\n"
	       "5 !a line is \"key = value\", \"[section]\" or a comment\n6 [u]\n7 d=4\n");
}
END_TEST

START_TEST(nothing_may_follow_a_section)
{
	expect("[s] a = 1\nb = 2\n", "1 !something follows the \"]\"\n1 [s]\n2 b=2\n");
}
END_TEST

START_TEST(control_characters_are_refused_wherever_they_hide)
{
	static const char with_nul[] = "[s]\na = 1\0; b\nb = 2\n";
	const char *expected = "1 [s]\n2 !the line has a control character in it\n3 b=2\n";

	expect_of_bytes(with_nul, sizeof(with_nul) - 1, expected);
	expect("[s]\na = 1\x1b[2J\nb = 2\n", expected);
	expect("[s]\na = 1\x7f\nb = 2\n", expected);
	expect("[s]\na = 1\rx = 2\nb = 2\n", expected);
}
END_TEST

/* ---- how long a line may be ---- */

START_TEST(a_line_is_not_cut)
{
	const size_t len = (const size_t[]){ 150, 198, 199, 200, 201, 1000, INI_LINE_MAX }[_i];
	const char *value;
	char *text = with_long_line(len, &value);
	char *expected;

	ck_assert_int_ge(asprintf(&expected, "1 [s]\n2 k=%.*s\n3 after=1\n", (int)(len - 2), value),
	                 0);
	expect(text, expected);
	free(expected);
	free(text);
}
END_TEST

START_TEST(a_line_over_64k_is_an_error)
{
	const char *value;
	char *text = with_long_line(INI_LINE_MAX + 1, &value);

	expect(text, "1 [s]\n2 !the line is longer than 65536 bytes\n3 after=1\n");
	free(text);
}
END_TEST

START_TEST(a_key_over_what_inih_holds_is_an_error)
{
	char *key = repeat('k', 300);
	char *text;

	ck_assert_int_ge(asprintf(&text, "[s]\n%s = 1\nb = 2\n", key), 0);
	expect(text, "1 [s]\n2 !the key is too long\n3 b=2\n");
	free(text);
	free(key);
}
END_TEST

START_TEST(what_cannot_be_read_is_a_failure)
{
	struct told told = { 0 };
	const struct ini_listener listener = { on_section, on_key, on_error, &told };
	FILE *folder = fopen("/", "r");

	ck_assert_ptr_nonnull(folder);
	ck_assert(!ini_file_read(folder, &listener));
	ck_assert_int_eq(errno, EISDIR);
	(void)fclose(folder);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ini_file");
	TCase *taken = tcase_create("taken");
	TCase *refused = tcase_create("refused");
	TCase *length = tcase_create("length");

	tcase_add_test(taken, sections_and_keys_are_told_with_their_lines);
	tcase_add_test(taken, nothing_is_told_of_nothing);
	tcase_add_test(taken, empty_and_repeated_sections_are_told);
	tcase_add_test(taken, a_section_is_taken_as_it_is_written);
	tcase_add_test(taken, indentation_does_not_continue_a_value);
	tcase_add_test(taken, comments_begin_a_line_or_follow_a_space);
	tcase_add_test(taken, the_first_equals_sign_counts);
	tcase_add_test(taken, newlines_may_be_foreign_or_missing);
	tcase_add_test(taken, a_byte_order_mark_is_skipped_at_the_very_beginning);
	tcase_add_test(taken, values_are_bytes);
	suite_add_tcase(suite, taken);

	tcase_add_test(refused, other_lines_are_errors);
	tcase_add_test(refused, keys_belong_to_a_section);
	tcase_add_test(refused, keys_below_a_broken_section_belong_to_nobody);
	tcase_add_test(refused, nothing_may_follow_a_section);
	tcase_add_test(refused, control_characters_are_refused_wherever_they_hide);
	suite_add_tcase(suite, refused);

	tcase_add_loop_test(length, a_line_is_not_cut, 0, 7);
	tcase_add_test(length, a_line_over_64k_is_an_error);
	tcase_add_test(length, a_key_over_what_inih_holds_is_an_error);
	tcase_add_test(length, what_cannot_be_read_is_a_failure);
	suite_add_tcase(suite, length);
	return suite_run(suite);
}
