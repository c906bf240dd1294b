/* SPDX-License-Identifier: ISC */
/*
 * The TLS kind.
 *
 * Every call into OpenSSL is a turn of the worker's tls_io: begin, call, end.
 * What a failed call means is decided by what the wire did (socket.eof,
 * socket.error) before what OpenSSL says, and only once; after it the SSL
 * object is either still good for sending (the peer went away quietly) or dead
 * (a fatal alert, ours or theirs). A dead one is not even shut down.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "socket_tls.h"
#include "tls_alpn.h"
#include "tls_client.h"
#include "tls_context.h"
#include "tls_error.h"
#include "tls_fault.h"
#include "tls_heap.h"
#include "tls_memory.h"
#include "tls_stapling.h"

enum {
	/* Nobody says anything longer in one flight of a handshake, usually. */
	TLS_HANDSHAKE_ALLOWANCE = 16384,
	/* What a stream begins with, and begins with again after so many milliseconds. */
	TLS_SMALL_RECORD = 4096,
	TLS_SMALL_RECORDS = 8,
	TLS_SILENCE = 1000,
	/* In a row and without data, from a peer that gets none meanwhile: nobody needs more. */
	TLS_IDLE_RECORDS_MOST = 100,
};

static struct socket_tls *socket_tls_of(struct socket *sock)
{
	return (struct socket_tls *)sock;
}

/* The wire is over and no close_notify came. */
static struct ending socket_tls_wire_ending(const struct socket_tls *tls)
{
	enum ending_kind at_eof = tls->base.finished ? ENDING_UNANSWERED : ENDING_TRUNCATED;

	return socket_wire_ending(&tls->base, at_eof);
}

/* SNI, as it was sent. Without memory it is not known. */
static void socket_tls_learn_name(struct socket_tls *tls)
{
	const char *name = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);

	if (name != NULL && tls->facts.name == NULL)
		tls->facts.name = strdup(name);
}

/* The client is on no list: in TLS 1.2 the alert is not yet the one for that (tls_client_judge.c).
 */
static void socket_tls_say_denied(struct socket_tls *tls)
{
	if (SSL_version(tls->ssl) == TLS1_2_VERSION &&
	    tls_io_replace_alert(tls->io, SSL_AD_ACCESS_DENIED))
		tls->alert_sent = SSL_AD_ACCESS_DENIED;
}

/* It is not the peer's doing that OpenSSL is at its end. */
static struct ending socket_tls_own_ending(struct socket_tls *tls)
{
	ERR_clear_error();
	tls->dead = true;
	return (struct ending){ ENDING_LOST, "out_of_memory" };
}

/* OpenSSL found fault with what came, or the peer with what we sent. */
static struct ending socket_tls_fault_ending(struct socket_tls *tls)
{
	const struct tls_error error = tls_error_take();

	if (SSL_get_verify_result(tls->ssl) == X509_V_ERR_APPLICATION_VERIFICATION)
		socket_tls_say_denied(tls);
	tls_fault_learn(tls, &error);
	socket_tls_learn_name(tls);
	tls->dead = true;
	if (error.alert >= 0)
		return (struct ending){ ENDING_ALERT, tls_alert_name(error.alert) };
	/* In the clear it is no word of the peer's: anybody on the way can say it. */
	tls_io_look_on(tls->io);
	if (tls->facts.version != NULL && tls_framing_is_bare_close_notify(&tls->framing))
		return (struct ending){ .kind = ENDING_TRUNCATED };
	return (struct ending){ ENDING_VIOLATION,
		                tls->base.alerted ? tls_alert_name(tls->alert_sent) : "malformed" };
}

/* Latches how the peer's direction ended, after a call that failed for good. */
static enum io socket_tls_ended(struct socket_tls *tls, int ssl_error)
{
	if (ssl_error == SSL_ERROR_ZERO_RETURN) {
		tls->base.ending.kind = ENDING_CLOSE_NOTIFY;
	} else if (tls_heap_was_short()) {
		tls->base.ending = socket_tls_own_ending(tls);
	} else if (ssl_error == SSL_ERROR_SSL) {
		tls->base.ending = socket_tls_fault_ending(tls);
	} else {
		ERR_clear_error();
		tls->base.ending = socket_tls_wire_ending(tls);
		if (tls->base.error != 0)
			tls->dead = true;
	}
	return IO_ENDED;
}

/* Why a call returned nothing; IO_DONE: only because the turn's share is used. */
static enum io socket_tls_refused(struct socket_tls *tls)
{
	int ssl_error = SSL_get_error(tls->ssl, 0);

