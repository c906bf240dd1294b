/* SPDX-License-Identifier: ISC */
/* When a connection goes on without its SSL object, and when it does not. */
#include "tls_takeover.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include "record.h"
#include "suite.h"
#include "tls_pair.h"
#include "tls_record.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* OpenSSL's allocations until one fails; 0: none does. */
static int until_short;

static bool is_short(size_t len)
{
	return len > 0 && until_short > 0 && --until_short == 0;
}

static void *short_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_short(len) ? NULL : malloc(len);
}

static void *short_realloc(void *block, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_short(len) ? NULL : realloc(block, len);
}

static void short_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	free(block);
}

static void set_up(void)
{
	tls_pair_record_layer = RECORD_LAYER_AUTO;
	tls_pair_set_up();
}

static bool is_taken_over(void)
{
	return socket_tls_facts(pair.sock)->taken_over;
}

static void exchange(void)
{
	tls_pair_say("abc");
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(socket_send(pair.sock, "defg", 4, false), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 4);
}

static void say_sealed(unsigned char type, const void *data, size_t len)
{
	unsigned char room[RECORD_ROOM];

	tls_pair_write(room, tls_pair_seal(type, data, len, room));
}

START_TEST(a_request_and_its_answer_are_openssls)
{
	tls_pair_meet(WIRE_UNIX, versions[_i]);
	exchange();
	ck_assert(!is_taken_over());
	tls_pair_say_close_notify();
	(void)tls_pair_receive();
	ck_assert_int_eq(socket_send(pair.sock, NULL, 0, true), IO_DONE);
	ck_assert(!is_taken_over());
}
END_TEST

START_TEST(what_comes_after_those_is_ours)
{
	tls_pair_meet(WIRE_UNIX, versions[_i]);
	for (int i = 0; i < 2; i++)
		exchange();
	ck_assert(is_taken_over());
	for (int i = 0; i < 10; i++)
		exchange();
}
END_TEST

START_TEST(one_that_lasts_is_taken_over_whatever_it_has_said)
{
	tls_pair_meet(WIRE_UNIX, versions[_i % 2]);
	if (_i >= 2)
		exchange();
	socket_settle(pair.sock);
	ck_assert(is_taken_over());
	exchange();
}
END_TEST

START_TEST(no_nonce_of_openssls_is_used_again)
{
	enum { NONCE = TLS_HEADER_LEN, RECORD = 64 };
	unsigned char wire[3][RECORD];

	tls_pair_meet(WIRE_UNIX, TLS1_2_VERSION);
	for (int i = 0; i < 3; i++) {
		/* With the first one OpenSSL's, by what the peer sees. */
		if (i == 1)
			socket_settle(pair.sock);
		ck_assert_int_eq(is_taken_over(), i > 0);
		ck_assert_int_eq(socket_send(pair.sock, "x", 1, false), IO_DONE);
		ck_assert_int_gt(recv(pair.fd, wire[i], RECORD, 0), NONCE + 8);
	}
	/* They count on; at random this would be so once in 2^64 times. */
	for (int i = 1; i < 3; i++) {
		for (int at = NONCE + 7; ++wire[i - 1][at] == 0 && at > NONCE; at--)
			continue;
		ck_assert_mem_eq(wire[i - 1] + NONCE, wire[i] + NONCE, 8);
	}
}
END_TEST

START_TEST(half_a_record_is_no_hindrance)
{
	unsigned char room[RECORD_ROOM];
	size_t len;

	tls_pair_meet(WIRE_UNIX, versions[_i]);
	say_sealed(RECORD_DATA, "abc", 3);
	len = tls_pair_seal(RECORD_DATA, "defg", 4, room);
	tls_pair_write(room, 7);
	ck_assert_uint_eq(tls_pair_receive(), 3);
	socket_settle(pair.sock);
	ck_assert(is_taken_over());
	tls_pair_write(room + 7, len - 7);
	ck_assert_uint_eq(tls_pair_receive(), 4);
	ck_assert_mem_eq(pair.room, "defg", 4);
}
END_TEST

