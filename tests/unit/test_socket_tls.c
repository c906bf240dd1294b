/* SPDX-License-Identifier: ISC */
/*
 * How a peer ends its stream under TLS, seen through our socket and our BIO, with
 * OpenSSL itself as the peer. Each test runs for TLS 1.2 and 1.3.
 */
#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "record.h"
#include "suite.h"
#include "tls_pair.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
static const unsigned char close_notify[] = { 1, 0 };
static const unsigned char user_canceled[] = { 1, 90 };

static void meet(int i)
{
	tls_pair_meet(WIRE_UNIX, versions[i]);
}

static struct socket_tls *ours(void)
{
	return (struct socket_tls *)pair.sock;
}

static void expect_peer(size_t bytes, int error)
{
	ck_assert_uint_eq(tls_pair_peer_receive(), bytes);
	ck_assert_int_eq(tls_pair_peer_error(), error);
}

/* ---- the peer's end ---- */

START_TEST(close_notify_is_a_clean_end_and_what_follows_it_is_ignored)
{
	meet(_i);
	tls_pair_say("abc");
	tls_pair_say_close_notify();
	tls_pair_write("noise", 5);
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
	ck_assert_ptr_null(ours()->in.bytes);
}
END_TEST

START_TEST(a_peer_that_has_ended_still_hears_us)
{
	meet(_i);
	tls_pair_say_close_notify();
	(void)tls_pair_receive();
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, false), IO_DONE);
	ck_assert_int_eq(socket_send(pair.sock, "def", 3, true), IO_DONE);
	expect_peer(6, SSL_ERROR_ZERO_RETURN);
}
END_TEST

START_TEST(an_end_without_close_notify_is_a_truncation_and_we_can_still_speak)
{
	meet(_i);
	tls_pair_say("abc");
	tls_pair_fin();
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
	ck_assert(!socket_cut_in_record(pair.sock));
	/* OpenSSL was not told of it, so it has neither complained nor given up. */
	ck_assert(!socket_has_alerted(pair.sock));
	ck_assert_int_eq(socket_send(pair.sock, "defg", 4, true), IO_DONE);
	expect_peer(4, SSL_ERROR_ZERO_RETURN);
}
END_TEST

START_TEST(an_end_within_a_record_is_told_from_one_between_records)
{
	static const size_t cuts[] = { 1, 4, 5, 6, 7, 100 };
	unsigned char record[100 + RECORD_OVERHEAD] = { 0 };

	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		meet(_i);
		ck_assert_uint_gt(tls_pair_seal(RECORD_DATA, record, 100, record), cuts[i]);
		tls_pair_write(record, cuts[i]);
		tls_pair_fin();
		ck_assert_uint_eq(tls_pair_receive(), 0);
		ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
		ck_assert(socket_cut_in_record(pair.sock));
		ck_assert_int_eq(socket_send(pair.sock, "defg", 4, true), IO_DONE);
		expect_peer(4, SSL_ERROR_ZERO_RETURN);
	}
}
END_TEST

START_TEST(a_close_notify_that_is_not_whole_is_none)
{
	unsigned char record[sizeof(close_notify) + RECORD_OVERHEAD];
	size_t len;

	meet(_i);
	len = tls_pair_seal(RECORD_ALERT, close_notify, sizeof(close_notify), record);
	tls_pair_write(record, len - 1);
	tls_pair_fin();
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
	ck_assert(socket_cut_in_record(pair.sock));
}
END_TEST

START_TEST(a_close_notify_that_nobody_encrypted_is_a_truncation)
{
	meet(_i);
	tls_pair_write("\x15\x03\x03\x00\x02\x01\x00", 7);
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
}
END_TEST

START_TEST(a_truncation_is_one_whatever_follows_it)
{
	meet(_i);
	tls_pair_write("\x15\x03\x03\x00\x02\x01\x00\x17\x03\x03\x00\x40", 12);
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
	ck_assert(!socket_cut_in_record(pair.sock));
}
END_TEST

START_TEST(a_forged_record_is_a_violation_whatever_follows_it)
{
	meet(_i);
	tls_pair_write("\x17\x03\x03\x00\x20"
	               "0123456789abcdef0123456789abcdef"
	               "\x15\x03\x03\x00\x02\x01\x00",
	               5 + 32 + 7);
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
}
END_TEST

START_TEST(user_canceled_is_no_close_notify)
{
	unsigned char record[sizeof(user_canceled) + RECORD_OVERHEAD];

	meet(_i);
	tls_pair_write(record, tls_pair_seal(RECORD_ALERT, user_canceled, 2, record));
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_NONE);
	tls_pair_fin();
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
}
END_TEST