	if (ssl_error != SSL_ERROR_WANT_READ)
		return socket_tls_ended(tls, ssl_error);
	return tls->base.readable ? IO_DONE : IO_WAIT;
}

/* "x25519", as RFC 8446 writes it; OpenSSL shouts. */
static const char *socket_tls_group_name(SSL *ssl)
{
	switch (SSL_get_negotiated_group(ssl)) {
	case NID_X25519:           return "x25519";
	case NID_X448:             return "x448";
	case NID_X9_62_prime256v1: return "secp256r1";
	case NID_secp384r1:        return "secp384r1";
	case NID_secp521r1:        return "secp521r1";
	case NID_undef:            return NULL;
	default:                   return "other";
	}
}

static void socket_tls_learn(struct socket_tls *tls)
{
	tls->facts.version = SSL_get_version(tls->ssl);
	tls->facts.cipher = SSL_CIPHER_get_name(SSL_get_current_cipher(tls->ssl));
	tls->facts.group = socket_tls_group_name(tls->ssl);
	tls->facts.resumed = SSL_session_reused(tls->ssl) == 1;
	tls->ticket_due = SSL_is_server(tls->ssl) && SSL_version(tls->ssl) == TLS1_3_VERSION &&
	                  (SSL_get_options(tls->ssl) & SSL_OP_NO_TICKET) == 0;
}

/*
 * Tickets sent at once would have carried the acknowledgement of the client's
 * last flight. Held back, they leave a client without TCP_NODELAY waiting for
 * it with its first request: 40 ms. So it goes by itself.
 */
