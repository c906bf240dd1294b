/* SPDX-License-Identifier: ISC */
#include "tls_framing.h"

#include "suite.h"

static struct tls_framing framing;

/* Feeds bytes, in pieces of a size. */
static void feed(const char *bytes, size_t len, size_t piece)
{
	framing = (struct tls_framing){ 0 };
	while (len > 0) {
		size_t n = piece < len ? piece : len;

		tls_framing_follow(&framing, (const unsigned char *)bytes, n);
		bytes += n;
		len -= n;
	}
}

START_TEST(it_knows_where_a_record_ends)
{
	static const char records[] = "\x17\x03\x03\x00\x04"
				      "abcd"
				      "\x17\x03\x03\x00\x01"
				      "e";
	static const bool within[] = { false, true,  true, true, true, true, true, true,
		                       true,  false, true, true, true, true, true, false };

	for (size_t piece = 1; piece < 20; piece++) {
		for (size_t len = 0; len < sizeof(records); len++) {
			feed(records, len, piece);
			ck_assert_int_eq(tls_framing_in_record(&framing), within[len]);
		}
	}
}
END_TEST

START_TEST(it_knows_a_bare_close_notify)
{
	feed("\x15\x03\x03\x00\x02\x01\x00", 7, 3);
	ck_assert(tls_framing_is_bare_close_notify(&framing));
	feed("\x15\x03\x03\x00\x02\x02\x28", 7, 3);
	ck_assert(!tls_framing_is_bare_close_notify(&framing));
	feed("\x17\x03\x03\x00\x02\x01\x00", 7, 3);
	ck_assert(!tls_framing_is_bare_close_notify(&framing));
	feed("\x15\x03\x03\x00\x12"
	     "0123456789abcdefgh",
	     23, 3);
	ck_assert(!tls_framing_is_bare_close_notify(&framing));
}
END_TEST

START_TEST(it_counts_records_since_the_change_of_keys)
{
	feed("\x16\x03\x03\x00\x01"
	     "a"
	     "\x14\x03\x03\x00\x01"
	     "\x01"
	     "\x16\x03\x03\x00\x01"
	     "b"
	     "\x17\x03\x03\x00\x01"
	     "c",
	     24, 24);
	ck_assert_uint_eq(framing.n_records, 2);
}
END_TEST

START_TEST(it_knows_headers_that_nobody_sends)
{
	ck_assert(!tls_framing_is_absurd((const unsigned char *)"\x17\x03\x03\x41\x00"));
	ck_assert(tls_framing_is_absurd((const unsigned char *)"\x17\x03\x03\x41\x01"));
	ck_assert(tls_framing_is_absurd((const unsigned char *)"\x18\x03\x03\x00\x10"));
	ck_assert(tls_framing_is_absurd((const unsigned char *)"\x17\x02\x03\x00\x10"));
	ck_assert(tls_framing_is_absurd((const unsigned char *)"GET /"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_framing");
	TCase *tcase = tcase_create("a stream of records");

	tcase_add_test(tcase, it_knows_where_a_record_ends);
	tcase_add_test(tcase, it_knows_a_bare_close_notify);
	tcase_add_test(tcase, it_counts_records_since_the_change_of_keys);
	tcase_add_test(tcase, it_knows_headers_that_nobody_sends);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
