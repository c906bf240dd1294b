/* SPDX-License-Identifier: ISC */
#include "tls_bio.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_tls.h"
#include "suite.h"

/* A turn's worth of wire, without OpenSSL: what the BIO does by itself. */
static struct tls_io *io;
static struct socket_tls tls;
static int peer;

static const struct socket_ops no_ops = { .name = "none" };

static void set_up(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	io = tls_io_new(65536);
	tls = (struct socket_tls){ .io = io };
	socket_init(&tls.base, &no_ops, pair[0]);
	tls.base.readable = tls.base.writable = true;
	peer = pair[1];
}

static void tear_down(void)
{
	socket_close(&tls.base);
	buffer_clear(&tls.in);
	(void)close(peer);
	tls_io_free(io);
}

/* What OpenSSL would be given, n bytes at a time. */
static int bio_read(int n)
{
	char room[256];

	return BIO_read(tls_io_bio(io), room, n);
}

START_TEST(end_of_file_is_not_for_openssl)
{
	(void)close(peer);
	peer = -1;
	tls_io_begin(io, &tls, 100);
	ck_assert_int_eq(bio_read(5), 0);
	ck_assert(!BIO_should_retry(tls_io_bio(io)));
	ck_assert_int_eq(BIO_eof(tls_io_bio(io)), 0);
	ck_assert(tls.base.eof);
	tls_io_end(io, false);
}
END_TEST

START_TEST(writes_are_gathered_and_never_refused)
{
	char seen[64];

	tls.base.writable = false;
	tls_io_begin(io, &tls, 0);
	ck_assert_int_eq(BIO_write(tls_io_bio(io), "abc", 3), 3);
	ck_assert_int_eq(BIO_write(tls_io_bio(io), "def", 3), 3);
	tls_io_end(io, false);
	ck_assert_uint_eq(socket_unsent(&tls.base), 6);
	ck_assert_int_eq(recv(peer, seen, sizeof(seen), 0), -1);
	tls.base.writable = true;
	ck_assert_int_eq(socket_flush(&tls.base), IO_DONE);
	ck_assert_int_eq(recv(peer, seen, sizeof(seen), 0), 6);
	ck_assert_mem_eq(seen, "abcdef", 6);
}
END_TEST

START_TEST(the_last_alert_can_be_given_another_word)
{
	static const unsigned char alert[] = { 21, 3, 3, 0, 2, 2, 40 };
	static const unsigned char sealed[] = { 21, 3, 3, 0, 3, 2, 40, 0 };
	unsigned char seen[64];

	tls_io_begin(io, &tls, 0);
	ck_assert(!tls_bio_replace_alert(io, 49));
	ck_assert_int_eq(BIO_write(tls_io_bio(io), sealed, sizeof(sealed)), sizeof(sealed));
	ck_assert(!tls_bio_replace_alert(io, 49));
	ck_assert_int_eq(BIO_write(tls_io_bio(io), alert, sizeof(alert)), sizeof(alert));
	ck_assert(tls_bio_replace_alert(io, 49));
	tls_io_end(io, false);
	ck_assert_int_eq(recv(peer, seen, sizeof(seen), 0), sizeof(sealed) + sizeof(alert));
	ck_assert_mem_eq(seen, sealed, sizeof(sealed));
	ck_assert_mem_eq(seen + sizeof(sealed), alert, sizeof(alert) - 1);
	ck_assert_uint_eq(seen[sizeof(sealed) + sizeof(alert) - 1], 49);
}
END_TEST

START_TEST(more_than_a_turn_gathers_goes_out_in_between_and_in_order)
{
	enum { RECORD = 16000, RECORDS = 20 };
	static char record[RECORD];
	static char seen[RECORD];

	tls.base.writable = false;
	tls_io_begin(io, &tls, 0);
	for (int i = 0; i < RECORDS; i++) {
		memset(record, 'a' + i, RECORD);
		ck_assert_int_eq(BIO_write(tls_io_bio(io), record, RECORD), RECORD);
	}
	ck_assert_uint_gt(socket_unsent(&tls.base), 0);
	tls_io_end(io, false);
	ck_assert_uint_eq(socket_unsent(&tls.base), RECORD * RECORDS);
	for (int i = 0; i < RECORDS; i++) {
		tls.base.writable = true;
		(void)socket_flush(&tls.base);
		ck_assert_int_eq(recv(peer, seen, RECORD, 0), RECORD);
		memset(record, 'a' + i, RECORD);
		ck_assert_mem_eq(seen, record, RECORD);
	}
	ck_assert_uint_eq(socket_unsent(&tls.base), 0);
}
END_TEST

START_TEST(what_comes_to_mind_after_our_fin_is_dropped)
{
	char seen;

	socket_shut(&tls.base);
	tls_io_begin(io, &tls, 0);
	ck_assert_int_eq(BIO_write(tls_io_bio(io), "abc", 3), 3);
	tls_io_end(io, false);
	ck_assert_uint_eq(socket_unsent(&tls.base), 0);
	ck_assert_int_eq(recv(peer, &seen, 1, 0), 0);
}
END_TEST

