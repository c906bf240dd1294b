/* SPDX-License-Identifier: ISC */
/*
 * Who has to show a certificate comes in with a good one and with no other: who
 * is refused hears why, in the alert that is for it, even if it has sent
 * data already; the log tells the cause, and no backend ever hears of it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "certificates.h"
#include "scene.h"

enum { DAY = 24 * 3600, VERSIONS = 2, UPLOAD = 100000 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

#define SPIFFE "spiffe://example.org/ns/prod/sa/web"
#define CA "client-ca = FOLDER/ca.pem\n"
#define BETWEEN "client-ca = FOLDER/between.pem\n"
#define REQUIRED "client-auth = require\n"

static const struct {
	const char *name;
	const char *keys;
} listeners[] = {
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
	{ "crl-changes", REQUIRED CA "client-crl = FOLDER/changes.crl\n" },
	{ "allow-uri",
	  REQUIRED CA "client-allow = dns:no.test, uri:spiffe://example.org/ns/*/sa/web\n" },
	{ "allow-dns", REQUIRED CA "client-allow = dns:WEB.test\n" },
	{ "allow-email", REQUIRED CA "client-allow = email:web@Example.org\n" },
	{ "allow-cn", REQUIRED CA "client-allow = cn:web\n" },
	{ "no-tickets", REQUIRED CA "client-allow = cn:web\ntickets = no\n" },
	{ "allow-spki", REQUIRED CA }, /* and the rule is still to be made */
};

static char sections[8192];

static void write_sections(void)
{
	size_t len = 0;

	for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++)
		len += (size_t)snprintf(sections + len, sizeof(sections) - len,
		                        "[listener:%s]\nbind = 127.0.0.1:0\n"
		                        "backend = PLAIN_BACKEND\ncert = FOLDER/adieu.pem\n%s",
		                        listeners[i].name, listeners[i].keys);
}

static void issue(const char *folder, const struct certificate *wanted)
{
	struct certificate one = *wanted;

	if (one.until == 0)
		one.until = DAY;
	certificates_issue(folder, &one);
}

static FILE *open_in(const char *folder, const char *file)
{
	char path[FOLDER_ROOM + 32];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	return in;
}

static EVP_PKEY *read_key(const char *folder, const char *file)
{
	FILE *in = open_in(folder, file);
	EVP_PKEY *key = PEM_read_PrivateKey(in, NULL, NULL, NULL);

	(void)fclose(in);
	ck_assert_ptr_nonnull(key);
	return key;
}

static X509 *read_certificate(const char *folder, const char *file)
{
	FILE *in = open_in(folder, file);
	X509 *certificate = PEM_read_X509(in, NULL, NULL, NULL);

	(void)fclose(in);
	ck_assert_ptr_nonnull(certificate);
	return certificate;
}

/* Its key's digest becomes the rule of the last listener. */
static void allow_key_of(const char *folder, const char *file)
{
	EVP_PKEY *key = read_key(folder, file);
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	char *end = sections + strlen(sections);

	(void)SHA256(der, (size_t)len, digest);
	end += sprintf(end, "client-allow = spki:sha256:");
	for (size_t i = 0; i < sizeof(digest); i++)
		end += sprintf(end, "%02x", digest[i]);
	(void)sprintf(end, "\n");
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

static void prepare(const char *folder)
{
	issue(folder, &(struct certificate){ .file = "good.pem",
	                                     .cn = "web",
	                                     .usage = "clientAuth",
	                                     .names = "URI:" SPIFFE ",DNS:web.test,"
	                                              "email:web@example.org" });
	issue(folder, &(struct certificate){ .file = "other.pem", .cn = "other\x1b,x" });
	issue(folder, &(struct certificate){ .file = "unknown.pem", .stranger = true });
	issue(folder, &(struct certificate){ .file = "old.pem", .until = -DAY });
	issue(folder,
	      &(struct certificate){ .file = "future.pem", .since = DAY, .until = 2 * DAY });
	issue(folder, &(struct certificate){ .file = "server.pem", .usage = "serverAuth" });
	issue(folder, &(struct certificate){ .file = "revoked.pem" });
	issue(folder, &(struct certificate){ .file = "between.pem", .authority = true });
	issue(folder, &(struct certificate){ .file = "below.pem", .issuer = "between.pem" });
	issue(folder, &(struct certificate){
			      .file = "between2.pem", .issuer = "between.pem", .authority = true });
	issue(folder, &(struct certificate){ .file = "deep.pem", .issuer = "between2.pem" });
	issue(folder, &(struct certificate){ .file = "rsa.pem", .rsa_bits = 2048 });
	issue(folder, &(struct certificate){ .file = "rsa2.pem", .rsa_bits = 2048 });
	issue(folder, &(struct certificate){ .file = "minor.pem", .issuer = "good.pem" });
	certificates_write_crl(folder, "leaf.crl", "revoked.pem", DAY);
	certificates_write_crl(folder, "revokes-between.crl", "between.pem", DAY);
	certificates_write_crl(folder, "stale.crl", NULL, -DAY);
	certificates_write_crl(folder, "changes.crl", NULL, DAY);
	certificates_write_crl_of(folder, "between.pem", "between.crl", NULL, DAY);
	write_sections();
	allow_key_of(folder, "good.pem");
}

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.global = "log-level = debug\nworkers = 2",
		.defaults = "close-timeout = 5s",
		.more = sections,
		.prepare = prepare,
	});
}

