/* SPDX-License-Identifier: ISC */
/*
 * Where a session can be resumed: at the same listener under the same name,
 * after a reload as well, and nowhere else; there the handshake is a full one.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/x509.h>

#include "certificates.h"
#include "scene.h"

enum { MONTH = 30 * 24 * 3600, ALL = 2, ROUNDS = 4, KEY_LEN = 80 };

static const struct casting castings[ALL] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },
	{ TLS_PLAIN, TLS1_3_VERSION, true },
};

static void write_key(const char *folder, const char *name, int fill)
{
	char path[FOLDER_ROOM + 16];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < KEY_LEN; i++)
		ck_assert_int_ne(fputc(fill, file), EOF);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

static void issue(const char *folder, const char *file, const char *names)
{
	certificates_issue(folder,
	                   &(struct certificate){ .file = file, .names = names, .until = MONTH });
}

static void prepare(const char *folder)
{
	char certs[FOLDER_ROOM + 16];

	(void)snprintf(certs, sizeof(certs), "%s/certs", folder);
	ck_assert_int_eq(mkdir(certs, 0700), 0);
	issue(folder, "certs/d.pem", "DNS:d.test");
	issue(folder, "a.pem", "DNS:a.test,DNS:alias.test");
	issue(folder, "b.pem", "DNS:b.test");
	write_key(folder, "tickets", 'x');
}

#define LISTENER(name, keys)                                                 \
	"[listener:" name "]\nbind = 127.0.0.1:0\nbackend = PLAIN_BACKEND\n" \
	"cert = FOLDER/a.pem, FOLDER/b.pem\n" keys "\n"

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "workers = 2",
		.defaults = "close-timeout = 1s",
		.more = LISTENER("one", "") LISTENER("two", "") LISTENER(
			"files", "ticket-keys = FOLDER/tickets") LISTENER("none", "tickets = no")
			LISTENER("strict", "cert-dir = FOLDER/certs\n"
	                                   "unknown-sni = reject"),
		.prepare = prepare,
	});
}

/* A client of that listener that asks for that name, and perhaps to resume; both peers open. */
static struct scene *visit(int casting, const char *listener, const char *name,
                           SSL_SESSION *session)
{
	struct scene *scene = scene_begin(&castings[casting]);

	scene->listener = daemon_address(stage_daemon(), listener);
	scene->client_setup.name = name;
	scene->client_setup.session = session;
	scene_connect(scene);
	scene_join(scene);
	return scene;
}

/* Both ways, and both ends. */
static void play(struct scene *scene, const char *words)
{
	peer_send(scene->client, 100);
	peer_end(scene->client);
	peer_expect(scene->backend, "data:100 end");
	peer_send(scene->backend, 200);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:200 end");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s client-end=close_notify backend-end=fin %s",
	                        peer_name(scene->client), words);
}

static SSL_SESSION *begin_session(int casting, const char *listener, const char *name)
{
	struct scene *scene = visit(casting, listener, name, NULL);

	play(scene, "!resumed");
	return peer_session(scene->client);
}

static void expect_resumed(int casting, const char *listener, const char *name,
                           SSL_SESSION *session)
{
	char words[64];

	/* Its first letter is as it was when the session began, or as it is now. */
	(void)snprintf(words, sizeof(words), "resumed=yes sni=?%s", name + 1);
	/* Whichever worker takes it. */
	for (int i = 0; i < ROUNDS; i++)
		play(visit(casting, listener, name, session), words);
}

/* The certificate that it is shown instead is that of the file. */
static void expect_full(int casting, const char *listener, const char *name, const char *file,
                        SSL_SESSION *session)
{
	struct scene *scene = visit(casting, listener, name, session);
	X509 *certificate = SSL_get0_peer_certificate(peer_ssl(scene->client));
	char seen[128] = "";

	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, seen,
	                                sizeof(seen));
	ck_assert_str_eq(seen, file);
	play(scene, "!resumed");
}

