/* SPDX-License-Identifier: ISC */
/* A worker's buffers, and what becomes of them when others take turns in the middle of a handshake.
 */
#include "tls_io.h"

#include <string.h>
#include <unistd.h>

#include <openssl/err.h>

#include "suite.h"
#include "tls_heap.h"
#include "tls_pair.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
static const enum record_layer layers[] = { RECORD_LAYER_OPENSSL, RECORD_LAYER_OWN };
enum { N_VERSIONS = 2, N_LAYERS = 2 };

static unsigned n_respites;

static void count(void *owner)
{
	(void)owner;
	n_respites++;
}

static bool always(void *owner)
{
	(void)owner;
	return true;
}

static bool never(void *owner)
{
	(void)owner;
	return false;
}

/* ---- handshakes ---- */

static struct tls_pair other; /* one that shook hands before, and talks */

static void set_up(void)
{
	tls_pair_set_up();
	n_respites = 0;
}

/* A request and its answer. */
static void talk(void)
{
	tls_pair_say("ping");
	ck_assert_uint_eq(tls_pair_await(), 4);
	ck_assert_mem_eq(pair.room, "ping", 4);
	ck_assert_int_eq(socket_send(pair.sock, "pong!", 5, false), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 5);
	ck_assert_int_eq(tls_pair_peer_error(), SSL_ERROR_WANT_READ);
}

static void let_other_talk(void *owner)
{
	struct tls_pair shaking = pair;

	count(owner);
	pair = other;
	talk();
	other = pair;
	pair = shaking;
}

static void let_other_end(void *owner)
{
	struct tls_pair shaking = pair;

	count(owner);
	if (n_respites > 1)
		return;
	pair = other;
	tls_pair_say_close_notify();
	ck_assert_uint_eq(tls_pair_await(), 0);
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
	ck_assert_int_eq(socket_send(pair.sock, "last", 4, true), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 4);
	ck_assert_int_eq(tls_pair_peer_error(), SSL_ERROR_ZERO_RETURN);
	other = pair;
	pair = shaking;
}

/* Another connection, which stays until it is let go. */
static void meet_other(int version)
{
	tls_pair_meet(WIRE_TCP, version);
	other = pair;
	pair.sock = NULL;
	pair.peer = NULL;
	pair.fd = -1;
}

static void let_other_go(void)
{
	socket_free(other.sock);
	SSL_free(other.peer);
	(void)close(other.fd);
}

/* The other one speaks version; who shakes hands speaks any. */
static void shake_hands_beside(int version, tls_io_respite *respite)
{
	for (int i = 0; i < N_LAYERS * N_VERSIONS; i++) {
		tls_pair_record_layer = layers[i / N_VERSIONS];
		set_up();
		meet_other(version);
		tls_io_set_respite(pair.io, always, respite, NULL);
		tls_pair_meet(WIRE_TCP, versions[i % N_VERSIONS]);
		ck_assert_uint_gt(n_respites, 4);
		talk();
		let_other_go();
		tls_pair_tear_down();
	}
}

START_TEST(others_talk_between_the_steps_of_a_handshake)
{
	shake_hands_beside(versions[_i], let_other_talk);
}
END_TEST

START_TEST(others_end_between_the_steps_of_a_handshake)
{
	shake_hands_beside(versions[_i], let_other_end);
}
END_TEST

START_TEST(one_that_has_shaken_hands_is_not_interrupted)
{
	set_up();
	tls_pair_meet(WIRE_TCP, versions[_i]);
	tls_io_set_respite(pair.io, always, count, NULL);
	talk(); /* and makes a ticket, which is a step of a handshake to OpenSSL */
	ck_assert_uint_eq(n_respites, 0);
	tls_pair_tear_down();
}
END_TEST

/* ---- a turn that is interrupted ---- */

static void take_a_turn(void *owner)
{
	struct socket_tls *tls = owner;
	size_t len;

	count(owner);
	ck_assert_ptr_null(tls_io_socket(pair.io));
	tls_io_begin(pair.io, tls, 16);
	(void)tls_io_front(pair.io, &len);
	ck_assert_uint_eq(len, 0);
	tls_io_say(pair.io, "theirs", 6);
	tls_io_end(pair.io, false);
	ck_assert(!tls_heap_was_short());
	/* Not in here. */
	tls_io_give_respite(pair.io);
}

