/* SPDX-License-Identifier: ISC */
/*
 * Whatever can be wrong with a certificate has a word, the same for a client's
 * that comes in and a server's that is connected to; the peer hears a fatal
 * alert, which the log names as well. Each such word of src/causes.h is
 * brought about here.
 */
#include <stdio.h>
#include <string.h>

#include "causes.h"
#include "certificates.h"
#include "log_reader.h"
#include "visitor.h"

enum { DAY = 24 * 3600, VERSIONS = 2 };

static const int versions[VERSIONS] = { TLS1_2_VERSION, TLS1_3_VERSION };

#define OURS "DNS:backend.test"

static const struct certificate certificates[] = {
	{ .file = "fine.pem", .names = OURS },
	{ .file = "unknown.pem", .names = OURS, .stranger = true },
	{ .file = "old.pem", .names = OURS, .until = -DAY },
	{ .file = "future.pem", .names = OURS, .since = DAY, .until = 2 * DAY },
	{ .file = "other.pem", .names = "DNS:other.test" },
	{ .file = "for-servers.pem", .names = OURS, .usage = "serverAuth" },
	{ .file = "for-clients.pem", .names = OURS, .usage = "clientAuth" },
	{ .file = "minor.pem", .names = OURS, .issuer = "fine.pem", .chain = true },
	{ .file = "low.pem", .itself = true, .lowest = true },
	{ .file = "between.pem", .issuer = "low.pem", .authority = true },
	{ .file = "deep.pem", .names = OURS, .issuer = "between.pem", .chain = true },
	{ .file = "narrow.pem", .itself = true, .authority = true, .limits = "permitted;DNS:a.a" },
	{ .file = "outside.pem", .names = OURS, .issuer = "narrow.pem" },
	{ .file = "short.pem", .names = OURS, .rsa_bits = 1024 },
	{ .file = "forged.pem", .names = OURS, .forged = true },
	{ .file = "odd.pem", .names = OURS, .odd = true },
};

static const struct revocations lists[] = {
	{ .file = "revokes", .revoked = "fine.pem", .until = DAY },
	{ .file = "elsewhere", .issuer = "low.pem", .until = DAY },
	{ .file = "stale", .until = -DAY },
	{ .file = "early", .since = DAY, .until = 2 * DAY },
	{ .file = "faked", .until = DAY, .forged = true },
};

/* Who judges is asked for by name: a listener, of clients; the same with "-b", of servers. */
#define JUDGE(name, ca, client, backend)                                                      \
	"[listener:" name "]\nbind = 127.0.0.1:0\ncert = FOLDER/adieu.pem\n"                  \
	"backend = PLAIN_BACKEND\nclient-auth = require\nclient-ca = FOLDER/" ca "\n" client  \
	"[listener:" name "-b]\nbind = 127.0.0.1:0\nmode = tcp\nbackend = " name              \
	"\n[backend:" name "]\nserver = TLS_BACKEND\ntls = yes\nserver-name = backend.test\n" \
	"ca = FOLDER/" ca "\n" backend
#define LIST(name) \
	JUDGE(name, "ca.pem", "client-crl = FOLDER/" name "\n", "crl = FOLDER/" name "\n")

static const char judges[] =
	/* clang-format off */
	JUDGE("ca", "ca.pem", "", "")
	JUDGE("low", "low.pem", "", "")
	JUDGE("narrow", "narrow.pem", "", "")
	JUDGE("strict", "ca.pem", "client-allow = cn:nobody\n", "")
	LIST("revokes") LIST("elsewhere") LIST("stale") LIST("early") LIST("faked");
/* clang-format on */

