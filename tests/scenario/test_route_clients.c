/* SPDX-License-Identifier: ISC */
/*
 * What a client has to show is decided by the name that it asks for, and so is
 * which session it may resume: none of another route's, before a reload or after.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/x509.h>

#include "crossing.h"
#include "visitor.h"

enum { VERSIONS = 2 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* ---- what it has to show ---- */

static const char *none_alert(int version)
{
	return version == TLS1_3_VERSION ? "certificate_required" : "handshake_failure";
}

START_TEST(a_route_asks_for_a_certificate_by_its_own_rules)
{
	const int version = versions[_i];
	struct door *rest = stage_plain_door();

	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, "web.pem", NULL), "names",
	                                   "staff.test", NULL, rest,
	                                   "route=staff client-cert=CN=web"));
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, "boss.pem", NULL), "names",
	                                   "boss.test", NULL, rest,
	                                   "route=boss client-cert=CN=boss"));
	crossing_refuses(visitor_tls(version, NULL, NULL), "names", "staff.test", NULL,
	                 none_alert(version),
	                 "route=staff cause=client_certificate:none !client-cert");
	crossing_refuses(visitor_tls(version, "boss.pem", NULL), "names", "staff.test", NULL,
	                 "access_denied",
	                 "route=staff cause=client_certificate:not_allowed client-cert=CN=boss");
	crossing_refuses(visitor_tls(version, "web.pem", NULL), "names", "boss.test", NULL,
	                 "access_denied", "route=boss cause=client_certificate:not_allowed");
	crossing_refuses(visitor_tls(version, "unknown.pem", NULL), "names", "staff.test", NULL,
	                 "unknown_ca", "route=staff cause=client_certificate:unknown_ca");
	crossing_refuses(visitor_tls(version, "revoked.pem", NULL), "names", "boss.test", NULL,
	                 "certificate_revoked", "route=boss cause=client_certificate:revoked");
}
END_TEST

START_TEST(a_route_that_may_be_shown_one_trusts_its_own_authority)
{
	const int version = versions[_i];
	struct door *rest = stage_plain_door();

	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names",
	                                   "stranger.test", NULL, rest,
	                                   "route=stranger !client-cert"));
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, "strangers.pem", NULL), "names",
	                                   "stranger.test", NULL, rest,
	                                   "route=stranger client-cert=CN=strangers.pem"));
	crossing_refuses(visitor_tls(version, "web.pem", NULL), "names", "stranger.test", NULL,
	                 "unknown_ca", "route=stranger cause=client_certificate:unknown_ca");
	crossing_refuses(visitor_tls(version, "strangers.pem", NULL), "names", "staff.test", NULL,
	                 "unknown_ca", "route=staff cause=client_certificate:unknown_ca");
}
END_TEST

START_TEST(who_is_on_no_route_is_asked_for_nothing)
{
	const int version = versions[_i];

	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, "web.pem", NULL), "names",
	                                   "rest.test", NULL, stage_plain_door(),
	                                   "!route !client-cert"));
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, "web.pem", NULL), "names",
	                                   "admin.test", NULL, crossing_admin_door(),
	                                   "route=admin !client-cert"));
}
END_TEST

START_TEST(a_route_may_ask_for_less_than_its_listener)
{
	const int version = versions[_i];

	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, "web.pem", NULL), "closed",
	                                   "open.test", NULL, stage_plain_door(),
	                                   "route=open !client-cert"));
	crossing_refuses(visitor_tls(version, NULL, NULL), "closed", "rest.test", NULL,
	                 none_alert(version), "!route cause=client_certificate:none");
	crossing_refuses(visitor_tls(version, NULL, NULL), "closed", NULL, NULL,
	                 none_alert(version), "!route !sni cause=client_certificate:none");
	/* A route that says nothing of clients has the listener's rules. */
	crossing_refuses(visitor_tls(version, NULL, NULL), "closed", "same.test", NULL,
	                 none_alert(version), "route=same cause=client_certificate:none");
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, "web.pem", NULL), "closed",
	                                   "same.test", NULL, crossing_admin_door(),
	                                   "route=same client-cert=CN=web"));
}
END_TEST