/* ---- clients ---- */

/* NULL: without a certificate. Behind it in the chain go those of more, up to a NULL. */
static SSL_CTX *client_with(int version, const char *file, const char *const *more)
{
	SSL_CTX *tls = peer_client_tls(version);
	EVP_PKEY *key;
	X509 *certificate;

	if (file == NULL)
		return tls;
	certificate = read_certificate(stage_folder(), file);
	key = read_key(stage_folder(), file);
	ck_assert_int_eq(SSL_CTX_use_cert_and_key(tls, certificate, key, NULL, 1), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	for (; more != NULL && *more != NULL; more++) {
		certificate = read_certificate(stage_folder(), *more);
		ck_assert_int_eq(SSL_CTX_add0_chain_cert(tls, certificate), 1);
	}
	return tls;
}

static struct peer *connect_to(const char *listener, SSL_CTX *tls, SSL_SESSION *session)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);
	struct peer_setup setup = { .tls = tls, .session = session };

	peer_set_context(listener);
	return peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
}

/* Nobody but the client and the log hears of it. */
static void expect_told(struct peer *client, const char *listener, const char *words)
{
	(void)daemon_expect_log(stage_daemon(),
	                        "level=info event=handshake side=client listener=%s peer=%s %s",
	                        listener, peer_name(client), words);
	peer_rst(client);
	daemon_expect_settled(stage_daemon());
	ck_assert(door_is_quiet(stage_plain_door()));
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=relay"), 0);
}

/* In TLS 1.3 the client is through by then, and has sent its data right behind. */
static void expect_refused_resuming(SSL_CTX *tls, SSL_SESSION *session, const char *listener,
                                    const char *alert, const char *words)
{
	struct peer *client;

	daemon_mark(stage_daemon());
	client = connect_to(listener, tls, session);
	if (SSL_CTX_get_max_proto_version(tls) == TLS1_3_VERSION) {
		peer_hold_finished(client);
		peer_open(client);
		ck_assert(!peer_was_resumed(client));
		peer_send(client, UPLOAD);
		peer_uncork(client);
		peer_expect(client, "alert:%s fin", alert);
	} else {
		peer_fails_to_open(client);
		peer_expect(client, "alert:%s handshake-failed ...", alert);
	}
	expect_told(client, listener, words);
}

static void expect_refused(SSL_CTX *tls, const char *listener, const char *alert, const char *words)
{
	expect_refused_resuming(tls, NULL, listener, alert, words);
	SSL_CTX_free(tls);
}

/* Takes tls. Returns what it can resume; a client of TLS 1.3 has a ticket by then. */
static SSL_SESSION *expect_relay(SSL_CTX *tls, SSL_SESSION *session, const char *listener,
                                 const char *words)
{
	struct peer *client = connect_to(listener, tls, session);
	struct peer *backend;
	SSL_SESSION *next;

	peer_open(client);
	ck_assert_int_eq(peer_was_resumed(client), session != NULL);
	backend = door_accept(stage_plain_door());
	peer_send(client, UPLOAD);
	peer_end(client);
	peer_expect(backend, "data:%d fin", UPLOAD);
	peer_send(backend, 10);
	peer_end(backend);
	peer_expect(client, "data:10 end");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay listener=%s client=%s client-end=close_notify "
	                        "backend-end=fin %s",
	                        listener, peer_name(client), words);
	next = peer_session(client);
	SSL_CTX_free(tls);
	return next;
}