START_TEST(one_that_has_changed_its_keys_stays)
{
	tls_pair_meet(WIRE_UNIX, TLS1_3_VERSION);
	ck_assert_int_eq(SSL_key_update(pair.peer, SSL_KEY_UPDATE_REQUESTED), 1);
	if (_i == 0)
		ck_assert_int_eq(SSL_do_handshake(pair.peer), 1); /* and nothing with it */
	tls_pair_post();
	if (_i == 0)
		ck_assert_uint_eq(tls_pair_receive(), 0);
	for (int i = 0; i < 4; i++)
		exchange();
	socket_settle(pair.sock);
	ck_assert(!is_taken_over());
	exchange();
}
END_TEST

START_TEST(one_with_an_empty_record_stays)
{
	tls_pair_meet(WIRE_UNIX, versions[_i]);
	say_sealed(RECORD_DATA, "", 0);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	socket_settle(pair.sock);
	ck_assert(!is_taken_over());
	say_sealed(RECORD_DATA, "abc", 3);
	ck_assert_uint_eq(tls_pair_receive(), 3);
}
END_TEST

START_TEST(one_that_wants_small_records_stays)
{
	ck_assert_int_eq(SSL_CTX_set_tlsext_max_fragment_length(pair.peer_ctx,
	                                                        TLSEXT_max_fragment_length_512),
	                 1);
	tls_pair_meet(WIRE_UNIX, versions[_i]);
	for (int i = 0; i < 4; i++)
		exchange();
	socket_settle(pair.sock);
	ck_assert(!is_taken_over());
}
END_TEST

START_TEST(one_that_is_over_stays_as_it_is)
{
	tls_pair_meet(WIRE_UNIX, versions[_i]);
	tls_pair_say_close_notify();
	(void)tls_pair_receive();
	socket_settle(pair.sock);
	ck_assert(!is_taken_over());
	ck_assert_int_eq(socket_send(pair.sock, "defg", 4, true), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 4);
	ck_assert_int_eq(tls_pair_peer_error(), SSL_ERROR_ZERO_RETURN);
}
END_TEST

START_TEST(one_that_we_have_ended_stays)
{
	tls_pair_meet(WIRE_UNIX, versions[_i]);
	exchange();
	ck_assert_int_eq(socket_send(pair.sock, "hijk", 4, true), IO_DONE);
	ck_assert(!is_taken_over());
	tls_pair_say("lmn");
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert(!is_taken_over());
}
END_TEST

START_TEST(without_memory_no_record_is_left_out)
{
	bool is_through = false;

	for (int i = 1; !is_through; i++) {
		tls_pair_meet(WIRE_UNIX, versions[_i]);
		until_short = i;
		socket_settle(pair.sock);
		is_through = until_short > 0;
		until_short = 0;
		ck_assert(!is_through || is_taken_over());
		/* Unless OpenSSL gave up, whoever goes on says what the peer understands. */
		if (socket_send(pair.sock, "abc", 3, false) == IO_DONE)
			ck_assert_uint_eq(tls_pair_peer_receive(), 3);
		(void)tls_pair_peer_error();
	}
}
END_TEST

/* ---- where nobody stays ---- */

/* As many as it takes to be sure of the next one. */
enum { VISITS = 1024 };

static void set_visits(unsigned n)
{
	tls_context_outlook(pair.context)->n_visits = n;
}

static void visit(void)
{
	tls_pair_meet(WIRE_UNIX, TLS1_3_VERSION);
	exchange();
	tls_pair_say_close_notify();
	(void)tls_pair_receive();
	socket_release(pair.sock);
}

static bool stays_for_long(int version)
{
	tls_pair_meet(WIRE_UNIX, version);
	for (int i = 0; i < 3; i++)
		exchange();
	socket_settle(pair.sock);
	exchange();
	return is_taken_over();
}

