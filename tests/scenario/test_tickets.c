/* SPDX-License-Identifier: ISC */
/*
 * TLS 1.3 tickets are held back until our first word. Sent at once they lie
 * unread in the buffer of a client that uploads, says close_notify and closes,
 * so that its own kernel resets the connection and the upload is lost.
 */
#include "scene.h"

enum { UPLOAD = 2 << 20, ROUNDS = 8 };

static const struct casting castings[] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },
	{ TLS_PLAIN, TLS1_3_VERSION, true },
	{ TLS_TLS, TLS1_2_VERSION, true },
	{ TLS_TLS, TLS1_3_VERSION, true },
};

enum { ALL = 4 };

static void open_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 1s" });
}

START_TEST(an_upload_arrives_from_a_client_that_never_reads)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct scene *scene = scene_open(&castings[_i]);

		peer_pause(scene->client);
		peer_send(scene->client, UPLOAD);
		peer_close_notify(scene->client);
		peer_close(scene->client);
		peer_expect(scene->backend, "data:%d end", UPLOAD);
		peer_end(scene->backend);
		(void)scene_expect_relay(scene, "client-end=close_notify up=%d", UPLOAD);
	}
}
END_TEST

START_TEST(tickets_come_with_the_first_data)
{
	struct scene *scene = scene_open(&castings[_i]);

	peer_send(scene->client, 10);
	peer_wait_data(scene->backend, 10);
	ck_assert_uint_eq(peer_tickets(scene->client), 0);
	peer_send(scene->backend, 10);
	peer_wait_data(scene->client, 10);
	if (scene->casting->version == TLS1_3_VERSION)
		peer_wait_tickets(scene->client, 1);
}
END_TEST

START_TEST(tickets_come_with_an_end_without_data)
{
	struct scene *scene = scene_open(&castings[_i]);

	peer_end(scene->backend);
	peer_expect(scene->client, "end");
	if (scene->casting->version == TLS1_3_VERSION)
		ck_assert_uint_ge(peer_tickets(scene->client), 1);
}
END_TEST

START_TEST(a_session_is_resumed)
{
	struct scene *scene = scene_open(&castings[_i]);
	SSL_SESSION *session;

	peer_end(scene->backend);
	peer_expect(scene->client, "end");
	session = peer_session(scene->client);
	peer_end(scene->client);
	(void)scene_expect_relay(scene, "client-end=close_notify !resumed");
	/* Whichever worker takes it: the keys of tickets are the same in all. */
	for (int i = 0; i < ROUNDS; i++) {
		scene = scene_begin(&castings[_i]);
		scene->client_setup.session = session;
		scene_connect(scene);
		scene_join(scene);
		ck_assert_msg(peer_was_resumed(scene->client), "the session is not resumed");
		peer_send(scene->client, 100);
		peer_end(scene->client);
		peer_expect(scene->backend, "data:100 end");
		peer_send(scene->backend, 200);
		peer_end(scene->backend);
		peer_expect(scene->client, "data:200 end");
		(void)scene_expect_relay(scene,
		                         "client-end=close_notify backend-end=* resumed=yes");
	}
	SSL_SESSION_free(session);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tickets");
	TCase *tcase = scene_case(suite, "tickets", open_stage);

	tcase_add_loop_test(tcase, an_upload_arrives_from_a_client_that_never_reads, 0, ALL);
	tcase_add_loop_test(tcase, tickets_come_with_the_first_data, 0, ALL);
	tcase_add_loop_test(tcase, tickets_come_with_an_end_without_data, 0, ALL);
	tcase_add_loop_test(tcase, a_session_is_resumed, 0, ALL);
	scene_last(tcase);
	return scene_run(suite);
}
