/* SPDX-License-Identifier: ISC */
/*
 * The TLS kind: making one, letting go of it, and what its two record layers share.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "socket_tls.h"
#include "tls_alpn.h"
#include "tls_context.h"
#include "tls_heap.h"
#include "tls_memory.h"
#include "tls_record.h"

enum {
	/* What a stream begins with, and begins with again after so many milliseconds. */
	TLS_SMALL_RECORD = 4096,
	TLS_SMALL_RECORDS = 8,
	TLS_SILENCE = 1000,
	/* In a row and without data, from a peer that gets none meanwhile: nobody needs more. */
	TLS_IDLE_RECORDS_MOST = 100,
};

struct ending socket_tls_wire_ending(const struct socket_tls *tls)
{
	enum ending_kind at_eof = tls->base.finished ? ENDING_UNANSWERED : ENDING_TRUNCATED;

	return socket_wire_ending(&tls->base, at_eof);
}

struct ending socket_tls_own_ending(struct socket_tls *tls)
{
	ERR_clear_error();
	tls->dead = true;
	return (struct ending){ ENDING_LOST, "out_of_memory" };
}

enum io socket_tls_receive(struct socket *sock, void *room, size_t len, size_t *got,
                           socket_tls_reader *read)
{
	struct socket_tls *tls = socket_tls_of(sock);
	enum io io;

	if (tls->dead) {
		/* Sending killed it, and this is the first to hear. */
		sock->ending = ending_of_errno(sock->error);
		return IO_ENDED;
	}
	tls_io_begin(tls->io, tls, len);
	io = read(tls, room, len + SOCKET_RECV_SLACK, got);
	tls_io_end(tls->io, false);
	/* Running out of memory in the turn's end is an ending as well. */
	return sock->ending.kind != ENDING_NONE ? IO_ENDED : io;
}

bool socket_tls_transmit(struct socket *sock, const void *data, size_t len, bool last,
                         socket_tls_writer *write)
{
	struct socket_tls *tls = socket_tls_of(sock);
	bool done;

	if (tls->dead)
		return false;
	tls_io_begin(tls->io, tls, 0);
	done = write(tls, data, len, last);
	tls_io_end(tls->io, last);
	return done || socket_tls_fail_send(tls);
}

void socket_tls_learn_name(struct socket_tls *tls)
{
	const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);

	if (name != NULL && tls->facts.name == NULL)
		tls->facts.name = strdup(name);
}

/*
 * A record can only be read as a whole, and one of 16 kB is more than a network
 * takes before it has heard back (RFC 6928: ten segments). So that nobody waits
 * a round trip longer for the first byte of an answer, it begins with small
 * ones.
 */
size_t socket_tls_record_size(struct socket_tls *tls, size_t len)
{
	const uint32_t now = (uint32_t)poller_now();

	if (now - tls->wrote_at > TLS_SILENCE)
		tls->n_small = 0;
	tls->wrote_at = now;
	if (len > TLS_SMALL_RECORD && tls->n_small < TLS_SMALL_RECORDS) {
		tls->n_small++;
		return TLS_SMALL_RECORD;
	}
	return len < SSL3_RT_MAX_PLAIN_LENGTH ? len : SSL3_RT_MAX_PLAIN_LENGTH;
}

/*
 * KeyUpdates, tickets, attempts to renegotiate: each costs us more than its
 * sender, and OpenSSL takes any number of them. It cannot be told to send an
 * alert over that, so the peer gets a RST.
 */
void socket_tls_bound_idling(struct socket_tls *tls)
{
	if (tls->framing.n_records <= TLS_IDLE_RECORDS_MOST || tls->base.ending.kind != ENDING_NONE)
		return;
	tls->base.ending = (struct ending){ ENDING_VIOLATION, "flood" };
	tls->dead = true;
}

bool socket_tls_fail_send(struct socket_tls *tls)
{
	/* Our BIO refuses nothing: OpenSSL itself is at its end. */
	ERR_clear_error();
	tls->dead = true;
	socket_fail(&tls->base, tls_heap_was_short() ? ENOMEM : EPROTO);
	return false;
}

void socket_tls_drop_ssl(struct socket_tls *tls)
{
	socket_tls_learn_name(tls);
	/* Else OpenSSL looks for the session in a cache that is off, under a lock. */
	SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(tls->ssl);
	tls->ssl = NULL;
}

