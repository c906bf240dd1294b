/* SPDX-License-Identifier: ISC */
/*
 * A refused backend is not an empty answer: when no server takes the relay the
 * client is reset, and the log knows why. Servers are tried in turn.
 */
#include <stdio.h>
#include <string.h>

#include "scene.h"

static const struct casting plain_backends[] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },
	{ TLS_PLAIN, TLS1_3_VERSION, true },
	{ PLAIN_PLAIN, TLS1_3_VERSION, true },
};
enum { PLAIN_BACKENDS = 3, TLS_BACKENDS = CASTINGS_TLS_BACKEND };

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.defaults = "connect-timeout = 1s\nhandshake-timeout = 1s",
		.more = "[listener:refused]\nmode = tcp\nbind = 127.0.0.1:0\n"
			"backend = CLOSED_BACKEND\n"
			"[listener:refused-tls]\nbind = 127.0.0.1:0\ncert = FOLDER/adieu.pem\n"
			"backend = CLOSED_BACKEND\n"
			"[listener:spare]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = spare\n"
			"[backend:spare]\nserver = CLOSED_BACKEND\nserver = PLAIN_BACKEND\n"
			"[listener:none]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = none\n"
			"[backend:none]\nserver = CLOSED_BACKEND\n"
			"server = unix:FOLDER/nobody.sock\n"
			"[listener:half]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = half\n"
			"[backend:half]\nbalance = first\nserver = TLS_BACKEND\n"
			"server = CLOSED_BACKEND\ntls = yes\nca = FOLDER/ca.pem\n"
			"server-name = backend.test\n",
	});
}

static struct peer *connect_to(const char *listener, SSL_CTX *tls)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);
	struct peer_setup setup = { .tls = tls };

	peer_set_context(listener);
	return peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
}

static void expect_refusal(struct peer *client, const char *reason)
{
	peer_expect(client, "rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s backend-end=refused:%s "
	                        "client-end=sink-gone up=0 down=0",
	                        peer_name(client), reason);
}

START_TEST(a_refused_connection_resets_the_client)
{
	expect_refusal(connect_to("refused", NULL), "connection_refused");
	expect_refusal(connect_to("refused-tls", stage_client_tls(TLS1_2_VERSION)),
	               "connection_refused");
	expect_refusal(connect_to("refused-tls", stage_client_tls(TLS1_3_VERSION)),
	               "connection_refused");
}
END_TEST

START_TEST(a_request_to_nobody_is_not_answered_with_an_end)
{
	struct peer *client = connect_to("refused-tls", stage_client_tls(TLS1_3_VERSION));

	peer_open(client);
	peer_send(client, 1000);
	peer_end(client);
	expect_refusal(client, "connection_refused");
}
END_TEST

START_TEST(a_hanging_connection_has_a_timer)
{
	struct scene *scene = scene_begin(&plain_backends[_i]);

	door_hang(stage_plain_door());
	scene_connect(scene);
	expect_refusal(scene->client, "connect_timeout");
	door_unhang(stage_plain_door());
}
END_TEST

START_TEST(a_backend_that_closes_at_once_gives_an_empty_answer)
{
	struct scene *scene = scene_open(&plain_backends[_i]);

	peer_close(scene->backend);
	peer_expect(scene->client, "end");
	peer_end(scene->client);
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s backend-end=fin first=backend",
	                        peer_name(scene->client));
}
END_TEST

START_TEST(a_backend_that_resets_at_once_is_no_answer)
{
	struct scene *scene = scene_open(&plain_backends[_i]);

	peer_rst(scene->backend);
	peer_expect(scene->client, "rst");
	(void)daemon_expect_log(stage_daemon(), "event=relay client=%s backend-end=reset",
	                        peer_name(scene->client));
}
END_TEST

/* The first step: adieu's hello is at the door, and who is there is this. */
static struct scene *let_in(int i, const struct peer_setup *setup)
{
	struct scene *scene = scene_begin(&casting_tls_backend[i]);

	scene_connect(scene);
	door_set_setup(stage_tls_door(), setup);
	scene->backend = door_accept(stage_tls_door());
	return scene;
}

static void expect_tls_refusal(struct scene *scene, const char *cause)
{
	(void)daemon_expect_log(stage_daemon(), "event=handshake side=backend peer=%s cause=%s",
	                        door_address(stage_tls_door()), cause);
	expect_refusal(scene->client, cause);
}

START_TEST(a_backend_that_speaks_no_tls_is_refused)
{
	static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	struct scene *scene = let_in(_i, &(struct peer_setup){ 0 });

	peer_raw(scene->backend, answer, strlen(answer));
	expect_tls_refusal(scene, "not_tls");
}
END_TEST

START_TEST(a_backend_that_ends_in_its_handshake_is_refused)
{
	struct scene *scene = let_in(_i, &(struct peer_setup){ 0 });

	peer_fin(scene->backend);
	expect_tls_refusal(scene, "closed");
	scene = let_in(_i, &(struct peer_setup){ 0 });
	peer_rst(scene->backend);
	expect_tls_refusal(scene, "reset");
}
END_TEST

