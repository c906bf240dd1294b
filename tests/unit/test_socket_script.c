/* SPDX-License-Identifier: ISC */
/* That the double does what the tests of flows take for granted. */
#include "socket_script.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

static char room[64];
static struct socket *sock;
static int other_end;

static void make(const struct script_line *lines, size_t n)
{
	sock = socket_script_new(lines, n, &other_end);
}

static void tear_down(void)
{
	socket_free(sock);
	(void)close(other_end);
}

static ssize_t seen(void)
{
	return recv(other_end, room, sizeof(room), MSG_DONTWAIT);
}

START_TEST(says_its_lines_in_order_and_then_waits)
{
	static const struct script_line lines[] = { { IO_DONE, 3, 0 }, { IO_WAIT, 5, 0 } };
	size_t got;

	make(lines, 2);
	ck_assert_int_eq(socket_open(sock), IO_DONE);
	ck_assert_int_eq(socket_recv(sock, room, sizeof(room), &got), IO_DONE);
	ck_assert_uint_eq(got, 3);
	ck_assert_mem_eq(room, "xxx", 3);
	ck_assert_int_eq(socket_recv(sock, room, sizeof(room), &got), IO_WAIT);
	ck_assert_uint_eq(got, 5);
	ck_assert_uint_eq(socket_script_said(sock), 2);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(socket_recv(sock, room, sizeof(room), &got), IO_WAIT);
		ck_assert_uint_eq(got, 0);
	}
	ck_assert_uint_eq(socket_script_said(sock), 2);
	ck_assert_ptr_null(socket_tls_facts(sock));
}
END_TEST

START_TEST(ends_as_written_and_says_nothing_after_it)
{
	static const struct script_line lines[] = { { IO_ENDED, 3, ENDING_ALERT },
		                                    { IO_DONE, 5, 0 } };
	size_t got;

	make(lines, 2);
	ck_assert_int_eq(socket_ending(sock).kind, ENDING_NONE);
	ck_assert_int_eq(socket_recv(sock, room, sizeof(room), &got), IO_ENDED);
	ck_assert_uint_eq(got, 3);
	ck_assert_int_eq(socket_ending(sock).kind, ENDING_ALERT);
	ck_assert_int_eq(socket_recv(sock, room, sizeof(room), &got), IO_ENDED);
	ck_assert_uint_eq(got, 0);
	ck_assert_uint_eq(socket_script_said(sock), 1);
}
END_TEST

START_TEST(sends_to_its_other_end_unless_it_is_stopped)
{
	make(NULL, 0);
	ck_assert_int_eq(socket_send(sock, "abc", 3, false), IO_DONE);
	ck_assert_int_eq(seen(), 3);
	socket_script_stop(sock);
	ck_assert_int_eq(socket_send(sock, "def", 3, true), IO_WAIT);
	ck_assert_int_eq(seen(), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(socket_unsent(sock), 3);
	socket_script_go(sock);
	ck_assert_int_eq(socket_flush(sock), IO_DONE);
	ck_assert_int_eq(seen(), 3);
	ck_assert_int_eq(seen(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_script");
	TCase *tcase = tcase_create("the double");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, says_its_lines_in_order_and_then_waits);
	tcase_add_test(tcase, ends_as_written_and_says_nothing_after_it);
	tcase_add_test(tcase, sends_to_its_other_end_unless_it_is_stopped);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
