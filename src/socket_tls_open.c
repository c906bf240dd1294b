/* SPDX-License-Identifier: ISC */
/*
 * The handshake, which is OpenSSL's, and what a call into OpenSSL that failed means.
 *
 * That is decided by what the wire did (socket.eof, socket.error) before what
 * OpenSSL says, and only once; after it the SSL object is either still good for
 * sending (the peer went away quietly) or dead (a fatal alert, ours or theirs). A
 * dead one is not even shut down.
 */
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "socket_tls.h"
#include "tls_client.h"
#include "tls_error.h"
#include "tls_fault.h"
#include "tls_heap.h"
#include "tls_memory.h"
#include "tls_secrets.h"
#include "tls_stapling.h"

/* Nobody says anything longer in one flight of a handshake, usually. */
enum { TLS_HANDSHAKE_ALLOWANCE = 16384 };

/* The client is on no list: in TLS 1.2 the alert is not yet the one for that (tls_client_judge.c).
 */
static void socket_tls_say_denied(struct socket_tls *tls)
{
	if (SSL_version(tls->ssl) == TLS1_2_VERSION &&
	    tls_bio_replace_alert(tls->io, SSL_AD_ACCESS_DENIED))
		tls->alert_sent = SSL_AD_ACCESS_DENIED;
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
	tls_bio_look_on(tls->io);
	if (tls->facts.version != NULL && tls_framing_is_bare_close_notify(&tls->framing))
		return (struct ending){ .kind = ENDING_TRUNCATED };
	return (struct ending){ ENDING_VIOLATION,
		                tls->base.alerted ? tls_alert_name(tls->alert_sent) : "malformed" };
}

/*
 * OpenSSL 3.5 gives it another name if user_canceled came before it. So it would look
 * with a fatal alert, too, if there was no memory to say so: ask for that first.
 */
static bool socket_tls_had_close_notify(const struct socket_tls *tls, int ssl_error)
{
	return ssl_error == SSL_ERROR_ZERO_RETURN ||
	       (ssl_error == SSL_ERROR_SYSCALL &&
	        (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
}

enum io socket_tls_ended(struct socket_tls *tls, int ssl_error)
{
	if (ssl_error != SSL_ERROR_ZERO_RETURN && tls_heap_was_short()) {
		tls->base.ending = socket_tls_own_ending(tls);
	} else if (socket_tls_had_close_notify(tls, ssl_error)) {
		tls->base.ending.kind = ENDING_CLOSE_NOTIFY;
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

enum io socket_tls_refused(struct socket_tls *tls)
{
	int ssl_error = SSL_get_error(tls->ssl, 0);

	if (ssl_error != SSL_ERROR_WANT_READ)
		return socket_tls_ended(tls, ssl_error);
	return tls->base.readable ? IO_DONE : IO_WAIT;
}

/* "x25519", as RFC 8446 writes it; OpenSSL shouts. */
static const char *socket_tls_group_name(SSL *ssl)
{
	enum { HYBRID = TLSEXT_nid_unknown | 0x11ec };  /* OpenSSL has no name for it */

	switch (SSL_get_negotiated_group(ssl)) {
	case NID_X25519:           return "x25519";
	case NID_X448:             return "x448";
	case NID_X9_62_prime256v1: return "secp256r1";
	case NID_secp384r1:        return "secp384r1";
	case NID_secp521r1:        return "secp521r1";
	case NID_undef:            return NULL;
	case HYBRID:               return "x25519mlkem768";
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

/* The only place to learn which alert OpenSSL sends on its own account. */
static void socket_tls_on_alert(struct socket_tls *tls, int where, int value)
{
	if ((where & SSL_CB_WRITE_ALERT) != SSL_CB_WRITE_ALERT || value >> 8 != SSL3_AL_FATAL)
		return;
	tls->base.alerted = true;
	tls->alert_sent = (uint8_t)value;
}

void socket_tls_on_info(const SSL *ssl, int where, int value)
{
	struct tls_io *io = BIO_get_data(SSL_get_rbio(ssl));

	if ((where & SSL_CB_LOOP) == 0) {
		socket_tls_on_alert(tls_io_socket(io), where, value);
		return;
	}
	tls_secrets_on_state(ssl);
	tls_io_give_respite(io);
}

/* *shaken: it is complete. IO_DONE without that: a share was not enough for the flight. */
static enum io socket_tls_handshake(struct socket_tls *tls, bool *shaken)
{
	tls_secrets_begin(tls);
	*shaken = SSL_do_handshake(tls->ssl) == 1;
	tls_secrets_end(tls);
	if (*shaken && !tls_client_is_welcome(tls)) {
		tls_client_refuse(tls->ssl);
		*shaken = false;
	}
	if (!*shaken)
		return socket_tls_refused(tls);
	tls_stapling_end(tls->ssl);
	tls_client_end(tls->ssl);
	tls_takeover_prepare(tls);
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
	/* What was refused of the last flight; if it is lost, that shows in what is read. */
	(void)socket_flush(sock);
	/* Long flights there are, but not endless ones: OpenSSL has limits for its messages. */
	do {
		tls_io_begin(tls->io, tls, TLS_HANDSHAKE_ALLOWANCE);
		tls_io_shake_hands(tls->io);
		io = socket_tls_handshake(tls, &shaken);
		tls_io_end(tls->io, false);
		if (sock->ending.kind != ENDING_NONE)
			return IO_ENDED;
	} while (io == IO_DONE && !shaken);
	if (shaken)
		tls_takeover_consider(tls, false);
	return io;
}

enum io socket_tls_open(struct socket *sock)
{
	struct socket_tls *tls = socket_tls_of(sock);
	enum io io = socket_tls_shake(sock);

	if (io == IO_ENDED && tls->memory != NULL)
		tls_memory_forget(tls->memory);
	return io;
}
