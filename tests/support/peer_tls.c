/* SPDX-License-Identifier: ISC */
/*
 * The TLS of a peer. OpenSSL sees whole records until its handshake is done,
 * and none after: the keylog callback hands us its secrets, and record.c goes
 * on from there. What came since then is kept, for when a test wants to have
 * the session with its tickets (peer_session), which only OpenSSL can make.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "peer_impl.h"

enum {
	HANDSHAKE_CLIENT_HELLO = 1,
	HANDSHAKE_NEW_SESSION_TICKET = 4,
	HANDSHAKE_KEY_UPDATE = 24,
	PEER_SEEN_MOST = 65536,
};

static void peer_tls_unhex(const char *hex, uint8_t *room, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned byte = 0;

		(void)sscanf(hex + 2 * i, "%2x", &byte);
		room[i] = (uint8_t)byte;
	}
}

/* "LABEL client-random secret", all in hexadecimal (draft-ietf-tls-keylogfile). */
static void peer_tls_on_secret(const SSL *ssl, const char *line)
{
	struct peer *peer = SSL_get_app_data(ssl);
	const char *secret = strrchr(line, ' ') + 1;

	if (strncmp(line, "CLIENT_RANDOM ", 14) == 0)
		peer_tls_unhex(secret, peer->tls->master, sizeof(peer->tls->master));
	else if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0)
		peer_tls_unhex(secret, peer->tls->client_secret, RECORD_SECRET);
	else if (strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0)
		peer_tls_unhex(secret, peer->tls->server_secret, RECORD_SECRET);
}

/* Alerts of a handshake come under keys that only OpenSSL has. */
static void peer_tls_on_info(const SSL *ssl, int where, int value)
{
	if (where == SSL_CB_READ_ALERT)
		peer_saw_alert(SSL_get_app_data(ssl), value >> 8, value & 0xff);
}

static SSL_CTX *peer_tls_context(const SSL_METHOD *method, int version)
{
	SSL_CTX *context = SSL_CTX_new(method);

	SSL_CTX_set_security_level(context, 0); /* too weak is for the other side to say */
	ck_assert(SSL_CTX_set_min_proto_version(context, version) == 1 &&
	          SSL_CTX_set_max_proto_version(context, version) == 1);
	ck_assert(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1);
	ck_assert(SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256:"
	                                           "ECDHE-RSA-AES128-GCM-SHA256") == 1);
	SSL_CTX_set_keylog_callback(context, peer_tls_on_secret);
	SSL_CTX_set_info_callback(context, peer_tls_on_info);
	return context;
}

SSL_CTX *peer_client_tls(int version)
{
	return peer_tls_context(TLS_client_method(), version);
}

