/* SPDX-License-Identifier: ISC */
/*
 * What client and listener agree to speak, what a TLS server behind it is then
 * offered, and what becomes of those who do not agree.
 */
#include <string.h>

#include "scene.h"

enum { ALL = 2, VERSIONS = 2, ROOM = 64 };

static const struct casting plain[ALL] = {
	{ TLS_PLAIN, TLS1_2_VERSION, true },
	{ TLS_PLAIN, TLS1_3_VERSION, true },
};
static const struct casting both[ALL] = {
	{ TLS_TLS, TLS1_2_VERSION, true },
	{ TLS_TLS, TLS1_3_VERSION, true },
};

#define LISTENER(name, backend)                                       \
	"[listener:" name "]\nbind = 127.0.0.1:0\nbackend = " backend \
	"\ncert = FOLDER/adieu.pem\n"                                 \
	"alpn = h2, http/1.1\n"

static void open_stage(void)
{
	stage_open(&(struct stage_config){
		.defaults = "close-timeout = 1s",
		.more = LISTENER("plain", "PLAIN_BACKEND")
			LISTENER("strict",
	                         "PLAIN_BACKEND") "alpn-mismatch = reject\n" LISTENER("tls", "pass")
				LISTENER("off", "off") "[backend:pass]\nserver = TLS_BACKEND\ntls "
						       "= yes\nverify = no\n"
						       "[backend:off]\nserver = TLS_BACKEND\ntls = "
						       "yes\nverify = no\nalpn = off\n",
	});
}

/* offer is as on the wire: "\2h2"; NULL: nothing. */
static SSL_CTX *client_tls(int version, const char *offer)
{
	SSL_CTX *tls = peer_client_tls(version);

	if (offer != NULL)
		ck_assert_int_eq(SSL_CTX_set_alpn_protos(tls, (const unsigned char *)offer,
		                                         (unsigned)strlen(offer)),
		                 0);
	return tls;
}

/* What the server was offered, and what it answers. */
struct server {
	char offered[ROOM];
	const char *answer;
};

static int on_offer(SSL *ssl, const unsigned char **chosen, unsigned char *len,
                    const unsigned char *offered, unsigned offered_len, void *arg)
{
	struct server *server = arg;

	(void)ssl;
	ck_assert_uint_lt(offered_len, ROOM);
	memcpy(server->offered, offered, offered_len);
	server->offered[offered_len] = '\0';
	if (server->answer == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	*chosen = (const unsigned char *)server->answer;
	*len = (unsigned char)strlen(server->answer);
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_tls(int version, struct server *server)
{
	SSL_CTX *tls = stage_server_tls(version);

	SSL_CTX_set_alpn_select_cb(tls, server != NULL ? on_offer : NULL, server);
	return tls;
}

static struct scene *prepare(const struct casting *casting, const char *listener, SSL_CTX *tls)
{
	struct scene *scene = scene_begin(casting);

	scene->listener = daemon_address(stage_daemon(), listener);
	scene->client_setup.tls = tls;
	return scene;
}

static void expect_protocol(const struct scene *scene, const char *protocol)
{
	const unsigned char *chosen;
	unsigned len;

	SSL_get0_alpn_selected(peer_ssl(scene->client), &chosen, &len);
	ck_assert_uint_eq(len, strlen(protocol));
	if (len > 0)
		ck_assert_mem_eq(chosen, protocol, len);
}

static void play(const struct scene *scene, const char *words)
{
	peer_send(scene->client, 100);
	peer_end(scene->client);
	peer_expect(scene->backend, "data:100 end");
	peer_send(scene->backend, 200);
	peer_end(scene->backend);
	peer_expect(scene->client, "data:200 end");
	(void)daemon_expect_log(stage_daemon(), "event=relay client=%s client-end=close_notify %s",
	                        peer_name(scene->client), words);
}

static void expect_agreement(const struct casting *casting, const char *listener, const char *offer,
                             const char *protocol, const char *words)
{
	SSL_CTX *tls = client_tls(casting->version, offer);
	struct scene *scene = prepare(casting, listener, tls);

	scene_connect(scene);
	scene_join(scene);
	expect_protocol(scene, protocol);
	play(scene, words);
	SSL_CTX_free(tls);
}

START_TEST(the_listeners_favourite_is_taken)
{
	expect_agreement(&plain[_i], "plain", "\10http/1.1\2h2", "h2", "alpn=h2");
	expect_agreement(&plain[_i], "plain", "\3foo\10http/1.1", "http/1.1", "alpn=http/1.1");
	expect_agreement(&plain[_i], "plain", "\3foo", "", "!alpn");
	expect_agreement(&plain[_i], "plain", NULL, "", "!alpn");
	expect_agreement(&plain[_i], "strict", "\2h2", "h2", "alpn=h2");
	expect_agreement(&plain[_i], "strict", NULL, "", "!alpn");
}
END_TEST

START_TEST(who_offers_nothing_of_it_may_be_rejected)
{
	SSL_CTX *tls = client_tls(plain[_i].version, "\3foo\2h3");
	struct scene *scene = prepare(&plain[_i], "strict", tls);

	scene_connect(scene);
	peer_fails_to_open(scene->client);
	peer_expect(scene->client, "alert:no_application_protocol handshake-failed ...");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=handshake listener=strict peer=%s cause=no_shared_protocol",
	                        peer_name(scene->client));
	SSL_CTX_free(tls);
}
END_TEST

static void expect_offer(const struct casting *casting, const char *listener, const char *offer,
                         const char *answer, const char *offered)
{
	struct server server = { .answer = answer };

	(void)server_tls(casting->version, &server);
	expect_agreement(casting, listener, offer, "h2", "alpn=h2");
	ck_assert_str_eq(server.offered, offered);
	(void)server_tls(casting->version, NULL);
}

START_TEST(a_server_is_offered_what_the_client_got)
{
	expect_offer(&both[_i], "tls", "\10http/1.1\2h2", "h2", "\2h2");
	/* One that says nothing is taken, as a plaintext one is. */
	expect_offer(&both[_i], "tls", "\10http/1.1\2h2", NULL, "\2h2");
	expect_offer(&both[_i], "off", "\10http/1.1\2h2", NULL, "");
}
END_TEST

START_TEST(a_server_that_speaks_something_else_is_refused)
{
	struct server server = { .answer = "http/1.1" };
	SSL_CTX *tls = client_tls(both[_i].version, "\2h2");
	struct scene *scene = prepare(&both[_i], "tls", tls);

	(void)server_tls(both[_i].version, &server);
	scene_connect(scene);
	peer_open(scene->client);
	door_set_setup(stage_tls_door(), &scene->backend_setup);
	scene->backend = door_accept(stage_tls_door());
	peer_fails_to_open(scene->backend);
	peer_expect(scene->backend, "alert:decode_error handshake-failed ...");
	peer_expect(scene->client, "rst");
	(void)daemon_expect_log(stage_daemon(), "event=handshake listener=tls side=backend "
	                                        "cause=violation alert=decode_error reason=*");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s backend-end=refused:violation",
	                        peer_name(scene->client));
	(void)server_tls(both[_i].version, NULL);
	SSL_CTX_free(tls);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alpn");
	TCase *tcase = scene_case(suite, "alpn", open_stage);

	tcase_add_loop_test(tcase, the_listeners_favourite_is_taken, 0, VERSIONS);
	tcase_add_loop_test(tcase, who_offers_nothing_of_it_may_be_rejected, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_server_is_offered_what_the_client_got, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_server_that_speaks_something_else_is_refused, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
