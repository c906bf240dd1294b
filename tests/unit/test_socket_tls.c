/* SPDX-License-Identifier: ISC */
/*
 * What OpenSSL does at the end of a stream, seen through our socket and our
 * BIO, with OpenSSL itself as the client. Each test runs for TLS 1.2 and 1.3.
 */
#include "socket.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "config.h"
#include "socket_tls.h"
#include "suite.h"
#include "tls_certificate.h"
#include "tls_context.h"

enum { ROOM = 65536, MUCH = 4 << 20 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static struct tls_ticket_keys keys;
static struct tls_context *context;
static struct tls_io *io;
static struct event_base *base;
static struct socket *sock;
static SSL_CTX *client_ctx;
static SSL *client;
static int client_fd;
static char room[ROOM + SOCKET_RECV_SLACK];

static void wake(void *owner)
{
	(void)owner;
}

static struct tls_context *new_context(void)
{
	char path[64];
	char reason[TLS_REASON_ROOM];
	int certificate = memfd_create("certificate", 0);
	FILE *file = fdopen(dup(certificate), "w");
	struct listener_config listener = { .name = (char *)"test",
		                            .cert = path,
		                            .tls_max = TLS_1_3 };
	struct tls_context *made;

	ck_assert(tls_certificate_make(file));
	ck_assert_int_eq(fclose(file), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", certificate);
	made = tls_context_server(&listener, &keys, reason);
	ck_assert_msg(made != NULL, "%s", reason);
	(void)close(certificate);
	return made;
}

static void set_up(void)
{
	ck_assert(tls_ticket_keys_make(&keys));
	context = new_context();
	io = tls_io_new(ROOM);
	base = event_base_new();
	client_ctx = SSL_CTX_new(TLS_client_method());
}

static void tear_down(void)
{
	socket_free(sock);
	sock = NULL;
	SSL_free(client);
	client = NULL;
	if (client_fd >= 0)
		(void)close(client_fd);
	SSL_CTX_free(client_ctx);
	event_base_free(base);
	tls_io_free(io);
	tls_context_free(context);
}

/* Lets the kernel's news reach our side. */
static void pass(void)
{
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void meet(int version)
{
	enum io opened = IO_WAIT;
	int pair[2];
	int met = 0;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	client_fd = pair[1];
	client = SSL_new(client_ctx);
	ck_assert_int_eq(SSL_set_min_proto_version(client, version), 1);
	ck_assert_int_eq(SSL_set_max_proto_version(client, version), 1);
	ck_assert_int_eq(SSL_set_fd(client, client_fd), 1);
	SSL_set_connect_state(client);
	sock = socket_tls_accept(context, io, pair[0]);
	ck_assert(socket_watch(sock, base, true, wake, NULL));
	while (met != 1 || opened != IO_DONE) {
		met = SSL_do_handshake(client);
		pass();
		if (opened != IO_DONE)
			opened = socket_open(sock);
		ck_assert_int_ne(opened, IO_ENDED);
	}
}

/* Our side receives to the end of what there is; returns the bytes. */
static size_t receive(void)
{
	size_t sum = 0;
	size_t got;
	enum io result;

	pass();
	do {
		result = socket_recv(sock, room, ROOM, &got);
		sum += got;
	} while (result == IO_DONE);
	return sum;
}

static enum ending_kind ending(void)
{
	return socket_ending(sock).kind;
}

static struct socket_tls *tls(void)
{
	return (struct socket_tls *)sock;
}

START_TEST(an_end_without_close_notify_is_a_truncation_and_we_can_still_speak)
{
	meet(versions[_i]);
	ck_assert_int_eq(SSL_write(client, "abc", 3), 3);
	ck_assert_int_eq(shutdown(client_fd, SHUT_WR), 0);
	ck_assert_uint_eq(receive(), 3);
	ck_assert_int_eq(ending(), ENDING_TRUNCATED);
	ck_assert(!socket_cut_in_record(sock));
	/* OpenSSL was not told of it, so it has neither complained nor given up. */
	ck_assert_int_eq(socket_send(sock, "defg", 4, true), IO_DONE);
	ck_assert_int_eq(SSL_read(client, room, ROOM), 4);
	ck_assert_int_eq(SSL_read(client, room, ROOM), 0);
	ck_assert_int_eq(SSL_get_error(client, 0), SSL_ERROR_ZERO_RETURN);
}
END_TEST

START_TEST(an_end_within_a_header_is_one_within_a_record)
{
	meet(versions[_i]);
	ck_assert_int_eq(write(client_fd, "\x17\x03\x03", 3), 3);
	ck_assert_int_eq(shutdown(client_fd, SHUT_WR), 0);
	ck_assert_uint_eq(receive(), 0);
	ck_assert_int_eq(ending(), ENDING_TRUNCATED);
	ck_assert(socket_cut_in_record(sock));
}
END_TEST

START_TEST(an_end_after_our_close_notify_is_unanswered)
{
	meet(versions[_i]);
	ck_assert_int_eq(socket_finish(sock), IO_DONE);
	ck_assert_int_eq(shutdown(client_fd, SHUT_WR), 0);
	(void)receive();
	ck_assert_int_eq(ending(), ENDING_UNANSWERED);
}
END_TEST

START_TEST(close_notify_is_a_clean_end_and_what_follows_it_is_ignored)
{
	meet(versions[_i]);
	ck_assert_int_eq(SSL_write(client, "abc", 3), 3);
	ck_assert_int_eq(SSL_shutdown(client), 0);
	ck_assert_int_eq(write(client_fd, "noise", 5), 5);
	ck_assert_uint_eq(receive(), 3);
	ck_assert_int_eq(ending(), ENDING_CLOSE_NOTIFY);
	ck_assert_uint_eq(tls()->in.len, 0);
}
END_TEST

START_TEST(data_still_comes_after_our_close_notify)
{
	meet(versions[_i]);
	ck_assert_int_eq(socket_finish(sock), IO_DONE);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(SSL_write(client, "abc", 3), 3);
		ck_assert_uint_eq(receive(), 3);
	}
	ck_assert_int_eq(SSL_shutdown(client), 0);
	(void)receive();
	ck_assert_int_eq(ending(), ENDING_CLOSE_NOTIFY);
}
END_TEST

START_TEST(close_notify_behind_a_write_that_the_kernel_refused_arrives_in_order)
{
	char *data = calloc(1, MUCH);
	size_t sum = 0;
	int n;

	meet(versions[_i]);
	ck_assert_int_eq(socket_send(sock, data, MUCH, false), IO_WAIT);
	ck_assert_int_eq(socket_finish(sock), IO_WAIT);
	free(data);
	do {
		n = SSL_read(client, room, ROOM);
		if (n > 0)
			sum += (size_t)n;
		pass();
		(void)socket_flush(sock);
	} while (n > 0 || SSL_get_error(client, n) == SSL_ERROR_WANT_READ);
	ck_assert_int_eq(SSL_get_error(client, n), SSL_ERROR_ZERO_RETURN);
	ck_assert_uint_eq(sum, MUCH);
}
END_TEST

START_TEST(a_fatal_alert_is_told_once_and_stays_told)
{
	static const unsigned char no_record[] = { 0x17, 3, 3, 0xff, 0xff };

	meet(versions[_i]);
	/* The client chokes on it, and says so. */
	ck_assert_int_eq(write(sock->fd, no_record, sizeof(no_record)), sizeof(no_record));
	ck_assert_int_le(SSL_read(client, room, ROOM), 0);
	ERR_clear_error(); /* the client's; both ends share this thread's queue */
	(void)receive();
	ck_assert_int_eq(ending(), ENDING_ALERT);
	ck_assert_str_eq(socket_ending(sock).detail, "record_overflow");
	ck_assert_int_eq(shutdown(client_fd, SHUT_WR), 0);
	(void)receive();
	ck_assert_int_eq(ending(), ENDING_ALERT);
	ck_assert_int_eq(socket_send(sock, "x", 1, true), IO_ENDED);
}
END_TEST

START_TEST(a_forged_record_is_a_violation_and_our_alert_goes_out)
{
	static const unsigned char forged[5 + 32] = { 0x17, 3, 3, 0, 32 };

	meet(versions[_i]);
	ck_assert_int_eq(write(client_fd, forged, sizeof(forged)), sizeof(forged));
	(void)receive();
	ck_assert_int_eq(ending(), ENDING_VIOLATION);
	ck_assert_str_eq(socket_ending(sock).detail, "bad_record_mac");
	ck_assert(socket_has_alerted(sock));
	ck_assert_int_le(SSL_read(client, room, ROOM), 0);
	ck_assert_int_eq(SSL_get_error(client, -1), SSL_ERROR_SSL);
}
END_TEST

START_TEST(a_close_notify_that_nobody_encrypted_is_a_truncation)
{
	meet(versions[_i]);
	ck_assert_int_eq(write(client_fd, "\x15\x03\x03\x00\x02\x01\x00", 7), 7);
	(void)receive();
	ck_assert_int_eq(ending(), ENDING_TRUNCATED);
}
END_TEST

START_TEST(an_idle_socket_holds_no_buffer)
{
	meet(versions[_i]);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(SSL_write(client, "abc", 3), 3);
		ck_assert_uint_eq(receive(), 3);
		ck_assert_int_eq(socket_send(sock, "abc", 3, false), IO_DONE);
		ck_assert_int_eq(SSL_read(client, room, ROOM), 3);
	}
	ck_assert_ptr_null(tls()->in.bytes);
	ck_assert_ptr_null(sock->out.bytes);
}
END_TEST

START_TEST(no_ticket_is_on_the_wire_before_our_first_word)
{
	char byte;

	meet(TLS1_3_VERSION);
	pass();
	ck_assert_int_eq(recv(client_fd, &byte, 1, MSG_PEEK), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!SSL_SESSION_is_resumable(SSL_get0_session(client)));
	ck_assert_int_eq(socket_send(sock, "abc", 3, false), IO_DONE);
	ck_assert_int_eq(SSL_read(client, room, ROOM), 3);
	ck_assert(SSL_SESSION_is_resumable(SSL_get0_session(client)));
}
END_TEST

START_TEST(close_notify_is_a_word_that_brings_a_ticket)
{
	meet(TLS1_3_VERSION);
	ck_assert_int_eq(socket_finish(sock), IO_DONE);
	ck_assert_int_eq(SSL_read(client, room, ROOM), 0);
	ck_assert_int_eq(SSL_get_error(client, 0), SSL_ERROR_ZERO_RETURN);
	ck_assert(SSL_SESSION_is_resumable(SSL_get0_session(client)));
}
END_TEST

START_TEST(memory_of_a_released_socket_is_facts_only)
{
	meet(versions[_i]);
	socket_release(sock);
	ck_assert_ptr_null(tls()->ssl);
	ck_assert_str_eq(socket_tls_facts(sock)->version,
	                 versions[_i] == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_tls");
	TCase *tcase = tcase_create("a TLS socket");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(
		tcase, an_end_without_close_notify_is_a_truncation_and_we_can_still_speak, 0, 2);
	tcase_add_loop_test(tcase, an_end_within_a_header_is_one_within_a_record, 0, 2);
	tcase_add_loop_test(tcase, an_end_after_our_close_notify_is_unanswered, 0, 2);
	tcase_add_loop_test(tcase, close_notify_is_a_clean_end_and_what_follows_it_is_ignored, 0,
	                    2);
	tcase_add_loop_test(tcase, data_still_comes_after_our_close_notify, 0, 2);
	tcase_add_loop_test(
		tcase, close_notify_behind_a_write_that_the_kernel_refused_arrives_in_order, 0, 2);
	tcase_add_loop_test(tcase, a_fatal_alert_is_told_once_and_stays_told, 0, 2);
	tcase_add_loop_test(tcase, a_forged_record_is_a_violation_and_our_alert_goes_out, 0, 2);
	tcase_add_loop_test(tcase, a_close_notify_that_nobody_encrypted_is_a_truncation, 0, 2);
	tcase_add_loop_test(tcase, an_idle_socket_holds_no_buffer, 0, 2);
	tcase_add_test(tcase, no_ticket_is_on_the_wire_before_our_first_word);
	tcase_add_test(tcase, close_notify_is_a_word_that_brings_a_ticket);
	tcase_add_loop_test(tcase, memory_of_a_released_socket_is_facts_only, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
