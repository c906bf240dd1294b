/* SPDX-License-Identifier: ISC */
/*
 * A client that asks for the staple of the certificate that it is shown gets
 * that one, byte by byte; who does not ask, or when it is stale, gets none.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <openssl/ocsp.h>

#include "certificates.h"
#include "scene.h"
#include "staples.h"

enum { DAY = 24 * 3600, MONTH = 30 * DAY, VERSIONS = 2, ROUNDS = 4 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* What was written last for the certificate in FILE.pem. */
struct written {
	const char *file;
	unsigned char der[STAPLE_ROOM];
	size_t len;
};
static struct written ecdsa = { .file = "both-ecdsa.pem" };
static struct written rsa = { .file = "both-rsa.pem" };
static struct written named = { .file = "named.pem" };

static void issue(const char *folder, const char *file, const char *names, int rsa_bits)
{
	certificates_issue(folder, &(struct certificate){ .file = file,
	                                                  .names = names,
	                                                  .rsa_bits = rsa_bits,
	                                                  .until = MONTH,
	                                                  .chain = true });
}

static void staple(const char *folder, struct written *written, const char *file, long until)
{
	written->len = staples_write(
		folder,
		&(struct staple){
			.file = file, .about = written->file, .from = -2L * DAY, .until = until },
		written->der);
}

static void prepare(const char *folder)
{
	issue(folder, "first.pem", "DNS:first.test", 0);
	issue(folder, "both-ecdsa.pem", "DNS:both.test", 0);
	issue(folder, "both-rsa.pem", "DNS:both.test", 2048);
	issue(folder, "named.pem", "DNS:named.test", 0);
	staple(folder, &ecdsa, "both-ecdsa.pem.ocsp", DAY);
	staple(folder, &rsa, "both-rsa.pem.ocsp", DAY);
	staple(folder, &named, "elsewhere", DAY);
	(void)staples_write(
		folder,
		&(struct staple){ .file = "first.pem.ocsp", .about = "named.pem", .until = DAY },
		NULL);
}

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "workers = 2",
		.defaults = "close-timeout = 1s",
		.more = "[listener:staples]\nbind = 127.0.0.1:0\nbackend = PLAIN_BACKEND\n"
			"cert = FOLDER/first.pem, FOLDER/both-ecdsa.pem, FOLDER/both-rsa.pem\n"
			"[listener:named]\nbind = 127.0.0.1:0\nbackend = PLAIN_BACKEND\n"
			"cert = FOLDER/named.pem\nocsp = FOLDER/elsewhere\n",
		.prepare = prepare,
	});
}

static SSL_CTX *client_tls(int version, bool asks)
{
	SSL_CTX *tls = peer_client_tls(version);

	if (asks)
		ck_assert_int_eq(SSL_CTX_set_tlsext_status_type(tls, TLSEXT_STATUSTYPE_ocsp), 1);
	return tls;
}

static struct peer *connect_to(const char *listener, SSL_CTX *tls, const char *name)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);
	struct peer_setup setup = { .tls = tls, .name = name };
	struct peer *client;

	peer_set_context(listener);
	client = peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
	peer_open(client);
	return client;
}

/* What came; -1: nothing. Until the peer is gone. */
static long staple_seen(struct peer *client, const unsigned char **der)
{
	return SSL_get_tlsext_status_ocsp_resp(peer_ssl(client), der);
}

static void expect_staple(const char *listener, SSL_CTX *tls, const char *name,
                          const struct written *expected)
{
	struct peer *client = connect_to(listener, tls, name);
	const unsigned char *der = NULL;
	long len = staple_seen(client, &der);

	if (expected == NULL) {
		ck_assert_int_le(len, 0);
	} else {
		ck_assert_int_eq(len, (long)expected->len);
		ck_assert_mem_eq(der, expected->der, expected->len);
	}
	peer_rst(client);
}

START_TEST(each_certificate_comes_with_its_own)
{
	SSL_CTX *tls = client_tls(versions[_i], true);

	/* In every worker. */
	for (int i = 0; i < ROUNDS; i++) {
		expect_staple("staples", tls, "both.test", &ecdsa);
		expect_staple("named", tls, NULL, &named);
		expect_staple("named", tls, "unknown.test", &named);
		expect_staple("staples", tls, "first.test", NULL);
	}
	ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(tls, "RSA-PSS+SHA256:RSA+SHA256"), 1);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(tls, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
	expect_staple("staples", tls, "both.test", &rsa);
	SSL_CTX_free(tls);
}
END_TEST

