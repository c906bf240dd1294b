/* SPDX-License-Identifier: ISC */
/* One direction, between a source that says its lines and a sink that we hold. */
#include "flow.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket_impl.h"
#include "socket_script.h"
#include "suite.h"

enum { ROOM = 4096 };

static unsigned char room[ROOM + SOCKET_RECV_SLACK];
static const struct scratch scratch = { .room = room, .len = ROOM, .turn = ROOM };
static struct flow flow;
static int source_end;
static int sink_end;

static void begin(const struct script_line *lines, size_t n)
{
	flow = (struct flow){
		.source = socket_script_new(lines, n, &source_end),
		.sink = socket_script_new(NULL, 0, &sink_end),
	};
}

static void end(void)
{
	socket_free(flow.source);
	socket_free(flow.sink);
	(void)close(source_end);
	(void)close(sink_end);
}

static enum flow_verdict turn(void)
{
	bool moved = false;

	return flow_turn(&flow, &scratch, &moved);
}

/* Bytes that the sink's peer sees now; 0: the end; -1: nothing. */
static ssize_t seen(void)
{
	char bytes[ROOM];
	ssize_t n = recv(sink_end, bytes, sizeof(bytes), MSG_DONTWAIT);

	ck_assert(n >= 0 || errno == EAGAIN);
	return n;
}

#define BEGIN(...)                                                 \
	static const struct script_line lines[] = { __VA_ARGS__ }; \
	begin(lines, sizeof(lines) / sizeof(lines[0]))

START_TEST(carries_what_there_is_and_waits)
{
	BEGIN({ IO_DONE, 10, 0 }, { IO_WAIT, 5, 0 });
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert_int_eq(seen(), 15);
	ck_assert_int_eq(seen(), -1);
	ck_assert_uint_eq(flow.read, 15);
	ck_assert_uint_eq(flow.written, 15);
	ck_assert_int_eq(flow.state, FLOW_OPEN);
	end();
}
END_TEST

START_TEST(does_not_read_while_its_sink_is_behind)
{
	BEGIN({ IO_DONE, 10, 0 }, { IO_DONE, 20, 0 });
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert_uint_eq(socket_script_said(flow.source), 1);
	ck_assert_uint_eq(socket_unsent(flow.sink), 10);
	socket_script_go(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert_int_eq(seen(), 30);
	end();
}
END_TEST

START_TEST(yields_after_its_share)
{
	BEGIN({ IO_DONE, 1, 0 }, { IO_DONE, 1, 0 }, { IO_DONE, 1, 0 });
	ck_assert_int_eq(turn(), FLOW_YIELDS);
	ck_assert_uint_eq(socket_script_said(flow.source), 2);
	ck_assert_int_eq(turn(), FLOW_YIELDS);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	end();
}
END_TEST

START_TEST(takes_its_share_at_once_when_its_sink_keeps_up)
{
	BEGIN({ IO_DONE, ROOM / 4, 0 }, { IO_DONE, ROOM / 4 * 3, 0 }, { IO_DONE, ROOM, 0 },
	      { IO_DONE, ROOM, 0 });
	ck_assert_int_eq(turn(), FLOW_YIELDS);
	ck_assert_uint_eq(socket_script_said(flow.source), 2);
	ck_assert_int_eq(turn(), FLOW_YIELDS);
	ck_assert_uint_eq(socket_script_said(flow.source), 3);
	/* From now on it does not. */
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert(!flow.keeps_up);
	end();
}
END_TEST

START_TEST(passes_a_good_end_with_the_last_bytes)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert_int_eq(flow.ending.kind, ENDING_FIN);
	ck_assert_int_eq(seen(), 10);
	ck_assert_int_eq(seen(), 0);
	end();
}
END_TEST

START_TEST(passes_a_good_end_of_an_empty_stream)
{
	BEGIN({ IO_ENDED, 0, ENDING_CLOSE_NOTIFY });
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert_int_eq(seen(), 0);
	end();
}
END_TEST