static void socket_tls_acknowledge(const struct socket_tls *tls)
{
	const int on = 1;

	if (tls->ticket_due)
		(void)setsockopt(tls->base.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/* *shaken: it is complete. IO_DONE without that: a share was not enough for the flight. */
static enum io socket_tls_handshake(struct socket_tls *tls, bool *shaken)
{
	*shaken = SSL_do_handshake(tls->ssl) == 1;
	if (*shaken && !tls_client_is_welcome(tls)) {
		tls_client_refuse(tls->ssl);
		*shaken = false;
	}
	if (!*shaken)
		return socket_tls_refused(tls);
	tls_stapling_end(tls->ssl);
	tls_client_end(tls->ssl);
	tls->framing.n_records = 0;
	socket_tls_learn(tls);
	socket_tls_acknowledge(tls);
	return IO_DONE;
}

static enum io socket_tls_shake(struct socket *sock)
{
	struct socket_tls *tls = socket_tls_of(sock);
	bool shaken;
	enum io io;

	if (sock->ending.kind != ENDING_NONE)
		return IO_ENDED;
	/* Long flights there are, but not endless ones: OpenSSL has limits for its messages. */
	do {
		tls_io_begin(tls->io, tls, TLS_HANDSHAKE_ALLOWANCE);
		io = socket_tls_handshake(tls, &shaken);
		tls_io_end(tls->io, false);
		if (sock->ending.kind != ENDING_NONE)
			return IO_ENDED;
	} while (io == IO_DONE && !shaken);
	return io;
}

static enum io socket_tls_open(struct socket *sock)
{
	struct socket_tls *tls = socket_tls_of(sock);
	enum io io = socket_tls_shake(sock);

	if (io == IO_ENDED && tls->memory != NULL)
		tls_memory_forget(tls->memory);
	return io;
}

/* A record gives what it holds, so this goes on until the turn's share is used. */
static enum io socket_tls_read_records(struct socket_tls *tls, unsigned char *room, size_t len,
                                       size_t *got)
{
	size_t n;

	while (len - *got >= SSL3_RT_MAX_PLAIN_LENGTH) {
		if (SSL_read_ex(tls->ssl, room + *got, len - *got, &n) != 1)
			return socket_tls_refused(tls);
		tls->framing.n_records = 0;
		*got += n;
	}
	return IO_DONE;
}

/*
 * KeyUpdates, tickets, attempts to renegotiate: each costs us more than its
 * sender, and OpenSSL takes any number of them. It cannot be told to send an
 * alert over that, so the peer gets a RST.
 */
static void socket_tls_bound_idling(struct socket_tls *tls)
{
	if (tls->framing.n_records <= TLS_IDLE_RECORDS_MOST || tls->base.ending.kind != ENDING_NONE)
		return;
	tls->base.ending = (struct ending){ ENDING_VIOLATION, "flood" };
	tls->dead = true;
}

static enum io socket_tls_recv(struct socket *sock, void *room, size_t len, size_t *got)
{
	struct socket_tls *tls = socket_tls_of(sock);
	enum io io;

	if (tls->dead) {
		/* Sending killed it, and this is the first to hear. */
		sock->ending = ending_of_errno(sock->error);
		return IO_ENDED;
	}
	tls_io_begin(tls->io, tls, len);
	io = socket_tls_read_records(tls, room, len + SOCKET_RECV_SLACK, got);
	socket_tls_bound_idling(tls);
	/* Half a KeyUpdate or ticket (RFC 8446, 5.1): OpenSSL writes nothing before the rest. */
	sock->held = !tls->dead && SSL_in_init(tls->ssl);
	tls_io_end(tls->io, false);
	/* Running out of memory in the turn's end is an ending as well. */
	return sock->ending.kind != ENDING_NONE ? IO_ENDED : io;
}

/*
 * A TLS 1.3 ticket waits for our first word. A client that uploads, sends
 * close_notify and closes without reading would have it unread in its buffer,
 * so that its own kernel resets the connection and the upload is lost.
 */
static void socket_tls_send_ticket(struct socket_tls *tls)
{
	if (!tls->ticket_due)
		return;
	tls->ticket_due = false;
	/* Without it the session is only not resumable. */
	if (SSL_new_session_ticket(tls->ssl) != 1 || SSL_do_handshake(tls->ssl) != 1)
		ERR_clear_error();
	/* It took a read buffer, and the next read may be an hour away. */
	(void)SSL_free_buffers(tls->ssl);
}

/*
 * A record can only be read as a whole, and one of 16 kB is more than a network
 * takes before it has heard back (RFC 6928: ten segments). So that nobody waits
 * a round trip longer for the first byte of an answer, it begins with small
 * ones.
 */
static bool socket_tls_write_records(struct socket_tls *tls, const char *data, size_t len)
{
	const uint32_t now = (uint32_t)poller_now();
	size_t sent = 0;

	if (now - tls->wrote_at > TLS_SILENCE)
		tls->n_small = 0;
	tls->wrote_at = now;
	while (len > TLS_SMALL_RECORD && tls->n_small < TLS_SMALL_RECORDS) {
		if (SSL_write_ex(tls->ssl, data, TLS_SMALL_RECORD, &sent) != 1)
			return false;
		data += sent;
		len -= sent;
		tls->n_small++;
	}
	return SSL_write_ex(tls->ssl, data, len, &sent) == 1;
}

static bool socket_tls_write(struct socket_tls *tls, const void *data, size_t len, bool last)
{
	socket_tls_send_ticket(tls);
	tls->framing.n_records = 0;
	if (len > 0 && !socket_tls_write_records(tls, data, len))
		return false;
	/* Once: a second call would read, and trip over the peer's data. */
	return !last || SSL_shutdown(tls->ssl) >= 0;
}

static bool socket_tls_send(struct socket *sock, const void *data, size_t len, bool last)
{
	struct socket_tls *tls = socket_tls_of(sock);
	bool done;

	if (tls->dead)
		return false;
	tls_io_begin(tls->io, tls, 0);
	done = socket_tls_write(tls, data, len, last);
	tls_io_end(tls->io, last);
	if (done)
		return true;
	/* Our BIO refuses nothing: OpenSSL itself is at its end. */
	ERR_clear_error();
	tls->dead = true;
	socket_fail(sock, tls_heap_was_short() ? ENOMEM : EPROTO);
	return false;
}

static void socket_tls_release(struct socket *sock)
{
	struct socket_tls *tls = socket_tls_of(sock);

	if (tls->ssl == NULL)
		return;
	socket_tls_learn_name(tls);
	/* Else OpenSSL looks for the session in a cache that is off, under a lock. */
	SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(tls->ssl);
	tls->ssl = NULL;
	tls->dead = true;
	buffer_clear(&tls->in);
}

static void socket_tls_clear(struct socket *sock)
{
	const struct tls_facts *facts = &socket_tls_of(sock)->facts;

	free((char *)facts->name);
	free((struct tls_identity *)facts->client);
}

static const struct tls_facts *socket_tls_get_facts(const struct socket *sock)
{
	return &((const struct socket_tls *)sock)->facts;
}

static const struct socket_ops socket_tls_ops = {
	.name = "tls",
	.open = socket_tls_open,
	.recv = socket_tls_recv,
	.send = socket_tls_send,
	.release = socket_tls_release,
	.clear = socket_tls_clear,
	.facts = socket_tls_get_facts,
};

bool socket_cut_in_record(const struct socket *sock)
{
	return sock->ops == &socket_tls_ops &&
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
	return &tls->base;
}

struct socket *socket_tls_accept(struct tls_context *context, struct tls_io *io, int fd)
{
	struct socket *sock = socket_tls_new(context, io, fd);

	if (sock != NULL)
		SSL_set_accept_state(socket_tls_of(sock)->ssl);
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