START_TEST(a_backend_that_stalls_in_its_handshake_has_a_timer)
{
	struct scene *scene = let_in(_i, &(struct peer_setup){ 0 });

	expect_tls_refusal(scene, "timeout:handshake");
}
END_TEST

static const uint8_t handshake_failure[] = { 21, 3, 3, 0, 2, 2, SSL_AD_HANDSHAKE_FAILURE };

START_TEST(a_backend_that_sends_an_alert_is_refused)
{
	struct scene *scene = let_in(_i, &(struct peer_setup){ 0 });

	peer_raw(scene->backend, handshake_failure, sizeof(handshake_failure));
	expect_tls_refusal(scene, "alert:handshake_failure");
}
END_TEST

static void expect_certificate_refusal(int i, const char *file, const char *alert,
                                       const char *cause)
{
	char pem[FOLDER_ROOM + 32];
	int version = casting_tls_backend[i].version;
	struct peer_setup setup = { 0 };
	struct scene *scene;

	(void)snprintf(pem, sizeof(pem), "%s/%s", stage_folder(), file);
	setup.tls = peer_server_tls(version, pem, pem);
	scene = let_in(i, &setup);
	SSL_CTX_free(setup.tls);
	peer_fails_to_open(scene->backend);
	peer_expect(scene->backend, "alert:%s handshake-failed ...", alert);
	expect_tls_refusal(scene, cause);
}

START_TEST(a_backend_with_a_strangers_certificate_is_refused)
{
	expect_certificate_refusal(_i, "stranger.pem", "unknown_ca",
	                           "backend_certificate:unknown_ca");
}
END_TEST

START_TEST(a_backend_with_an_expired_certificate_is_refused)
{
	expect_certificate_refusal(_i, "expired.pem", "certificate_expired",
	                           "backend_certificate:expired");
}
END_TEST

START_TEST(a_backend_with_another_name_is_refused)
{
	expect_certificate_refusal(_i, "adieu.pem", "bad_certificate",
	                           "backend_certificate:wrong_name");
}
END_TEST

START_TEST(servers_are_tried_in_turn)
{
	for (int i = 0; i < 6; i++) {
		struct peer *client = connect_to("spare", NULL);
		struct peer *backend = door_accept(stage_plain_door());

		peer_send(client, 100);
		peer_end(client);
		peer_expect(backend, "data:100 end");
		peer_end(backend);
		peer_expect(client, "end");
		(void)daemon_expect_log(stage_daemon(),
		                        "event=relay client=%s backend=%s "
		                        "client-end=fin backend-end=fin",
		                        peer_name(client), door_address(stage_plain_door()));
	}
}
END_TEST

/* With the next server everything begins anew: first it has to be there. */
START_TEST(a_server_that_is_not_there_has_no_handshake_after_one_that_had)
{
	struct peer *client = connect_to("half", NULL);
	struct peer *backend;

	door_set_setup(stage_tls_door(), &(struct peer_setup){ 0 });
	backend = door_accept(stage_tls_door());
	peer_raw(backend, handshake_failure, sizeof(handshake_failure));
	expect_refusal(client, "connection_refused");
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=handshake side=backend"), 1);
}
END_TEST

START_TEST(the_last_of_several_refusals_is_told)
{
	expect_refusal(connect_to("none", NULL), "*");
}
END_TEST

START_TEST(nothing_is_lost_of_a_request_that_came_before_the_backend)
{
	struct scene *scene = scene_begin(&casting_client[_i]);

	scene_connect(scene);
	peer_open(scene->client);
	peer_send(scene->client, 300000);
	peer_end(scene->client);
	scene_join(scene);
	peer_expect(scene->backend, "data:300000 end");
	peer_end(scene->backend);
	(void)scene_expect_relay(scene, "client-end=* backend-end=* up=300000");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backend");
	TCase *tcase = scene_case(suite, "backends", open_stage);

	tcase_add_test(tcase, a_refused_connection_resets_the_client);
	tcase_add_test(tcase, a_request_to_nobody_is_not_answered_with_an_end);
	tcase_add_loop_test(tcase, a_hanging_connection_has_a_timer, 0, PLAIN_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_that_closes_at_once_gives_an_empty_answer, 0,
	                    PLAIN_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_that_resets_at_once_is_no_answer, 0, PLAIN_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_that_speaks_no_tls_is_refused, 0, TLS_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_that_ends_in_its_handshake_is_refused, 0,
	                    TLS_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_that_stalls_in_its_handshake_has_a_timer, 0,
	                    TLS_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_that_sends_an_alert_is_refused, 0, TLS_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_with_a_strangers_certificate_is_refused, 0,
	                    TLS_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_with_an_expired_certificate_is_refused, 0,
	                    TLS_BACKENDS);
	tcase_add_loop_test(tcase, a_backend_with_another_name_is_refused, 0, TLS_BACKENDS);
	tcase_add_test(tcase, servers_are_tried_in_turn);
	tcase_add_test(tcase, a_server_that_is_not_there_has_no_handshake_after_one_that_had);
	tcase_add_test(tcase, the_last_of_several_refusals_is_told);
	tcase_add_loop_test(tcase, nothing_is_lost_of_a_request_that_came_before_the_backend, 0,
	                    CASTINGS_CLIENT);
	scene_last(tcase);
	return scene_run(suite);
}
