/* SPDX-License-Identifier: ISC */
/*
 * How streams begin under TLS: handshakes on both sides, tickets, and what a
 * connection costs once nothing happens on it.
 */
#include "socket.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "certificates.h"
#include "config.h"
#include "folder.h"
#include "suite.h"
#include "tls_pair.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static char folder[FOLDER_ROOM];
static char paths[2][FOLDER_ROOM + 32];
static struct backend_config backend = { .tls = true, .verify = true, .ca = paths[0] };

static const struct tls_facts *facts(void)
{
	return socket_tls_facts(pair.sock);
}

static struct socket_tls *ours(void)
{
	return (struct socket_tls *)pair.sock;
}

/* ---- OpenSSL's large blocks: its record buffers ---- */

enum { LARGE = 16384 };

static atomic_int n_large;

static void count_large(void *block, int change)
{
	if (block != NULL && malloc_usable_size(block) >= LARGE)
		(void)atomic_fetch_add(&n_large, change);
}

static void *counting_malloc(size_t len, const char *file, int line)
{
	void *block = malloc(len);

	(void)file;
	(void)line;
	count_large(block, 1);
	return block;
}

static void *counting_realloc(void *block, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	count_large(block, -1);
	block = realloc(block, len);
	count_large(block, 1);
	return block;
}

static void counting_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	count_large(block, -1);
	free(block);
}

/* What OpenSSL keeps for everybody: since 3.5 it has a large table of algorithms. */
static int n_shared;

/* How many our side holds: the peer gives up its own. */
static int large_blocks(void)
{
	(void)SSL_free_buffers(pair.peer);
	return n_large - n_shared;
}

START_TEST(an_idle_socket_holds_no_buffer)
{
	n_shared = n_large;
	tls_pair_meet(WIRE_UNIX, versions[_i]);
	ck_assert_int_eq(large_blocks(), 0);
	for (int i = 0; i < 3; i++) {
		tls_pair_say("abc");
		ck_assert_uint_eq(tls_pair_receive(), 3);
		ck_assert_int_eq(large_blocks(), 0);
		ck_assert_int_eq(socket_send(pair.sock, "abc", 3, false), IO_DONE);
		ck_assert_uint_eq(tls_pair_peer_receive(), 3);
		ck_assert_int_eq(large_blocks(), 0);
		ck_assert_ptr_null(ours()->in.bytes);
		ck_assert_ptr_null(pair.sock->out.bytes);
	}
	/* One that has to wait for the rest of a record needs one, and it is seen. */
	tls_pair_write("\x17\x03\x03\x40\x00half", 9);
	ck_assert_uint_eq(tls_pair_receive(), 0);
	ck_assert_int_eq(large_blocks(), 1);
}
END_TEST

/* ---- accepting ---- */

START_TEST(what_was_agreed_on_is_known)
{
	tls_pair_join(WIRE_UNIX, versions[_i]);
	ck_assert_ptr_null(facts()->version);
	ck_assert_int_eq(SSL_set_tlsext_host_name(pair.peer, "app.example.com"), 1);
	ck_assert_int_eq(tls_pair_shake(), IO_DONE);
	socket_release(pair.sock);
	ck_assert_str_eq(facts()->version, _i == 0 ? "TLSv1.2" : "TLSv1.3");
	ck_assert_str_eq(facts()->cipher,
	                 _i == 0 ? "ECDHE-ECDSA-AES128-GCM-SHA256" : "TLS_AES_128_GCM_SHA256");
	ck_assert_int_eq(strncmp(facts()->group, "x25519", 6), 0); /* or x25519mlkem768 */
	ck_assert_str_eq(facts()->name, "app.example.com");
	ck_assert_int_eq(facts()->cause, CAUSE_UNKNOWN);
}
END_TEST

START_TEST(plain_http_is_known_for_what_it_is)
{
	tls_pair_join(WIRE_UNIX, versions[_i]);
	tls_pair_write("GET / HTTP/1.0\r\n\r\n", 18);
	ck_assert_int_eq(tls_pair_shake(), IO_ENDED);
	ck_assert_int_eq(facts()->cause, CAUSE_PLAIN_HTTP);
	ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
}
END_TEST

