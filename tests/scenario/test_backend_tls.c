/* SPDX-License-Identifier: ISC */
/*
 * What a TLS server learns of us, what we want to know of it, and which
 * sessions with it are resumed.
 */
#include <stdio.h>
#include <string.h>

#include "certificates.h"
#include "scene.h"

enum { MONTH = 30 * 24 * 3600, PATH_ROOM = FOLDER_ROOM + 32, VERSIONS = 2 };

static const struct casting castings[VERSIONS] = {
	{ PLAIN_TLS, TLS1_2_VERSION, true },
	{ PLAIN_TLS, TLS1_3_VERSION, true },
};

#define BACKEND(name, keys)                                                                       \
	"[listener:" name "]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = " name "\n[backend:" name \
	"]\nserver = TLS_BACKEND\ntls = yes\n" keys "\n"
#define TRUST "ca = FOLDER/ca.pem\n"

static void prepare(const char *folder)
{
	certificates_issue(folder, &(struct certificate){ .file = "us.pem",
	                                                  .names = "DNS:us.test",
	                                                  .usage = "clientAuth",
	                                                  .until = MONTH });
	certificates_write_crl(folder, "fine.crl", NULL, MONTH);
	certificates_write_crl(folder, "revokes.crl", "backend.pem", MONTH);
	certificates_write_crl(folder, "late.crl", NULL, -1);
}

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		/* One that connects has one memory. */
		.global = "workers = 1",
		.defaults = "close-timeout = 1s",
		.more = BACKEND("named", TRUST "server-name = backend.test") BACKEND(
			"other",
			TRUST "server-name = backend.test\n"
			      "verify-name = other.test") BACKEND("verified", TRUST
	                                                          "server-name = asked.test\n"
	                                                          "verify-name = backend.test")
			BACKEND("unnamed", TRUST "server-name = off\nverify-name = backend.test")
				BACKEND("shows",
	                                TRUST "server-name = backend.test\ncert = "
	                                      "FOLDER/us.pem") BACKEND("fine",
	                                                               TRUST "server-name = "
	                                                                     "backend.test\ncrl = "
	                                                                     "FOLDER/fine.crl")
					BACKEND("revokes", TRUST "server-name = backend.test\n"
	                                                         "crl = FOLDER/revokes.crl")
						BACKEND("late", TRUST "server-name = "
	                                                              "backend.test\ncrl = "
	                                                              "FOLDER/late.crl")
							BACKEND("modern",
	                                                        TRUST "server-name = "
	                                                              "backend.test\ntls-min = 1.3")
								BACKEND("forgets", TRUST
	                                                                "server-name = "
	                                                                "backend.test\nsession-"
	                                                                "reuse = no"),
		.prepare = prepare,
	});
}

static struct scene *begin(int casting, const char *listener)
{
	struct scene *scene = scene_begin(&castings[casting]);

	scene->listener = daemon_address(stage_daemon(), listener);
	return scene;
}

static struct scene *join(int casting, const char *listener)
{
	struct scene *scene = begin(casting, listener);

	scene_connect(scene);
	scene_join(scene);
	return scene;
}

static void play(const struct scene *scene, const char *words)
{
	peer_send(scene->client, 100);
	peer_end(scene->client);
	peer_expect(scene->backend, "data:100 end");
	peer_send(scene->backend, 200);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:200 end");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s client-end=fin backend-end=close_notify %s",
	                        peer_name(scene->client), words);
}

/* The server hears that alert, the client a RST. */
static void expect_refusal(int casting, const char *listener, const char *alert)
{
	struct scene *scene = begin(casting, listener);

	scene_connect(scene);
	door_set_setup(stage_tls_door(), &scene->backend_setup);
	scene->backend = door_accept(stage_tls_door());
	peer_fails_to_open(scene->backend);
	peer_expect(scene->backend, "alert:%s handshake-failed ...", alert);
	peer_expect(scene->client, "rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s backend-end=refused:backend_certificate:*",
	                        peer_name(scene->client));
}

/* ---- names ---- */

static void expect_name(int casting, const char *listener, const char *name)
{
	struct scene *scene = join(casting, listener);
	const char *asked = SSL_get_servername(peer_ssl(scene->backend), TLSEXT_NAMETYPE_host_name);

	if (name == NULL)
		ck_assert_ptr_null(asked);
	else
		ck_assert_str_eq(asked, name);
	play(scene, "!backend-resumed");
}

START_TEST(one_name_is_asked_for_and_another_verified)
{
	expect_name(_i, "verified", "asked.test");
	expect_name(_i, "unnamed", NULL);
	expect_refusal(_i, "other", "bad_certificate");
}
END_TEST

/* ---- our certificate ---- */

static SSL_CTX *demanding_tls(int version)
{
	char pem[PATH_ROOM];
	char ca[PATH_ROOM];
	SSL_CTX *tls;

	(void)snprintf(pem, sizeof(pem), "%s/backend.pem", stage_folder());
	(void)snprintf(ca, sizeof(ca), "%s/ca.pem", stage_folder());
	tls = peer_server_tls(version, pem, pem);
	ck_assert_int_eq(SSL_CTX_load_verify_locations(tls, ca, NULL), 1);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return tls;
}

