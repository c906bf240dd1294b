/* SPDX-License-Identifier: ISC */
#include "visitor.h"

#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

char *visitor_sections(const struct visitor_listener *listeners, size_t n)
{
	static char room[8192];
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(room + len, sizeof(room) - len,
		                        "[listener:%s]\nbind = 127.0.0.1:0\n"
		                        "backend = PLAIN_BACKEND\ncert = FOLDER/adieu.pem\n%s",
		                        listeners[i].name, listeners[i].keys);
	ck_assert_uint_lt(len, sizeof(room) / 2);
	return room;
}

static FILE *visitor_open(const char *folder, const char *file)
{
	char path[FOLDER_ROOM + 32];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	return in;
}

EVP_PKEY *visitor_key(const char *folder, const char *file)
{
	FILE *in = visitor_open(folder, file);
	EVP_PKEY *key = PEM_read_PrivateKey(in, NULL, NULL, NULL);

	(void)fclose(in);
	ck_assert_ptr_nonnull(key);
	return key;
}

X509 *visitor_certificate(const char *folder, const char *file)
{
	FILE *in = visitor_open(folder, file);
	X509 *certificate = PEM_read_X509(in, NULL, NULL, NULL);

	(void)fclose(in);
	ck_assert_ptr_nonnull(certificate);
	return certificate;
}

SSL_CTX *visitor_tls(int version, const char *file, const char *const *more)
{
	SSL_CTX *tls = peer_client_tls(version);
	EVP_PKEY *key;
	X509 *certificate;

	if (file == NULL)
		return tls;
	certificate = visitor_certificate(stage_folder(), file);
	key = visitor_key(stage_folder(), file);
	ck_assert_int_eq(SSL_CTX_use_cert_and_key(tls, certificate, key, NULL, 1), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	for (; more != NULL && *more != NULL; more++) {
		certificate = visitor_certificate(stage_folder(), *more);
		ck_assert_int_eq(SSL_CTX_add0_chain_cert(tls, certificate), 1);
	}
	return tls;
}

struct peer *visitor_connect(const char *listener, SSL_CTX *tls, SSL_SESSION *session)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), listener);
	struct peer_setup setup = { .tls = tls, .session = session };

	peer_set_context(listener);
	return peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
}

/* Nobody but the client and the log hears of it. */
static void visitor_is_told(struct peer *client, const char *listener, const char *words)
{
	(void)daemon_expect_log(stage_daemon(),
	                        "level=info event=handshake side=client listener=%s peer=%s %s",
	                        listener, peer_name(client), words);
	peer_rst(client);
	daemon_expect_settled(stage_daemon());
	ck_assert(door_is_quiet(stage_plain_door()));
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=relay"), 0);
}

void visitor_is_refused_session(SSL_CTX *tls, SSL_SESSION *session, const char *listener,
                                const char *alert, const char *words)
{
	struct peer *client;

	daemon_mark(stage_daemon());
	client = visitor_connect(listener, tls, session);
	if (SSL_CTX_get_max_proto_version(tls) == TLS1_3_VERSION) {
		peer_hold_finished(client);
		peer_open(client);
		ck_assert(!peer_was_resumed(client));
		peer_send(client, VISITOR_UPLOAD);
		peer_uncork(client);
		peer_expect(client, "alert:%s fin", alert);
	} else {
		peer_fails_to_open(client);
		peer_expect(client, "alert:%s handshake-failed ...", alert);
	}
	visitor_is_told(client, listener, words);
}

void visitor_is_refused(SSL_CTX *tls, const char *listener, const char *alert, const char *words)
{
	visitor_is_refused_session(tls, NULL, listener, alert, words);
	SSL_CTX_free(tls);
}

SSL_SESSION *visitor_relays(SSL_CTX *tls, SSL_SESSION *session, const char *listener,
                            const char *words)
{
	struct peer *client = visitor_connect(listener, tls, session);
	struct peer *backend;
	SSL_SESSION *next;

	peer_open(client);
	ck_assert_int_eq(peer_was_resumed(client), session != NULL);
	backend = door_accept(stage_plain_door());
	peer_send(client, VISITOR_UPLOAD);
	peer_end(client);
	peer_expect(backend, "data:%d fin", VISITOR_UPLOAD);
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

void visitor_comes_in(SSL_CTX *tls, const char *listener, const char *words)
{
	SSL_SESSION_free(visitor_relays(tls, NULL, listener, words));
}

static const OSSL_PARAM *visitor_key_part(const OSSL_PARAM *key, const char *name)
{
	const OSSL_PARAM *part = OSSL_PARAM_locate_const(key, name);

	ck_assert_ptr_nonnull(part);
	return part;
}

/* The public half of one, the private half of the other. */
static EVP_PKEY *visitor_mix_keys(EVP_PKEY *one, EVP_PKEY *other)
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
	parts[0] =
		*visitor_key_part(open, is_ec ? OSSL_PKEY_PARAM_GROUP_NAME : OSSL_PKEY_PARAM_RSA_N);
	parts[1] = *visitor_key_part(open, is_ec ? OSSL_PKEY_PARAM_PUB_KEY : OSSL_PKEY_PARAM_RSA_E);
	parts[2] =
		*visitor_key_part(secret, is_ec ? OSSL_PKEY_PARAM_PRIV_KEY : OSSL_PKEY_PARAM_RSA_D);
	ck_assert_int_eq(EVP_PKEY_fromdata_init(maker), 1);
	ck_assert_int_eq(EVP_PKEY_fromdata(maker, &mixed, EVP_PKEY_KEYPAIR, parts), 1);
	OSSL_PARAM_free(open);
	OSSL_PARAM_free(secret);
	EVP_PKEY_CTX_free(maker);
	return mixed;
}

void visitor_pretend(SSL_CTX *tls, const char *file, const char *other)
{
	EVP_PKEY *key = visitor_key(stage_folder(), file);
	EVP_PKEY *own = visitor_key(stage_folder(), other);
	EVP_PKEY *mixed = visitor_mix_keys(key, own);
	X509 *certificate = visitor_certificate(stage_folder(), file);

	ck_assert_int_eq(SSL_CTX_use_cert_and_key(tls, certificate, mixed, NULL, 1), 1);
	X509_free(certificate);
	EVP_PKEY_free(mixed);
	EVP_PKEY_free(own);
	EVP_PKEY_free(key);
}

SSL_CTX *visitor_impostor(int version, const char *file, const char *other)
{
	SSL_CTX *tls = peer_client_tls(version);

	visitor_pretend(tls, file, other);
	return tls;
}
