/* SPDX-License-Identifier: ISC */
/* One direction between two plain sockets that has large amounts to carry. */
#include "flow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pipes.h"
#include "socket_impl.h"
#include "suite.h"
#include "wire.h"

enum { ROOM = 65536, MUCH = 8 * 1024 * 1024 };

static unsigned char room[ROOM + SOCKET_RECV_SLACK];
static unsigned char sent[MUCH];
static unsigned char seen[MUCH + 1];
static struct pipes pipes;
static struct poller poller;
static struct scratch scratch;
static struct flow flow;
static int client;      /* speaks to the source, without blocking */
static int server;      /* hears the sink, without blocking */
static size_t n_sent;
static size_t n_seen;

/* The next splice(2) into the sink meets a reset when half of it is done. */
static bool resets;

/*
 * splice(2) hands pieces to a socket. If one fails it returns what those before
 * it came to, and the error is lost. Here it fails for sure.
 */
ssize_t splice(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t len,
               unsigned flags)
{
	const bool now = resets && to == flow.sink->fd;
	ssize_t n =
		syscall(SYS_splice, from, from_offset, to, to_offset, now ? len / 2 : len, flags);

	if (!now)
		return n;
	resets = false;
	wire_reset(server);
	server = -1;
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(syscall(SYS_splice, from, from_offset, to, to_offset, len / 2, flags), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	return n;
}

static void wake(void *owner)
{
	(void)owner;
}

static struct socket *make(enum wire_kind kind, int *other)
{
	struct socket *sock;
	int ends[2];

	wire_make(kind, ends);
	*other = ends[1];
	sock = socket_plain_new(ends[0]);
	ck_assert(socket_watch(sock, &poller, true, wake, NULL));
	return sock;
}

static void set_up(void)
{
	for (size_t i = 0; i < MUCH; i++)
		sent[i] = (unsigned char)(i * 31 + i / 251);
	pipes_init(&pipes);
	ck_assert(poller_init(&poller));
	scratch = (struct scratch){ .pipes = &pipes, .room = room, .len = ROOM, .turn = ROOM };
	n_sent = n_seen = 0;
	resets = false;
	(void)signal(SIGPIPE, SIG_IGN); /* as main() does */
}

static void meet(enum wire_kind kind)
{
	flow = (struct flow){ .source = make(kind, &client), .sink = make(kind, &server) };
}

static void tear_down(void)
{
	socket_free(flow.source);
	socket_free(flow.sink);
	if (client >= 0)
		(void)close(client);
	(void)close(server);
	poller_clear(&poller);
	pipes_clear(&pipes);
	ck_assert_uint_eq(pipes.n, 0);
}

static void say(void)
{
	ssize_t n = send(client, sent + n_sent, MUCH - n_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	ck_assert(n >= 0 || errno == EAGAIN);
	n_sent += n > 0 ? (size_t)n : 0;
}

/* False: an end. */
static bool hear(void)
{
	ssize_t n = recv(server, seen + n_seen, sizeof(seen) - n_seen, MSG_DONTWAIT);

	ck_assert(n >= 0 || errno == EAGAIN);
	n_seen += n > 0 ? (size_t)n : 0;
	return n != 0;
}

static enum flow_verdict turn(void)
{
	bool moved = false;

	poller_turn(&poller, false);
	return flow_turn(&flow, &scratch, &moved);
}

/* Nobody listens: until neither the flow nor its source takes any more. */
static void fill(void)
{
	size_t before;

	do {
		before = n_sent;
		for (int i = 0; i < 50; i++) {
			say();
			(void)turn();
		}
	} while (n_sent != before);
	ck_assert_int_eq(flow.state, FLOW_OPEN);
}

static void expect_pipe_in_use(void)
{
	ck_assert_ptr_nonnull(flow.sink->pipe);
	ck_assert_uint_gt(flow.sink->pipe->len, 0);
	ck_assert_uint_eq(socket_unsent(flow.sink), flow.sink->pipe->len);
}

START_TEST(large_amounts_arrive_whole_and_their_end_behind_them)
{
	meet(_i);
	while (n_seen < MUCH) {
		say();
		ck_assert_int_ne(turn(), FLOW_OVER);
		ck_assert(hear());
	}
	ck_assert_mem_eq(sent, seen, MUCH);
	ck_assert_uint_eq(flow.written, MUCH);
	ck_assert_uint_eq(pipes.n, 1);
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	while (turn() != FLOW_OVER)
		continue;
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert_int_eq(flow.ending.kind, ENDING_FIN);
	ck_assert(!hear());
	ck_assert_uint_eq(n_seen, MUCH);
}
END_TEST

START_TEST(what_a_stalled_sink_refused_is_in_the_pipe_and_comes_first)
{
	meet(_i);
	fill();
	expect_pipe_in_use();
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	/* Its end waits behind the rest. */
	ck_assert_int_eq(turn(), FLOW_WAITS);
	while (hear())
		(void)turn();
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert_uint_eq(n_seen, n_sent);
	ck_assert_mem_eq(sent, seen, n_sent);
	ck_assert_ptr_null(flow.sink->pipe);
}
END_TEST

START_TEST(a_sink_that_is_lost_takes_its_pipe_with_it)
{
	meet(WIRE_TCP);
	fill();
	expect_pipe_in_use();
	wire_reset(server);
	server = -1;
	while (turn() != FLOW_OVER)
		continue;
	ck_assert_int_eq(flow.state, FLOW_GONE);
	ck_assert_ptr_null(flow.sink->pipe);
	ck_assert_uint_gt(socket_unsent(flow.sink), 0);
	/* One is always there. */
	ck_assert_uint_eq(pipes.n, 1);
	ck_assert_ptr_nonnull(pipes.idle);
}
END_TEST

START_TEST(a_reset_that_a_splice_kept_to_itself_is_no_end)
{
	size_t got;

	meet(WIRE_TCP);
	ck_assert_int_eq(send(client, sent, 200000, 0), 200000);
	resets = true;
	while (turn() != FLOW_OVER)
		continue;
	ck_assert_int_eq(flow.state, FLOW_GONE);
	ck_assert_int_eq(socket_recv(flow.sink, room, ROOM, &got), IO_ENDED);
	ck_assert_int_eq(socket_ending(flow.sink).kind, ENDING_RESET);
}
END_TEST

START_TEST(a_source_that_is_reset_in_between_is_no_end)
{
	meet(WIRE_TCP);
	while (!flow.bulk) {
		say();
		(void)turn();
		ck_assert(hear());
	}
	wire_reset(client);
	client = -1;
	while (turn() != FLOW_OVER)
		ck_assert(hear());
	ck_assert_int_eq(flow.state, FLOW_BROKEN);
	ck_assert_int_eq(flow.ending.kind, ENDING_RESET);
	ck_assert_mem_eq(sent, seen, n_seen);
}
END_TEST

/* There splice(2) stops, says that there is no more, and behind a FIN that this is the end. */
START_TEST(what_follows_urgent_data_is_carried_too)
{
	enum { BEFORE = 200000, BEHIND = 1000 };
	const bool ends = _i == 1;

	meet(WIRE_TCP);
	ck_assert_int_eq(send(client, sent, BEFORE, 0), BEFORE);
	ck_assert_int_eq(send(client, "!", 1, MSG_OOB), 1);
	ck_assert_int_eq(send(client, sent + BEFORE, BEHIND, 0), BEHIND);
	if (ends)
		ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	while (n_seen < BEFORE + BEHIND) {
		(void)turn();
		ck_assert(hear());
	}
	ck_assert_mem_eq(sent, seen, BEFORE + BEHIND);
	while (ends && turn() != FLOW_OVER)
		continue;
	ck_assert_int_eq(flow.state, ends ? FLOW_DONE : FLOW_OPEN);
}
END_TEST

START_TEST(without_a_pipe_it_is_copied)
{
	meet(WIRE_TCP);
	pipes_clear(&pipes);
	pipes.n = PIPES_FDS / 2; /* all in use */
	while (n_seen < MUCH) {
		say();
		(void)turn();
		ck_assert(hear());
	}
	ck_assert_mem_eq(sent, seen, MUCH);
	ck_assert_ptr_null(pipes.idle);
	pipes.n = 0;
}
END_TEST

START_TEST(little_is_copied)
{
	meet(_i);
	ck_assert_int_eq(send(client, sent, 1000, 0), 1000);
	while (n_seen < 1000) {
		(void)turn();
		ck_assert(hear());
	}
	ck_assert(!flow.bulk);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_splice");
	TCase *tcase = tcase_create("bulk");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, large_amounts_arrive_whole_and_their_end_behind_them, 0,
	                    WIRE_KINDS);
	tcase_add_loop_test(tcase, what_a_stalled_sink_refused_is_in_the_pipe_and_comes_first, 0,
	                    WIRE_KINDS);
	tcase_add_test(tcase, a_sink_that_is_lost_takes_its_pipe_with_it);
	tcase_add_test(tcase, a_reset_that_a_splice_kept_to_itself_is_no_end);
	tcase_add_test(tcase, a_source_that_is_reset_in_between_is_no_end);
	tcase_add_loop_test(tcase, what_follows_urgent_data_is_carried_too, 0, 2);
	tcase_add_test(tcase, without_a_pipe_it_is_copied);
	tcase_add_loop_test(tcase, little_is_copied, 0, WIRE_KINDS);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