START_TEST(it_can_be_under_the_same_name)
{
	SSL_SESSION *session = begin_session(_i, "one", "b.test");

	expect_resumed(_i, "one", "b.test", session);
	expect_resumed(_i, "one", "B.test", session);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(it_cannot_be_under_another_name)
{
	SSL_SESSION *session = begin_session(_i, "one", "b.test");

	expect_full(_i, "one", "a.test", "a.pem", session);
	expect_full(_i, "one", "unknown.test", "a.pem", session);
	expect_full(_i, "one", NULL, "a.pem", session);
	SSL_SESSION_free(session);
	session = begin_session(_i, "one", "a.test");
	expect_full(_i, "one", "b.test", "b.pem", session);
	expect_full(_i, "one", "alias.test", "a.pem", session);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(it_cannot_be_at_another_listener)
{
	SSL_SESSION *session = begin_session(_i, "one", "b.test");

	expect_full(_i, "two", "b.test", "b.pem", session);
	expect_full(_i, "files", "b.test", "b.pem", session);
	SSL_SESSION_free(session);
}
END_TEST

static void reload(void)
{
	daemon_mark(stage_daemon());
	daemon_signal(stage_daemon(), SIGHUP);
	(void)daemon_expect_log(stage_daemon(), "event=reload result=done");
}

START_TEST(it_can_be_after_a_reload)
{
	SSL_SESSION *session = begin_session(_i, "one", "b.test");
	SSL_SESSION *by_file = begin_session(_i, "files", "b.test");

	reload();
	expect_resumed(_i, "one", "b.test", session);
	expect_resumed(_i, "files", "b.test", by_file);
	SSL_SESSION_free(session);
	SSL_SESSION_free(by_file);
}
END_TEST

START_TEST(it_cannot_be_once_its_key_is_gone)
{
	SSL_SESSION *session = begin_session(_i, "files", "b.test");

	write_key(stage_folder(), "tickets", 'a' + _i);
	reload();
	expect_full(_i, "files", "b.test", "b.pem", session);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(it_cannot_be_once_its_name_is_rejected)
{
	SSL_SESSION *session;
	struct scene *scene;
	char path[FOLDER_ROOM + 32];

	issue(stage_folder(), "certs/c.pem", "DNS:c.test");
	reload();
	session = begin_session(_i, "strict", "c.test");
	expect_resumed(_i, "strict", "c.test", session);
	(void)snprintf(path, sizeof(path), "%s/certs/c.pem", stage_folder());
	ck_assert_int_eq(remove(path), 0);
	reload();
	scene = scene_begin(&castings[_i]);
	scene->listener = daemon_address(stage_daemon(), "strict");
	scene->client_setup.name = "c.test";
	scene->client_setup.session = session;
	scene_connect(scene);
	peer_fails_to_open(scene->client);
	peer_expect(scene->client, "alert:unrecognized_name handshake-failed ...");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=handshake listener=strict cause=unknown_name sni=c.test");
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(there_is_nothing_to_resume_without_tickets)
{
	struct scene *scene = visit(_i, "none", "b.test", NULL);
	SSL_SESSION *session;

	play(scene, "!resumed");
	ck_assert_uint_eq(peer_tickets(scene->client), 0);
	session = peer_session(scene->client);
	ck_assert(!SSL_SESSION_has_ticket(session));
	SSL_SESSION_free(session);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resumption");
	TCase *tcase = scene_case(suite, "resumption", open_stage);

	tcase_add_loop_test(tcase, it_can_be_under_the_same_name, 0, ALL);
	tcase_add_loop_test(tcase, it_cannot_be_under_another_name, 0, ALL);
	tcase_add_loop_test(tcase, it_cannot_be_at_another_listener, 0, ALL);
	tcase_add_loop_test(tcase, it_can_be_after_a_reload, 0, ALL);
	tcase_add_loop_test(tcase, it_cannot_be_once_its_key_is_gone, 0, ALL);
	tcase_add_loop_test(tcase, it_cannot_be_once_its_name_is_rejected, 0, ALL);
	tcase_add_loop_test(tcase, there_is_nothing_to_resume_without_tickets, 0, ALL);
	scene_last(tcase);
	return scene_run(suite);
}
