/* SPDX-License-Identifier: ISC */
/*
 * What the kernel says about a connection's end, and how often: through a
 * plain socket, on TCP and on a Unix socket. These are the facts that socket_wire.c
 * is built on.
 */
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plain_pair.h"
#include "suite.h"

/* ---- both kinds of wire ---- */

START_TEST(a_fin_is_seen_with_the_data_before_it)
{
	size_t got;

	plain_pair_meet(_i);
	plain_pair_say("abc");
	ck_assert_int_eq(shutdown(plain.peer, SHUT_WR), 0);
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_ENDED);
	ck_assert_uint_eq(got, 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
	ck_assert(plain.sock->eof);
}
END_TEST

START_TEST(no_call_is_made_that_would_be_refused)
{
	size_t got;

	plain_pair_meet(_i);
	ck_assert(!socket_heard(plain.sock));
	plain_pair_say("abc");
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_WAIT);
	ck_assert_uint_eq(got, 0);
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_WAIT);
	ck_assert_uint_eq(got, 3);
	ck_assert(socket_heard(plain.sock));
	/* It is there, and nobody has said so yet. */
	plain_pair_say("abc");
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_WAIT);
	ck_assert_uint_eq(got, 0);
}
END_TEST

START_TEST(an_end_right_behind_data_is_seen_with_it)
{
	size_t got;

	plain_pair_meet(_i);
	plain_pair_say("abc");
	plain_pair_leave();
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_ENDED);
	ck_assert_uint_eq(got, 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
}
END_TEST

START_TEST(a_reset_right_behind_data_is_seen_with_it)
{
	size_t got;

	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	plain_pair_reset();
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_ENDED);
	ck_assert_uint_eq(got, 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
}
END_TEST

START_TEST(a_reset_after_a_short_read_wakes)
{
	size_t got;

	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_WAIT);
	plain_pair_reset();
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_ENDED);
	ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
}
END_TEST

/* What this end is told, up to now. */
static bool is_woken(void)
{
	const unsigned before = plain.woken;

	poller_turn(&plain.poller, false);
	return plain.woken != before;
}

static void let_gather(void)
{
	plain_pair_meet(WIRE_TCP);
	(void)is_woken(); /* of nothing yet */
	socket_gather(plain.sock, 6);
	plain_pair_say("abc");
	ck_assert(!is_woken());
}

START_TEST(what_is_gathered_wakes_once_there_is_enough)
{
	size_t got;

	let_gather();
	plain_pair_say("def");
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_WAIT);
	ck_assert_uint_eq(got, 6);
	/* And it goes on. */
	plain_pair_say("abc");
	ck_assert(!is_woken());
}
END_TEST

START_TEST(what_was_gathered_wakes_when_that_is_over)
{
	let_gather();
	socket_gather(plain.sock, 0);
	plain_pair_await();
	plain_pair_leave();
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
}
END_TEST

START_TEST(an_end_wakes_whatever_is_gathered)
{
	let_gather();
	plain_pair_leave();
	plain_pair_await();
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
}
END_TEST

START_TEST(a_reset_wakes_whatever_is_gathered)
{
	let_gather();
	plain_pair_reset();
	plain_pair_await();
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
}
END_TEST

START_TEST(what_follows_urgent_data_is_read_too)
{
	size_t got;

	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	ck_assert_int_eq(send(plain.peer, "!", 1, MSG_OOB), 1);
	plain_pair_say("def");
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_WAIT);
	ck_assert_uint_eq(got, 6);
	ck_assert_mem_eq(plain.room, "abcdef", 6);
}
END_TEST

START_TEST(no_more_is_read_than_asked_for)
{
	size_t got;

	plain_pair_meet(_i);
	plain_pair_say("abcdef");
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, 4, &got), IO_DONE);
	ck_assert_uint_eq(got, 4);
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, 4, &got), IO_WAIT);
	ck_assert_uint_eq(got, 2);
}
END_TEST

START_TEST(receiving_goes_on_after_our_end)
{
	plain_pair_meet(_i);
	ck_assert_int_eq(socket_finish(plain.sock), IO_DONE);
	ck_assert_int_eq(socket_finish(plain.sock), IO_DONE);
	plain_pair_say("abc");
	plain_pair_leave();
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
}
END_TEST