START_TEST(a_version_that_we_do_not_speak_is_named_and_alerted)
{
	unsigned char seen[7];

	tls_pair_join(WIRE_UNIX, TLS1_1_VERSION);
	SSL_set_security_level(pair.peer, 0);
	ck_assert(SSL_set_cipher_list(pair.peer, "ALL") == 1);
	ck_assert_int_eq(tls_pair_shake(), IO_ENDED);
	ck_assert_int_eq(facts()->cause, CAUSE_VERSION_TOO_LOW);
	ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
	ck_assert(socket_has_alerted(pair.sock));
	ck_assert_int_eq(recv(pair.fd, seen, sizeof(seen), 0), sizeof(seen));
	ck_assert_int_eq(seen[6], SSL_AD_PROTOCOL_VERSION);
}
END_TEST

START_TEST(a_client_that_rejects_our_certificate_says_why)
{
	tls_pair_join(WIRE_UNIX, versions[_i]);
	SSL_set_verify(pair.peer, SSL_VERIFY_PEER, NULL);
	ck_assert_int_eq(tls_pair_shake(), IO_ENDED);
	ck_assert_int_eq(tls_pair_ending(), ENDING_ALERT);
	ck_assert_str_eq(socket_ending(pair.sock).detail, "unknown_ca");
	/* The ending is latched here as well. */
	ck_assert_int_eq(socket_open(pair.sock), IO_ENDED);
	ck_assert_int_eq(tls_pair_ending(), ENDING_ALERT);
}
END_TEST

START_TEST(who_leaves_in_a_handshake_has_said_nothing)
{
	tls_pair_join(WIRE_UNIX, versions[_i]);
	(void)SSL_do_handshake(pair.peer);
	tls_pair_post();
	tls_pair_fin();
	ck_assert_int_eq(tls_pair_shake(), IO_ENDED);
	ck_assert_int_eq(tls_pair_ending(), ENDING_TRUNCATED);
	ck_assert_int_eq(facts()->cause, CAUSE_UNKNOWN);
	ck_assert_ptr_null(facts()->version);
}
END_TEST

/* ---- tickets ---- */

START_TEST(a_flight_that_was_refused_goes_out_later)
{
	tls_pair_join(WIRE_TCP, versions[_i]);
	(void)SSL_do_handshake(pair.peer);
	(void)tls_pair_peer_error();
	tls_pair_post();
	ours()->base.writable = false; /* as if its buffer were full */
	while (socket_unsent(pair.sock) == 0) {
		poller_turn(&pair.poller, true);
		ck_assert_int_eq(socket_open(pair.sock), IO_WAIT);
	}
	ours()->base.writable = true;
	ck_assert_int_eq(tls_pair_shake(), IO_DONE);
	ck_assert_uint_eq(socket_unsent(pair.sock), 0);
}
END_TEST

START_TEST(no_ticket_is_on_the_wire_before_our_first_word)
{
	char byte;

	tls_pair_meet(WIRE_UNIX, TLS1_3_VERSION);
	tls_pair_say("abc");
	ck_assert_uint_eq(tls_pair_receive(), 3);
	ck_assert_int_eq(recv(pair.fd, &byte, 1, MSG_PEEK), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!SSL_SESSION_is_resumable(SSL_get0_session(pair.peer)));
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, false), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	ck_assert(SSL_SESSION_is_resumable(SSL_get0_session(pair.peer)));
}
END_TEST

START_TEST(close_notify_is_a_word_that_brings_a_ticket)
{
	tls_pair_meet(WIRE_UNIX, TLS1_3_VERSION);
	ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 0);
	ck_assert_int_eq(tls_pair_peer_error(), SSL_ERROR_ZERO_RETURN);
	ck_assert(SSL_SESSION_is_resumable(SSL_get0_session(pair.peer)));
}
END_TEST

/* A session that our side gave a ticket for. */
static SSL_SESSION *make_session(int version)
{
	tls_pair_meet(WIRE_UNIX, version);
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, true), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	tls_pair_say_close_notify();
	return SSL_get1_session(pair.peer);
}

