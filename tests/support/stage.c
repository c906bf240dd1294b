/* SPDX-License-Identifier: ISC */
/*
 * The stage: one adieu, two doors behind it, and what TLS needs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certificates.h"
#include "scene.h"

enum { STAGE_CONFIG_ROOM = 16384 };

static struct {
	char folder[FOLDER_ROOM];
	struct daemon_run *daemon;
	struct door *plain_door;
	struct door *tls_door;
	struct door *closed_door;       /* nobody listens, and nobody else can */
	SSL_CTX *client_tls[2];         /* TLS 1.2, TLS 1.3 */
	SSL_CTX *server_tls[2];
} stage;

static const char *stage_text(const char *text)
{
	return text != NULL ? text : "";
}

/* Who carries what TLS clients say: scenarios run with each of them (meson.build). */
static const char *stage_record_layer(void)
{
	const char *name = getenv("ADIEU_TEST_RECORD_LAYER");

	return name != NULL ? name : "auto";
}

static void stage_write_config(char *room, const struct stage_config *config)
{
	const char *folder = stage.folder;
	size_t len = (size_t)snprintf(
		room, STAGE_CONFIG_ROOM,
		"[global]\ncore-dumps = yes\n%s\n" /* some tests look into it */
		"[defaults]\nrecord-layer = %s\n%s\n"
		"[listener:tls-plain]\nbind = 127.0.0.1:0\ncert = %s/adieu.pem\nbackend = %s\n"
		"[listener:plain-plain]\nbind = 127.0.0.1:0\nmode = tcp\nbackend = %s\n"
		"[listener:plain-tls]\nbind = 127.0.0.1:0\nmode = tcp\nbackend = tls\n"
		"[listener:tls-tls]\nbind = 127.0.0.1:0\ncert = %s/adieu.pem\nbackend = tls\n"
		"[backend:tls]\nserver = %s\ntls = yes\nca = %s/ca.pem\n"
		"server-name = backend.test\n",
		stage_text(config->global), stage_record_layer(), stage_text(config->defaults),
		folder, door_address(stage.plain_door), door_address(stage.plain_door), folder,
		door_address(stage.tls_door), folder);

	ck_assert_uint_lt(len + strlen(stage_text(config->more)), STAGE_CONFIG_ROOM);
	(void)strcat(room, stage_text(config->more));
}

static void stage_expand(char *room)
{
	static const char *const names[] = { "FOLDER", "PLAIN_BACKEND", "TLS_BACKEND",
		                             "CLOSED_BACKEND" };
	const char *const values[] = { stage.folder, door_address(stage.plain_door),
		                       door_address(stage.tls_door),
		                       door_address(stage.closed_door) };
	char copy[STAGE_CONFIG_ROOM];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *found;

		while ((found = strstr(room, names[i])) != NULL) {
			(void)snprintf(copy, sizeof(copy), "%s", found + strlen(names[i]));
			(void)snprintf(found, STAGE_CONFIG_ROOM - (size_t)(found - room), "%s%s",
			               values[i], copy);
		}
	}
}

static void stage_witness(void)
{
	if (stage.daemon != NULL)
		daemon_tell(stage.daemon);
}

static void stage_make_tls(void)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	char pem[FOLDER_ROOM + 16];

	certificates_write(stage.folder);
	(void)snprintf(pem, sizeof(pem), "%s/backend.pem", stage.folder);
	for (int i = 0; i < 2; i++) {
		stage.client_tls[i] = peer_client_tls(versions[i]);
		stage.server_tls[i] = peer_server_tls(versions[i], pem, pem);
	}
}

void stage_open(const struct stage_config *config)
{
	char *text = calloc(1, STAGE_CONFIG_ROOM);

	peer_set_context("stage");
	folder_make(stage.folder);
	stage_make_tls();
	stage.plain_door = door_open();
	stage.tls_door = door_open();
	stage.closed_door = door_open_closed();
	if (config->prepare != NULL)
		config->prepare(stage.folder);
	stage_write_config(text, config);
	stage_expand(text);
	peer_set_witness(stage_witness);
	stage.daemon = daemon_start(stage.folder, text);
	free(text);
}

void stage_close(void)
{
	daemon_free(stage.daemon);
	door_free(stage.plain_door);
	door_free(stage.tls_door);
	door_free(stage.closed_door);
	for (int i = 0; i < 2; i++) {
		SSL_CTX_free(stage.client_tls[i]);
		SSL_CTX_free(stage.server_tls[i]);
	}
	folder_remove(stage.folder);
	memset(&stage, 0, sizeof(stage));
}

struct daemon_run *stage_daemon(void)
{
	return stage.daemon;
}

const char *stage_folder(void)
{
	return stage.folder;
}

struct door *stage_plain_door(void)
{
	return stage.plain_door;
}

struct door *stage_tls_door(void)
{
	return stage.tls_door;
}

SSL_CTX *stage_client_tls(int version)
{
	return stage.client_tls[version == TLS1_3_VERSION];
}

SSL_CTX *stage_server_tls(int version)
{
	return stage.server_tls[version == TLS1_3_VERSION];
}
