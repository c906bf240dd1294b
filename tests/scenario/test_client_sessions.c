/* SPDX-License-Identifier: ISC */
/*
 * A ticket holds the certificate that was shown, and is of use as long as that
 * would let its client in: at that listener, by the same rules, until it expires.
 */
#include <signal.h>
#include <unistd.h>

#include "certificates.h"
#include "visitor.h"

enum { DAY = 24 * 3600, VERSIONS = 2 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

#define SPIFFE "spiffe://example.org/ns/prod/sa/web"

#define CA "client-ca = FOLDER/ca.pem\n"
#define REQUIRED "client-auth = require\n"

static const struct visitor_listener listeners[] = {
	{ "require", REQUIRED CA },
	{ "optional", CA "client-auth = optional\n" },
	{ "crl-stale", REQUIRED CA "client-crl = FOLDER/stale.crl\n" },
	{ "crl-changes", REQUIRED CA "client-crl = FOLDER/changes.crl\n" },
	{ "allow-uri",
	  REQUIRED CA "client-allow = dns:no.test, uri:spiffe://example.org/ns/*/sa/web\n" },
};

static void prepare(const char *folder)
{
	certificates_issue(folder, &(struct certificate){ .file = "good.pem",
	                                                  .cn = "web",
	                                                  .usage = "clientAuth",
	                                                  .names = "URI:" SPIFFE });
	certificates_write_crl(folder, "stale.crl", NULL, -DAY);
	certificates_write_crl(folder, "changes.crl", NULL, DAY);
}

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "log-level = debug\nworkers = 2",
		.defaults = "close-timeout = 5s",
		.more = visitor_sections(listeners, sizeof(listeners) / sizeof(listeners[0])),
		.prepare = prepare,
	});
}

START_TEST(a_resumed_session_is_whose_it_was)
{
	const char *words = "client-cert=CN=web client-name=uri:" SPIFFE " resumed=yes";
	SSL_CTX *tls = visitor_tls(versions[_i], "good.pem", NULL);
	SSL_SESSION *session =
		visitor_relays(tls, NULL, "allow-uri", "client-cert=CN=web !resumed");
	SSL_SESSION *next;

	/* With a certificate at hand or without one: it is in the ticket. */
	next = visitor_relays(visitor_tls(versions[_i], "good.pem", NULL), session, "allow-uri",
	                      words);
	SSL_SESSION_free(session);
	session = visitor_relays(visitor_tls(versions[_i], NULL, NULL), next, "allow-uri", words);
	SSL_SESSION_free(next);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(a_session_is_of_use_where_it_was_made)
{
	SSL_CTX *tls = visitor_tls(versions[_i], NULL, NULL);
	SSL_SESSION *anonymous = visitor_relays(tls, NULL, "optional", "!client-cert");
	SSL_SESSION *plain;

	tls = visitor_tls(versions[_i], NULL, NULL);
	visitor_is_refused_session(tls, anonymous, "require",
	                           versions[_i] == TLS1_3_VERSION ? "certificate_required"
	                                                          : "handshake_failure",
	                           "cause=client_certificate:none");
	SSL_SESSION_free(visitor_relays(visitor_tls(versions[_i], NULL, NULL), anonymous,
	                                "optional", "!client-cert resumed=yes"));
	plain = visitor_relays(visitor_tls(versions[_i], NULL, NULL), NULL, "tls-plain", "tls=*");
	visitor_is_refused_session(tls, plain, "require",
	                           versions[_i] == TLS1_3_VERSION ? "certificate_required"
	                                                          : "handshake_failure",
	                           "cause=client_certificate:none");
	SSL_CTX_free(tls);
	SSL_SESSION_free(anonymous);
	SSL_SESSION_free(plain);
}
END_TEST

static void reload(void)
{
	daemon_mark(stage_daemon());
	daemon_signal(stage_daemon(), SIGHUP);
	(void)daemon_expect_log(stage_daemon(), "event=reload result=done");
}

START_TEST(a_reload_revokes_what_could_be_resumed)
{
	SSL_CTX *tls = visitor_tls(versions[_i], "good.pem", NULL);
	SSL_SESSION *session = visitor_relays(tls, NULL, "crl-changes", "client-cert=CN=web");

	/* A reload that brings nothing new changes nothing. */
	reload();
	(void)daemon_expect_log(stage_daemon(), "level=warning event=certificate "
	                                        "listener=crl-stale problem=crl_expired "
	                                        "file=*/stale.crl");
	SSL_SESSION_free(visitor_relays(visitor_tls(versions[_i], "good.pem", NULL), session,
	                                "crl-changes", "client-cert=CN=web resumed=yes"));
	certificates_write_crl(stage_folder(), "changes.crl", "good.pem", DAY);
	reload();
	tls = visitor_tls(versions[_i], "good.pem", NULL);
	visitor_is_refused_session(tls, session, "crl-changes", "certificate_revoked",
	                           "cause=client_certificate:revoked client-cert=CN=web");
	certificates_write_crl(stage_folder(), "changes.crl", NULL, DAY);
	reload();
	SSL_CTX_free(tls);
	SSL_SESSION_free(session);
}
END_TEST

/*
 * The ticket of a certificate that is good for a few seconds more. Where one is
 * optional, a client that has none at hand comes in afterwards too, as nobody.
 */
START_TEST(a_session_ends_with_its_certificate)
{
	enum { LIFE = 5, PAUSE = 50000, TRIES = 400 };
	SSL_CTX *tls = visitor_tls(versions[_i], NULL, NULL);
	bool resumed = true;
	SSL_SESSION *session;

	certificates_issue(stage_folder(),
	                   &(struct certificate){ .file = "short.pem", .until = LIFE });
	session = visitor_relays(visitor_tls(versions[_i], "short.pem", NULL), NULL, "optional",
	                         "client-cert=CN=short.pem");
	for (unsigned n = 0; resumed; n++) {
		struct peer *client = visitor_connect("optional", tls, session);

		peer_open(client);
		resumed = peer_was_resumed(client);
		ck_assert(n < TRIES && (resumed || n > 0));
		peer_rst(client);
		(void)daemon_expect_log(stage_daemon(), "event=relay client=%s %s",
		                        peer_name(client),
		                        resumed ? "client-cert=CN=short.pem" : "!client-cert");
		(void)usleep(PAUSE); /* of time itself nobody tells */
	}
	SSL_CTX_free(tls);
	SSL_SESSION_free(session);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_sessions");
	TCase *tcase = scene_case(suite, "sessions", open_stage);

	tcase_add_loop_test(tcase, a_resumed_session_is_whose_it_was, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_session_is_of_use_where_it_was_made, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_reload_revokes_what_could_be_resumed, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_session_ends_with_its_certificate, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