SSL_CTX *peer_server_tls(int version, const char *cert, const char *key)
{
	SSL_CTX *context = peer_tls_context(TLS_server_method(), version);

	ck_assert_msg(SSL_CTX_use_certificate_chain_file(context, cert) == 1 &&
	                      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
	              "cannot use %s and %s", cert, key);
	/* Records of the application's keys begin at 0 then. */
	ck_assert(SSL_CTX_set_num_tickets(context, 0) == 1);
	(void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
	return context;
}

struct peer_tls *peer_tls_new(struct peer *peer, const struct peer_setup *setup)
{
	struct peer_tls *tls = calloc(1, sizeof(*tls));

	tls->ssl = SSL_new(setup->tls);
	tls->from_wire = BIO_new(BIO_s_mem());
	tls->to_wire = BIO_new(BIO_s_mem());
	tls->mute = setup->mute;
	tls->early = setup->early;
	(void)BIO_set_mem_eof_return(tls->from_wire, -1);
	SSL_set_bio(tls->ssl, tls->from_wire, tls->to_wire);
	SSL_set_app_data(tls->ssl, peer);
	if (setup->session != NULL)
		ck_assert(SSL_set_session(tls->ssl, setup->session) == 1);
	if (setup->name != NULL)
		ck_assert(SSL_set_tlsext_host_name(tls->ssl, setup->name) == 1);
	if (peer->is_client)
		SSL_set_connect_state(tls->ssl);
	else
		SSL_set_accept_state(tls->ssl);
	return tls;
}

void peer_tls_free(struct peer_tls *tls)
{
	if (tls == NULL)
		return;
	/* Else the session could not be resumed any more. */
	SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(tls->ssl);
	record_keys_clear(&tls->reading);
	record_keys_clear(&tls->writing);
	peer_bytes_clear(&tls->in);
	peer_bytes_clear(&tls->seen);
	free(tls);
}

static void peer_tls_take_keys(struct peer *peer)
{
	struct peer_tls *tls = peer->tls;
	struct record_keys *client = peer->is_client ? &tls->writing : &tls->reading;
	struct record_keys *server = peer->is_client ? &tls->reading : &tls->writing;
	uint8_t client_random[32];
	uint8_t server_random[32];

	if (tls->has_keys)
		return;
	tls->has_keys = true;
	if (SSL_version(tls->ssl) == TLS1_3_VERSION) {
		record_keys_13(client, tls->client_secret);
		record_keys_13(server, tls->server_secret);
		return;
	}
	(void)SSL_get_client_random(tls->ssl, client_random, sizeof(client_random));
	(void)SSL_get_server_random(tls->ssl, server_random, sizeof(server_random));
	/* A resumed handshake of TLS 1.2 logs no master secret. */
	(void)SSL_SESSION_get_master_key(SSL_get_session(tls->ssl), tls->master,
	                                 sizeof(tls->master));
	record_keys_12(client, server, tls->master, client_random, server_random);
}

/* A client's flight with a ChangeCipherSpec in it is the one with its Finished. */
static bool peer_tls_is_last_flight(const uint8_t *flight, size_t n)
{
	size_t at = 0;

	while (at + RECORD_HEADER <= n) {
		if (flight[at] == RECORD_CHANGE_CIPHER_SPEC)
			return true;
		at += record_length(flight + at, n - at);
	}
	return false;
}

static void peer_tls_move_out(struct peer *peer)
{
	struct peer_tls *tls = peer->tls;
	char *flight;
	long n = BIO_get_mem_data(tls->to_wire, &flight);

	if (n <= 0)
		return;
	if (tls->hold && peer_tls_is_last_flight((uint8_t *)flight, (size_t)n)) {
		/* In TLS 1.2 this is a false start (RFC 7918): the keys are known. */
		peer_cork(peer);
		peer_tls_take_keys(peer);
	}
	peer_raw(peer, flight, (size_t)n);
	(void)BIO_reset(tls->to_wire);
}

static void peer_tls_send_early(struct peer_tls *tls)
{
	size_t n;

	ck_assert(SSL_write_early_data(tls->ssl, tls->early, strlen(tls->early), &n) == 1);
	ck_assert_uint_eq(n, strlen(tls->early));
	tls->early = NULL;
}

void peer_tls_step(struct peer *peer)
{
	struct peer_tls *tls = peer->tls;
	int result;

	if (tls->early != NULL)
		peer_tls_send_early(tls);
	result = SSL_do_handshake(tls->ssl);
	if (result == 1) {
		peer_tls_take_keys(peer);
		peer->is_open = true;
	}
	peer_tls_move_out(peer);
	if (result != 1 && SSL_get_error(tls->ssl, result) != SSL_ERROR_WANT_READ) {
		peer->failed = true;
		peer_saw(peer, "handshake-failed");
	}
	ERR_clear_error();
}

static void peer_tls_take_key_update(struct peer *peer, bool request)
{
	record_keys_update(&peer->tls->reading);
	peer->key_updates++;
	if (request)
		peer_key_update(peer, false);
}

/* TLS 1.3 after the handshake; nobody we talk to cuts these in pieces. */
static void peer_tls_take_messages(struct peer *peer, const uint8_t *data, size_t n)
{
	while (n >= 4) {
		size_t len = 4 + (size_t)data[1] * 65536 + (size_t)data[2] * 256 + data[3];

		if (len > n)
			break;
		if (data[0] == HANDSHAKE_NEW_SESSION_TICKET)
			peer->tickets++;
		else if (data[0] == HANDSHAKE_KEY_UPDATE && len == 5)
			peer_tls_take_key_update(peer, data[4] == 1);
		else
			peer_saw(peer, "handshake:%d", data[0]);
		data += len;
		n -= len;
	}
	if (n > 0)
		peer_saw(peer, "garbage");
}

static void peer_tls_take_record(struct peer *peer, uint8_t *record, size_t len)
{
	struct peer_tls *tls = peer->tls;
	uint8_t type;
	uint8_t *data;
	size_t n;

	if (tls->seen.len + len <= PEER_SEEN_MOST)
		peer_bytes_add(&tls->seen, record, len);
	if (!record_open(&tls->reading, record, len, &type, &data, &n)) {
		tls->deaf = true;
		peer_saw(peer, "garbage");
	} else if (type == RECORD_DATA) {
		peer_saw_data(peer, data, n);
	} else if (type == RECORD_ALERT && n == 2) {
		peer_saw_alert(peer, data[0], data[1]);
	} else if (type == RECORD_HANDSHAKE) {
		peer_tls_take_messages(peer, data, n);
	} else {
		peer_saw(peer, "garbage");
	}
}

static void peer_tls_take_flight(struct peer *peer, const uint8_t *record, size_t len)
{
	if (peer->tls->mute || peer->failed)
		return;
	(void)BIO_write(peer->tls->from_wire, record, (int)len);
	peer_tls_step(peer);
}

void peer_tls_take(struct peer *peer, const uint8_t *bytes, size_t n)
{
	struct peer_tls *tls = peer->tls;
	size_t at = 0;
	size_t len;

	peer_bytes_add(&tls->in, bytes, n);
	while ((len = record_length(tls->in.at + at, tls->in.len - at)) > 0 &&
	       at + len <= tls->in.len && !tls->deaf) {
		if (peer->is_open)
			peer_tls_take_record(peer, tls->in.at + at, len);
		else
			peer_tls_take_flight(peer, tls->in.at + at, len);
		at += len;
	}
	peer_bytes_drop(&tls->in, at);
}

size_t peer_seal(struct peer *peer, uint8_t type, const void *content, size_t n, uint8_t *room)
{
	ck_assert_msg(peer->tls != NULL && peer->tls->has_keys, "nothing can be sealed yet");
	return record_seal(&peer->tls->writing, type, content, n, room);
}

void peer_key_update(struct peer *peer, bool request)
{
	const uint8_t message[] = { HANDSHAKE_KEY_UPDATE, 0, 0, 1, request };

	peer_record(peer, RECORD_HANDSHAKE, message, sizeof(message));
	record_keys_update(&peer->tls->writing);
}

void peer_hold_finished(struct peer *peer)
{
	peer->tls->hold = true;
}

SSL *peer_ssl(const struct peer *peer)
{
	return peer->tls->ssl;
}

bool peer_was_resumed(const struct peer *peer)
{
	return SSL_session_reused(peer->tls->ssl) == 1;
}

SSL_SESSION *peer_session(struct peer *peer)
{
	struct peer_tls *tls = peer->tls;
	char room[1024];

	(void)BIO_write(tls->from_wire, tls->seen.at, (int)tls->seen.len);
	peer_bytes_drop(&tls->seen, tls->seen.len);
	while (SSL_read(tls->ssl, room, sizeof(room)) > 0)
		;
	ERR_clear_error();
	return SSL_get1_session(tls->ssl);
}

size_t peer_hello(SSL_CTX *tls, uint8_t *room, size_t len)
{
	SSL *ssl = SSL_new(tls);
	BIO *nothing = BIO_new(BIO_s_mem());
	BIO *hello = BIO_new(BIO_s_mem());
	int n;

	(void)BIO_set_mem_eof_return(nothing, -1);
	SSL_set_bio(ssl, nothing, hello);
	SSL_set_connect_state(ssl);
	(void)SSL_do_handshake(ssl);
	n = BIO_read(hello, room, (int)len);
	ck_assert_int_gt(n, RECORD_HEADER);
	ck_assert_uint_eq(BIO_ctrl_pending(hello), 0); /* there was room for all of it */
	SSL_free(ssl);
	return (size_t)n;
}