static const struct flaw {
	enum cause cause;
	const char *file;       /* what a client shows */
	const char *served;     /* what a server shows, if that is another one */
	const char *judge;
} flaws[] = {
	{ CAUSE_CERT_NONE, NULL, NULL, "ca" },
	{ CAUSE_CERT_UNKNOWN_CA, "unknown.pem", NULL, "ca" },
	{ CAUSE_CERT_EXPIRED, "old.pem", NULL, "ca" },
	{ CAUSE_CERT_NOT_YET_VALID, "future.pem", NULL, "ca" },
	{ CAUSE_CERT_REVOKED, "fine.pem", NULL, "revokes" },
	{ CAUSE_CERT_CRL_MISSING, "fine.pem", NULL, "elsewhere" },
	{ CAUSE_CERT_CRL_EXPIRED, "fine.pem", NULL, "stale" },
	{ CAUSE_CERT_CRL_NOT_YET_VALID, "fine.pem", NULL, "early" },
	{ CAUSE_CERT_CRL_SIGNATURE, "fine.pem", NULL, "faked" },
	{ CAUSE_CERT_WRONG_NAME, NULL, "other.pem", "ca" },
	{ CAUSE_CERT_PURPOSE, "for-servers.pem", "for-clients.pem", "ca" },
	{ CAUSE_CERT_INVALID_CA, "minor.pem", NULL, "ca" },
	{ CAUSE_CERT_DEPTH, "deep.pem", NULL, "low" },
	{ CAUSE_CERT_NAME_CONSTRAINTS, "outside.pem", NULL, "narrow" },
	{ CAUSE_CERT_TOO_WEAK, "short.pem", NULL, "ca" },
	{ CAUSE_CERT_SIGNATURE, "forged.pem", NULL, "ca" },
	{ CAUSE_CERT_NOT_ALLOWED, "fine.pem", NULL, "strict" },
	{ CAUSE_CERT_INVALID, "odd.pem", NULL, "ca" },
};
enum { FLAWS = sizeof(flaws) / sizeof(flaws[0]) };

static const char *const words[CAUSES_END][SIDES] = {
#define X(name, words, meaning) [CAUSE_##name] = words,
	CAUSES(X)
#undef X
};

static bool seen[CAUSES_END][SIDES];

static void prepare(const char *folder)
{
	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++)
		certificates_issue(folder, &certificates[i]);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		certificates_revoke(folder, &lists[i]);
}

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.defaults = "close-timeout = 1s",
		.more = judges,
		.prepare = prepare,
	});
}

/* With its chain, if the file has one. */
static void show(SSL_CTX *tls, const char *file)
{
	char path[FOLDER_ROOM + 32];

	(void)snprintf(path, sizeof(path), "%s/%s", stage_folder(), file);
	ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(tls, path), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(tls, path, SSL_FILETYPE_PEM), 1);
}

/* The log has the word, and the alert that its peer has seen. */
static void expect_cause(struct peer *peer, enum side side, enum cause cause, const char *at)
{
	char alert[LOG_VALUE_ROOM];
	const char *line = daemon_expect_log(
		stage_daemon(), "level=info event=handshake side=%s peer=%s cause=%s",
		side == SIDE_CLIENT ? "client" : "backend", at, words[cause][side]);

	ck_assert_msg(log_reader_value(line, "alert", alert), "no alert: %s", line);
	/* Who has no certificate, and who is on no list: the word says it all. */
	ck_assert_int_eq(log_reader_says(line, "reason=*"),
	                 cause != CAUSE_CERT_NONE && cause != CAUSE_CERT_NOT_ALLOWED);
	peer_expect(peer, "alert:%s ...", alert);
	seen[cause][side] = true;
}

static struct peer *connect_to(const char *listener, SSL_CTX *tls)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);

	peer_set_context(listener);
	return peer_connect((const struct sockaddr *)&to, sizeof(to),
	                    &(struct peer_setup){ .tls = tls });
}

