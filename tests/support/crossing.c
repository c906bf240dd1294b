/* SPDX-License-Identifier: ISC */
#include "crossing.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "certificates.h"
#include "visitor.h"

enum { DAY = 24 * 3600, CONFIG_ROOM = 16384 };

/* Beside the stage's own. */
static struct door *crossing_admin;
static struct door *crossing_wild;

#define CERTS "bind = 127.0.0.1:0\ncert = FOLDER/adieu.pem, FOLDER/names.pem\n"
#define STAFF "client-auth = require\nclient-ca = FOLDER/ca.pem\n"

static const char crossing_sections[] =
	"[listener:names]\nbackend = PLAIN_BACKEND\nalpn = h2\n" CERTS "[listener:only]\n" CERTS
	"[listener:strict]\nbackend = PLAIN_BACKEND\nunknown-sni = reject\n" CERTS
	"[listener:closed]\nbackend = PLAIN_BACKEND\n" STAFF CERTS
	"[route:admin]\nlistener = names, only, strict\nsni = Admin.test, exact.wild.test\n"
	"backend = ADMIN_BACKEND\n"
	"[route:wild]\nlistener = names\nlistener = only\nsni = *.wild.test\nbackend = wild\n"
	"[backend:wild]\nserver = WILD_BACKEND\n"
	"[route:tls]\nlistener = names\nsni = tls.test\nbackend = tls\nalpn = http/1.1\n"
	"[route:dead]\nlistener = names\nsni = dead.test\nbackend = CLOSED_BACKEND\n"
	"[route:staff]\nlistener = names\nsni = staff.test\n" STAFF "client-allow = cn:web\n"
	"[route:boss]\nlistener = names\nsni = boss.test\n" STAFF
	"client-crl = FOLDER/revoked.crl\nclient-allow = cn:boss, cn:revoked.pem\n"
	"[route:stranger]\nlistener = names\nsni = stranger.test\nclient-auth = optional\n"
	"client-ca = FOLDER/stranger-ca.pem\n"
	"[route:open]\nlistener = closed\nsni = open.test\nclient-auth = no\n"
	"[route:same]\nlistener = closed\nsni = same.test\nbackend = ADMIN_BACKEND\n";

/* Once: a value may have the word in it. */
static void crossing_replace(char *text, const char *from, const char *to)
{
	char rest[CONFIG_ROOM];
	char *found = strstr(text, from);

	ck_assert_msg(found != NULL, "%s", from);
	(void)snprintf(rest, sizeof(rest), "%s", found + strlen(from));
	*found = '\0';
	ck_assert_uint_lt(strlen(text) + strlen(to) + strlen(rest), CONFIG_ROOM);
	(void)strcat(text, to);
	(void)strcat(text, rest);
}

static void crossing_prepare(const char *folder)
{
	static const struct certificate certificates[] = {
		{ .file = "names.pem",
		  .names = "DNS:admin.test,DNS:*.wild.test,DNS:exact.wild.test,DNS:staff.test,"
		           "DNS:boss.test,DNS:open.test,DNS:same.test,DNS:tls.test,DNS:dead.test,"
		           "DNS:stranger.test,DNS:rest.test" },
		{ .file = "web.pem", .cn = "web" },
		{ .file = "boss.pem", .cn = "boss" },
		{ .file = "revoked.pem" },
		{ .file = "unknown.pem", .stranger = true },
		{ .file = "stranger-ca.pem", .stranger = true, .authority = true },
		{ .file = "strangers.pem", .issuer = "stranger-ca.pem" },
	};

	for (size_t i = 0; i < sizeof(certificates) / sizeof(certificates[0]); i++)
		certificates_issue(folder, &certificates[i]);
	certificates_write_crl(folder, "revoked.crl", "revoked.pem", DAY);
}