START_TEST(a_turn_reads_no_more_than_it_may)
{
	ck_assert_int_eq(write(peer, "0123456789", 10), 10);
	tls_io_begin(io, &tls, 4);
	ck_assert_int_eq(bio_read(10), 4);
	ck_assert_int_eq(bio_read(10), -1);
	ck_assert(BIO_should_retry(tls_io_bio(io)));
	ck_assert(tls.base.readable);
	tls_io_end(io, false);
}
END_TEST

START_TEST(what_was_not_asked_for_waits_in_the_socket)
{
	ck_assert_int_eq(write(peer, "0123456789", 10), 10);
	tls_io_begin(io, &tls, 100);
	ck_assert_int_eq(bio_read(4), 4);
	tls_io_end(io, false);
	ck_assert_uint_eq(tls.in.len, 6);
	tls_io_begin(io, &tls, 1);
	ck_assert_int_eq(bio_read(100), 6);
	tls_io_end(io, false);
	ck_assert_ptr_null(tls.in.bytes);
}
END_TEST

START_TEST(what_passes_is_followed)
{
	ck_assert_int_eq(write(peer,
	                       "\x17\x03\x03\x00\x04"
	                       "ab",
	                       7),
	                 7);
	tls_io_begin(io, &tls, 100);
	ck_assert_int_eq(bio_read(5), 5);
	ck_assert(tls_framing_in_record(&tls.framing));
	ck_assert_int_eq(bio_read(4), 2);
	ck_assert_uint_eq(tls.framing.body_left, 2);
	tls_io_end(io, false);
}
END_TEST

START_TEST(half_a_record_is_kept_from_openssl_where_that_may_be_taken_over)
{
	tls.takeover.is_possible = true;
	ck_assert_int_eq(write(peer,
	                       "\x17\x03\x03\x00\x04"
	                       "ab",
	                       7),
	                 7);
	tls_io_begin(io, &tls, 100);
	ck_assert_int_eq(bio_read(5), -1);
	ck_assert(BIO_should_retry(tls_io_bio(io)));
	tls_io_end(io, false);
	ck_assert_uint_eq(tls.in.len, 7);
	tls.base.readable = true;
	ck_assert_int_eq(write(peer,
	                       "cd"
	                       "\x17\x03",
	                       4),
	                 4);
	tls_io_begin(io, &tls, 100);
	ck_assert_int_eq(bio_read(5), 5);
	ck_assert_int_eq(bio_read(4), 4);
	ck_assert_int_eq(bio_read(5), -1);
	tls_io_end(io, false);
	ck_assert_uint_eq(tls.in.len, 2);
}
END_TEST

START_TEST(what_an_end_cut_off_is_handed_over_all_the_same)
{
	tls.takeover.is_possible = true;
	ck_assert_int_eq(write(peer,
	                       "\x17\x03\x03\x00\x04"
	                       "ab",
	                       7),
	                 7);
	(void)close(peer);
	peer = -1;
	tls_io_begin(io, &tls, 100);
	ck_assert_int_eq(bio_read(5), 5);
	ck_assert_int_eq(bio_read(4), 2);
	ck_assert_int_eq(bio_read(2), 0);
	ck_assert(!BIO_should_retry(tls_io_bio(io)));
	ck_assert(tls_framing_in_record(&tls.framing));
	tls_io_end(io, false);
}
END_TEST

START_TEST(no_absurd_header_is_waited_for)
{
	tls.takeover.is_possible = true;
	ck_assert_int_eq(write(peer, "GET /", 5), 5);
	tls_io_begin(io, &tls, 100);
	ck_assert_int_eq(bio_read(5), 5);
	tls_io_end(io, false);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_bio");
	TCase *tcase = tcase_create("a turn");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, end_of_file_is_not_for_openssl);
	tcase_add_test(tcase, writes_are_gathered_and_never_refused);
	tcase_add_test(tcase, the_last_alert_can_be_given_another_word);
	tcase_add_test(tcase, more_than_a_turn_gathers_goes_out_in_between_and_in_order);
	tcase_add_test(tcase, what_comes_to_mind_after_our_fin_is_dropped);
	tcase_add_test(tcase, a_turn_reads_no_more_than_it_may);
	tcase_add_test(tcase, what_was_not_asked_for_waits_in_the_socket);
	tcase_add_test(tcase, what_passes_is_followed);
	tcase_add_test(tcase, half_a_record_is_kept_from_openssl_where_that_may_be_taken_over);
	tcase_add_test(tcase, what_an_end_cut_off_is_handed_over_all_the_same);
	tcase_add_test(tcase, no_absurd_header_is_waited_for);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