START_TEST(user_canceled_and_then_close_notify_is_a_clean_end)
{
	unsigned char record[sizeof(user_canceled) + RECORD_OVERHEAD];

	meet(_i);
	tls_pair_write(record, tls_pair_seal(RECORD_ALERT, user_canceled, 2, record));
	tls_pair_write(record, tls_pair_seal(RECORD_ALERT, close_notify, 2, record));
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
}
END_TEST

START_TEST(a_fatal_alert_is_told_once_and_stays_told)
{
	static const unsigned char no_record[] = { 0x17, 3, 3, 0xff, 0xff };

	meet(_i);
	/* The peer chokes on it, and says so. */
	ck_assert_int_eq(write(pair.sock->fd, no_record, sizeof(no_record)), sizeof(no_record));
	expect_peer(0, SSL_ERROR_SSL);
	tls_pair_post();
	for (int i = 0; i < 3; i++) {
		(void)tls_pair_receive();
		ck_assert_int_eq(tls_pair_ending(), ENDING_ALERT);
		ck_assert_str_eq(socket_ending(pair.sock).detail, "record_overflow");
	}
	tls_pair_fin();
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_ALERT);
	/* To a peer that gave up there is nothing to say, not even close_notify. */
	ck_assert_int_eq(socket_send(pair.sock, "x", 1, true), IO_ENDED);
	ck_assert_int_eq(socket_finish(pair.sock), IO_ENDED);
	ck_assert_int_eq(recv(pair.fd, pair.room, 1, MSG_DONTWAIT), -1);
}
END_TEST

START_TEST(a_forged_record_is_a_violation_and_our_alert_goes_out)
{
	unsigned char record[3 + RECORD_OVERHEAD];
	size_t len;

	meet(_i);
	tls_pair_write(record, tls_pair_seal(RECORD_DATA, "abc", 3, record));
	len = tls_pair_seal(RECORD_DATA, "def", 3, record);
	record[len - 1] ^= 1;
	tls_pair_write(record, len);
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
	ck_assert_str_eq(socket_ending(pair.sock).detail, "bad_record_mac");
	ck_assert(socket_has_alerted(pair.sock));
	ck_assert_int_eq(socket_finish(pair.sock), IO_ENDED);
	ck_assert_uint_eq(tls_pair_peer_receive(), 0);
	ck_assert_int_eq(ERR_GET_REASON(ERR_peek_error()),
	                 SSL_AD_REASON_OFFSET + SSL_AD_BAD_RECORD_MAC);
	ERR_clear_error();
}
END_TEST

/* ---- the network's end ---- */

START_TEST(a_reset_is_a_reset_whoever_meets_it_first)
{
	/* A send, and then a recv(), for which the kernel would have a 0. */
	for (int send_first = 0; send_first < 2; send_first++) {
		tls_pair_meet(WIRE_TCP, versions[_i]);
		tls_pair_say("abc");
		ck_assert_uint_eq(tls_pair_await(), 3);
		tls_pair_reset();
		while (poll(&(struct pollfd){ .fd = pair.sock->fd }, 1, -1) != 1)
			continue;
		if (send_first)
			ck_assert_int_eq(socket_send(pair.sock, "x", 1, false), IO_ENDED);
		ck_assert_uint_eq(tls_pair_await(), 0);
		ck_assert_int_eq(tls_pair_ending(), ENDING_RESET);
		ck_assert_int_eq(socket_send(pair.sock, "x", 1, true), IO_ENDED);
	}
}
END_TEST

START_TEST(what_came_before_a_reset_is_not_lost)
{
	for (int send_first = 0; send_first < 2; send_first++) {
		tls_pair_meet(WIRE_TCP, versions[_i]);
		tls_pair_say("abc");
		tls_pair_reset();
		while (poll(&(struct pollfd){ .fd = pair.sock->fd }, 1, -1) != 1)
			continue;
		if (send_first)
			ck_assert_int_eq(socket_send(pair.sock, "x", 1, false), IO_ENDED);
		ck_assert_uint_eq(tls_pair_await(), 3);
		ck_assert_int_eq(tls_pair_ending(), ENDING_RESET);
	}
}
END_TEST

/* A peer that says its last, closes, and so resets what we send it. */
static void say_last_and_leave(int version, bool well)
{
	struct pollfd gone;

	tls_pair_meet(WIRE_TCP, version);
	gone = (struct pollfd){ .fd = pair.sock->fd };
	tls_pair_say("abc");
	if (well)
		tls_pair_say_close_notify();
	tls_pair_leave();
	ck_assert_int_eq(socket_send(pair.sock, "x", 1, false), IO_DONE);
	while (poll(&gone, 1, -1) != 1)
		continue; /* POLLHUP: the RST is here */
	ck_assert_int_eq(socket_send(pair.sock, "y", 1, false), IO_ENDED);
	ck_assert_int_eq(socket_error(pair.sock), EPIPE);
}