START_TEST(each_flaw_of_a_clients_certificate_has_its_word)
{
	const struct flaw *flaw = &flaws[_i / VERSIONS];
	SSL_CTX *tls = peer_client_tls(versions[_i % VERSIONS]);
	struct peer *client;

	if (words[flaw->cause][SIDE_CLIENT] != NULL) {
		if (flaw->file != NULL)
			show(tls, flaw->file);
		client = connect_to(flaw->judge, tls);
		expect_cause(client, SIDE_CLIENT, flaw->cause, peer_name(client));
		ck_assert(door_is_quiet(stage_plain_door()));
		ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=relay"), 0);
	}
	SSL_CTX_free(tls);
}
END_TEST

START_TEST(each_flaw_of_a_servers_certificate_has_its_word)
{
	const struct flaw *flaw = &flaws[_i / VERSIONS];
	const char *file = flaw->served != NULL ? flaw->served : flaw->file;
	char pem[FOLDER_ROOM + 32];
	char listener[32];
	struct peer_setup setup = { 0 };
	struct peer *client;

	if (words[flaw->cause][SIDE_BACKEND] == NULL)
		return;
	(void)snprintf(pem, sizeof(pem), "%s/%s", stage_folder(), file);
	(void)snprintf(listener, sizeof(listener), "%s-b", flaw->judge);
	setup.tls = peer_server_tls(versions[_i % VERSIONS], pem, pem);
	door_set_setup(stage_tls_door(), &setup);
	client = connect_to(listener, NULL);
	expect_cause(door_accept(stage_tls_door()), SIDE_BACKEND, flaw->cause,
	             door_address(stage_tls_door()));
	SSL_CTX_free(setup.tls);
	peer_expect(client, "rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "level=warning event=relay client=%s backend-end=refused:%s",
	                        peer_name(client), words[flaw->cause][SIDE_BACKEND]);
}
END_TEST

/* That is found out in the handshake, not by looking at the certificate. */
START_TEST(who_shows_a_certificate_and_has_not_its_key_is_told_the_same)
{
	SSL_CTX *liar = peer_client_tls(versions[_i]);
	struct peer_setup setup = { 0 };
	struct peer *client;
	struct peer *server;
	char pem[FOLDER_ROOM + 32];

	visitor_pretend(liar, "fine.pem", "forged.pem");
	client = connect_to("ca", liar);
	peer_expect(client, "alert:decrypt_error ...");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=handshake side=client peer=%s "
	                        "cause=client_certificate:signature client-cert=CN=fine.pem",
	                        peer_name(client));
	SSL_CTX_free(liar);

	(void)snprintf(pem, sizeof(pem), "%s/fine.pem", stage_folder());
	setup.tls = peer_server_tls(versions[_i], pem, pem);
	visitor_pretend(setup.tls, "fine.pem", "forged.pem");
	door_set_setup(stage_tls_door(), &setup);
	client = connect_to("ca-b", NULL);
	server = door_accept(stage_tls_door());
	peer_expect(server, "alert:decrypt_error ...");
	SSL_CTX_free(setup.tls);
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s "
	                        "backend-end=refused:backend_certificate:signature",
	                        peer_name(client));
}
END_TEST

START_TEST(there_is_no_other_word)
{
	for (enum cause cause = CAUSE_CERT_NONE; cause <= CAUSE_CERT_INVALID; cause++)
		for (enum side side = SIDE_CLIENT; side < SIDES; side++)
			ck_assert_msg(seen[cause][side] == (words[cause][side] != NULL),
			              "%s was not seen", words[cause][side]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("causes_certificate");
	TCase *tcase = scene_case(suite, "flaws of certificates", open_stage);

	tcase_add_loop_test(tcase, each_flaw_of_a_clients_certificate_has_its_word, 0,
	                    FLAWS * VERSIONS);
	tcase_add_loop_test(tcase, each_flaw_of_a_servers_certificate_has_its_word, 0,
	                    FLAWS * VERSIONS);
	tcase_add_loop_test(tcase, who_shows_a_certificate_and_has_not_its_key_is_told_the_same, 0,
	                    VERSIONS);
	tcase_add_test(tcase, there_is_no_other_word);
	scene_last(tcase);
	return scene_run(suite);
}