static void begin(void)
{
	struct socket_tls *tls = (struct socket_tls *)pair.sock;

	tls_io_set_respite(pair.io, always, take_a_turn, tls);
	tls_io_begin(pair.io, tls, 16);
	tls_io_shake_hands(pair.io);
}

static void set_up_turn(void)
{
	set_up();
	tls_pair_join(WIRE_UNIX, TLS1_3_VERSION);
	tls_pair_write("here", 4);
	poller_turn(&pair.poller, true);
}

START_TEST(a_turn_goes_on_as_it_was)
{
	const unsigned char *front;
	size_t len;

	begin();
	ck_assert_int_eq(tls_io_fill(pair.io), IO_DONE);
	tls_io_say(pair.io, "ours", 4);
	tls_io_give_respite(pair.io);
	ck_assert_uint_eq(n_respites, 1);
	ck_assert_ptr_eq(tls_io_socket(pair.io), pair.sock);
	front = tls_io_front(pair.io, &len);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(front, "here", 4);
	front = tls_io_gathered(pair.io, &len);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(front, "ours", 4);
	tls_io_end(pair.io, false);
}
END_TEST

START_TEST(what_memory_was_short_of_is_remembered)
{
	begin();
	tls_heap_recall();
	tls_io_give_respite(pair.io);
	ck_assert_uint_eq(n_respites, 1);
	ck_assert(tls_heap_was_short());
	tls_io_end(pair.io, false);
}
END_TEST

static void leave_an_error(void *owner)
{
	count(owner);
	ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
}

START_TEST(an_error_of_others_is_theirs)
{
	begin();
	tls_io_set_respite(pair.io, always, leave_an_error, NULL);
	tls_io_give_respite(pair.io);
	ck_assert_uint_eq(n_respites, 1);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	tls_io_end(pair.io, false);
}
END_TEST

static void run_short(void *owner)
{
	count(owner);
	tls_heap_recall();
}

START_TEST(a_shortage_of_others_is_theirs)
{
	begin();
	tls_io_set_respite(pair.io, always, run_short, NULL);
	tls_io_give_respite(pair.io);
	ck_assert_uint_eq(n_respites, 1);
	ck_assert(!tls_heap_was_short());
	tls_io_end(pair.io, false);
}
END_TEST

START_TEST(there_is_no_respite_that_nobody_waits_for)
{
	begin();
	tls_io_set_respite(pair.io, never, count, NULL);
	tls_io_give_respite(pair.io);
	ck_assert_uint_eq(n_respites, 0);
	tls_io_end(pair.io, false);
}
END_TEST

START_TEST(there_is_no_respite_while_openssl_has_an_error_to_tell)
{
	begin();
	ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
	tls_io_give_respite(pair.io);
	ck_assert_uint_eq(n_respites, 0);
	ck_assert_uint_ne(ERR_get_error(), 0);
	tls_io_end(pair.io, false);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_io");
	TCase *tcase = tcase_create("handshakes");

	tcase_add_loop_test(tcase, others_talk_between_the_steps_of_a_handshake, 0, N_VERSIONS);
	tcase_add_loop_test(tcase, others_end_between_the_steps_of_a_handshake, 0, N_VERSIONS);
	tcase_add_loop_test(tcase, one_that_has_shaken_hands_is_not_interrupted, 0, N_VERSIONS);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("a turn");
	tcase_add_checked_fixture(tcase, set_up_turn, tls_pair_tear_down);
	tcase_add_test(tcase, a_turn_goes_on_as_it_was);
	tcase_add_test(tcase, what_memory_was_short_of_is_remembered);
	tcase_add_test(tcase, a_shortage_of_others_is_theirs);
	tcase_add_test(tcase, an_error_of_others_is_theirs);
	tcase_add_test(tcase, there_is_no_respite_that_nobody_waits_for);
	tcase_add_test(tcase, there_is_no_respite_while_openssl_has_an_error_to_tell);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
