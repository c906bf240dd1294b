/* SPDX-License-Identifier: ISC */
/*
 * Unix sockets on both sides. They know FIN, but no RST: an abort cannot be
 * told to such a peer on the wire, where its close is all there is, so there
 * the log is the only witness.
 */
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "scene.h"

enum { LARGE = 4 << 20 };

static struct door *door;
static struct peer *client;
static struct peer *backend;

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.more = "[listener:unix]\nmode = tcp\nbind = unix:FOLDER/front.sock\n"
			"backend = unix:FOLDER/back.sock\n"
			"[listener:unix-tls]\nbind = unix:FOLDER/front-tls.sock\n"
			"cert = FOLDER/adieu.pem\nbackend = unix:FOLDER/back.sock\n",
	});
}

static void stage_path(const char *file, char *room, size_t len)
{
	(void)snprintf(room, len, "%s/%s", stage_folder(), file);
}

static void open_door(void)
{
	char path[FOLDER_ROOM + 16];

	stage_path("back.sock", path, sizeof(path));
	door = door_open_unix(path, 16);
}

static void close_door(void)
{
	char path[FOLDER_ROOM + 16];

	stage_path("back.sock", path, sizeof(path));
	peer_free_all();
	door_free(door);
	(void)unlink(path);
}

static void connect_client(const char *file, SSL_CTX *tls)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct peer_setup setup = { .tls = tls };

	peer_set_context(file);
	stage_path(file, to.sun_path, sizeof(to.sun_path));
	client = peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
}

/* Plain, TLS 1.2, TLS 1.3. */
enum { CLIENTS = 3 };

static void join(int kind)
{
	if (kind == 0)
		connect_client("front.sock", NULL);
	else
		connect_client("front-tls.sock",
		               stage_client_tls(kind == 1 ? TLS1_2_VERSION : TLS1_3_VERSION));
	peer_open(client);
	backend = door_accept(door);
}

START_TEST(a_clean_end_is_passed_on_after_the_last_byte)
{
	join(_i);
	peer_send(client, LARGE);
	peer_end(client);
	peer_expect(backend, "data:%d end", LARGE);
	peer_send(backend, LARGE);
	peer_end(backend);
	peer_expect(client, "data:%d end", LARGE);
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=unix backend=%s client-end=%s "
	                        "backend-end=fin first=client up=%d down=%d",
	                        door_address(door), _i == 0 ? "fin" : "close_notify", LARGE, LARGE);
}
END_TEST

START_TEST(a_backend_may_end_first)
{
	join(_i);
	peer_end(backend);
	peer_expect(client, "end");
	peer_send(client, 1000);
	peer_end(client);
	peer_expect(backend, "data:1000 end");
	(void)daemon_expect_log(stage_daemon(), "event=relay first=backend backend-end=fin");
}
END_TEST

START_TEST(a_truncation_is_logged)
{
	join(1 + _i);
	peer_send(client, 1000);
	peer_fin(client);
	peer_expect(backend, "data:1000 fin|rst");
	(void)daemon_expect_log(stage_daemon(), "level=warning event=truncation side=client "
	                                        "peer=unix received=1000 action=reset");
	(void)daemon_expect_log(stage_daemon(), "event=relay client-end=truncated");
}
END_TEST

START_TEST(a_close_over_unread_input_is_a_reset)
{
	join(_i);
	peer_pause(backend);
	peer_send(client, 1000);
	peer_wait_sent(client);
	daemon_expect_descriptors(stage_daemon(), 2);
	peer_send(backend, 500);
	peer_wait_data(client, 500);
	peer_close(backend);
	peer_expect(client, "data:500 fin|rst");
	(void)daemon_expect_log(stage_daemon(), "event=relay backend-end=reset");
}
END_TEST

START_TEST(nobody_there_is_a_refusal)
{
	close_door();
	connect_client(_i == 0 ? "front.sock" : "front-tls.sock",
	               _i == 0 ? NULL : stage_client_tls(TLS1_3_VERSION));
	peer_expect(client, "fin|rst");
	(void)daemon_expect_log(stage_daemon(), "event=relay backend-end=refused:no_such_socket");
	open_door();
}
END_TEST

START_TEST(a_full_backlog_is_waited_for)
{
	char path[FOLDER_ROOM + 16];
	struct peer *waiting[4];

	stage_path("back.sock", path, sizeof(path));
	close_door();
	door = door_open_unix(path, 0);
	for (int i = 0; i < 4; i++) {
		connect_client("front.sock", NULL);
		waiting[i] = client;
		peer_send(client, 10);
	}
	for (int i = 0; i < 4; i++) {
		backend = door_accept(door);
		peer_expect(backend, "data:10");
		peer_end(backend);
	}
	for (int i = 0; i < 4; i++)
		peer_expect(waiting[i], "end");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unix");
	TCase *tcase = scene_case(suite, "Unix sockets", open_stage);

	tcase_add_checked_fixture(tcase, open_door, close_door);
	tcase_add_loop_test(tcase, a_clean_end_is_passed_on_after_the_last_byte, 0, CLIENTS);
	tcase_add_loop_test(tcase, a_backend_may_end_first, 0, CLIENTS);
	tcase_add_loop_test(tcase, a_truncation_is_logged, 0, CLIENTS - 1);
	tcase_add_loop_test(tcase, a_close_over_unread_input_is_a_reset, 0, CLIENTS);
	tcase_add_loop_test(tcase, nobody_there_is_a_refusal, 0, 2);
	tcase_add_test(tcase, a_full_backlog_is_waited_for);
	scene_last(tcase);
	return scene_run(suite);
}
