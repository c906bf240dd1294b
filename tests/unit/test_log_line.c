/* SPDX-License-Identifier: ISC */
/*
 * What stands in a line: values, whatever a peer made of them, in both formats.
 * The log writes to /dev/null, since all this is decided before the queue.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "log_impl.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

enum { FORMATS = 2 };

static char nowhere[] = "/dev/null";

static void teardown(void)
{
	log_close();
}

static void begin(struct log_line *line, int format)
{
	const struct log_settings settings = { LOG_TO_FILE, nowhere, (enum log_format)format,
		                               LEVEL_INFO };

	log_close();
	ck_assert_ptr_null(log_open(&settings));
	log_begin(line, LEVEL_INFO, "test");
}

/* The line, finished, without level and event, which are first in all of them. */
static const char *rest(struct log_line *line, int format)
{
	const char *first = format == LOG_JSON ? "{\"level\":\"info\",\"event\":\"test\","
	                                       : "level=info event=test ";

	log_line_finish(line);
	ck_assert_uint_eq(strlen(line->text), line->len);
	ck_assert_mem_eq(line->text, first, strlen(first));
	return line->text + strlen(first);
}

static const struct {
	const char *value;
	const char *quoted;
	bool bare;              /* logfmt needs no quotes */
} values[] = {
	{ "[::1]:443/a-b_c,d", "\"[::1]:443/a-b_c,d\"", true },
	{ "", "\"\"", false },
	{ "a b", "\"a b\"", false },
	{ "a=b", "\"a=b\"", false },
	{ "\"", "\"\\\"\"", false },
	{ "\\", "\"\\\\\"", false },
	{ "\n\r\t", "\"\\n\\r\\t\"", false },
	{ "\x01\x1b\x7f", "\"\\u0001\\u001b\\u007f\"", false },
	{ "\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\"\\u0080\\u009b\\u009f\xc2\xa0\"", false },
	{ "\xc3\xa9\xe2\x82\xac", "\"\xc3\xa9\xe2\x82\xac\"", false },
	{ "\xf0\x9f\x91\x8b", "\"\xf0\x9f\x91\x8b\"", false },
	{ "\xff.\x80", "\"" BAD "." BAD "\"", false },
	{ "\xc0\xaf", "\"" BAD BAD "\"", false },                 /* overlong */
	{ "\xed\xa0\x80", "\"" BAD BAD BAD "\"", false },         /* a surrogate */
	{ "\xf4\x90\x80\x80", "\"" BAD BAD BAD BAD "\"", false }, /* above U+10FFFF */
	{ "\xe2\x82", "\"" BAD BAD "\"", false },                 /* ends too early */
};

enum { VALUES = sizeof(values) / sizeof(values[0]) };

START_TEST(a_value_is_quoted_and_escaped_in_logfmt_where_it_must_be)
{
	struct log_line line;

	begin(&line, LOG_LOGFMT);
	log_text(&line, "key", values[_i].value);
	ck_assert_str_eq(rest(&line, LOG_LOGFMT) + strlen("key="),
	                 values[_i].bare ? values[_i].value : values[_i].quoted);
}
END_TEST

START_TEST(a_value_is_always_quoted_in_json)
{
	struct log_line line;
	const char *text;

	begin(&line, LOG_JSON);
	log_text(&line, "key", values[_i].value);
	text = rest(&line, LOG_JSON) + strlen("\"key\":");
	ck_assert_mem_eq(text, values[_i].quoted, strlen(values[_i].quoted));
	ck_assert_str_eq(text + strlen(values[_i].quoted), "}");
}
END_TEST

/* Quotes that are not escaped; there are no control characters. */
static unsigned count_quotes(const struct log_line *line)
{
	unsigned quotes = 0;

	for (size_t i = 0; i < line->len; i++) {
		if ((unsigned char)line->text[i] < 0x20 || line->text[i] == 0x7f)
			ck_abort_msg("a control character in: %.*s", (int)line->len, line->text);
		if (line->text[i] == '\\')
			i++;
		else
			quotes += line->text[i] == '"';
	}
	return quotes;
}

START_TEST(every_pair_of_bytes_makes_one_printable_field)
{
	struct log_line line;

	begin(&line, _i);
	for (unsigned pair = 0x0101; pair <= 0xffff; pair++) {
		const char value[3] = { (char)(pair >> 8), (char)pair, '\0' };
		unsigned quotes;

		log_begin(&line, LEVEL_INFO, "test");
		log_text(&line, "key", value);
		quotes = count_quotes(&line);
		/* Not ck_assert(): it writes to a file each time. */
		if (quotes != (_i == LOG_JSON ? 12 : 2) && (quotes != 0 || _i == LOG_JSON))
			ck_abort_msg("%04x: %.*s", pair, (int)line.len, line.text);
	}
}
END_TEST

START_TEST(numbers_flags_and_durations_are_plain)
{
	const char *logfmt = "n=18446744073709551615 on=yes off=no long=4.213 short=0.007 "
			     "free=host:443";
	const char *json = "\"n\":18446744073709551615,\"on\":true,\"off\":false,"
			   "\"long\":4.213,\"short\":0.007,\"free\":\"host:443\"}";
	struct log_line line;

	begin(&line, _i);
	log_number(&line, "n", UINT64_MAX);
	log_flag(&line, "on", true);
	log_flag(&line, "off", false);
	log_duration(&line, "long", 4213);
	log_duration(&line, "short", 7);
	log_format(&line, "free", "%s:%d", "host", 443);
	ck_assert_str_eq(rest(&line, _i), _i == LOG_JSON ? json : logfmt);
}
END_TEST