START_TEST(finishes_its_sink_only_after_the_queue_is_empty)
{
	BEGIN({ IO_DONE, 10, 0 }, { IO_ENDED, 0, ENDING_FIN });
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert_int_eq(seen(), -1);
	socket_script_go(flow.sink);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert_int_eq(seen(), 10);
	ck_assert_int_eq(seen(), 0);
	end();
}
END_TEST

START_TEST(waits_with_the_end_for_a_sink_that_is_behind)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	ck_assert_int_eq(flow.state, FLOW_PASSING);
	socket_script_go(flow.sink);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(seen(), 10);
	ck_assert_int_eq(seen(), 0);
	end();
}
END_TEST

static const enum ending_kind bad[] = {
	ENDING_TRUNCATED, ENDING_UNANSWERED, ENDING_RESET, ENDING_ALERT,  ENDING_VIOLATION,
	ENDING_LOST,      ENDING_TIMEOUT,    ENDING_DRAIN, ENDING_KILLED,
};

START_TEST(never_tells_its_sink_that_a_bad_end_was_a_good_one)
{
	const struct script_line lines[] = { { IO_ENDED, 10, bad[_i] } };

	begin(lines, 1);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_BROKEN);
	ck_assert_int_eq(flow.ending.kind, bad[_i]);
	ck_assert_int_eq(seen(), 10);
	ck_assert_int_eq(seen(), -1);
	end();
}
END_TEST

START_TEST(passes_a_truncation_only_where_that_was_asked_for)
{
	BEGIN({ IO_ENDED, 10, ENDING_TRUNCATED });
	flow.pass_truncation = true;
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert_int_eq(flow.ending.kind, ENDING_TRUNCATED);
	ck_assert_int_eq(seen(), 10);
	ck_assert_int_eq(seen(), 0);
	end();
}
END_TEST

START_TEST(passes_no_other_bad_end_even_then)
{
	const struct script_line lines[] = { { IO_ENDED, 10, bad[_i] } };

	begin(lines, 1);
	flow.pass_truncation = true;
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_BROKEN);
	end();
}
END_TEST

START_TEST(is_gone_with_its_sink)
{
	BEGIN({ IO_DONE, 10, 0 });
	(void)close(sink_end);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_GONE);
	ck_assert_int_eq(flow.ending.kind, ENDING_SINK_GONE);
	ck_assert_uint_eq(flow.read, 10);
	ck_assert_uint_eq(flow.written, 0);
	end();
}
END_TEST

START_TEST(is_gone_with_a_sink_that_dies_while_the_end_waits)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	(void)close(sink_end);
	socket_script_go(flow.sink);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_GONE);
	ck_assert_int_eq(flow.ending.kind, ENDING_FIN);
	end();
}
END_TEST

START_TEST(a_bad_end_explains_more_than_a_lost_sink)
{
	BEGIN({ IO_ENDED, 10, ENDING_RESET });
	(void)close(sink_end);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_BROKEN);
	ck_assert_int_eq(flow.ending.kind, ENDING_RESET);
	end();
}
END_TEST

START_TEST(a_good_end_that_nobody_could_be_told_stays_a_good_end)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	(void)close(sink_end);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_GONE);
	ck_assert_int_eq(flow.ending.kind, ENDING_FIN);
	end();
}
END_TEST

START_TEST(the_first_ending_stays)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	flow_cut(&flow, (struct ending){ ENDING_TIMEOUT, "half-close" });
	ck_assert_int_eq(flow.state, FLOW_BROKEN);
	ck_assert_int_eq(flow.ending.kind, ENDING_FIN);
	flow_cut(&flow, (struct ending){ .kind = ENDING_KILLED });
	ck_assert_int_eq(flow.ending.kind, ENDING_FIN);
	end();
}
END_TEST