/* The names of those whose certificates it is asked for, as many as it is told. */
static void expect_authority(int version, const char *listener, const char *name, const char *cn)
{
	SSL_CTX *tls = visitor_tls(version, "web.pem", NULL);
	struct peer *client = crossing_call(&(struct crossing_call){ listener, name, NULL, tls });
	const STACK_OF(X509_NAME) * names;
	char seen[128] = "";

	/* Refused or not: it was asked. */
	if (version == TLS1_3_VERSION || cn == NULL)
		peer_open(client);
	else
		peer_fails_to_open(client);
	names = SSL_get0_peer_CA_list(peer_ssl(client));
	ck_assert_int_eq(cn != NULL ? sk_X509_NAME_num(names) : 1, 1);
	if (cn != NULL)
		(void)X509_NAME_get_text_by_NID(sk_X509_NAME_value(names, 0), NID_commonName, seen,
		                                sizeof(seen));
	ck_assert_str_eq(seen, cn != NULL ? cn : "");
	ck_assert(cn != NULL || sk_X509_NAME_num(names) <= 0);
	peer_rst(client);
	SSL_CTX_free(tls);
}

START_TEST(a_client_is_told_the_authorities_of_its_route)
{
	expect_authority(versions[_i], "names", "stranger.test", "stranger-ca.pem");
	expect_authority(versions[_i], "names", "rest.test", NULL);
	expect_authority(versions[_i], "closed", "open.test", NULL);
	door_clear(stage_plain_door());
}
END_TEST

/* ---- what it can resume ---- */

START_TEST(a_session_is_of_use_on_its_route_alone)
{
	const int version = versions[_i];
	struct door *rest = stage_plain_door();
	SSL_SESSION *staff =
		crossing_comes_in(visitor_tls(version, "web.pem", NULL), "names", "staff.test",
	                          NULL, rest, "route=staff client-cert=CN=web !resumed");
	SSL_SESSION *nobody = crossing_comes_in(visitor_tls(version, NULL, NULL), "names",
	                                        "rest.test", NULL, rest, "!route !resumed");

	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "staff.test",
	                                   staff, rest,
	                                   "route=staff client-cert=CN=web resumed=yes"));
	crossing_refuses(visitor_tls(version, NULL, NULL), "names", "boss.test", staff,
	                 none_alert(version), "route=boss cause=client_certificate:none");
	crossing_refuses(visitor_tls(version, NULL, NULL), "names", "staff.test", nobody,
	                 none_alert(version), "route=staff cause=client_certificate:none");
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "rest.test",
	                                   staff, rest, "!route !client-cert !resumed"));
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "rest.test",
	                                   nobody, rest, "!route resumed=yes"));
	SSL_SESSION_free(staff);
	SSL_SESSION_free(nobody);
}
END_TEST

START_TEST(a_reload_that_changes_a_route_ends_its_sessions)
{
	const int version = versions[_i];
	struct door *rest = stage_plain_door();
	SSL_SESSION *staff =
		crossing_comes_in(visitor_tls(version, "web.pem", NULL), "names", "staff.test",
	                          NULL, rest, "route=staff client-cert=CN=web !resumed");
	SSL_SESSION *open = crossing_comes_in(visitor_tls(version, NULL, NULL), "closed",
	                                      "open.test", NULL, rest, "route=open !resumed");

	/* Of another route. */
	crossing_reload("client-allow = cn:boss,", "client-allow = cn:chief,");
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "staff.test",
	                                   staff, rest,
	                                   "route=staff client-cert=CN=web resumed=yes"));
	/* Of its own: whoever may come in has changed. */
	crossing_reload("client-allow = cn:web", "client-allow = cn:nobody");
	crossing_refuses(visitor_tls(version, "web.pem", NULL), "names", "staff.test", staff,
	                 "access_denied", "route=staff cause=client_certificate:not_allowed");
	/* A name that was open to all moves to a route that is not. */
	crossing_reload("sni = open.test", "sni = elsewhere.test");
	crossing_refuses(visitor_tls(version, NULL, NULL), "closed", "open.test", open,
	                 none_alert(version), "!route cause=client_certificate:none");
	crossing_reload("sni = same.test", "sni = same.test, open.test");
	crossing_refuses(visitor_tls(version, NULL, NULL), "closed", "open.test", open,
	                 none_alert(version), "route=same cause=client_certificate:none");
	/* And all of it back. */
	crossing_reload("sni = same.test, open.test", "sni = same.test");
	crossing_reload("sni = elsewhere.test", "sni = open.test");
	crossing_reload("client-allow = cn:nobody", "client-allow = cn:web");
	crossing_reload("client-allow = cn:chief,", "client-allow = cn:boss,");
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "staff.test",
	                                   staff, rest,
	                                   "route=staff client-cert=CN=web resumed=yes"));
	SSL_SESSION_free(staff);
	SSL_SESSION_free(open);
}
END_TEST

