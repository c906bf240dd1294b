/* SPDX-License-Identifier: ISC */
#include "tls_pair.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "catalog.h"
#include "config.h"
#include "record.h"
#include "suite.h"
#include "tls_certificate.h"

struct tls_pair pair = { .fd = -1 };
struct tls_tickets *tls_pair_tickets;

/* For TLS 1.3: what the peer's records are sealed with. */
static unsigned char secret[RECORD_SECRET];
static struct record_keys writing;
static unsigned woken;

/* "LABEL client-random secret", all in hexadecimal. */
static void on_secret(const SSL *ssl, const char *line)
{
	size_t len;

	(void)ssl;
	/* One of SHA-384 is too long for record.c, and for secret. */
	if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0)
		(void)OPENSSL_hexstr2buf_ex(secret, sizeof(secret), &len, strrchr(line, ' ') + 1,
		                            '\0');
}

/* Suites that care set it; others run with both (meson.build). */
enum record_layer tls_pair_record_layer = RECORD_LAYER_OPENSSL;

__attribute__((constructor)) static void choose_record_layer(void)
{
	const char *name = getenv("ADIEU_TEST_RECORD_LAYER");

	if (name != NULL && strcmp(name, "own") == 0)
		tls_pair_record_layer = RECORD_LAYER_OWN;
}

struct tls_context *tls_pair_context(struct tls_tickets *tickets)
{
	char path[64];
	char reason[TLS_REASON_ROOM];
	int certificate = memfd_create("certificate", 0);
	FILE *file = fdopen(dup(certificate), "w");
	char *certs[] = { path };
	struct listener_config listener = { .name = (char *)"test",
		                            .certs = { certs, 1 },
		                            .tls_max = TLS_1_3,
		                            .tickets = true,
		                            .record_layer = tls_pair_record_layer };
	struct tls_context *made;

