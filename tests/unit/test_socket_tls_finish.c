/* SPDX-License-Identifier: ISC */
/*
 * How we end our stream under TLS, and what comes in after that, with OpenSSL as
 * the peer. Tests run for TLS 1.2 and 1.3.
 */
#include "socket.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "record.h"
#include "suite.h"
#include "tls_pair.h"

enum { MUCH = 4 << 20 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void meet(int i)
{
	tls_pair_meet(WIRE_UNIX, versions[i]);
}

static void expect_peer(size_t bytes, int error)
{
	ck_assert_uint_eq(tls_pair_peer_receive(), bytes);
	ck_assert_int_eq(tls_pair_peer_error(), error);
}

START_TEST(our_end_is_close_notify_and_then_fin)
{
	meet(_i);
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, true), IO_DONE);
	ck_assert(socket_is_finished(pair.sock));
	expect_peer(3, SSL_ERROR_ZERO_RETURN);
	ck_assert_int_eq(recv(pair.fd, pair.room, 1, MSG_DONTWAIT), 0);
}
END_TEST

START_TEST(an_end_after_our_close_notify_is_unanswered)
{
	meet(_i);
	ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
	tls_pair_fin();
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_UNANSWERED);
}
END_TEST

START_TEST(data_still_comes_after_our_close_notify)
{
	meet(_i);
	ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
	for (int i = 0; i < 3; i++) {
		tls_pair_say("abc");
		ck_assert_uint_eq(tls_pair_receive(), 3);
		/* A second SSL_shutdown() here would trip over what comes. */
		ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
	}
	tls_pair_say_close_notify();
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
}
END_TEST

START_TEST(a_key_update_after_our_close_notify_does_no_harm)
{
	tls_pair_meet(WIRE_UNIX, TLS1_3_VERSION);
	ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(SSL_key_update(pair.peer, SSL_KEY_UPDATE_REQUESTED), 1);
		tls_pair_say("abc");
		ck_assert_uint_eq(tls_pair_receive(), 3);
	}
	tls_pair_say_close_notify();
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
	expect_peer(0, SSL_ERROR_ZERO_RETURN);
	ck_assert_uint_eq(socket_unsent(pair.sock), 0);
}
END_TEST

START_TEST(a_violation_after_our_close_notify_is_told_and_not_answered)
{
	static const unsigned char forged[5 + 32] = { 0x17, 3, 3, 0, 32 };

	meet(_i);
	ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
	tls_pair_write(forged, sizeof(forged));
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
	ck_assert(!socket_has_alerted(pair.sock));
	ck_assert_uint_eq(socket_unsent(pair.sock), 0);
	expect_peer(0, SSL_ERROR_ZERO_RETURN);
}
END_TEST

START_TEST(a_handshake_after_our_close_notify_is_no_matter)
{
	static const char messages[] = "\x18\0\0\1\0"
				       "\1\0\0\1x";
	unsigned char room[sizeof(messages) + RECORD_OVERHEAD];

	tls_pair_meet(WIRE_UNIX, TLS1_2_VERSION);
	ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
	tls_pair_write(room, tls_pair_seal(RECORD_HANDSHAKE, messages, 5, room));
	tls_pair_write(room, tls_pair_seal(RECORD_HANDSHAKE, messages + 5, 5, room));
	tls_pair_write(room, tls_pair_seal(RECORD_DATA, "abc", 3, room));
	ck_assert_uint_eq(tls_pair_receive(), 3);
	tls_pair_write(room, tls_pair_seal(RECORD_ALERT, "\1\0", 2, room));
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
	expect_peer(0, SSL_ERROR_ZERO_RETURN);
}
END_TEST

/* The peer reads to the end, and we flush; the bytes. */
static size_t peer_reads_to_the_end(void)
{
	size_t sum = 0;
	int error;

	do {
		sum += tls_pair_peer_receive();
		error = tls_pair_peer_error();
		poller_turn(&pair.poller, false);
		(void)socket_flush(pair.sock);
	} while (error == SSL_ERROR_WANT_READ);
	ck_assert_int_eq(error, SSL_ERROR_ZERO_RETURN);
	return sum;
}

START_TEST(close_notify_behind_a_write_that_the_kernel_refused_arrives_in_order)
{
	char *data = calloc(1, MUCH);

	meet(_i);
	ck_assert_int_eq(socket_send(pair.sock, data, MUCH, false), IO_WAIT);
	ck_assert_int_eq(socket_finish(pair.sock), IO_WAIT);
	free(data);
	ck_assert_uint_eq(peer_reads_to_the_end(), MUCH);
	ck_assert_int_eq(recv(pair.fd, pair.room, 1, MSG_DONTWAIT), 0);
}
END_TEST

START_TEST(a_queue_goes_out_although_tls_is_released)
{
	char *data = calloc(1, MUCH);

	meet(_i);
	ck_assert_int_eq(socket_send(pair.sock, data, MUCH, true), IO_WAIT);
	free(data);
	socket_release(pair.sock);
	socket_release(pair.sock);
	ck_assert_ptr_null(((struct socket_tls *)pair.sock)->ssl);
	ck_assert_uint_eq(peer_reads_to_the_end(), MUCH);
	ck_assert_str_eq(socket_tls_facts(pair.sock)->version,
	                 versions[_i] == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_tls_finish");
	TCase *tcase = tcase_create("our end");

	tcase_add_checked_fixture(tcase, tls_pair_set_up, tls_pair_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, our_end_is_close_notify_and_then_fin, 0, 2);
	tcase_add_loop_test(tcase, an_end_after_our_close_notify_is_unanswered, 0, 2);
	tcase_add_loop_test(tcase, data_still_comes_after_our_close_notify, 0, 2);
	tcase_add_test(tcase, a_key_update_after_our_close_notify_does_no_harm);
	tcase_add_test(tcase, a_handshake_after_our_close_notify_is_no_matter);
	tcase_add_loop_test(tcase, a_violation_after_our_close_notify_is_told_and_not_answered, 0,
	                    2);
	tcase_add_loop_test(
		tcase, close_notify_behind_a_write_that_the_kernel_refused_arrives_in_order, 0, 2);
	tcase_add_loop_test(tcase, a_queue_goes_out_although_tls_is_released, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
