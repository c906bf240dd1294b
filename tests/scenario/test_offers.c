/* SPDX-License-Identifier: ISC */
/*
 * What a client may offer and does not get, whatever it says: early data, which
 * whoever has recorded it could say again, and compression, by whose length
 * secrets were guessed (CRIME). That both may be offered is the protocol's, so
 * the connection is served without them.
 */
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "scene.h"

enum {
	ALL = 2,
	HELLO_RANDOM = 32,
	EARLY_MOST = 16384,
};

static const struct casting castings[ALL] = {
	{ TLS_PLAIN, TLS1_3_VERSION, true },
	{ TLS_TLS, TLS1_3_VERSION, true },
};

static void open_stage(void)
{
	stage_open(&(struct stage_config){ .defaults = "close-timeout = 300ms" });
}

/* ---- early data ---- */

static SSL_SESSION *begin_session(const struct casting *casting)
{
	struct scene *scene = scene_open(casting);
	SSL_SESSION *session;

	peer_end(scene->backend);
	peer_expect(scene->client, "end");
	session = peer_session(scene->client);
	peer_end(scene->client);
	(void)scene_expect_relay(scene, "client-end=close_notify !resumed");
	return session;
}

START_TEST(no_ticket_invites_to_early_data)
{
	SSL_SESSION *session = begin_session(&castings[_i]);

	ck_assert_int_eq(SSL_SESSION_is_resumable(session), 1);
	ck_assert_uint_eq(SSL_SESSION_get_max_early_data(session), 0);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(early_data_reaches_nobody_and_its_sender_is_served)
{
	SSL_SESSION *session = begin_session(&castings[_i]);
	struct scene *scene;

	/* It takes no notice of what the ticket says. */
	ck_assert_int_eq(SSL_SESSION_set_max_early_data(session, EARLY_MOST), 1);
	scene = scene_begin(&castings[_i]);
	scene->client_setup.session = session;
	scene->client_setup.early = "POST /pay HTTP/1.1\r\n";
	scene_connect(scene);
	scene_join(scene);
	ck_assert_int_eq(SSL_get_early_data_status(peer_ssl(scene->client)),
	                 SSL_EARLY_DATA_REJECTED);
	ck_assert(peer_was_resumed(scene->client));
	peer_send(scene->client, 100);
	peer_end(scene->client);
	peer_expect(scene->backend, "data:100 end");
	peer_send(scene->backend, 200);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:200 end");
	(void)scene_expect_relay(scene, "client-end=close_notify backend-end=* resumed=yes up=100");
	SSL_SESSION_free(session);
}
END_TEST

/* ---- compression ---- */

static void put_length(uint8_t *at, size_t n)
{
	at[0] = (uint8_t)(n >> 8);
	at[1] = (uint8_t)n;
}

/* A first word whose methods of compression are these instead of none (0). Returns its length. */
static size_t make_hello(int version, const uint8_t *methods, size_t n,
                         uint8_t room[static PEER_HELLO_ROOM])
{
	uint8_t hello[PEER_HELLO_ROOM];
	size_t len = peer_hello(stage_client_tls(version), hello, sizeof(hello));
	size_t at = RECORD_HEADER + 4 + 2 + HELLO_RANDOM;

	at += 1 + (size_t)hello[at];                            /* the session's name */
	at += 2 + (size_t)hello[at] * 256 + hello[at + 1];      /* ciphers */
	ck_assert_int_eq(hello[at], 1);
	ck_assert_uint_lt(len + n, PEER_HELLO_ROOM);
	memcpy(room, hello, at);
	room[at] = (uint8_t)n;
	memcpy(room + at + 1, methods, n);
	memcpy(room + at + 1 + n, hello + at + 2, len - at - 2);
	len = len - 1 + n;
	put_length(room + 3, len - RECORD_HEADER);
	put_length(room + 7, len - RECORD_HEADER - 4);
	return len;
}

/* Says that much to the TLS listener, and takes the first record that comes back. */
static void ask(const uint8_t *hello, size_t len, uint8_t answer[static RECORD_ROOM])
{
	struct sockaddr_in to = daemon_address(stage_daemon(), "tls-plain");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n;

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(send(fd, hello, len, 0), (ssize_t)len);
	ck_assert_int_eq(recv(fd, answer, RECORD_HEADER, MSG_WAITALL), RECORD_HEADER);
	n = (size_t)answer[3] * 256 + answer[4];
	ck_assert_int_eq(recv(fd, answer + RECORD_HEADER, n, MSG_WAITALL), (ssize_t)n);
	(void)close(fd);
}

static void expect_refusal(const uint8_t *answer)
{
	ck_assert_int_eq(answer[0], RECORD_ALERT);
	ck_assert_int_eq(answer[RECORD_HEADER], SSL3_AL_FATAL);
	/* One or the other, as OpenSSL has it in 3.0 and in 3.5. */
	ck_assert(answer[RECORD_HEADER + 1] == SSL_AD_DECODE_ERROR ||
	          answer[RECORD_HEADER + 1] == SSL_AD_ILLEGAL_PARAMETER);
	(void)daemon_expect_log(stage_daemon(),
	                        "event=handshake listener=tls-plain cause=violation");
}

START_TEST(who_offers_compression_gets_none)
{
	static const uint8_t methods[] = { 1 /* deflate */, 64 /* LZS */, 0 };
	static uint8_t answer[RECORD_ROOM];
	uint8_t hello[PEER_HELLO_ROOM];
	size_t len = make_hello(TLS1_2_VERSION, methods, sizeof(methods), hello);
	size_t at = RECORD_HEADER + 4 + 2 + HELLO_RANDOM;

	ask(hello, len, answer);
	ck_assert_int_eq(answer[0], RECORD_HANDSHAKE);
	ck_assert_int_eq(answer[RECORD_HEADER], SSL3_MT_SERVER_HELLO);
	at += 1 + (size_t)answer[at] + 2;
	ck_assert_int_eq(answer[at], 0);
}
END_TEST

START_TEST(who_wants_compression_and_nothing_else_is_refused)
{
	static uint8_t answer[RECORD_ROOM];
	uint8_t hello[PEER_HELLO_ROOM];
	size_t len = make_hello(TLS1_2_VERSION, (const uint8_t[]){ 1 }, 1, hello);

	ask(hello, len, answer);
	expect_refusal(answer);
}
END_TEST

/* It has none, and who offers some breaks the protocol (RFC 8446, 4.1.2). */
START_TEST(who_offers_compression_in_tls13_is_refused)
{
	static uint8_t answer[RECORD_ROOM];
	uint8_t hello[PEER_HELLO_ROOM];
	size_t len = make_hello(TLS1_3_VERSION, (const uint8_t[]){ 1, 0 }, 2, hello);

	ask(hello, len, answer);
	expect_refusal(answer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("offers");
	TCase *early = scene_case(suite, "early data", open_stage);
	TCase *compression = scene_case(suite, "compression", open_stage);

	tcase_add_loop_test(early, no_ticket_invites_to_early_data, 0, ALL);
	tcase_add_loop_test(early, early_data_reaches_nobody_and_its_sender_is_served, 0, ALL);
	scene_last(early);
	tcase_add_test(compression, who_offers_compression_gets_none);
	tcase_add_test(compression, who_wants_compression_and_nothing_else_is_refused);
	tcase_add_test(compression, who_offers_compression_in_tls13_is_refused);
	scene_last(compression);
	return scene_run(suite);
}
