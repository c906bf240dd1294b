/* SPDX-License-Identifier: ISC */
/*
 * Who has to show a certificate comes in with a good one and with no other: who
 * is refused hears why, in the alert that is for it, even if it has sent
 * data already; the log tells the cause, and no backend ever hears of it.
 */
#include <stdio.h>

#include "certificates.h"
#include "visitor.h"

enum { DAY = 24 * 3600, VERSIONS = 2 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

#define SPIFFE "spiffe://example.org/ns/prod/sa/web"

#define CA "client-ca = FOLDER/ca.pem\n"
#define BETWEEN "client-ca = FOLDER/between.pem\n"
#define REQUIRED "client-auth = require\n"

static const struct visitor_listener listeners[] = {
	{ "require", REQUIRED CA },
	{ "optional", CA "client-auth = optional\n" },
	{ "shallow", REQUIRED CA "client-depth = 1\n" },
	{ "between", REQUIRED BETWEEN },
	{ "helped", REQUIRED CA BETWEEN },
	{ "crl", REQUIRED CA "client-crl = FOLDER/leaf.crl, FOLDER/between.crl\n" },
	{ "crl-between",
	  REQUIRED CA BETWEEN "client-crl = FOLDER/revokes-between.crl, FOLDER/between.crl\n" },
	{ "crl-missing", REQUIRED CA "client-crl = FOLDER/leaf.crl\n" },
	{ "crl-trusted", REQUIRED BETWEEN "client-crl = FOLDER/between.crl\n" },
	{ "crl-stale", REQUIRED CA "client-crl = FOLDER/stale.crl\n" },
};

static const struct certificate certificates[] = {
	{ .file = "good.pem", .cn = "web", .usage = "clientAuth", .names = "URI:" SPIFFE },
	{ .file = "other.pem", .cn = "other\x1b,x" },
	{ .file = "unknown.pem", .stranger = true },
	{ .file = "old.pem", .until = -DAY },
	{ .file = "future.pem", .since = DAY, .until = 2 * DAY },
	{ .file = "server.pem", .usage = "serverAuth" },
	{ .file = "revoked.pem" },
	{ .file = "between.pem", .authority = true },
	{ .file = "below.pem", .issuer = "between.pem" },
	{ .file = "between2.pem", .issuer = "between.pem", .authority = true },
	{ .file = "deep.pem", .issuer = "between2.pem" },
	{ .file = "minor.pem", .issuer = "good.pem" },
	{ .file = "rsa.pem", .rsa_bits = 2048 },
	{ .file = "rsa2.pem", .rsa_bits = 2048 },
};

static void prepare(const char *folder)
{
	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++)
		certificates_issue(folder, &certificates[i]);
	certificates_write_crl(folder, "leaf.crl", "revoked.pem", DAY);
	certificates_write_crl(folder, "revokes-between.crl", "between.pem", DAY);
	certificates_write_crl(folder, "stale.crl", NULL, -DAY);
	certificates_write_crl_of(folder, "between.pem", "between.crl", NULL, DAY);
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

/* ---- who comes in ---- */

START_TEST(a_good_one_comes_in_and_is_known)
{
	visitor_comes_in(visitor_tls(versions[_i], "good.pem", NULL), "require",
	                 "client-cert=CN=web client-name=uri:" SPIFFE " !resumed");
	visitor_comes_in(visitor_tls(versions[_i], "other.pem", NULL), "require",
	                 "client-cert=CN=other*1B*,x !client-name");
}
END_TEST

START_TEST(a_good_one_may_be_from_far_away)
{
	static const char *const chain[] = { "between.pem", NULL };
	static const char *const long_chain[] = { "between2.pem", "between.pem", NULL };

	visitor_comes_in(visitor_tls(versions[_i], "below.pem", chain), "require",
	                 "client-cert=CN=below.pem");
	visitor_comes_in(visitor_tls(versions[_i], "deep.pem", long_chain), "require",
	                 "client-cert=CN=deep.pem");
	visitor_comes_in(visitor_tls(versions[_i], "below.pem", chain), "shallow",
	                 "client-cert=CN=below.pem");
	visitor_is_refused(visitor_tls(versions[_i], "deep.pem", long_chain), "shallow",
	                   "unknown_ca", "cause=client_certificate:depth client-cert=CN=deep.pem");
	/* The authority in between is missing. */
	visitor_is_refused(visitor_tls(versions[_i], "below.pem", NULL), "require", "unknown_ca",
	                   "cause=client_certificate:unknown_ca client-cert=CN=below.pem");
}
END_TEST

START_TEST(what_is_in_client_ca_need_not_be_sent)
{
	/* With its issuer it helps, and without it is trusted itself. */
	visitor_comes_in(visitor_tls(versions[_i], "below.pem", NULL), "helped",
	                 "client-cert=CN=below.pem");
	visitor_comes_in(visitor_tls(versions[_i], "below.pem", NULL), "between",
	                 "client-cert=CN=below.pem");
	visitor_is_refused(visitor_tls(versions[_i], "good.pem", NULL), "between", "unknown_ca",
	                   "cause=client_certificate:unknown_ca");
}
END_TEST

START_TEST(without_a_certificate_nobody_comes_in)
{
	visitor_is_refused(visitor_tls(versions[_i], NULL, NULL), "require",
	                   versions[_i] == TLS1_3_VERSION ? "certificate_required"
	                                                  : "handshake_failure",
	                   "cause=client_certificate:none !client-cert");
}
END_TEST

START_TEST(a_bad_one_is_worse_than_none)
{
	static const struct {
		const char *file;
		const char *issuer;
		const char *alert;
		const char *cause;
	} bad[] = {
		{ "unknown.pem", NULL, "unknown_ca", "unknown_ca" },
		{ "old.pem", NULL, "certificate_expired", "expired" },
		{ "future.pem", NULL, "bad_certificate", "not_yet_valid" },
		{ "server.pem", NULL, "unsupported_certificate", "purpose" },
		{ "minor.pem", "good.pem", "unknown_ca", "invalid_ca" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *const chain[] = { bad[i].issuer, NULL };
		char words[128];

		(void)snprintf(words, sizeof(words),
		               "cause=client_certificate:%s client-cert=CN=%s reason=*",
		               bad[i].cause, bad[i].file);
		visitor_is_refused(visitor_tls(versions[_i], bad[i].file, chain), "require",
		                   bad[i].alert, words);
		visitor_is_refused(visitor_tls(versions[_i], bad[i].file, chain), "optional",
		                   bad[i].alert, words);
	}
}
END_TEST

START_TEST(optional_is_none_or_a_good_one)
{
	visitor_comes_in(visitor_tls(versions[_i], NULL, NULL), "optional",
	                 "!client-cert !client-name");
	visitor_comes_in(visitor_tls(versions[_i], "good.pem", NULL), "optional",
	                 "client-cert=CN=web");
}
END_TEST

START_TEST(whoever_has_not_the_key_is_somebody_else)
{
	const int version = versions[_i];

	visitor_is_refused(visitor_impostor(version, "good.pem", "other.pem"), "require",
	                   "decrypt_error",
	                   "cause=client_certificate:signature client-cert=CN=web");
	visitor_is_refused(visitor_impostor(version, "good.pem", "other.pem"), "optional",
	                   "decrypt_error",
	                   "cause=client_certificate:signature client-cert=CN=web");
	visitor_comes_in(visitor_tls(version, "rsa.pem", NULL), "require",
	                 "client-cert=CN=rsa.pem");
	visitor_is_refused(visitor_impostor(version, "rsa.pem", "rsa2.pem"), "require",
	                   "decrypt_error",
	                   "cause=client_certificate:signature client-cert=CN=rsa.pem");
}
END_TEST

/* ---- lists of what was revoked ---- */

START_TEST(a_revoked_one_is_refused)
{
	static const char *const chain[] = { "between.pem", NULL };

	visitor_comes_in(visitor_tls(versions[_i], "good.pem", NULL), "crl", "client-cert=CN=web");
	visitor_comes_in(visitor_tls(versions[_i], "below.pem", chain), "crl",
	                 "client-cert=CN=below.pem");
	visitor_is_refused(visitor_tls(versions[_i], "revoked.pem", NULL), "crl",
	                   "certificate_revoked",
	                   "cause=client_certificate:revoked client-cert=CN=revoked.pem");
}
END_TEST

START_TEST(so_is_whom_a_revoked_authority_vouches_for)
{
	static const char *const chain[] = { "between.pem", NULL };

	visitor_is_refused(visitor_tls(versions[_i], "below.pem", chain), "crl-between",
	                   "certificate_revoked",
	                   "cause=client_certificate:revoked client-cert=CN=below.pem");
	/* It is in client-ca as well, and that makes no difference. */
	visitor_is_refused(visitor_tls(versions[_i], "below.pem", NULL), "crl-between",
	                   "certificate_revoked",
	                   "cause=client_certificate:revoked client-cert=CN=below.pem");
}
END_TEST

START_TEST(a_list_that_is_missing_or_old_refuses)
{
	static const char *const chain[] = { "between.pem", NULL };

	visitor_is_refused(visitor_tls(versions[_i], "below.pem", chain), "crl-missing",
	                   "unknown_ca",
	                   "cause=client_certificate:crl_missing client-cert=CN=below.pem");
	visitor_is_refused(visitor_tls(versions[_i], "good.pem", NULL), "crl-stale",
	                   "certificate_expired",
	                   "cause=client_certificate:crl_expired client-cert=CN=web");
	/* Of whom is trusted as it stands none is needed. */
	visitor_comes_in(visitor_tls(versions[_i], "below.pem", NULL), "crl-trusted",
	                 "client-cert=CN=below.pem");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_certificates");
	TCase *tcase = scene_case(suite, "client certificates", open_stage);

	tcase_add_loop_test(tcase, a_good_one_comes_in_and_is_known, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_good_one_may_be_from_far_away, 0, VERSIONS);
	tcase_add_loop_test(tcase, what_is_in_client_ca_need_not_be_sent, 0, VERSIONS);
	tcase_add_loop_test(tcase, without_a_certificate_nobody_comes_in, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_bad_one_is_worse_than_none, 0, VERSIONS);
	tcase_add_loop_test(tcase, optional_is_none_or_a_good_one, 0, VERSIONS);
	tcase_add_loop_test(tcase, whoever_has_not_the_key_is_somebody_else, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_revoked_one_is_refused, 0, VERSIONS);
	tcase_add_loop_test(tcase, so_is_whom_a_revoked_authority_vouches_for, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_list_that_is_missing_or_old_refuses, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