START_TEST(a_server_that_asks_gets_our_certificate)
{
	struct scene *scene = begin(_i, "shows");
	char seen[64] = "";

	scene->backend_setup.tls = demanding_tls(castings[_i].version);
	scene_connect(scene);
	scene_join(scene);
	(void)X509_NAME_get_text_by_NID(
		X509_get_subject_name(SSL_get0_peer_certificate(peer_ssl(scene->backend))),
		NID_commonName, seen, sizeof(seen));
	ck_assert_str_eq(seen, "us.pem");
	play(scene, "");
	SSL_CTX_free(scene->backend_setup.tls);
}
END_TEST

/* In TLS 1.3 it says so only after our handshake is over; the client must not take that for an end.
 */
START_TEST(a_server_that_gets_none_is_no_empty_answer)
{
	struct scene *scene = begin(_i, "named");

	scene->backend_setup.tls = demanding_tls(castings[_i].version);
	scene_connect(scene);
	door_set_setup(stage_tls_door(), &scene->backend_setup);
	scene->backend = door_accept(stage_tls_door());
	peer_fails_to_open(scene->backend);
	peer_expect(scene->client, "rst");
	SSL_CTX_free(scene->backend_setup.tls);
}
END_TEST

/* ---- lists of what was revoked; versions ---- */

START_TEST(a_list_is_looked_at)
{
	play(join(_i, "fine"), "");
	expect_refusal(_i, "revokes", "certificate_revoked");
	expect_refusal(_i, "late", "certificate_expired");
}
END_TEST

START_TEST(an_old_version_may_be_too_old)
{
	struct scene *scene = begin(0, "modern");

	scene_connect(scene);
	door_set_setup(stage_tls_door(), &scene->backend_setup);
	scene->backend = door_accept(stage_tls_door());
	peer_fails_to_open(scene->backend);
	peer_expect(scene->client, "rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s backend-end=refused:alert:protocol_version",
	                        peer_name(scene->client));
	play(join(1, "modern"), "backend-tls=TLSv1.3");
}
END_TEST

/* ---- sessions ---- */

/*
 * One that has sessions of its own. In TLS 1.2 alone: in TLS 1.3 a peer of ours that
 * gives tickets cannot seal records; tests/programs/backends.py asks nginx.
 */
static SSL_CTX *generous_tls(void)
{
	SSL_CTX *tls = demanding_tls(TLS1_2_VERSION);

	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	return tls;
}

static bool is_resumed(const char *listener, SSL_CTX *tls)
{
	struct scene *scene = begin(0, listener);
	bool resumed;

	scene->backend_setup.tls = tls;
	scene_connect(scene);
	scene_join(scene);
	resumed = peer_was_resumed(scene->backend);
	play(scene, resumed ? "backend-resumed=yes" : "!backend-resumed");
	return resumed;
}

START_TEST(the_last_session_is_resumed)
{
	SSL_CTX *tls = generous_tls();

	ck_assert(!is_resumed("named", tls));
	for (int i = 0; i < 3; i++)
		ck_assert(is_resumed("named", tls));
	/* Another backend's is another one. */
	ck_assert(!is_resumed("fine", tls));
	for (int i = 0; i < 3; i++)
		ck_assert(!is_resumed("forgets", tls));
	SSL_CTX_free(tls);
}
END_TEST

START_TEST(a_session_that_the_server_has_forgotten_is_no_failure)
{
	SSL_CTX *before = generous_tls();
	SSL_CTX *after = generous_tls();

	(void)is_resumed("named", before);
	ck_assert(is_resumed("named", before));
	ck_assert(!is_resumed("named", after));
	ck_assert(is_resumed("named", after));
	SSL_CTX_free(before);
	SSL_CTX_free(after);
}
END_TEST

/* It may be the session that the server cannot bear: whoever comes next begins anew. */
static void expect_failure(const char *listener, const void *said, size_t len, const char *cause)
{
	struct scene *scene = begin(0, listener);

	scene_connect(scene);
	door_set_setup(stage_tls_door(), &(struct peer_setup){ 0 });
	scene->backend = door_accept(stage_tls_door());
	peer_raw(scene->backend, said, len);
	peer_fin(scene->backend);
	peer_expect(scene->client, "rst");
	(void)daemon_expect_log(stage_daemon(), "event=relay client=%s backend-end=refused:%s",
	                        peer_name(scene->client), cause);
}

START_TEST(a_session_is_not_tried_again_after_a_handshake_that_failed)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, SSL_AD_HANDSHAKE_FAILURE };
	SSL_CTX *tls = generous_tls();

	(void)is_resumed("named", tls);
	ck_assert(is_resumed("named", tls));
	expect_failure("named", alert, sizeof(alert), "alert:handshake_failure");
	ck_assert(!is_resumed("named", tls));
	ck_assert(is_resumed("named", tls));
	/* After an alert OpenSSL would not resume it either; a server that just ends is for us. */
	expect_failure("named", "", 0, "closed");
	ck_assert(!is_resumed("named", tls));
	SSL_CTX_free(tls);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backend_tls");
	TCase *tcase = scene_case(suite, "backend_tls", open_stage);

	tcase_add_loop_test(tcase, one_name_is_asked_for_and_another_verified, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_server_that_asks_gets_our_certificate, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_server_that_gets_none_is_no_empty_answer, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_list_is_looked_at, 0, VERSIONS);
	tcase_add_test(tcase, an_old_version_may_be_too_old);
	tcase_add_test(tcase, the_last_session_is_resumed);
	tcase_add_test(tcase, a_session_that_the_server_has_forgotten_is_no_failure);
	tcase_add_test(tcase, a_session_is_not_tried_again_after_a_handshake_that_failed);
	scene_last(tcase);
	return scene_run(suite);
}