START_TEST(an_ending_of_ours_stops_receiving_and_is_not_replaced)
{
	size_t got;

	plain_pair_meet(_i);
	socket_set_ending(plain.sock, (struct ending){ ENDING_TIMEOUT, "idle" });
	plain_pair_say("abc");
	plain_pair_await();
	ck_assert_int_eq(socket_recv(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_ENDED);
	ck_assert_uint_eq(got, 0);
	socket_set_ending(plain.sock, (struct ending){ .kind = ENDING_KILLED });
	ck_assert_int_eq(plain_pair_ending(), ENDING_TIMEOUT);
	ck_assert_str_eq(socket_ending(plain.sock).detail, "idle");
}
END_TEST

START_TEST(draining_throws_away_up_to_the_end)
{
	size_t got;

	plain_pair_meet(_i);
	ck_assert_int_eq(socket_finish(plain.sock), IO_DONE);
	plain_pair_say("abc");
	plain_pair_await();
	ck_assert_int_eq(socket_drain(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_DONE);
	ck_assert_uint_eq(got, 3);
	ck_assert_int_eq(socket_drain(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_WAIT);
	ck_assert(!plain.sock->eof);
	plain_pair_leave();
	plain_pair_await();
	ck_assert_int_eq(socket_drain(plain.sock, plain.room, PLAIN_PAIR_ROOM, &got), IO_ENDED);
	ck_assert_uint_eq(got, 0);
	ck_assert(plain.sock->eof);
	ck_assert_int_eq(plain_pair_ending(), ENDING_NONE);
}
END_TEST

START_TEST(an_end_without_a_good_one_is_still_a_fin)
{
	plain_pair_meet(_i);
	socket_shut(plain.sock);
	ck_assert(socket_is_finished(plain.sock));
	ck_assert_int_eq(read(plain.peer, plain.room, 1), 0);
}
END_TEST

START_TEST(an_end_is_no_loss)
{
	plain_pair_meet(_i);
	plain_pair_say("abc");
	plain_pair_leave();
	plain_pair_await();
	ck_assert_int_eq(socket_loss(plain.sock).kind, ENDING_NONE);
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
	ck_assert_int_eq(socket_loss(plain.sock).kind, ENDING_NONE);
}
END_TEST

/* ---- TCP alone ---- */

START_TEST(what_came_before_a_reset_is_not_lost)
{
	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	plain_pair_reset();
	plain_pair_await();
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
}
END_TEST

START_TEST(a_reset_that_a_send_met_first_is_still_a_reset)
{
	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	plain_pair_reset();
	plain_pair_await();
	ck_assert_int_eq(socket_send(plain.sock, "x", 1, false), IO_ENDED);
	ck_assert_int_eq(socket_error(plain.sock), ECONNRESET);
	/* The kernel would now say 0, as if it were a FIN. */
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
}
END_TEST

START_TEST(a_fin_stands_although_the_peer_reset_what_we_sent_after_it)
{
	struct pollfd gone;

	plain_pair_meet(WIRE_TCP);
	gone = (struct pollfd){ .fd = plain.sock->fd };
	plain_pair_say("abc");
	plain_pair_leave();
	plain_pair_await();
	ck_assert_int_eq(socket_send(plain.sock, "x", 1, false), IO_DONE);
	ck_assert_int_eq(poll(&gone, 1, 10000), 1); /* POLLHUP: the RST is here */
	ck_assert_int_eq(socket_send(plain.sock, "y", 1, false), IO_ENDED);
	ck_assert_int_eq(socket_error(plain.sock), EPIPE);
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
}
END_TEST

START_TEST(a_reset_after_a_fin_is_no_loss)
{
	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	plain_pair_leave();
	plain_pair_await();
	ck_assert_int_eq(socket_send(plain.sock, "x", 1, false), IO_DONE);
	plain_pair_await();
	ck_assert_int_eq(socket_loss(plain.sock).kind, ENDING_NONE);
	ck_assert_int_eq(socket_error(plain.sock), EPIPE);
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
}
END_TEST

/* Then the kernel says ECONNRESET, as if the FIN had not come. */
START_TEST(a_fin_stands_although_the_peer_reset_our_own)
{
	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	plain_pair_leave();
	plain_pair_await();
	ck_assert_int_eq(socket_send(plain.sock, "x", 1, true), IO_DONE);
	plain_pair_await();
	ck_assert_int_eq(socket_loss(plain.sock).kind, ENDING_NONE);
	ck_assert_int_eq(socket_error(plain.sock), ECONNRESET);
	ck_assert(plain.sock->broken);
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_FIN);
}
END_TEST

START_TEST(a_reset_does_not_become_an_end_of_file_by_asking_again)
{
	plain_pair_meet(WIRE_TCP);
	plain_pair_reset();
	plain_pair_await();
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(plain_pair_receive(), 0);
		ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
		ck_assert_int_eq(socket_error(plain.sock), ECONNRESET);
	}
}
END_TEST

START_TEST(an_abort_is_seen_as_a_reset)
{
	char byte;

	plain_pair_meet(WIRE_TCP);
	socket_abort(plain.sock);
	ck_assert_int_eq(read(plain.peer, &byte, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(an_abort_after_our_fin_is_seen_as_a_reset)
{
	plain_pair_meet(WIRE_TCP);
	ck_assert_int_eq(socket_finish(plain.sock), IO_DONE);
	ck_assert_int_eq(read(plain.peer, plain.room, 1), 0);
	socket_abort(plain.sock);
	ck_assert_int_eq(send(plain.peer, "x", 1, MSG_NOSIGNAL), -1);
	ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(a_connection_is_one_once_the_kernel_says_so)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
	/* Nobody listens there for the second of two. */
	if (_i == 0)
		ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, len), -1);
	ck_assert_int_eq(errno, EINPROGRESS);
	plain_pair_watch(fd, false);
	ck_assert_int_eq(socket_connected(plain.sock), IO_WAIT);
	ck_assert_int_ne(socket_local_port(plain.sock), 0);
	plain_pair_await();
	ck_assert_int_eq(socket_connected(plain.sock), _i == 0 ? IO_DONE : IO_ENDED);
	ck_assert_int_eq(socket_error(plain.sock), _i == 0 ? 0 : ECONNREFUSED);
	ck_assert_int_eq(plain.sock->broken, _i != 0);
	(void)close(listening);
}
END_TEST

START_TEST(a_loss_is_known_before_what_it_left_is_read)
{
	plain_pair_meet(WIRE_TCP);
	plain_pair_say("abc");
	plain_pair_await();
	ck_assert_int_eq(socket_loss(plain.sock).kind, ENDING_NONE);
	plain_pair_reset();
	plain_pair_await();
	ck_assert_int_eq(socket_loss(plain.sock).kind, ENDING_RESET);
	ck_assert_int_eq(socket_loss(plain.sock).kind, ENDING_RESET);
	ck_assert(plain.sock->broken);
	ck_assert_uint_eq(plain_pair_receive(), 3);
	ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
}
END_TEST

/* ---- Unix sockets alone ---- */

START_TEST(an_abort_is_the_end_that_a_unix_socket_has)
{
	plain_pair_meet(WIRE_UNIX);
	ck_assert_int_eq(socket_send(plain.sock, "abc", 3, false), IO_DONE);
	ck_assert_uint_eq(socket_unacked(plain.sock), 0);
	ck_assert_int_eq(socket_local_port(plain.sock), 0);
	socket_abort(plain.sock);
	ck_assert_int_eq(read(plain.peer, plain.room, PLAIN_PAIR_ROOM), 3);
	ck_assert_int_eq(read(plain.peer, plain.room, PLAIN_PAIR_ROOM), 0);
}
END_TEST

/* It closed over what it had not read, and EPIPE says nothing of that. */
START_TEST(a_unix_peer_that_closes_over_unread_input_resets)
{
	plain_pair_meet(WIRE_UNIX);
	ck_assert_int_eq(socket_send(plain.sock, "x", 1, false), IO_DONE);
	plain_pair_leave();
	plain_pair_await();
	ck_assert_int_eq(socket_send(plain.sock, "y", 1, false), IO_ENDED);
	ck_assert_uint_eq(plain_pair_receive(), 0);
	ck_assert_int_eq(plain_pair_ending(), ENDING_RESET);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tcase = tcase_create("a plain socket");

	tcase_add_checked_fixture(tcase, NULL, plain_pair_tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_fin_is_seen_with_the_data_before_it, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, no_call_is_made_that_would_be_refused, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, an_end_right_behind_data_is_seen_with_it, 0, WIRE_KINDS);
	tcase_add_test(tcase, a_reset_right_behind_data_is_seen_with_it);
	tcase_add_test(tcase, a_reset_after_a_short_read_wakes);
	tcase_add_test(tcase, what_is_gathered_wakes_once_there_is_enough);
	tcase_add_test(tcase, what_was_gathered_wakes_when_that_is_over);
	tcase_add_test(tcase, an_end_wakes_whatever_is_gathered);
	tcase_add_test(tcase, a_reset_wakes_whatever_is_gathered);
	tcase_add_test(tcase, what_follows_urgent_data_is_read_too);
	tcase_add_loop_test(tcase, no_more_is_read_than_asked_for, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, receiving_goes_on_after_our_end, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, an_ending_of_ours_stops_receiving_and_is_not_replaced, 0,
	                    WIRE_KINDS);
	tcase_add_loop_test(tcase, draining_throws_away_up_to_the_end, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, an_end_without_a_good_one_is_still_a_fin, 0, WIRE_KINDS);
	tcase_add_loop_test(tcase, an_end_is_no_loss, 0, WIRE_KINDS);
	tcase_add_test(tcase, what_came_before_a_reset_is_not_lost);
	tcase_add_test(tcase, a_reset_that_a_send_met_first_is_still_a_reset);
	tcase_add_test(tcase, a_fin_stands_although_the_peer_reset_what_we_sent_after_it);
	tcase_add_test(tcase, a_reset_after_a_fin_is_no_loss);
	tcase_add_test(tcase, a_fin_stands_although_the_peer_reset_our_own);
	tcase_add_test(tcase, a_reset_does_not_become_an_end_of_file_by_asking_again);
	tcase_add_test(tcase, an_abort_is_seen_as_a_reset);
	tcase_add_test(tcase, an_abort_after_our_fin_is_seen_as_a_reset);
	tcase_add_loop_test(tcase, a_connection_is_one_once_the_kernel_says_so, 0, 2);
	tcase_add_test(tcase, a_loss_is_known_before_what_it_left_is_read);
	tcase_add_test(tcase, an_abort_is_the_end_that_a_unix_socket_has);
	tcase_add_test(tcase, a_unix_peer_that_closes_over_unread_input_resets);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