static void expect_accepted(SSL_CTX *tls, const char *listener, const char *words)
{
	SSL_SESSION_free(expect_relay(tls, NULL, listener, words));
}

/* ---- who comes in ---- */

START_TEST(a_good_one_comes_in_and_is_known)
{
	expect_accepted(client_with(versions[_i], "good.pem", NULL), "require",
	                "client-cert=CN=web client-name=uri:" SPIFFE " !resumed");
	expect_accepted(client_with(versions[_i], "other.pem", NULL), "require",
	                "client-cert=CN=other*1B*,x !client-name");
}
END_TEST

START_TEST(a_good_one_may_be_from_far_away)
{
	static const char *const chain[] = { "between.pem", NULL };
	static const char *const long_chain[] = { "between2.pem", "between.pem", NULL };

	expect_accepted(client_with(versions[_i], "below.pem", chain), "require",
	                "client-cert=CN=below.pem");
	expect_accepted(client_with(versions[_i], "deep.pem", long_chain), "require",
	                "client-cert=CN=deep.pem");
	expect_accepted(client_with(versions[_i], "below.pem", chain), "shallow",
	                "client-cert=CN=below.pem");
	expect_refused(client_with(versions[_i], "deep.pem", long_chain), "shallow", "unknown_ca",
	               "cause=client_certificate:depth client-cert=CN=deep.pem");
	/* The authority in between is missing. */
	expect_refused(client_with(versions[_i], "below.pem", NULL), "require", "unknown_ca",
	               "cause=client_certificate:unknown_ca client-cert=CN=below.pem");
}
END_TEST

START_TEST(what_is_in_client_ca_need_not_be_sent)
{
	/* With its issuer it helps, and without it is trusted itself. */
	expect_accepted(client_with(versions[_i], "below.pem", NULL), "helped",
	                "client-cert=CN=below.pem");
	expect_accepted(client_with(versions[_i], "below.pem", NULL), "between",
	                "client-cert=CN=below.pem");
	expect_refused(client_with(versions[_i], "good.pem", NULL), "between", "unknown_ca",
	               "cause=client_certificate:unknown_ca");
}
END_TEST

START_TEST(without_a_certificate_nobody_comes_in)
{
	expect_refused(client_with(versions[_i], NULL, NULL), "require",
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
		expect_refused(client_with(versions[_i], bad[i].file, chain), "require",
		               bad[i].alert, words);
		expect_refused(client_with(versions[_i], bad[i].file, chain), "optional",
		               bad[i].alert, words);
	}
}
END_TEST

START_TEST(optional_is_none_or_a_good_one)
{
	expect_accepted(client_with(versions[_i], NULL, NULL), "optional",
	                "!client-cert !client-name");
	expect_accepted(client_with(versions[_i], "good.pem", NULL), "optional",
	                "client-cert=CN=web");
}
END_TEST

static const OSSL_PARAM *part_of(const OSSL_PARAM *key, const char *name)
{
	const OSSL_PARAM *part = OSSL_PARAM_locate_const(key, name);

	ck_assert_ptr_nonnull(part);
	return part;
}

/* The public half of one, the private half of the other. */
static EVP_PKEY *mix_keys(EVP_PKEY *one, EVP_PKEY *other)
{
	const bool is_ec = EVP_PKEY_is_a(one, "EC") == 1;
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, is_ec ? "EC" : "RSA", NULL);
	OSSL_PARAM *open = NULL;
	OSSL_PARAM *secret = NULL;
	OSSL_PARAM parts[4] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end(),
		                OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	EVP_PKEY *mixed = NULL;

	ck_assert_int_eq(EVP_PKEY_todata(one, EVP_PKEY_KEYPAIR, &open), 1);
	ck_assert_int_eq(EVP_PKEY_todata(other, EVP_PKEY_KEYPAIR, &secret), 1);
	parts[0] = *part_of(open, is_ec ? OSSL_PKEY_PARAM_GROUP_NAME : OSSL_PKEY_PARAM_RSA_N);
	parts[1] = *part_of(open, is_ec ? OSSL_PKEY_PARAM_PUB_KEY : OSSL_PKEY_PARAM_RSA_E);
	parts[2] = *part_of(secret, is_ec ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_D);
	ck_assert_int_eq(EVP_PKEY_fromdata_init(maker), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(maker, &mixed, EVP_PKEY_KEYPAIR, parts), 1);
	OSSL_PARAM_free(open);
	OSSL_PARAM_free(secret);
	EVP_PKEY_CTX_free(maker);
	return mixed;
}

