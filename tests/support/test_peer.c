/* SPDX-License-Identifier: ISC */
/*
 * The peers of the scenarios, tested on each other: what one does on the wire
 * is exactly what the other sees.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certificates.h"
#include "door.h"
#include "folder.h"
#include "peer.h"
#include "pump.h"
#include "record.h"

enum { KINDS = 3, TLS_KINDS = 2 };

static char folder[FOLDER_ROOM];
static struct door *door;
static SSL_CTX *client_tls;
static SSL_CTX *server_tls;
static struct peer *client;
static struct peer *backend;

static void open_folder(void)
{
	folder_make(folder);
	certificates_write(folder);
}

static void close_folder(void)
{
	folder_remove(folder);
}

static void set_up(void)
{
	door = door_open();
}

static void tear_down(void)
{
	peer_free_all();
	door_free(door);
	SSL_CTX_free(client_tls);
	SSL_CTX_free(server_tls);
	client_tls = server_tls = NULL;
}

static void make_tls(int version)
{
	char pem[128];

	(void)snprintf(pem, sizeof(pem), "%s/backend.pem", folder);
	client_tls = peer_client_tls(version);
	server_tls = peer_server_tls(version, pem, pem);
}

static void connect_both(struct peer_setup *to, struct peer_setup *from)
{
	socklen_t len;
	const struct sockaddr *address = door_sockaddr(door, &len);

	to->tls = client_tls;
	from->tls = server_tls;
	door_set_setup(door, from);
	client = peer_connect(address, len, to);
	backend = door_accept(door);
}

/* TLS 1.2, TLS 1.3, plain: in this order, so that TLS_KINDS are the first two. */
static void join(int kind)
{
	static const char *const names[] = { "TLSv1.2", "TLSv1.3", "plain" };
	struct peer_setup none = { 0 };
	struct peer_setup no_more = { 0 };

	peer_set_context(names[kind]);
	if (kind < TLS_KINDS)
		make_tls(kind == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	connect_both(&none, &no_more);
	peer_open(client);
	peer_open(backend);
}

START_TEST(data_arrives_in_both_directions)
{
	join(_i);
	peer_send(client, 5);
	peer_send(backend, 100000);
	peer_expect(backend, "data:5");
	peer_expect(client, "data:100000");
	peer_send_bytewise(client, 3);
	peer_expect(backend, "data:8");
}
END_TEST

START_TEST(a_proper_end_is_seen_as_one)
{
	join(_i);
	peer_send(client, 1);
	peer_end(client);
	peer_expect(backend, "data:1 end");
	peer_send(backend, 70000);
	peer_end(backend);
	peer_expect(client, "data:70000 end");
}
END_TEST

START_TEST(a_fin_is_seen_as_that)
{
	join(_i);
	peer_fin(client);
	peer_expect(backend, "fin");
	peer_send(backend, 2);
	peer_expect(client, "data:2");
}
END_TEST

START_TEST(a_reset_is_seen_behind_the_data)
{
	join(_i);
	peer_pause(backend);
	peer_send(client, 3000);
	peer_rst(client);
	peer_resume(backend);
	peer_expect(backend, "data:3000 rst");
}
END_TEST

START_TEST(a_reset_is_seen_behind_a_fin)
{
	join(_i);
	peer_end(client);
	peer_expect(backend, "end");
	peer_rst(client);
	peer_expect(backend, "end rst");
}
END_TEST

START_TEST(a_reset_is_seen_by_a_sender)
{
	join(_i);
	peer_pause(backend);
	peer_rst(client);
	peer_send(backend, 1);
	peer_resume(backend);
	peer_expect(backend, "rst");
}
END_TEST

START_TEST(what_is_corked_leaves_together)
{
	join(_i);
	peer_cork(client);
	peer_send(client, 10);
	peer_end(client);
	pump_turn();
	peer_expect(backend, "nothing");
	peer_uncork(client);
	peer_expect(backend, "data:10 end");
}
END_TEST

START_TEST(foreign_bytes_are_garbage)
{
	join(_i);
	if (peer_is_tls(client))
		peer_record(client, RECORD_DATA, "xyz", 3);
	else
		peer_raw(client, "xyz", 3);
	peer_expect(backend, "garbage");
}
END_TEST

START_TEST(a_stuck_sender_is_told_from_a_slow_one)
{
	struct peer_setup to = { 0 };
	struct peer_setup from = { .receive_buffer = 4096 };

	connect_both(&to, &from);
	peer_pause(backend);
	peer_send(client, 16 << 20);
	peer_wait_stuck(client);
	peer_resume(backend);
	peer_expect(backend, "data:%d", 16 << 20);
}
END_TEST

START_TEST(one_who_vanished_hears_nothing)
{
	join(_i);
	peer_vanish(client);
	peer_send(backend, 10);
	peer_end(backend);
	pump_turn();
	peer_expect(client, "nothing");
}
END_TEST

START_TEST(alerts_have_names)
{
	join(_i);
	peer_alert(client, 1, SSL_AD_USER_CANCELLED);
	peer_alert(client, 2, SSL_AD_INTERNAL_ERROR);
	peer_expect(backend, "warning:user_canceled alert:internal_error");
}
END_TEST

START_TEST(a_record_may_be_cut_anywhere)
{
	uint8_t room[200];
	size_t len;

	join(_i);
	len = peer_seal_data(client, 100, room);
	peer_raw(client, room, 3);
	peer_raw(client, room + 3, 50);
	pump_turn();
	peer_expect(backend, "nothing");
	peer_raw(client, room + 53, len - 53);
	peer_expect(backend, "data:100");
}
END_TEST

START_TEST(a_forged_record_does_not_open)
{
	uint8_t room[200];
	size_t len;

	join(_i);
	len = peer_seal_data(client, 100, room);
	room[len - 1] ^= 1;
	peer_raw(client, room, len);
	peer_fin(client);
	peer_expect(backend, "garbage fin");
}
END_TEST

START_TEST(data_can_share_a_segment_with_finished)
{
	struct peer_setup to = { 0 };
	struct peer_setup from = { 0 };

	make_tls(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	connect_both(&to, &from);
	peer_hold_finished(client);
	peer_open(client);
	peer_send(client, 20);
	peer_end(client);
	pump_turn();
	peer_uncork(client);
	peer_expect(backend, "data:20 end");
	peer_open(client);
	peer_send(backend, 30);
	peer_end(backend);
	peer_expect(client, "data:30 end");
}
END_TEST

START_TEST(keys_can_be_updated)
{
	join(1);
	peer_key_update(client, true);
	peer_send(client, 10);
	peer_expect(backend, "data:10");
	peer_wait_key_updates(client, 1);
	peer_send(backend, 10);
	peer_key_update(backend, false);
	peer_send(backend, 10);
	peer_expect(client, "data:20");
}
END_TEST

START_TEST(a_mute_client_says_hello_and_no_more)
{
	struct peer_setup to = { .mute = true };
	struct peer_setup from = { 0 };

	make_tls(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	connect_both(&to, &from);
	peer_fin(client);
	peer_expect(backend, "fin");
	peer_fails_to_open(backend);
}
END_TEST

START_TEST(a_failing_handshake_is_seen_on_both_sides)
{
	struct peer_setup to = { 0 };
	struct peer_setup from = { 0 };

	make_tls(_i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_verify(client_tls, SSL_VERIFY_PEER, NULL);
	connect_both(&to, &from);
	peer_fails_to_open(client);
	peer_fails_to_open(backend);
	peer_expect(client, "handshake-failed");
	peer_expect(backend, "alert:unknown_ca handshake-failed");
}
END_TEST

START_TEST(a_session_can_be_had_and_resumed)
{
	struct peer_setup to = { 0 };
	struct peer_setup from = { 0 };

	/* In TLS 1.3 a backend that sends tickets would be more than record.c counts. */
	make_tls(TLS1_2_VERSION);
	SSL_CTX_clear_options(server_tls, SSL_OP_NO_TICKET);
	connect_both(&to, &from);
	peer_open(client);
	to.session = peer_session(client);
	connect_both(&to, &from);
	SSL_SESSION_free(to.session);
	peer_open(client);
	peer_open(backend);
	ck_assert(peer_was_resumed(client));
	peer_send(client, 3);
	peer_send(backend, 4);
	peer_expect(backend, "data:3");
	peer_expect(client, "data:4");
}
END_TEST

static Suite *peer_suite(void)
{
	Suite *suite = suite_create("peer");
	TCase *any = tcase_create("any kind");
	TCase *tls = tcase_create("TLS");

	tcase_add_unchecked_fixture(tls, open_folder, close_folder);
	tcase_add_checked_fixture(tls, set_up, tear_down);
	tcase_add_loop_test(tls, alerts_have_names, 0, TLS_KINDS);
	tcase_add_loop_test(tls, a_record_may_be_cut_anywhere, 0, TLS_KINDS);
	tcase_add_loop_test(tls, a_forged_record_does_not_open, 0, TLS_KINDS);
	tcase_add_loop_test(tls, data_can_share_a_segment_with_finished, 0, TLS_KINDS);
	tcase_add_test(tls, keys_can_be_updated);
	tcase_add_loop_test(tls, a_mute_client_says_hello_and_no_more, 0, TLS_KINDS);
	tcase_add_loop_test(tls, a_failing_handshake_is_seen_on_both_sides, 0, TLS_KINDS);
	tcase_add_test(tls, a_session_can_be_had_and_resumed);
	suite_add_tcase(suite, tls);

	tcase_add_unchecked_fixture(any, open_folder, close_folder);
	tcase_add_checked_fixture(any, set_up, tear_down);
	tcase_add_loop_test(any, data_arrives_in_both_directions, 0, KINDS);
	tcase_add_loop_test(any, a_proper_end_is_seen_as_one, 0, KINDS);
	tcase_add_loop_test(any, a_fin_is_seen_as_that, 0, KINDS);
	tcase_add_loop_test(any, a_reset_is_seen_behind_the_data, 0, KINDS);
	tcase_add_loop_test(any, a_reset_is_seen_behind_a_fin, 0, KINDS);
	tcase_add_loop_test(any, a_reset_is_seen_by_a_sender, 0, KINDS);
	tcase_add_loop_test(any, what_is_corked_leaves_together, 0, KINDS);
	tcase_add_loop_test(any, foreign_bytes_are_garbage, 0, KINDS);
	tcase_add_test(any, a_stuck_sender_is_told_from_a_slow_one);
	tcase_add_loop_test(any, one_who_vanished_hears_nothing, 0, KINDS);
	suite_add_tcase(suite, any);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(peer_suite());
	int failed;

	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