START_TEST(a_session_may_not_change_its_route_under_the_same_rules)
{
	const int version = versions[_i];
	SSL_SESSION *session =
		crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "admin.test", NULL,
	                          crossing_admin_door(), "route=admin !resumed");

	crossing_reload("[route:admin]", "[route:other]");
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "admin.test",
	                                   session, crossing_admin_door(), "route=other !resumed"));
	crossing_reload("[route:other]", "[route:admin]");
	SSL_SESSION_free(crossing_comes_in(visitor_tls(version, NULL, NULL), "names", "admin.test",
	                                   session, crossing_admin_door(),
	                                   "route=admin resumed=yes"));
	SSL_SESSION_free(session);
}
END_TEST

/* ---- who changes its mind ---- */

static const char *second_name;
static bool offers_nothing;     /* the second time */

/* Between its two hellos, when it has been asked for another key share (RFC 8446, 4.1.4). */
static void on_message(int is_ours, int version, int type, const void *data, size_t len, SSL *ssl,
                       void *arg)
{
	const unsigned char *message = data;

	(void)version;
	(void)arg;
	if (!is_ours && type == SSL3_RT_HANDSHAKE && len > 0 &&
	    message[0] == SSL3_MT_SERVER_HELLO && second_name != NULL) {
		ck_assert_int_eq(SSL_set_tlsext_host_name(ssl, second_name), 1);
		if (offers_nothing)
			ck_assert_int_eq(SSL_set_alpn_protos(ssl, NULL, 0), 0);
		second_name = NULL;
	}
}

/* With a certificate, or without (NULL). */
static SSL_CTX *tls_with_two_hellos(const char *file)
{
	SSL_CTX *tls = visitor_tls(TLS1_3_VERSION, file, NULL);

	/* It sends a share of the first, which adieu does not take. */
	ck_assert_int_eq(SSL_CTX_set1_groups_list(tls, "P-521:X25519"), 1);
	SSL_CTX_set_msg_callback(tls, on_message);
	return tls;
}

START_TEST(the_last_name_that_a_client_says_counts)
{
	second_name = NULL;
	SSL_SESSION_free(crossing_comes_in(tls_with_two_hellos(NULL), "names", "admin.test", NULL,
	                                   crossing_admin_door(), "route=admin sni=admin.test"));
	second_name = "staff.test";
	crossing_refuses(tls_with_two_hellos(NULL), "names", "rest.test", NULL,
	                 "certificate_required",
	                 "route=staff sni=staff.test cause=client_certificate:none");
	second_name = "rest.test";
	SSL_SESSION_free(crossing_comes_in(tls_with_two_hellos(NULL), "names", "staff.test", NULL,
	                                   stage_plain_door(), "!route sni=rest.test"));
	/* Nothing of what the first one asks for is left: no list. */
	second_name = "staff.test";
	SSL_SESSION_free(crossing_comes_in(tls_with_two_hellos("web.pem"), "names", "boss.test",
	                                   NULL, stage_plain_door(),
	                                   "route=staff client-cert=CN=web"));
	second_name = "boss.test";
	crossing_refuses(tls_with_two_hellos("revoked.pem"), "names", "staff.test", NULL,
	                 "certificate_revoked", "route=boss cause=client_certificate:revoked");
	second_name = "open.test";
	SSL_SESSION_free(crossing_comes_in(tls_with_two_hellos(NULL), "closed", "same.test", NULL,
	                                   stage_plain_door(), "route=open sni=open.test"));
	ck_assert_ptr_null(second_name);
}
END_TEST