START_TEST(what_a_peer_said_stands_although_it_resets_what_we_send_later)
{
	say_last_and_leave(versions[_i], true);
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
	say_last_and_leave(versions[_i], false);
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
}
END_TEST

/* ---- records ---- */

START_TEST(a_record_that_comes_in_pieces_is_put_together)
{
	unsigned char record[RECORD_LONGEST + RECORD_OVERHEAD] = { 0 };
	size_t len;
	size_t at = 0;

	meet(_i);
	len = tls_pair_seal(RECORD_DATA, record, RECORD_LONGEST, record);
	for (; len - at > 1000; at += 1000) {
		tls_pair_write(record + at, 1000);
		ck_assert_uint_eq(tls_pair_receive(), 0);
	}
	tls_pair_write(record + at, len - at);
	ck_assert_uint_eq(tls_pair_receive(), RECORD_LONGEST);
	ck_assert_int_eq(tls_pair_ending(), ENDING_NONE);
}
END_TEST

START_TEST(no_record_waits_for_the_next_one)
{
	meet(_i);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(SSL_write(pair.peer, "abc", 3), 3);
	tls_pair_post();
	ck_assert_uint_eq(tls_pair_receive(), 300);
	ck_assert_ptr_null(ours()->in.bytes);
}
END_TEST

/* The records that the peer reads are so long. */
static void expect_records(size_t sum, size_t small, int n_small)
{
	static char room[RECORD_LONGEST];
	size_t n;

	for (int i = 0; sum > 0; i++) {
		ck_assert_int_eq(SSL_read_ex(pair.peer, room, sizeof(room), &n), 1);
		if (i < n_small)
			ck_assert_uint_eq(n, small);
		else
			ck_assert(n == RECORD_LONGEST || n == sum);
		sum -= n;
	}
}

START_TEST(an_answer_begins_with_small_records)
{
	static const char answer[100000];

	meet(_i);
	ck_assert_int_ne(socket_send(pair.sock, answer, sizeof(answer), false), IO_ENDED);
	expect_records(sizeof(answer), 4096, 8);
	ck_assert_int_ne(socket_send(pair.sock, answer, sizeof(answer), false), IO_ENDED);
	expect_records(sizeof(answer), RECORD_LONGEST, 6);
	/* It was silent for two seconds. */
	ours()->wrote_at -= 2000;
	ck_assert_int_ne(socket_send(pair.sock, answer, sizeof(answer), false), IO_ENDED);
	expect_records(sizeof(answer), 4096, 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_tls");
	TCase *tcase = tcase_create("the peer's end");

	tcase_add_checked_fixture(tcase, tls_pair_set_up, tls_pair_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, close_notify_is_a_clean_end_and_what_follows_it_is_ignored, 0,
	                    2);
	tcase_add_loop_test(tcase, a_peer_that_has_ended_still_hears_us, 0, 2);
	tcase_add_loop_test(
		tcase, an_end_without_close_notify_is_a_truncation_and_we_can_still_speak, 0, 2);
	tcase_add_loop_test(tcase, an_end_within_a_record_is_told_from_one_between_records, 0, 2);
	tcase_add_loop_test(tcase, a_close_notify_that_is_not_whole_is_none, 0, 2);
	tcase_add_loop_test(tcase, a_close_notify_that_nobody_encrypted_is_a_truncation, 0, 2);
	tcase_add_loop_test(tcase, a_truncation_is_one_whatever_follows_it, 0, 2);
	tcase_add_loop_test(tcase, a_forged_record_is_a_violation_whatever_follows_it, 0, 2);
	tcase_add_loop_test(tcase, user_canceled_is_no_close_notify, 0, 2);
	tcase_add_loop_test(tcase, user_canceled_and_then_close_notify_is_a_clean_end, 0, 2);
	tcase_add_loop_test(tcase, a_fatal_alert_is_told_once_and_stays_told, 0, 2);
	tcase_add_loop_test(tcase, a_forged_record_is_a_violation_and_our_alert_goes_out, 0, 2);
	tcase_add_loop_test(tcase, a_reset_is_a_reset_whoever_meets_it_first, 0, 2);
	tcase_add_loop_test(tcase, what_came_before_a_reset_is_not_lost, 0, 2);
	tcase_add_loop_test(tcase, what_a_peer_said_stands_although_it_resets_what_we_send_later, 0,
	                    2);
	tcase_add_loop_test(tcase, a_record_that_comes_in_pieces_is_put_together, 0, 2);
	tcase_add_loop_test(tcase, no_record_waits_for_the_next_one, 0, 2);
	tcase_add_loop_test(tcase, an_answer_begins_with_small_records, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