void socket_tls_release(struct socket *sock)
{
	struct socket_tls *tls = socket_tls_of(sock);

	if (tls->ssl != NULL)
		socket_tls_drop_ssl(tls);
	if (tls->keys != NULL)
		tls_ciphers_forget(tls_io_ciphers(tls->io), tls->keys);
	tls_keys_free(tls->keys);
	tls->keys = NULL;
	tls_takeover_end(tls);
	tls->dead = true;
	buffer_clear(&tls->in);
	buffer_clear(&tls->ticket);
}

void socket_tls_clear(struct socket *sock)
{
	const struct tls_facts *facts = &socket_tls_of(sock)->facts;

	free((char *)facts->name);
	free((struct tls_identity *)facts->client);
}

const struct tls_facts *socket_tls_get_facts(const struct socket *sock)
{
	return &((const struct socket_tls *)sock)->facts;
}

static void socket_tls_settle(struct socket *sock)
{
	tls_takeover_consider(socket_tls_of(sock), true);
}

static const struct socket_ops socket_tls_ops = {
	.name = "tls",
	.open = socket_tls_open,
	.recv = socket_tls_recv,
	.send = socket_tls_send,
	.release = socket_tls_release,
	.clear = socket_tls_clear,
	.facts = socket_tls_get_facts,
	.settle = socket_tls_settle,
};

bool socket_cut_in_record(const struct socket *sock)
{
	return sock->ops->facts(sock) != NULL &&
	       tls_framing_in_record(&((const struct socket_tls *)sock)->framing);
}

static struct socket *socket_tls_new(struct tls_context *context, struct tls_io *io, int fd)
{
	struct socket_tls *tls = calloc(1, sizeof(*tls));

	if (tls == NULL) {
		socket_abort_fd(fd);
		return NULL;
	}
	socket_init(&tls->base, &socket_tls_ops, fd);
	tls->io = io;
	tls->ssl = tls_context_new_ssl(context);
	if (tls->ssl == NULL) {
		ERR_clear_error();
		socket_free(&tls->base);
		return NULL;
	}
	/*
	 * One BIO under all SSL objects of a worker. During a handshake OpenSSL
	 * pushes a buffer onto it and pops that again, which only touches the
	 * back link that nobody follows. SSL_set_bio() takes one reference.
	 */
	(void)BIO_up_ref(tls_io_bio(io)); /* fails on a wrong count only */
	SSL_set_bio(tls->ssl, tls_io_bio(io), tls_io_bio(io));
	SSL_set_info_callback(tls->ssl, socket_tls_on_info);
	return &tls->base;
}

struct socket *socket_tls_accept(struct tls_context *context, struct tls_io *io, int fd)
{
	struct socket *sock = socket_tls_new(context, io, fd);

	if (sock == NULL)
		return NULL;
	SSL_set_accept_state(socket_tls_of(sock)->ssl);
	tls_takeover_begin(&socket_tls_of(sock)->takeover, tls_context_record_layer(context),
	                   tls_context_outlook(context));
	return sock;
}

static bool socket_tls_is_ip(const char *name)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool socket_tls_expect(SSL *ssl, const char *name)
{
	if (socket_tls_is_ip(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1;
}

/* SNI carries host names only (RFC 6066, 3). */
static bool socket_tls_ask(SSL *ssl, const struct tls_request *request)
{
	if (request->memory != NULL)
		tls_memory_recall(request->memory, ssl);
	return (request->name == NULL || socket_tls_is_ip(request->name) ||
	        SSL_set_tlsext_host_name(ssl, request->name) == 1) &&
	       (request->verify == NULL || socket_tls_expect(ssl, request->verify)) &&
	       (request->alpn == NULL || tls_alpn_offer(ssl, request->alpn));
}

struct socket *socket_tls_connect(struct tls_context *context, struct tls_io *io, int fd,
                                  const struct tls_request *request)
{
	struct socket *sock = socket_tls_new(context, io, fd);
	struct socket_tls *tls = socket_tls_of(sock);

	if (sock == NULL)
		return NULL;
	SSL_set_connect_state(tls->ssl);
	tls->facts.alpn = request->alpn;
	tls->memory = request->memory;
	if (socket_tls_ask(tls->ssl, request))
		return sock;
	ERR_clear_error();
	socket_free(sock);
	return NULL;
}