/* It says that it has the key of the certificate in file, and signs with that of other. */
static SSL_CTX *impostor(int version, const char *file, const char *other)
{
	SSL_CTX *tls = peer_client_tls(version);
	EVP_PKEY *key = read_key(stage_folder(), file);
	EVP_PKEY *own = read_key(stage_folder(), other);
	EVP_PKEY *mixed = mix_keys(key, own);
	X509 *certificate = read_certificate(stage_folder(), file);

	ck_assert_int_eq(SSL_CTX_use_cert_and_key(tls, certificate, mixed, NULL, 1), 1);
	X509_free(certificate);
	EVP_PKEY_free(mixed);
	EVP_PKEY_free(own);
	EVP_PKEY_free(key);
	return tls;
}

START_TEST(whoever_has_not_the_key_is_somebody_else)
{
	const int version = versions[_i];

	expect_refused(impostor(version, "good.pem", "other.pem"), "require", "decrypt_error",
	               "cause=client_certificate:signature client-cert=CN=web");
	expect_refused(impostor(version, "good.pem", "other.pem"), "optional", "decrypt_error",
	               "cause=client_certificate:signature client-cert=CN=web");
	expect_accepted(client_with(version, "rsa.pem", NULL), "require", "client-cert=CN=rsa.pem");
	expect_refused(impostor(version, "rsa.pem", "rsa2.pem"), "require", "decrypt_error",
	               "cause=client_certificate:signature client-cert=CN=rsa.pem");
}
END_TEST

/* ---- lists of what was revoked ---- */

START_TEST(a_revoked_one_is_refused)
{
	static const char *const chain[] = { "between.pem", NULL };

	expect_accepted(client_with(versions[_i], "good.pem", NULL), "crl", "client-cert=CN=web");
	expect_accepted(client_with(versions[_i], "below.pem", chain), "crl",
	                "client-cert=CN=below.pem");
	expect_refused(client_with(versions[_i], "revoked.pem", NULL), "crl", "certificate_revoked",
	               "cause=client_certificate:revoked client-cert=CN=revoked.pem");
}
END_TEST

START_TEST(so_is_whom_a_revoked_authority_vouches_for)
{
	static const char *const chain[] = { "between.pem", NULL };

	expect_refused(client_with(versions[_i], "below.pem", chain), "crl-between",
	               "certificate_revoked",
	               "cause=client_certificate:revoked client-cert=CN=below.pem");
	/* It is in client-ca as well, and that makes no difference. */
	expect_refused(client_with(versions[_i], "below.pem", NULL), "crl-between",
	               "certificate_revoked",
	               "cause=client_certificate:revoked client-cert=CN=below.pem");
}
END_TEST

START_TEST(a_list_that_is_missing_or_old_refuses)
{
	static const char *const chain[] = { "between.pem", NULL };

	expect_refused(client_with(versions[_i], "below.pem", chain), "crl-missing", "unknown_ca",
	               "cause=client_certificate:crl_missing client-cert=CN=below.pem");
	expect_refused(client_with(versions[_i], "good.pem", NULL), "crl-stale",
	               "certificate_expired",
	               "cause=client_certificate:crl_expired client-cert=CN=web");
	/* Of whom is trusted as it stands none is needed. */
	expect_accepted(client_with(versions[_i], "below.pem", NULL), "crl-trusted",
	                "client-cert=CN=below.pem");
}
END_TEST

/* ---- client-allow ---- */