	ck_assert(tls_certificate_make(file));
	ck_assert_int_eq(fclose(file), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", certificate);
	made = catalog_context(&listener, tickets, reason);
	ck_assert_msg(made != NULL, "%s", reason);
	(void)close(certificate);
	return made;
}

static void set_up_peer(const SSL_METHOD *method)
{
	pair.io = tls_io_new(TLS_PAIR_ROOM);
	ck_assert(poller_init(&pair.poller));
	pair.peer_ctx = SSL_CTX_new(method);
	(void)SSL_CTX_set_mode(pair.peer_ctx, SSL_MODE_RELEASE_BUFFERS);
	/* What record.c can seal. */
	ck_assert(SSL_CTX_set_cipher_list(pair.peer_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256") == 1);
	ck_assert(SSL_CTX_set_ciphersuites(pair.peer_ctx, "TLS_AES_128_GCM_SHA256") == 1);
	SSL_CTX_set_keylog_callback(pair.peer_ctx, on_secret);
}

void tls_pair_set_up(void)
{
	tls_pair_tickets = tls_tickets_new();
	ck_assert_ptr_nonnull(tls_pair_tickets);
	pair.context = tls_pair_context(tls_pair_tickets);
	set_up_peer(TLS_client_method());
}

void tls_pair_set_up_connecting(const struct backend_config *backend, const char *cert)
{
	char reason[TLS_REASON_ROOM];

	pair.context = tls_context_client(backend, reason);
	ck_assert_msg(pair.context != NULL, "%s", reason);
	set_up_peer(TLS_server_method());
	ck_assert(SSL_CTX_use_certificate_chain_file(pair.peer_ctx, cert) == 1);
	ck_assert(SSL_CTX_use_PrivateKey_file(pair.peer_ctx, cert, SSL_FILETYPE_PEM) == 1);
}

static void part(void)
{
	socket_free(pair.sock);
	pair.sock = NULL;
	/* Else its session could not be resumed any more. */
	if (pair.peer != NULL)
		SSL_set_shutdown(pair.peer, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(pair.peer);
	pair.peer = NULL;
	record_keys_clear(&writing);
	if (pair.fd >= 0)
		tls_pair_leave();
}

void tls_pair_tear_down(void)
{
	part();
	SSL_CTX_free(pair.peer_ctx);
	poller_clear(&pair.poller);
	tls_io_free(pair.io);
	tls_context_free(pair.context);
	tls_tickets_free(tls_pair_tickets);
	tls_pair_tickets = NULL;
}

static void wake(void *owner)
{
	(void)owner;
	woken++;
}

/* Returns our end of the wire. */
static int join(enum wire_kind kind, int version)
{
	int ends[2];

	part();
	wire_make(kind, ends);
	ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	pair.fd = ends[1];
	pair.peer = SSL_new(pair.peer_ctx);
	ck_assert_int_eq(SSL_set_min_proto_version(pair.peer, version), 1);
	ck_assert_int_eq(SSL_set_max_proto_version(pair.peer, version), 1);
	SSL_set_bio(pair.peer, BIO_new_socket(pair.fd, BIO_NOCLOSE), BIO_new(BIO_s_mem()));
	return ends[0];
}

static void watch(struct socket *sock)
{
	ck_assert_ptr_nonnull(sock);
	pair.sock = sock;
	ck_assert(socket_watch(pair.sock, &pair.poller, true, wake, NULL));
}

void tls_pair_join(enum wire_kind kind, int version)
{
	int fd = join(kind, version);

	SSL_set_connect_state(pair.peer);
	watch(socket_tls_accept(pair.context, pair.io, fd));
}

void tls_pair_join_connecting(int version, const char *name)
{
	int fd = join(WIRE_UNIX, version);

	SSL_set_accept_state(pair.peer);
	watch(socket_tls_connect(pair.context, pair.io, fd,
	                         &(struct tls_request){ .name = name, .verify = name }));
}

/* 1: done; 0: waits; -1: failed. Both ends share this thread's error queue. */
static int shake_peer(void)
{
	int result = SSL_do_handshake(pair.peer);

	if (result != 1)
		result = tls_pair_peer_error() == SSL_ERROR_WANT_READ ? 0 : -1;
	ERR_clear_error();
	tls_pair_post();
	return result;
}

enum io tls_pair_shake(void)
{
	enum io ours = IO_WAIT;
	int peer = 0;

	while (ours == IO_WAIT || (ours == IO_DONE && peer == 0)) {
		peer = shake_peer();
		poller_turn(&pair.poller, false);
		if (ours == IO_WAIT)
			ours = socket_open(pair.sock);
	}
	return ours;
}

void tls_pair_meet(enum wire_kind kind, int version)
{
	tls_pair_join(kind, version);
	ck_assert_int_eq(tls_pair_shake(), IO_DONE);
}

void tls_pair_write(const void *bytes, size_t len)
{
	ck_assert_int_eq(send(pair.fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

void tls_pair_post(void)
{
	BIO *out = SSL_get_wbio(pair.peer);
	char *bytes;
	long len = BIO_get_mem_data(out, &bytes);

	if (len > 0)
		tls_pair_write(bytes, (size_t)len);
	(void)BIO_reset(out);
}

void tls_pair_say(const char *text)
{
	ck_assert_int_eq(SSL_write(pair.peer, text, (int)strlen(text)), (int)strlen(text));
	tls_pair_post();
}

void tls_pair_say_close_notify(void)
{
	ck_assert_int_ge(SSL_shutdown(pair.peer), 0);
	tls_pair_post();
}

void tls_pair_fin(void)
{
	ck_assert_int_eq(shutdown(pair.fd, SHUT_WR), 0);
}

void tls_pair_leave(void)
{
	(void)close(pair.fd);
	pair.fd = -1;
}

void tls_pair_reset(void)
{
	wire_reset(pair.fd);
	pair.fd = -1;
}

static void take_keys(void)
{
	struct record_keys unused = { 0 };
	unsigned char master[48];
	unsigned char client_random[32];
	unsigned char server_random[32];

	if (SSL_version(pair.peer) == TLS1_3_VERSION) {
		record_keys_13(&writing, secret);
		return;
	}
	(void)SSL_SESSION_get_master_key(SSL_get_session(pair.peer), master, sizeof(master));
	(void)SSL_get_client_random(pair.peer, client_random, sizeof(client_random));
	(void)SSL_get_server_random(pair.peer, server_random, sizeof(server_random));
	record_keys_12(&writing, &unused, master, client_random, server_random);
	record_keys_clear(&unused);
}

size_t tls_pair_seal(unsigned char type, const void *data, size_t len, unsigned char *room)
{
	if (writing.aead == NULL)
		take_keys();
	return record_seal(&writing, type, data, len, room);
}

size_t tls_pair_receive(void)
{
	size_t sum = 0;
	size_t got;
	enum io io;

	poller_turn(&pair.poller, false);
	do {
		io = socket_recv(pair.sock, pair.room, TLS_PAIR_ROOM, &got);
		sum += got;
	} while (io == IO_DONE);
	return sum;
}

size_t tls_pair_await(void)
{
	unsigned before = woken;

	while (woken == before)
		poller_turn(&pair.poller, true);
	return tls_pair_receive();
}

enum ending_kind tls_pair_ending(void)
{
	return socket_ending(pair.sock).kind;
}

size_t tls_pair_peer_receive(void)
{
	static char room[TLS_PAIR_ROOM];
	size_t sum = 0;
	size_t n;

	while (SSL_read_ex(pair.peer, room, sizeof(room), &n) == 1)
		sum += n;
	return sum;
}

int tls_pair_peer_error(void)
{
	int error = SSL_get_error(pair.peer, 0);

	ERR_clear_error();
	return error;
}