static bool is_resumed(int version, SSL_SESSION *session)
{
	tls_pair_join(WIRE_UNIX, version);
	ck_assert_int_eq(SSL_set_session(pair.peer, session), 1);
	ck_assert_int_eq(tls_pair_shake(), IO_DONE);
	return SSL_session_reused(pair.peer) == 1;
}

static void replace_context(struct tls_tickets *tickets)
{
	tls_context_free(pair.context);
	pair.context = tls_pair_context(tickets);
}

START_TEST(a_ticket_resumes_its_session_where_the_keys_are_the_same)
{
	SSL_SESSION *session = make_session(versions[_i]);
	struct tls_tickets *others = tls_tickets_new();

	ck_assert(is_resumed(versions[_i], session));
	/* Another worker's. */
	replace_context(tls_pair_tickets);
	ck_assert(is_resumed(versions[_i], session));
	ck_assert_ptr_nonnull(others);
	replace_context(others);
	ck_assert(!is_resumed(versions[_i], session));
	replace_context(tls_pair_tickets);
	tls_tickets_free(others);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(nothing_is_lost_that_came_with_the_end_of_the_handshake)
{
	/* In TLS 1.2 it is a resumed handshake that the client's word ends. */
	SSL_SESSION *session = make_session(versions[_i]);

	for (int i = 0; i < 3; i++) {
		tls_pair_join(WIRE_UNIX, versions[_i]);
		ck_assert_int_eq(SSL_set_session(pair.peer, session), 1);
		(void)SSL_do_handshake(pair.peer);
		tls_pair_post();
		poller_turn(&pair.poller, false);
		ck_assert_int_eq(socket_open(pair.sock), IO_WAIT);
		ck_assert_int_eq(SSL_do_handshake(pair.peer), 1);
		ck_assert_int_eq(SSL_write(pair.peer, "abc", 3), 3);
		ck_assert_int_eq(SSL_shutdown(pair.peer), 0);
		tls_pair_post();
		if (i == 1)
			tls_pair_leave();
		poller_turn(&pair.poller, false);
		ck_assert_int_eq(socket_open(pair.sock), IO_DONE);
		/* Our end does not look at what is there. */
		if (i == 2)
			ck_assert_int_eq(socket_finish(pair.sock), IO_DONE);
		/* No news of the kernel's will come. */
		ck_assert_uint_eq(tls_pair_receive(), 3);
		ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
	}
	SSL_SESSION_free(session);
}
END_TEST

/* ---- connecting ---- */

static const char *file_in_folder(const char *name)
{
	(void)snprintf(paths[1], sizeof(paths[1]), "%s/%s", folder, name);
	return paths[1];
}

static void set_up_connecting(const char *cert)
{
	(void)snprintf(paths[0], sizeof(paths[0]), "%s/ca.pem", folder);
	tls_pair_set_up_connecting(&backend, file_in_folder(cert));
}

static const struct meeting {
	const char *cert;
	const char *name;
	const char *asked_for;  /* SNI */
	const char *reason;     /* NULL: verified */
	enum cause cause;
} meetings[] = {
	{ "backend.pem", "backend.test", "backend.test", NULL, CAUSE_UNKNOWN },
	{ "backend.pem", "localhost", "localhost", NULL, CAUSE_UNKNOWN },
	{ "backend.pem", "other.test", "other.test", "hostname mismatch", CAUSE_CERT_WRONG_NAME },
	{ "backend.pem", "127.0.0.1", NULL, NULL, CAUSE_UNKNOWN },
	{ "backend.pem", "127.0.0.2", NULL, "IP address mismatch", CAUSE_CERT_WRONG_NAME },
	{ "backend.pem", "::1", NULL, "IP address mismatch", CAUSE_CERT_WRONG_NAME },
	{ "expired.pem", "backend.test", "backend.test", "certificate has expired",
	  CAUSE_CERT_EXPIRED },
	{ "stranger.pem", "backend.test", "backend.test", "unable to get local issuer certificate",
	  CAUSE_CERT_UNKNOWN_CA },
	{ "backend.pem", NULL, NULL, NULL, CAUSE_UNKNOWN },
};

enum { MEETINGS = sizeof(meetings) / sizeof(meetings[0]) };

static const char *asked_for(void)
{
	return SSL_get_servername(pair.peer, TLSEXT_NAMETYPE_host_name);
}

START_TEST(a_server_is_verified_by_the_name_it_is_asked_for)
{
	const struct meeting *meeting = &meetings[_i % MEETINGS];
	enum io shaken;

	set_up_connecting(meeting->cert);
	tls_pair_join_connecting(versions[_i / MEETINGS], meeting->name);
	shaken = tls_pair_shake();
	ck_assert_pstr_eq(asked_for(), meeting->asked_for);
	ck_assert_pstr_eq(facts()->reason, meeting->reason);
	ck_assert_int_eq(shaken, meeting->reason == NULL ? IO_DONE : IO_ENDED);
	ck_assert_int_eq(facts()->cause, meeting->cause);
	if (meeting->reason != NULL) {
		ck_assert_int_eq(tls_pair_ending(), ENDING_VIOLATION);
		ck_assert(socket_has_alerted(pair.sock));
		return;
	}
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, true), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	ck_assert_int_eq(tls_pair_peer_error(), SSL_ERROR_ZERO_RETURN);
	tls_pair_say("defg");
	tls_pair_say_close_notify();
	ck_assert_uint_eq(tls_pair_receive(), 4);
	ck_assert_int_eq(tls_pair_ending(), ENDING_CLOSE_NOTIFY);
}
END_TEST