START_TEST(a_text_that_is_not_there_leaves_its_field_out)
{
	struct log_line line;

	begin(&line, _i);
	log_text(&line, "none", NULL);
	log_text(&line, "some", "text");
	ck_assert_str_eq(rest(&line, _i), _i == LOG_JSON ? "\"some\":\"text\"}" : "some=text");
}
END_TEST

START_TEST(a_line_too_long_loses_whole_fields_and_says_so)
{
	const char *end = _i == LOG_JSON ? "xx\",\"line-cut\":true}" : "xx line-cut=yes";
	char value[101] = { 0 };
	struct log_line line;
	const char *text;

	(void)memset(value, 'x', sizeof(value) - 1);
	begin(&line, _i);
	for (int i = 0; i < 30; i++)
		log_text(&line, "key", value);
	log_number(&line, "late", 1); /* it would fit, and yet none follows */
	text = rest(&line, _i);
	ck_assert_uint_gt(strlen(text), 1700);
	ck_assert_uint_lt(line.len, sizeof(line.text));
	ck_assert_str_eq(text + strlen(text) - strlen(end), end);
	ck_assert_ptr_null(strstr(text, "late"));
}
END_TEST

START_TEST(no_length_of_a_value_tears_the_line)
{
	char value[sizeof(((struct log_line *)NULL)->text) + 1] = { 0 };

	for (size_t len = 1; len < sizeof(value); len += len < 1800 ? 97 : 1) {
		struct log_line line;
		const char *text;

		(void)memset(value, '"', len); /* two bytes each */
		begin(&line, _i);
		log_text(&line, "key", value);
		text = rest(&line, _i);
		ck_assert_uint_eq(count_quotes(&line) % 2, 0);
		ck_assert_int_eq(line.cut, strstr(text, "line-cut") != NULL);
		ck_assert_int_eq(line.cut, strstr(text, "key") == NULL);
	}
}
END_TEST

START_TEST(words_of_peers_are_cut_and_drive_out_nothing)
{
	char name[256] = { 0 };
	struct log_line line;
	const char *text;

	(void)memset(name, 'x', sizeof(name) - 1);
	begin(&line, _i);
	log_words(&line, "name", name);
	ck_assert_ptr_nonnull(strstr(rest(&line, _i), name));
	(void)memset(name, '\033', sizeof(name) - 1);
	begin(&line, _i);
	for (int i = 0; i < 4; i++)
		log_words(&line, "name", name);
	log_text(&line, "end", "fin");
	text = rest(&line, _i);
	ck_assert_ptr_null(strstr(text, "line-cut"));
	ck_assert_ptr_nonnull(strstr(text, "\\u001b\xe2\x80\xa6\""));
	ck_assert_ptr_nonnull(strstr(text, _i == LOG_JSON ? "\"end\":\"fin\"}" : " end=fin"));
	ck_assert_uint_eq(count_quotes(&line) % 2, 0);
}
END_TEST

START_TEST(a_formatted_text_is_whole_or_left_out)
{
	struct log_line line;
	const char *text;

	begin(&line, _i);
	log_format(&line, "long", "%0900d", 7);
	log_format(&line, "too-long", "%03000d", 7);
	text = rest(&line, _i);
	ck_assert_ptr_nonnull(strstr(text, "000000007"));
	ck_assert_ptr_nonnull(strstr(text, "line-cut"));
	ck_assert_ptr_null(strstr(text, "too-long"));
}
END_TEST

START_TEST(an_event_below_the_level_is_not_built)
{
	struct log_line line;

	begin(&line, _i);
	ck_assert(!log_wants(LEVEL_DEBUG) && log_wants(LEVEL_INFO) && log_wants(LEVEL_ERROR));
	log_begin(&line, LEVEL_DEBUG, "test");
	log_text(&line, "key", "value");
	log_number(&line, "n", 1);
	ck_assert_uint_eq(line.len, 0);
	log_end(&line);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_line");
	TCase *tcase = tcase_create("lines");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 100); /* they wait for events; this one never comes */
	tcase_add_checked_fixture(tcase, NULL, teardown);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, a_value_is_quoted_and_escaped_in_logfmt_where_it_must_be, 0,
	                    VALUES);
	tcase_add_loop_test(tcase, a_value_is_always_quoted_in_json, 0, VALUES);
	tcase_add_loop_test(tcase, every_pair_of_bytes_makes_one_printable_field, 0, FORMATS);
	tcase_add_loop_test(tcase, numbers_flags_and_durations_are_plain, 0, FORMATS);
	tcase_add_loop_test(tcase, a_text_that_is_not_there_leaves_its_field_out, 0, FORMATS);
	tcase_add_loop_test(tcase, a_line_too_long_loses_whole_fields_and_says_so, 0, FORMATS);
	tcase_add_loop_test(tcase, no_length_of_a_value_tears_the_line, 0, FORMATS);
	tcase_add_loop_test(tcase, words_of_peers_are_cut_and_drive_out_nothing, 0, FORMATS);
	tcase_add_loop_test(tcase, a_formatted_text_is_whole_or_left_out, 0, FORMATS);
	tcase_add_loop_test(tcase, an_event_below_the_level_is_not_built, 0, FORMATS);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