START_TEST(a_cut_ends_an_open_flow_and_tells_its_sink_nothing)
{
	BEGIN({ IO_DONE, 10, 0 }, { IO_WAIT, 0, 0 }, { IO_DONE, 20, 0 });
	ck_assert_int_eq(turn(), FLOW_WAITS);
	flow_cut(&flow, (struct ending){ ENDING_TIMEOUT, "idle" });
	ck_assert_int_eq(flow.state, FLOW_BROKEN);
	ck_assert_int_eq(flow.ending.kind, ENDING_TIMEOUT);
	ck_assert(!flow.queued);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_uint_eq(socket_script_said(flow.source), 2);
	ck_assert_int_eq(seen(), 10);
	ck_assert_int_eq(seen(), -1);
	end();
}
END_TEST

START_TEST(a_cut_takes_back_no_end_that_is_queued)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	flow_cut(&flow, (struct ending){ ENDING_TIMEOUT, "half-close" });
	ck_assert(flow.queued);
	end();
}
END_TEST

START_TEST(nothing_happens_to_a_flow_that_is_over)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	ck_assert_int_eq(turn(), FLOW_OVER);
	flow_cut(&flow, (struct ending){ .kind = ENDING_KILLED });
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert_int_eq(flow.ending.kind, ENDING_FIN);
	ck_assert_int_eq(turn(), FLOW_OVER);
	ck_assert_int_eq(flow.state, FLOW_DONE);
	ck_assert(flow_is_over(&flow));
	end();
}
END_TEST

START_TEST(progress_is_what_moves_a_byte)
{
	bool moved = false;

	BEGIN({ IO_DONE, 10, 0 });
	socket_script_stop(flow.sink);
	(void)flow_turn(&flow, &scratch, &moved);
	ck_assert(moved);
	moved = false;
	(void)flow_turn(&flow, &scratch, &moved);
	ck_assert(!moved);
	socket_script_go(flow.sink);
	(void)flow_turn(&flow, &scratch, &moved);
	ck_assert(moved);
	end();
}
END_TEST

/* ---- streams ---- */

static int low_water_mark(const struct socket *sock)
{
	int mark = 0;
	socklen_t len = sizeof(mark);

	ck_assert_int_eq(getsockopt(sock->fd, SOL_SOCKET, SO_RCVLOWAT, &mark, &len), 0);
	return mark;
}

/* Its source has given plenty until now. */
static void stream(uint64_t now)
{
	enum { TURN = 256 << 10 };

	flow_gather(&flow, 1 << 30, TURN, now - GATHER_TRUST);
	flow_gather(&flow, 1, TURN, now);
	ck_assert_int_eq(low_water_mark(flow.source), TURN);
	ck_assert_uint_gt(flow_wearies_at(&flow), now);
}

static void check_that_it_gathers_no_more(void)
{
	ck_assert_int_eq(low_water_mark(flow.source), 1);
	ck_assert_uint_eq(flow_wearies_at(&flow), UINT64_MAX);
}

START_TEST(a_stream_is_gathered_until_patience_ends)
{
	BEGIN({ IO_WAIT, 1, 0 });
	check_that_it_gathers_no_more();
	stream(1000);
	flow_weary(&flow, false, flow_wearies_at(&flow) - 1);
	ck_assert_uint_ne(flow_wearies_at(&flow), UINT64_MAX);
	flow_weary(&flow, false, flow_wearies_at(&flow));
	check_that_it_gathers_no_more();
	ck_assert_uint_eq(flow.gather.doubts, 1);
	end();
}
END_TEST

START_TEST(a_stream_is_not_doubted_because_its_sink_is_behind)
{
	BEGIN({ IO_DONE, 10, 0 });
	stream(1000);
	socket_script_stop(flow.sink);
	ck_assert_int_eq(turn(), FLOW_WAITS);
	flow_weary(&flow, false, flow_wearies_at(&flow));
	check_that_it_gathers_no_more();
	ck_assert_uint_eq(flow.gather.doubts, 0);
	end();
}
END_TEST

