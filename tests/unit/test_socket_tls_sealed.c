/* SPDX-License-Identifier: ISC */
/*
 * A connection that was taken over, and OpenSSL at its other end: what is not said
 * of both record layers in test_socket_tls.c.
 */
#include "socket.h"

#include <string.h>
#include <sys/socket.h>

#include "record.h"
#include "suite.h"
#include "tls_pair.h"
#include "tls_record.h"

static const unsigned char update[] = { 24, 0, 0, 1, 0 };

static void set_up(void)
{
	tls_pair_record_layer = RECORD_LAYER_OWN;
	tls_pair_set_up();
}

static struct socket_tls *ours(void)
{
	return (struct socket_tls *)pair.sock;
}

static void meet(int version)
{
	tls_pair_meet(WIRE_UNIX, version);
	ck_assert_str_eq(pair.sock->ops->name, "sealed");
	ck_assert_ptr_null(ours()->ssl);
}

static void say_sealed(unsigned char type, const void *data, size_t len)
{
	unsigned char room[RECORD_ROOM];

	tls_pair_write(room, tls_pair_seal(type, data, len, room));
}

static void expect_violation(const char *alert)
{
	const struct ending ending = socket_ending(pair.sock);

	ck_assert_int_eq(ending.kind, ENDING_VIOLATION);
	ck_assert_str_eq(ending.detail, alert);
	ck_assert(socket_has_alerted(pair.sock));
	ck_assert_uint_eq(tls_pair_peer_receive(), 0);
	ck_assert_int_eq(tls_pair_peer_error(), SSL_ERROR_SSL);
}

/* ---- with every cipher ---- */

static const struct {
	int version;
	const char *name;
} ciphers[] = {
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
	{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
	{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
};
enum { CIPHERS = sizeof(ciphers) / sizeof(ciphers[0]) };

START_TEST(openssl_understands_what_we_say_and_we_it)
{
	static char text[5000];

	ck_assert_int_eq(ciphers[_i].version == TLS1_2_VERSION
	                         ? SSL_CTX_set_cipher_list(pair.peer_ctx, ciphers[_i].name)
	                         : SSL_CTX_set_ciphersuites(pair.peer_ctx, ciphers[_i].name),
	                 1);
	memset(text, 'x', sizeof(text) - 1);
	meet(ciphers[_i].version);
	for (int i = 0; i < 3; i++) {
		tls_pair_say(text);
		ck_assert_uint_eq(tls_pair_receive(), sizeof(text) - 1);
		ck_assert_mem_eq(pair.room, text, sizeof(text) - 1);
		ck_assert_int_eq(socket_send(pair.sock, text, sizeof(text), false), IO_DONE);
		ck_assert_uint_eq(tls_pair_peer_receive(), sizeof(text));
	}
	tls_pair_say_close_notify();
	(void)tls_pair_receive();
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
	ck_assert_int_eq(socket_send(pair.sock, "bye", 3, true), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	ck_assert_int_eq(tls_pair_peer_error(), SSL_ERROR_ZERO_RETURN);
}
END_TEST

START_TEST(a_session_is_resumed_by_the_ticket_that_came_with_our_first_word)
{
	SSL_SESSION *session;

	meet(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, false), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	session = SSL_get1_session(pair.peer);
	ck_assert(SSL_SESSION_is_resumable(session));
	tls_pair_join(WIRE_UNIX, _i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	ck_assert_int_eq(SSL_set_session(pair.peer, session), 1);
	ck_assert_int_eq(tls_pair_shake(), IO_DONE);
	ck_assert(socket_tls_facts(pair.sock)->resumed);
	ck_assert(socket_tls_facts(pair.sock)->taken_over);
	tls_pair_say("def");
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, true), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	SSL_SESSION_free(session);
}
END_TEST

/* ---- other keys ---- */

START_TEST(either_side_may_ask_for_other_keys)
{
	meet(TLS1_3_VERSION);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(SSL_key_update(pair.peer, SSL_KEY_UPDATE_REQUESTED), 1);
		tls_pair_say("abc");
		ck_assert_uint_eq(tls_pair_receive(), 3);
		ck_assert_int_eq(socket_send(pair.sock, "defg", 4, false), IO_DONE);
		ck_assert_uint_eq(tls_pair_peer_receive(), 4);
	}
	ck_assert_int_eq(tls_pair_ending(), ENDING_NONE);
}
END_TEST

/* The record at bytes, opened in place. Returns its length on the wire. */
static size_t expect_record(struct record_keys *reading, uint8_t *bytes, size_t len, uint8_t type,
                            const void *data, size_t data_len)
{
	const size_t record_len = record_length(bytes, len);
	uint8_t *seen;
	size_t seen_len;
	uint8_t seen_type;

	ck_assert(record_open(reading, bytes, record_len, &seen_type, &seen, &seen_len));
	ck_assert_uint_eq(seen_type, type);
	ck_assert_uint_eq(seen_len, data_len);
	ck_assert_mem_eq(seen, data, data_len);
	return record_len;
}

START_TEST(a_key_that_is_worn_is_replaced)
{
	struct record_keys reading = { 0 };
	uint8_t wire[1024];
	ssize_t len;
	size_t at;

	meet(TLS1_3_VERSION);
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, false), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	/* So many there were. */
	record_keys_13(&reading, ours()->keys->out.secret);
	reading.sequence = ours()->keys->out.n_records = TLS_RECORDS_MOST;
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, false), IO_DONE);
	len = recv(pair.fd, wire, sizeof(wire), 0);
	ck_assert_int_gt(len, 0);
	at = expect_record(&reading, wire, (size_t)len, RECORD_HANDSHAKE, update, sizeof(update));
	record_keys_update(&reading);
	(void)expect_record(&reading, wire + at, (size_t)len - at, RECORD_DATA, "abc", 3);
	record_keys_clear(&reading);
}
END_TEST