START_TEST(who_is_on_the_list_comes_in)
{
	static const struct {
		const char *listener;
		const char *words;
	} kinds[] = {
		{ "allow-uri", "client-cert=CN=web client-name=uri:" SPIFFE },
		{ "allow-dns", "client-cert=CN=web client-name=dns:web.test" },
		{ "allow-email", "client-cert=CN=web client-name=email:web@example.org" },
		{ "allow-cn", "client-cert=CN=web client-name=cn:web" },
		{ "no-tickets", "client-cert=CN=web client-name=cn:web" },
		{ "allow-spki", "client-cert=CN=web client-name=spki:sha256:*" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		expect_accepted(client_with(versions[_i], "good.pem", NULL), kinds[i].listener,
		                kinds[i].words);
		expect_refused(client_with(versions[_i], "revoked.pem", NULL), kinds[i].listener,
		               "access_denied",
		               "cause=client_certificate:not_allowed client-cert=CN=revoked.pem");
	}
}
END_TEST

START_TEST(being_on_the_list_is_not_enough)
{
	expect_refused(impostor(versions[_i], "good.pem", "other.pem"), "allow-uri",
	               "decrypt_error", "cause=client_certificate:signature");
	expect_refused(client_with(versions[_i], NULL, NULL), "allow-uri",
	               versions[_i] == TLS1_3_VERSION ? "certificate_required"
	                                              : "handshake_failure",
	               "cause=client_certificate:none");
}
END_TEST

/* ---- sessions of before ---- */

START_TEST(a_resumed_session_is_whose_it_was)
{
	const char *words = "client-cert=CN=web client-name=uri:" SPIFFE " resumed=yes";
	SSL_CTX *tls = client_with(versions[_i], "good.pem", NULL);
	SSL_SESSION *session = expect_relay(tls, NULL, "allow-uri", "client-cert=CN=web !resumed");
	SSL_SESSION *next;

	/* With a certificate at hand or without one: it is in the ticket. */
	next = expect_relay(client_with(versions[_i], "good.pem", NULL), session, "allow-uri",
	                    words);
	SSL_SESSION_free(session);
	session = expect_relay(client_with(versions[_i], NULL, NULL), next, "allow-uri", words);
	SSL_SESSION_free(next);
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(a_session_is_of_use_where_it_was_made)
{
	SSL_CTX *tls = client_with(versions[_i], NULL, NULL);
	SSL_SESSION *anonymous = expect_relay(tls, NULL, "optional", "!client-cert");
	SSL_SESSION *plain;

	tls = client_with(versions[_i], NULL, NULL);
	expect_refused_resuming(tls, anonymous, "require",
	                        versions[_i] == TLS1_3_VERSION ? "certificate_required"
	                                                       : "handshake_failure",
	                        "cause=client_certificate:none");
	SSL_SESSION_free(expect_relay(client_with(versions[_i], NULL, NULL), anonymous, "optional",
	                              "!client-cert resumed=yes"));
	plain = expect_relay(client_with(versions[_i], NULL, NULL), NULL, "tls-plain", "tls=*");
	expect_refused_resuming(tls, plain, "require",
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
	SSL_CTX *tls = client_with(versions[_i], "good.pem", NULL);
	SSL_SESSION *session = expect_relay(tls, NULL, "crl-changes", "client-cert=CN=web");

	/* A reload that brings nothing new changes nothing. */
	reload();
	(void)daemon_expect_log(stage_daemon(), "level=warning event=certificate "
	                                        "listener=crl-stale problem=crl_expired "
	                                        "file=*/stale.crl");
	SSL_SESSION_free(expect_relay(client_with(versions[_i], "good.pem", NULL), session,
	                              "crl-changes", "client-cert=CN=web resumed=yes"));
	certificates_write_crl(stage_folder(), "changes.crl", "good.pem", DAY);
	reload();
	tls = client_with(versions[_i], "good.pem", NULL);
	expect_refused_resuming(tls, session, "crl-changes", "certificate_revoked",
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
	SSL_CTX *tls = client_with(versions[_i], NULL, NULL);
	bool resumed = true;
	SSL_SESSION *session;

	issue(stage_folder(), &(struct certificate){ .file = "short.pem", .until = LIFE });
	session = expect_relay(client_with(versions[_i], "short.pem", NULL), NULL, "optional",
	                       "client-cert=CN=short.pem");
	for (unsigned n = 0; resumed; n++) {
		struct peer *client = connect_to("optional", tls, session);

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
	tcase_add_loop_test(tcase, who_is_on_the_list_comes_in, 0, VERSIONS);
	tcase_add_loop_test(tcase, being_on_the_list_is_not_enough, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_resumed_session_is_whose_it_was, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_session_is_of_use_where_it_was_made, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_reload_revokes_what_could_be_resumed, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_session_ends_with_its_certificate, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