void crossing_open(void)
{
	static char text[CONFIG_ROOM];

	crossing_admin = door_open();
	crossing_wild = door_open();
	(void)snprintf(text, sizeof(text), "%s", crossing_sections);
	crossing_replace(text, "ADMIN_BACKEND", door_address(crossing_admin));
	crossing_replace(text, "ADMIN_BACKEND", door_address(crossing_admin));
	crossing_replace(text, "WILD_BACKEND", door_address(crossing_wild));
	stage_open(&(struct stage_config){
		.global = "workers = 2",
		.defaults = "close-timeout = 1s",
		.more = text,
		.prepare = crossing_prepare,
	});
}

void crossing_close(void)
{
	door_free(crossing_admin);
	door_free(crossing_wild);
}

struct door *crossing_admin_door(void)
{
	return crossing_admin;
}

struct door *crossing_wild_door(void)
{
	return crossing_wild;
}

void crossing_reload(const char *from, const char *to)
{
	char path[FOLDER_ROOM + 16];
	char text[CONFIG_ROOM] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/adieu.conf", stage_folder());
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, file), 0);
	(void)fclose(file);
	crossing_replace(text, from, to);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	daemon_mark(stage_daemon());
	daemon_signal(stage_daemon(), SIGHUP);
	(void)daemon_expect_log(stage_daemon(), "event=reload result=done");
}

struct peer *crossing_call(const struct crossing_call *call)
{
	struct sockaddr_in to = daemon_address(stage_daemon(), call->listener);
	struct peer_setup setup = { .tls = call->tls,
		                    .name = call->name,
		                    .session = call->session };

	peer_set_context(call->name != NULL ? call->name : "no name");
	return peer_connect((const struct sockaddr *)&to, sizeof(to), &setup);
}

void crossing_play(struct peer *client, struct door *door, const char *words)
{
	struct peer *backend;

	peer_open(client);
	backend = door_accept(door);
	peer_open(backend);
	peer_send(client, 100);
	peer_end(client);
	peer_expect(backend, "data:100 end");
	peer_send(backend, 200);
	peer_end(backend);
	peer_expect(client, "data:200 end");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s client-end=close_notify backend-end=* %s",
	                        peer_name(client), words);
}

void crossing_leads(int version, const char *listener, const char *name, struct door *door,
                    const char *words)
{
	SSL_CTX *tls = stage_client_tls(version);

	crossing_play(crossing_call(&(struct crossing_call){
			      .listener = listener, .name = name, .tls = tls }),
	              door, words);
}

void crossing_tells(struct peer *client, const char *alert, const char *words)
{
	peer_expect(client, "alert:%s ...", alert);
	(void)daemon_expect_log(stage_daemon(), "event=handshake side=client peer=%s %s",
	                        peer_name(client), words);
	ck_assert(door_is_quiet(stage_plain_door()));
	ck_assert(door_is_quiet(crossing_admin));
	ck_assert(door_is_quiet(crossing_wild));
}

SSL_SESSION *crossing_comes_in(SSL_CTX *tls, const char *listener, const char *name,
                               SSL_SESSION *session, struct door *door, const char *words)
{
	struct peer *client =
		crossing_call(&(struct crossing_call){ listener, name, session, tls });
	SSL_SESSION *next;

	crossing_play(client, door, words);
	ck_assert_int_eq(peer_was_resumed(client), strstr(words, "resumed=yes") != NULL);
	next = peer_session(client);
	SSL_CTX_free(tls);
	return next;
}

void crossing_refuses(SSL_CTX *tls, const char *listener, const char *name, SSL_SESSION *session,
                      const char *alert, const char *words)
{
	struct peer *client =
		crossing_call(&(struct crossing_call){ listener, name, session, tls });

	/* In TLS 1.3 it thinks that it is through. */
	if (SSL_CTX_get_max_proto_version(tls) == TLS1_3_VERSION)
		peer_open(client);
	else
		peer_fails_to_open(client);
	crossing_tells(client, alert, words);
	SSL_CTX_free(tls);
}