START_TEST(a_key_update_may_come_in_pieces)
{
	meet(TLS1_3_VERSION);
	for (size_t i = 0; i < sizeof(update); i++)
		say_sealed(RECORD_HANDSHAKE, update + i, 1);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	ck_assert_int_eq(tls_pair_ending(), ENDING_NONE);
	ck_assert_uint_eq(ours()->keys->in.n_records, 0);
}
END_TEST

START_TEST(a_key_update_that_is_none_is_a_violation)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *alert;
	} cases[] = {
		{ "\x18\0\0\2\0", 5, "decode_error" },
		{ "\x18\0\0\1\2", 5, "illegal_parameter" },
		{ "\x18\0\0\1\0x", 6, "unexpected_message" },
		{ "\x14\0\0\1\0", 5, "unexpected_message" },
		{ "", 0, "unexpected_message" },
	};

	meet(TLS1_3_VERSION);
	say_sealed(RECORD_HANDSHAKE, cases[_i].bytes, cases[_i].len);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	expect_violation(cases[_i].alert);
}
END_TEST

START_TEST(nothing_comes_between_the_pieces_of_a_key_update)
{
	meet(TLS1_3_VERSION);
	say_sealed(RECORD_HANDSHAKE, update, 2);
	say_sealed(RECORD_DATA, "abc", 3);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	expect_violation("unexpected_message");
}
END_TEST

/* ---- what else there is in a record ---- */

START_TEST(a_record_of_nothing_but_padding_is_a_violation)
{
	meet(TLS1_3_VERSION);
	say_sealed(0, "\0\0\0", 3);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	expect_violation("unexpected_message");
}
END_TEST

START_TEST(padding_is_no_data)
{
	static const char padded[] = "abc\x17\0\0\0\0";

	meet(TLS1_3_VERSION);
	say_sealed(0, padded, sizeof(padded) - 1);
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_mem_eq(pair.room, "abc", 3);
}
END_TEST