START_TEST(after_many_visits_in_a_row_nobody_listens)
{
	set_visits(VISITS - 2);
	visit();
	ck_assert(stays_for_long(TLS1_3_VERSION)); /* and is no visit */
	set_visits(VISITS - 1);
	visit();
	ck_assert(!stays_for_long(TLS1_3_VERSION));
}
END_TEST

START_TEST(the_first_who_stays_is_heard_of)
{
	set_visits(VISITS);
	ck_assert(!stays_for_long(TLS1_3_VERSION));
	ck_assert(stays_for_long(TLS1_3_VERSION));
	visit();
	ck_assert(stays_for_long(TLS1_3_VERSION));
}
END_TEST

START_TEST(what_needs_no_secrets_is_taken_over_all_the_same)
{
	set_visits(VISITS);
	ck_assert(stays_for_long(TLS1_2_VERSION));
}
END_TEST

START_TEST(who_did_not_come_to_a_good_end_may_have_wanted_to_stay)
{
	set_visits(VISITS - 1);
	for (int i = 0; i < 3; i++) {
		tls_pair_meet(WIRE_UNIX, TLS1_3_VERSION);
		exchange();
		if (i == 0)
			tls_pair_reset();
		else if (i == 1)
			tls_pair_leave();
		if (i < 2)
			(void)tls_pair_receive();
		socket_release(pair.sock);
	}
	ck_assert(stays_for_long(TLS1_3_VERSION));
}
END_TEST

START_TEST(record_layer_own_means_it)
{
	set_visits(VISITS);
	ck_assert(stays_for_long(TLS1_3_VERSION));
}
END_TEST

static void set_up_own(void)
{
	tls_pair_record_layer = RECORD_LAYER_OWN;
	tls_pair_set_up();
}

int main(void)
{
	bool counts = CRYPTO_set_mem_functions(short_malloc, short_realloc, short_free) == 1;
	Suite *suite = suite_create("tls_takeover");
	TCase *tcase = tcase_create("auto");

	tcase_add_checked_fixture(tcase, set_up, tls_pair_tear_down);
	tcase_add_loop_test(tcase, a_request_and_its_answer_are_openssls, 0, 2);
	tcase_add_loop_test(tcase, what_comes_after_those_is_ours, 0, 2);
	tcase_add_loop_test(tcase, one_that_lasts_is_taken_over_whatever_it_has_said, 0, 4);
	tcase_add_test(tcase, no_nonce_of_openssls_is_used_again);
	tcase_add_loop_test(tcase, half_a_record_is_no_hindrance, 0, 2);
	tcase_add_loop_test(tcase, one_that_has_changed_its_keys_stays, 0, 2);
	tcase_add_loop_test(tcase, one_with_an_empty_record_stays, 0, 2);
	tcase_add_loop_test(tcase, one_that_wants_small_records_stays, 0, 2);
	tcase_add_loop_test(tcase, one_that_is_over_stays_as_it_is, 0, 2);
	tcase_add_loop_test(tcase, one_that_we_have_ended_stays, 0, 2);
	if (counts)
		tcase_add_loop_test(tcase, without_memory_no_record_is_left_out, 0, 2);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("outlook");
	tcase_add_checked_fixture(tcase, set_up, tls_pair_tear_down);
	tcase_add_test(tcase, after_many_visits_in_a_row_nobody_listens);
	tcase_add_test(tcase, the_first_who_stays_is_heard_of);
	tcase_add_test(tcase, what_needs_no_secrets_is_taken_over_all_the_same);
	tcase_add_test(tcase, who_did_not_come_to_a_good_end_may_have_wanted_to_stay);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("own");
	tcase_add_checked_fixture(tcase, set_up_own, tls_pair_tear_down);
	tcase_add_test(tcase, record_layer_own_means_it);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
