/* SPDX-License-Identifier: ISC */
/*
 * What the kernel says about a connection's end, and how often: on real TCP,
 * through a plain socket. These are the facts that socket.c is built on.
 */
#include "socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_impl.h"
#include "suite.h"

static struct event_base *base;
static struct socket *sock;
static int peer;
static unsigned woken;

static void wake(void *owner)
{
	(void)owner;
	woken++;
}

static void set_up(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, len), 0);
	peer = accept(listening, NULL, NULL);
	ck_assert_int_ge(peer, 0);
	(void)close(listening);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	base = event_base_new();
	sock = socket_plain_new(fd);
	ck_assert(socket_watch(sock, base, true, wake, NULL));
	woken = 0;
}

static void tear_down(void)
{
	socket_free(sock);
	if (peer >= 0)
		(void)close(peer);
	event_base_free(base);
}

/* Until the kernel has news. */
static void await(void)
{
	unsigned before = woken;

	while (woken == before)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void peer_resets(void)
{
	const struct linger now = { .l_onoff = 1 };

	ck_assert_int_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	(void)close(peer);
	peer = -1;
}

/* Receives to the end; returns the bytes. */
static size_t receive_all(void)
{
	static char room[65536 + SOCKET_RECV_SLACK];
	size_t sum = 0;
	size_t got;

	for (;;) {
		enum io io = socket_recv(sock, room, 65536, &got);

		sum += got;
		if (io == IO_ENDED)
			return sum;
		if (io == IO_WAIT)
			await();
	}
}

static enum ending_kind ending(void)
{
	return socket_ending(sock).kind;
}

START_TEST(a_fin_is_seen_with_the_data_before_it)
{
	char room[4096 + SOCKET_RECV_SLACK];
	size_t got;

	ck_assert_int_eq(write(peer, "abc", 3), 3);
	ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
	await();
	ck_assert_int_eq(socket_recv(sock, room, 4096, &got), IO_ENDED);
	ck_assert_uint_eq(got, 3);
	ck_assert_int_eq(ending(), ENDING_FIN);
}
END_TEST

START_TEST(no_call_is_made_that_would_be_refused)
{
	char room[4096 + SOCKET_RECV_SLACK];
	size_t got;

	ck_assert_int_eq(write(peer, "abc", 3), 3);
	await();
	ck_assert_int_eq(socket_recv(sock, room, 4096, &got), IO_WAIT);
	ck_assert_uint_eq(got, 3);
	ck_assert(!sock->readable);
}
END_TEST

START_TEST(what_came_before_a_reset_is_not_lost)
{
	ck_assert_int_eq(write(peer, "abc", 3), 3);
	peer_resets();
	await();
	ck_assert_uint_eq(receive_all(), 3);
	ck_assert_int_eq(ending(), ENDING_RESET);
}
END_TEST

START_TEST(a_reset_that_a_send_met_first_is_still_a_reset)
{
	ck_assert_int_eq(write(peer, "abc", 3), 3);
	peer_resets();
	await();
	ck_assert_int_eq(socket_send(sock, "x", 1, false), IO_ENDED);
	ck_assert_int_eq(socket_error(sock), ECONNRESET);
	/* The kernel would now say 0, as if it were a FIN. */
	ck_assert_uint_eq(receive_all(), 3);
	ck_assert_int_eq(ending(), ENDING_RESET);
}
END_TEST

START_TEST(a_fin_stands_although_the_peer_reset_what_we_sent_after_it)
{
	struct pollfd gone = { .fd = sock->fd };

	ck_assert_int_eq(write(peer, "abc", 3), 3);
	(void)close(peer);
	peer = -1;
	await();
	ck_assert_int_eq(socket_send(sock, "x", 1, false), IO_DONE);
	ck_assert_int_eq(poll(&gone, 1, 10000), 1); /* POLLHUP: the RST is here */
	ck_assert_int_eq(socket_send(sock, "y", 1, false), IO_ENDED);
	ck_assert_int_eq(socket_error(sock), EPIPE);
	ck_assert_uint_eq(receive_all(), 3);
	ck_assert_int_eq(ending(), ENDING_FIN);
}
END_TEST

START_TEST(an_ending_is_latched)
{
	peer_resets();
	await();
	(void)receive_all();
	ck_assert_int_eq(ending(), ENDING_RESET);
	(void)receive_all();
	ck_assert_int_eq(ending(), ENDING_RESET);
	socket_set_ending(sock, (struct ending){ .kind = ENDING_FIN });
	ck_assert_int_eq(ending(), ENDING_RESET);
}
END_TEST

START_TEST(a_slow_reader_gets_everything_and_then_the_end)
{
	enum { MUCH = 16 << 20 };
	char *data = calloc(1, MUCH);
	char room[65536];
	size_t sum = 0;
	ssize_t n;

	ck_assert_int_eq(socket_send(sock, data, MUCH, true), IO_WAIT);
	ck_assert_uint_gt(socket_unsent(sock), 0);
	ck_assert(!socket_is_finished(sock));
	free(data);
	while ((n = read(peer, room, sizeof(room))) > 0) {
		sum += (size_t)n;
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
		(void)socket_flush(sock);
	}
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(sum, MUCH);
	ck_assert(socket_is_finished(sock));
	ck_assert_ptr_null(sock->out.bytes);
}
END_TEST

START_TEST(receiving_goes_on_after_our_end)
{
	ck_assert_int_eq(socket_finish(sock), IO_DONE);
	ck_assert_int_eq(socket_finish(sock), IO_DONE);
	ck_assert_int_eq(write(peer, "abc", 3), 3);
	(void)close(peer);
	peer = -1;
	ck_assert_uint_eq(receive_all(), 3);
	ck_assert_int_eq(ending(), ENDING_FIN);
}
END_TEST

START_TEST(an_abort_is_seen_as_a_reset)
{
	char byte;

	socket_abort(sock);
	ck_assert_int_eq(read(peer, &byte, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
}
END_TEST

START_TEST(what_is_acknowledged_is_known)
{
	char room[3];
	size_t unacked;

	ck_assert_int_eq(socket_send(sock, "abc", 3, false), IO_DONE);
	ck_assert_int_eq(recv(peer, room, 3, MSG_WAITALL), 3);
	do {
		unacked = socket_unacked(sock);
	} while (unacked > 0);
	ck_assert_uint_eq(unacked, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tcase = tcase_create("a plain socket");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_fin_is_seen_with_the_data_before_it);
	tcase_add_test(tcase, no_call_is_made_that_would_be_refused);
	tcase_add_test(tcase, what_came_before_a_reset_is_not_lost);
	tcase_add_test(tcase, a_reset_that_a_send_met_first_is_still_a_reset);
	tcase_add_test(tcase, a_fin_stands_although_the_peer_reset_what_we_sent_after_it);
	tcase_add_test(tcase, an_ending_is_latched);
	tcase_add_test(tcase, a_slow_reader_gets_everything_and_then_the_end);
	tcase_add_test(tcase, receiving_goes_on_after_our_end);
	tcase_add_test(tcase, an_abort_is_seen_as_a_reset);
	tcase_add_test(tcase, what_is_acknowledged_is_known);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