START_TEST(there_is_no_change_cipher_spec_any_more)
{
	static const unsigned char bare[] = { 20, 3, 3, 0, 1, 1 };

	meet(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	if (_i == 0)
		say_sealed(RECORD_CHANGE_CIPHER_SPEC, "\1", 1);
	else
		tls_pair_write(bare, sizeof(bare));
	ck_assert_uint_eq(tls_pair_receive(), 0);
	expect_violation("unexpected_message");
}
END_TEST

/* ---- another handshake ---- */

static size_t answers(void)
{
	unsigned char wire[1024];
	const ssize_t len = recv(pair.fd, wire, sizeof(wire), MSG_DONTWAIT);
	size_t n = 0;

	for (ssize_t at = 0; at < len; n++) {
		ck_assert_int_eq(wire[at], RECORD_ALERT);
		at += (ssize_t)record_length(wire + at, (size_t)(len - at));
	}
	return n;
}

/* In pieces of so many bytes. */
START_TEST(another_hello_is_answered_with_a_no_however_it_comes)
{
	static const unsigned char hello[] = { 1, 0, 0, 6, 3, 3, 'h', 'e', 'l', 'o' };
	static const size_t pieces[] = { 1, 3, 4, 7, sizeof(hello) };

	meet(TLS1_2_VERSION);
	for (size_t i = 1; i <= 2; i++) {
		for (size_t at = 0; at < sizeof(hello); at += pieces[_i]) {
			const size_t left = sizeof(hello) - at;

			say_sealed(RECORD_HANDSHAKE, hello + at,
			           left < pieces[_i] ? left : pieces[_i]);
		}
		ck_assert_uint_eq(tls_pair_receive(), 0);
		ck_assert_uint_eq(answers(), 1);
		say_sealed(RECORD_DATA, "abc", 3);
		ck_assert_uint_eq(tls_pair_receive(), 3);
	}
}
END_TEST

/* After so many bytes of its hello. */
START_TEST(a_hello_that_is_not_whole_is_followed_by_no_data)
{
	meet(TLS1_2_VERSION);
	say_sealed(RECORD_HANDSHAKE, "\1\0\0\6abcdef", (size_t)_i);
	say_sealed(RECORD_DATA, "abc", 3);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
	ck_assert_str_eq(socket_ending(pair.sock).detail, "unexpected_message");
}
END_TEST

START_TEST(what_is_no_hello_is_a_violation)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ "\2\0\0\0", 4 },
		{ "\1\0\0\0x", 5 },
		{ "\1\0\0\2xyz", 7 },
	};

	meet(TLS1_2_VERSION);
	say_sealed(RECORD_HANDSHAKE, cases[_i].bytes, cases[_i].len);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	expect_violation("unexpected_message");
}
END_TEST

START_TEST(a_flood_is_bounded_within_a_turn)
{
	enum { MOST = 100, MORE = 150 };

	meet(TLS1_2_VERSION);
	say_sealed(RECORD_HANDSHAKE, "\1\0\1\0", 4);
	for (int i = 0; i < MORE; i++)
		say_sealed(RECORD_HANDSHAKE, "x", 1);
	say_sealed(RECORD_DATA, "abc", 3);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
	ck_assert_str_eq(socket_ending(pair.sock).detail, "flood");
	ck_assert_uint_eq(ours()->framing.n_records, MOST + 1);
}
END_TEST

START_TEST(an_idle_socket_holds_keys_and_nothing_else)
{
	meet(TLS1_3_VERSION);
	tls_pair_say("abc");
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, false), IO_DONE);
	ck_assert_ptr_null(ours()->in.bytes);
	ck_assert_ptr_null(ours()->ticket.bytes);
	ck_assert_ptr_null(ours()->takeover.secrets);
	ck_assert_uint_le(sizeof(struct socket_tls) + sizeof(struct tls_keys), 1024);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_tls_sealed");
	TCase *tcase = tcase_create("taken over");

	tcase_add_checked_fixture(tcase, set_up, tls_pair_tear_down);
	tcase_add_loop_test(tcase, openssl_understands_what_we_say_and_we_it, 0, CIPHERS);
	tcase_add_loop_test(tcase, a_session_is_resumed_by_the_ticket_that_came_with_our_first_word,
	                    0, 2);
	tcase_add_test(tcase, either_side_may_ask_for_other_keys);
	tcase_add_test(tcase, a_key_that_is_worn_is_replaced);
	tcase_add_test(tcase, a_key_update_may_come_in_pieces);
	tcase_add_loop_test(tcase, a_key_update_that_is_none_is_a_violation, 0, 5);
	tcase_add_test(tcase, nothing_comes_between_the_pieces_of_a_key_update);
	tcase_add_test(tcase, a_record_of_nothing_but_padding_is_a_violation);
	tcase_add_test(tcase, padding_is_no_data);
	tcase_add_loop_test(tcase, there_is_no_change_cipher_spec_any_more, 0, 2);
	tcase_add_loop_test(tcase, another_hello_is_answered_with_a_no_however_it_comes, 0, 5);
	tcase_add_loop_test(tcase, a_hello_that_is_not_whole_is_followed_by_no_data, 1, 10);
	tcase_add_loop_test(tcase, what_is_no_hello_is_a_violation, 0, 4);
	tcase_add_test(tcase, a_flood_is_bounded_within_a_turn);
	tcase_add_test(tcase, an_idle_socket_holds_keys_and_nothing_else);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