START_TEST(nobody_is_verified_where_that_was_not_asked_for)
{
	backend.verify = false;
	set_up_connecting("stranger.pem");
	tls_pair_join_connecting(versions[_i], "backend.test");
	ck_assert_int_eq(tls_pair_shake(), IO_DONE);
	ck_assert_pstr_eq(asked_for(), "backend.test");
	ck_assert_ptr_null(facts()->reason);
}
END_TEST

static void make_folder(void)
{
	folder_make(folder);
	certificates_write(folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("socket_tls_open");
	TCase *accepting = tcase_create("accepting");
	TCase *connecting = tcase_create("connecting");

	if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free) != 1)
		return EXIT_FAILURE;
	tcase_add_checked_fixture(accepting, tls_pair_set_up, tls_pair_tear_down);
	tcase_set_timeout(accepting, 60);
	tcase_add_loop_test(accepting, an_idle_socket_holds_no_buffer, 0, 2);
	tcase_add_loop_test(accepting, what_was_agreed_on_is_known, 0, 2);
	tcase_add_loop_test(accepting, plain_http_is_known_for_what_it_is, 0, 2);
	tcase_add_test(accepting, a_version_that_we_do_not_speak_is_named_and_alerted);
	tcase_add_loop_test(accepting, a_client_that_rejects_our_certificate_says_why, 0, 2);
	tcase_add_loop_test(accepting, who_leaves_in_a_handshake_has_said_nothing, 0, 2);
	tcase_add_loop_test(accepting, a_flight_that_was_refused_goes_out_later, 0, 2);
	tcase_add_test(accepting, no_ticket_is_on_the_wire_before_our_first_word);
	tcase_add_test(accepting, close_notify_is_a_word_that_brings_a_ticket);
	tcase_add_loop_test(accepting, a_ticket_resumes_its_session_where_the_keys_are_the_same, 0,
	                    2);
	tcase_add_loop_test(accepting, nothing_is_lost_that_came_with_the_end_of_the_handshake, 0,
	                    2);
	suite_add_tcase(suite, accepting);

	tcase_add_unchecked_fixture(connecting, make_folder, remove_folder);
	tcase_add_checked_fixture(connecting, NULL, tls_pair_tear_down);
	tcase_set_timeout(connecting, 60);
	tcase_add_loop_test(connecting, a_server_is_verified_by_the_name_it_is_asked_for, 0,
	                    2 * MEETINGS);
	tcase_add_loop_test(connecting, nobody_is_verified_where_that_was_not_asked_for, 0, 2);
	suite_add_tcase(suite, connecting);
	return suite_run(suite);
}