START_TEST(a_session_of_the_first_name_is_of_no_use_for_the_last)
{
	struct door *rest = stage_plain_door();
	SSL_SESSION *nobody = crossing_comes_in(tls_with_two_hellos(NULL), "names", "rest.test",
	                                        NULL, rest, "!route !resumed");
	SSL_SESSION *staff = crossing_comes_in(tls_with_two_hellos("web.pem"), "names",
	                                       "staff.test", NULL, rest, "route=staff !resumed");

	SSL_SESSION_free(crossing_comes_in(tls_with_two_hellos(NULL), "names", "rest.test", nobody,
	                                   rest, "!route resumed=yes"));
	second_name = "staff.test";
	crossing_refuses(tls_with_two_hellos(NULL), "names", "rest.test", nobody,
	                 "certificate_required", "route=staff cause=client_certificate:none");
	second_name = "rest.test";
	SSL_SESSION_free(crossing_comes_in(tls_with_two_hellos(NULL), "names", "staff.test", staff,
	                                   rest, "!route !client-cert !resumed"));
	SSL_SESSION_free(nobody);
	SSL_SESSION_free(staff);
}
END_TEST

/* The common name of what it was shown. */
static void expect_certificate(const char *first, const char *second, const char *name)
{
	SSL_CTX *tls = tls_with_two_hellos(NULL);
	struct peer *client = crossing_call(
		&(struct crossing_call){ .listener = "names", .name = first, .tls = tls });
	char seen[128] = "";

	second_name = second;
	peer_open(client);
	ck_assert_ptr_null(second_name);
	(void)X509_NAME_get_text_by_NID(
		X509_get_subject_name(SSL_get0_peer_certificate(peer_ssl(client))), NID_commonName,
		seen, sizeof(seen));
	ck_assert_str_eq(seen, name);
	peer_rst(client);
	SSL_CTX_free(tls);
}

START_TEST(protocols_are_those_of_the_last_hello)
{
	for (int i = 0; i < 2; i++) {
		SSL_CTX *tls = tls_with_two_hellos(NULL);

		ck_assert_int_eq(SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\2h2", 3), 0);
		offers_nothing = i == 1;
		second_name = "nobody.test";
		SSL_SESSION_free(crossing_comes_in(tls, "names", "rest.test", NULL,
		                                   stage_plain_door(),
		                                   offers_nothing ? "!alpn" : "alpn=h2"));
	}
}
END_TEST

START_TEST(the_certificate_is_that_of_the_last_name)
{
	expect_certificate("admin.test", "nobody.test", "adieu.test");
	expect_certificate("nobody.test", "admin.test", "names.pem");
	expect_certificate("admin.test", "rest.test", "names.pem");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route_clients");
	TCase *tcase = scene_case(suite, "route_clients", crossing_open);

	tcase_add_unchecked_fixture(tcase, NULL, crossing_close);
	tcase_add_loop_test(tcase, a_route_asks_for_a_certificate_by_its_own_rules, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_route_that_may_be_shown_one_trusts_its_own_authority, 0,
	                    VERSIONS);
	tcase_add_loop_test(tcase, who_is_on_no_route_is_asked_for_nothing, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_route_may_ask_for_less_than_its_listener, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_client_is_told_the_authorities_of_its_route, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_session_is_of_use_on_its_route_alone, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_reload_that_changes_a_route_ends_its_sessions, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_session_may_not_change_its_route_under_the_same_rules, 0,
	                    VERSIONS);
	tcase_add_test(tcase, the_last_name_that_a_client_says_counts);
	tcase_add_test(tcase, a_session_of_the_first_name_is_of_no_use_for_the_last);
	tcase_add_test(tcase, protocols_are_those_of_the_last_hello);
	tcase_add_test(tcase, the_certificate_is_that_of_the_last_name);
	scene_last(tcase);
	return scene_run(suite);
}