START_TEST(who_does_not_ask_gets_none)
{
	SSL_CTX *tls = client_tls(versions[_i], false);

	expect_staple("named", tls, NULL, NULL);
	SSL_CTX_free(tls);
}
END_TEST

/* A session that is resumed needs no certificate, and so no staple. */
START_TEST(one_that_resumes_gets_none)
{
	SSL_CTX *tls = client_tls(versions[_i], true);
	struct sockaddr_in to = daemon_address(stage_daemon(), "named");
	struct peer_setup setup = { .tls = tls };
	const unsigned char *der = NULL;
	struct peer *client;
	struct peer *backend;

	door_clear(stage_plain_door());
	client = connect_to("named", tls, NULL);
	backend = door_accept(stage_plain_door());
	peer_send(backend, 1);
	peer_wait_data(client, 1);
	if (versions[_i] == TLS1_3_VERSION)
		peer_wait_tickets(client, 1);
	setup.session = peer_session(client);
	peer_rst(client);
	client = peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
	peer_open(client);
	ck_assert(peer_was_resumed(client));
	ck_assert_int_le(staple_seen(client, &der), 0);
	peer_rst(client);
	SSL_SESSION_free(setup.session);
	SSL_CTX_free(tls);
}
END_TEST

static void reload(void)
{
	daemon_mark(stage_daemon());
	daemon_signal(stage_daemon(), SIGHUP);
	(void)daemon_expect_log(stage_daemon(), "event=reload result=done");
}

START_TEST(a_reload_brings_the_new_one)
{
	SSL_CTX *tls = client_tls(versions[_i], true);

	staple(stage_folder(), &ecdsa, "both-ecdsa.pem.ocsp", 2L * DAY);
	reload();
	(void)daemon_expect_log(stage_daemon(), "event=certificates loaded=0 staples=3");
	for (int i = 0; i < ROUNDS; i++)
		expect_staple("staples", tls, "both.test", &ecdsa);
	/* One that went bad costs nothing but itself. */
	(void)staples_write(
		stage_folder(),
		&(struct staple){
			.file = "elsewhere", .about = "named.pem", .until = DAY, .spoilt = true },
		NULL);
	reload();
	(void)daemon_expect_log(stage_daemon(), "event=certificate listener=named file=*/elsewhere "
	                                        "problem=staple_unusable");
	expect_staple("named", tls, NULL, NULL);
	staple(stage_folder(), &named, "elsewhere", DAY);
	reload();
	expect_staple("named", tls, NULL, &named);
	SSL_CTX_free(tls);
}
END_TEST

static bool gets_staple(SSL_CTX *tls)
{
	struct peer *client = connect_to("named", tls, NULL);
	const unsigned char *der = NULL;
	bool gets = staple_seen(client, &der) > 0;

	peer_rst(client);
	return gets;
}

/*
 * It is to be good when it is loaded and stale soon after; on a machine that
 * takes longer than that to load it, there is another try.
 */
START_TEST(one_that_becomes_stale_is_dropped_and_that_is_told_once)
{
	static const char told[] = "event=certificate problem=staple_expired";
	SSL_CTX *tls = client_tls(versions[_i], true);
	bool was_good = false;

	for (long seconds = 2; !was_good; seconds *= 2) {
		staple(stage_folder(), &named, "elsewhere", seconds);
		reload();
		while (gets_staple(tls))
			was_good = true;
	}
	(void)daemon_expect_log(stage_daemon(), told);
	for (int i = 0; i < ROUNDS; i++)
		expect_staple("named", tls, NULL, NULL);
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), told), 1);
	staple(stage_folder(), &named, "elsewhere", DAY);
	reload();
	expect_staple("named", tls, NULL, &named);
	SSL_CTX_free(tls);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stapling");
	TCase *tcase = scene_case(suite, "stapling", open_stage);

	tcase_add_loop_test(tcase, each_certificate_comes_with_its_own, 0, VERSIONS);
	tcase_add_loop_test(tcase, who_does_not_ask_gets_none, 0, VERSIONS);
	tcase_add_loop_test(tcase, one_that_resumes_gets_none, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_reload_brings_the_new_one, 0, VERSIONS);
	tcase_add_loop_test(tcase, one_that_becomes_stale_is_dropped_and_that_is_told_once, 0,
	                    VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
