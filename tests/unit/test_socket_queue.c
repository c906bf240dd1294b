/* SPDX-License-Identifier: ISC */
/* What a socket holds that the kernel refused: its order, its end, its loss. */
#include "socket.h"

#include <stdlib.h>
#include <unistd.h>

#include "plain_pair.h"
#include "suite.h"

/* Much more than the kernel takes. */
enum { MUCH = 16 << 20 };

/* A pattern that shows a byte lost, doubled or out of order. */
static unsigned char pattern(size_t i)
{
	return (unsigned char)(i ^ i >> 8 ^ i >> 16);
}

/* Sends much more than the kernel takes. */
static enum io send_much(bool last)
{
	unsigned char *data = malloc(MUCH);
	enum io io;

	for (size_t i = 0; i < MUCH; i++)
		data[i] = pattern(i);
	io = socket_send(plain.sock, data, MUCH, last);
	free(data);
	return io;
}

/* The peer reads to the end, and we flush when we are plain.woken. *sum was read before. */
static ssize_t peer_reads(size_t *sum)
{
	ssize_t n;

	while ((n = read(plain.peer, plain.room, sizeof(plain.room))) > 0) {
		unsigned before = plain.woken;

		for (ssize_t i = 0; i < n; i++)
			if ((unsigned char)plain.room[i] != pattern(*sum + (size_t)i))
				ck_abort_msg("byte %zu is another", *sum + (size_t)i);
		*sum += (size_t)n;
		poller_turn(&plain.poller, false);
		if (plain.woken != before)
			(void)socket_flush(plain.sock);
	}
	return n;
}

START_TEST(a_slow_reader_gets_everything_in_order_and_then_the_end)
{
	size_t sum = 0;

	plain_pair_meet(_i);
	ck_assert_int_eq(send_much(true), IO_WAIT);
	ck_assert_uint_gt(socket_unsent(plain.sock), 0);
	ck_assert(!socket_is_finished(plain.sock));
	ck_assert_int_eq(peer_reads(&sum), 0);
	ck_assert_uint_eq(sum, MUCH);
	ck_assert(socket_is_finished(plain.sock));
	ck_assert_ptr_null(plain.sock->out.bytes);
}
END_TEST

START_TEST(the_end_waits_until_the_queue_is_empty)
{
	size_t sum = 0;

	plain_pair_meet(_i);
	ck_assert_int_eq(send_much(false), IO_WAIT);
	ck_assert_int_eq(socket_finish(plain.sock), IO_WAIT);
	ck_assert_int_eq(socket_finish(plain.sock), IO_WAIT);
	ck_assert(!socket_is_finished(plain.sock));
	ck_assert_int_eq(peer_reads(&sum), 0);
	ck_assert_uint_eq(sum, MUCH);
}
END_TEST

START_TEST(nothing_is_sent_past_what_waits)
{
	const unsigned char last[] = { pattern(MUCH), pattern(MUCH + 1) };
	size_t sum = 0;

	plain_pair_meet(_i);
	ck_assert_int_eq(send_much(false), IO_WAIT);
	/* Until the kernel would have plain.room for it. */
	while (!plain.sock->writable) {
		sum += (size_t)read(plain.peer, plain.room, PLAIN_PAIR_ROOM);
		poller_turn(&plain.poller, false);
	}
	ck_assert_int_eq(socket_send(plain.sock, last, sizeof(last), true), IO_WAIT);
	ck_assert_int_eq(peer_reads(&sum), 0);
	ck_assert_uint_eq(sum, MUCH + sizeof(last));
}
END_TEST

START_TEST(what_was_never_sent_is_known_after_the_close)
{
	size_t unsent;

	plain_pair_meet(_i);
	(void)send_much(false);
	unsent = socket_unsent(plain.sock);
	ck_assert_uint_gt(unsent, 0);
	socket_close(plain.sock);
	ck_assert_uint_eq(socket_unsent(plain.sock), unsent);
	ck_assert_ptr_null(plain.sock->out.bytes);
	ck_assert_uint_eq(socket_unacked(plain.sock), 0);
	ck_assert_int_eq(socket_send(plain.sock, "x", 1, false), IO_ENDED);
	socket_close(plain.sock);
	socket_abort(plain.sock);
}
END_TEST

START_TEST(nothing_waits_for_a_peer_that_is_lost)
{
	plain_pair_meet(_i);
	(void)send_much(false);
	plain_pair_leave();
	do {
		plain_pair_await();
	} while (socket_flush(plain.sock) == IO_WAIT);
	ck_assert(plain.sock->broken);
	ck_assert(plain.sock->eof || plain.sock->error != 0);
	ck_assert_ptr_null(plain.sock->out.bytes);
	ck_assert_uint_gt(socket_unsent(plain.sock), 0);
	ck_assert_int_eq(socket_send(plain.sock, "x", 1, false), IO_ENDED);
	ck_assert_int_eq(socket_finish(plain.sock), IO_ENDED);
	ck_assert(!socket_is_finished(plain.sock));
}
END_TEST

START_TEST(what_the_peer_has_not_acknowledged_is_counted)
{
	size_t sum = 0;

	plain_pair_meet(WIRE_TCP);
	ck_assert_uint_eq(socket_unacked(plain.sock), 0);
	(void)send_much(true);
	ck_assert_uint_gt(socket_unacked(plain.sock), 0);
	(void)peer_reads(&sum);
	while (socket_unacked(plain.sock) > 0)
		continue; /* the acknowledgement is on its way */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_queue");
	TCase *tcase = tcase_create("what waits");

	tcase_add_checked_fixture(tcase, NULL, plain_pair_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_slow_reader_gets_everything_in_order_and_then_the_end, 0,
	                    WIRE_KINDS);
	tcase_add_loop_test(tcase, the_end_waits_until_the_queue_is_empty, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, nothing_is_sent_past_what_waits, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, what_was_never_sent_is_known_after_the_close, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, nothing_waits_for_a_peer_that_is_lost, 0, WIRE_KINDS);
	tcase_add_test(tcase, what_the_peer_has_not_acknowledged_is_counted);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