START_TEST(a_stream_is_not_doubted_because_its_turn_has_not_come)
{
	uint64_t until;

	BEGIN({ IO_WAIT, 1, 0 });
	stream(1000);
	flow.source->readable = true;
	until = flow_wearies_at(&flow);
	flow_weary(&flow, true, until);
	ck_assert_uint_gt(flow_wearies_at(&flow), until);
	ck_assert_uint_ne(flow_wearies_at(&flow), UINT64_MAX);
	ck_assert_int_ne(low_water_mark(flow.source), 1);
	ck_assert_uint_eq(flow.gather.doubts, 0);
	end();
}
END_TEST

START_TEST(a_stream_rests_although_its_owner_has_other_things_to_do)
{
	BEGIN({ IO_WAIT, 1, 0 });
	stream(1000);
	flow.source->readable = false;
	flow_weary(&flow, true, flow_wearies_at(&flow));
	check_that_it_gathers_no_more();
	ck_assert(flow.source->readable);
	end();
}
END_TEST

START_TEST(nothing_is_gathered_of_a_stream_that_ends)
{
	BEGIN({ IO_ENDED, 10, ENDING_FIN });
	stream(1000);
	ck_assert_int_eq(turn(), FLOW_OVER);
	check_that_it_gathers_no_more();
	flow_gather(&flow, 1 << 30, 1 << 18, 1000);
	flow_gather(&flow, 1 << 30, 1 << 18, 2000);
	check_that_it_gathers_no_more();
	end();
}
END_TEST

START_TEST(nothing_is_gathered_of_a_stream_that_is_cut)
{
	BEGIN({ IO_DONE, 10, 0 });
	stream(1000);
	flow_cut(&flow, (struct ending){ .kind = ENDING_TIMEOUT });
	check_that_it_gathers_no_more();
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow");
	TCase *tcase = tcase_create("one direction");

	tcase_add_test(tcase, carries_what_there_is_and_waits);
	tcase_add_test(tcase, does_not_read_while_its_sink_is_behind);
	tcase_add_test(tcase, yields_after_its_share);
	tcase_add_test(tcase, takes_its_share_at_once_when_its_sink_keeps_up);
	tcase_add_test(tcase, passes_a_good_end_with_the_last_bytes);
	tcase_add_test(tcase, passes_a_good_end_of_an_empty_stream);
	tcase_add_test(tcase, finishes_its_sink_only_after_the_queue_is_empty);
	tcase_add_test(tcase, waits_with_the_end_for_a_sink_that_is_behind);
	tcase_add_loop_test(tcase, never_tells_its_sink_that_a_bad_end_was_a_good_one, 0,
	                    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, passes_a_truncation_only_where_that_was_asked_for);
	tcase_add_loop_test(tcase, passes_no_other_bad_end_even_then, 1,
	                    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, is_gone_with_its_sink);
	tcase_add_test(tcase, is_gone_with_a_sink_that_dies_while_the_end_waits);
	tcase_add_test(tcase, a_bad_end_explains_more_than_a_lost_sink);
	tcase_add_test(tcase, a_good_end_that_nobody_could_be_told_stays_a_good_end);
	tcase_add_test(tcase, the_first_ending_stays);
	tcase_add_test(tcase, a_cut_ends_an_open_flow_and_tells_its_sink_nothing);
	tcase_add_test(tcase, a_cut_takes_back_no_end_that_is_queued);
	tcase_add_test(tcase, nothing_happens_to_a_flow_that_is_over);
	tcase_add_test(tcase, progress_is_what_moves_a_byte);
	tcase_add_test(tcase, a_stream_is_gathered_until_patience_ends);
	tcase_add_test(tcase, a_stream_is_not_doubted_because_its_sink_is_behind);
	tcase_add_test(tcase, a_stream_is_not_doubted_because_its_turn_has_not_come);
	tcase_add_test(tcase, a_stream_rests_although_its_owner_has_other_things_to_do);
	tcase_add_test(tcase, nothing_is_gathered_of_a_stream_that_ends);
	tcase_add_test(tcase, nothing_is_gathered_of_a_stream_that_is_cut);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
