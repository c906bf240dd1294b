/* SPDX-License-Identifier: ISC */
/*
 * A client gets the certificate of the name it asks for, with a kind of key that
 * it can use, in every worker; and what a reload brings.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/x509.h>

#include "certificates.h"
#include "scene.h"

enum { DAY = 24 * 3600, MONTH = 30 * DAY, VERSIONS = 2, ROUNDS = 8 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void issue(const char *folder, const char *file, const char *names, int rsa_bits)
{
	certificates_issue(folder, &(struct certificate){ .file = file,
	                                                  .names = names,
	                                                  .rsa_bits = rsa_bits,
	                                                  .until = MONTH });
}

static void prepare(const char *folder)
{
	char certs[FOLDER_ROOM + 16];

	(void)snprintf(certs, sizeof(certs), "%s/certs", folder);
	ck_assert_int_eq(mkdir(certs, 0700), 0);
	issue(folder, "first.pem", "DNS:first.test", 0);
	issue(folder, "certs/a.pem", "DNS:a.test,DNS:*.wild.test", 0);
	issue(folder, "certs/both-ecdsa.pem", "DNS:both.test", 0);
	issue(folder, "certs/both-rsa.pem", "DNS:both.test", 2048);
	issue(folder, "certs/weak.pem", "DNS:weak.test", 1024);
}

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "workers = 2",
		.defaults = "close-timeout = 1s",
		.more = "[listener:names]\nbind = 127.0.0.1:0\nbackend = PLAIN_BACKEND\n"
			"cert = FOLDER/first.pem\ncert-dir = FOLDER/certs\n"
			"[listener:strict]\nbind = 127.0.0.1:0\nbackend = PLAIN_BACKEND\n"
			"cert = FOLDER/first.pem\ncert-dir = FOLDER/certs\n"
			"unknown-sni = reject\n",
		.prepare = prepare,
	});
}

static void remove_from_folder(const char *file)
{
	char path[FOLDER_ROOM + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", stage_folder(), file);
	ck_assert_int_eq(remove(path), 0);
}

static struct peer *connect_to(const char *listener, SSL_CTX *tls, const char *name)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);
	struct peer_setup setup = { .tls = tls, .name = name };

	peer_set_context(listener);
	return peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
}

/* The common name of what it was shown is that of the file that was written. */
static void expect_certificate(SSL_CTX *tls, const char *name, const char *file)
{
	struct peer *client = connect_to("names", tls, name);
	char seen[128] = "";
	X509 *certificate;

	peer_open(client);
	certificate = SSL_get0_peer_certificate(peer_ssl(client));
	(void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, seen,
	                                sizeof(seen));
	ck_assert_str_eq(seen, file);
	peer_rst(client);
}

START_TEST(a_name_has_its_certificate_in_every_worker)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);

	for (int i = 0; i < ROUNDS; i++) {
		expect_certificate(tls, "a.test", "certs/a.pem");
		expect_certificate(tls, "X.Wild.TEST", "certs/a.pem");
		expect_certificate(tls, "first.test", "first.pem");
		expect_certificate(tls, "unknown.test", "first.pem");
		expect_certificate(tls, NULL, "first.pem");
		expect_certificate(tls, "both.test", "certs/both-ecdsa.pem");
	}
}
END_TEST

START_TEST(a_client_that_knows_no_ecdsa_gets_rsa)
{
	SSL_CTX *tls = peer_client_tls(versions[_i]);

	ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(tls, "RSA-PSS+SHA256:RSA+SHA256"), 1);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(tls, "ECDHE-RSA-AES128-GCM-SHA256"), 1);
	expect_certificate(tls, "both.test", "certs/both-rsa.pem");
	SSL_CTX_free(tls);
}
END_TEST

START_TEST(a_client_that_knows_both_gets_ecdsa_whatever_it_prefers)
{
	SSL_CTX *tls = peer_client_tls(versions[_i]);

	ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(tls, "RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256"),
	                 1);
	ck_assert_int_eq(SSL_CTX_set_cipher_list(tls, "ECDHE-RSA-AES128-GCM-SHA256:"
	                                              "ECDHE-ECDSA-AES128-GCM-SHA256"),
	                 1);
	expect_certificate(tls, "both.test", "certs/both-ecdsa.pem");
	SSL_CTX_free(tls);
}
END_TEST

START_TEST(an_unknown_name_may_be_rejected)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);
	struct peer *client = connect_to("strict", tls, "unknown.test");

	peer_fails_to_open(client);
	peer_expect(client, "alert:unrecognized_name handshake-failed ...");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=handshake listener=strict peer=%s cause=unknown_name "
	                        "sni=unknown.test",
	                        peer_name(client));
	client = connect_to("strict", tls, "a.test");
	peer_open(client);
	client = connect_to("strict", tls, NULL);
	peer_open(client);
}
END_TEST

START_TEST(a_reload_brings_what_is_new_and_keeps_the_rest)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);

	expect_certificate(tls, "a.test", "certs/a.pem");
	issue(stage_folder(), "certs/new.pem", "DNS:new.test", 0);
	issue(stage_folder(), "certs/zz.pem", "DNS:a.test", 0);
	daemon_mark(stage_daemon());
	daemon_signal(stage_daemon(), SIGHUP);
	(void)daemon_expect_log(stage_daemon(), "event=certificates loaded=2 kept=5 skipped=2");
	(void)daemon_expect_log(stage_daemon(), "event=certificate problem=overlap file=*/zz.pem");
	(void)daemon_expect_log(stage_daemon(), "event=reload result=done");
	for (int i = 0; i < ROUNDS; i++) {
		expect_certificate(tls, "new.test", "certs/new.pem");
		expect_certificate(tls, "a.test", "certs/a.pem");
	}
	remove_from_folder("certs/new.pem");
	remove_from_folder("certs/zz.pem");
	daemon_mark(stage_daemon());
	daemon_signal(stage_daemon(), SIGHUP);
	(void)daemon_expect_log(stage_daemon(), "event=certificates loaded=0 kept=5 skipped=2");
	(void)daemon_expect_log(stage_daemon(), "event=reload result=done");
	expect_certificate(tls, "new.test", "first.pem");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *tcase = scene_case(suite, "names", open_stage);

	tcase_add_loop_test(tcase, a_name_has_its_certificate_in_every_worker, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_client_that_knows_no_ecdsa_gets_rsa, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_client_that_knows_both_gets_ecdsa_whatever_it_prefers, 0,
	                    VERSIONS);
	tcase_add_loop_test(tcase, an_unknown_name_may_be_rejected, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_reload_brings_what_is_new_and_keeps_the_rest, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
