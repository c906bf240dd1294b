/* SPDX-License-Identifier: ISC */
/*
 * Through OpenSSL's record layer: what comes before a connection was taken over,
 * and all of one that cannot be.
 */
#include <openssl/err.h>

#include "socket_tls.h"

/* A record gives what it holds, so this goes on until the turn's share is used. */
static enum io socket_tls_read_records(struct socket_tls *tls, unsigned char *room, size_t len,
                                       size_t *got)
{
	size_t n;

	while (len - *got >= SSL3_RT_MAX_PLAIN_LENGTH) {
		if (SSL_read_ex(tls->ssl, room + *got, len - *got, &n) != 1)
			return socket_tls_refused(tls);
		tls_takeover_note_in(tls);
		tls->framing.n_records = 0;
		*got += n;
	}
	return IO_DONE;
}

static enum io socket_tls_read(struct socket_tls *tls, unsigned char *room, size_t len, size_t *got)
{
	enum io io = socket_tls_read_records(tls, room, len, got);

	socket_tls_bound_idling(tls);
	/* Half a KeyUpdate or ticket (RFC 8446, 5.1): OpenSSL writes nothing before the rest. */
	tls->base.held = !tls->dead && SSL_in_init(tls->ssl);
	return io;
}

enum io socket_tls_recv(struct socket *sock, void *room, size_t len, size_t *got)
{
	enum io io = socket_tls_receive(sock, room, len, got, socket_tls_read);

	tls_takeover_consider(socket_tls_of(sock), false);
	return io;
}

void socket_tls_make_ticket(struct socket_tls *tls)
{
	tls->ticket_due = false;
	if (SSL_new_session_ticket(tls->ssl) != 1 || SSL_do_handshake(tls->ssl) != 1)
		ERR_clear_error();
	/* It took a read buffer, and the next read may be an hour away. */
	(void)SSL_free_buffers(tls->ssl);
}

static bool socket_tls_write_records(struct socket_tls *tls, const unsigned char *data, size_t len)
{
	while (len > 0) {
		size_t n = socket_tls_record_size(tls, len);
		size_t sent;

		if (SSL_write_ex(tls->ssl, data, n, &sent) != 1)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static bool socket_tls_write(struct socket_tls *tls, const unsigned char *data, size_t len,
                             bool last)
{
	tls_takeover_note_out(tls);
	/*
	 * A TLS 1.3 ticket waits for our first word. A client that uploads, sends
	 * close_notify and closes without reading would have it unread in its buffer,
	 * so that its own kernel resets the connection and the upload is lost.
	 */
	if (tls->ticket_due)
		socket_tls_make_ticket(tls);
	if (!socket_tls_write_records(tls, data, len))
		return false;
	tls->framing.n_records = 0;
	/* Once: a second call would read, and trip over the peer's data. */
	return !last || SSL_shutdown(tls->ssl) >= 0;
}

bool socket_tls_send(struct socket *sock, const void *data, size_t len, bool last)
{
	if (!socket_tls_transmit(sock, data, len, last, socket_tls_write))
		return false;
	if (!last)
		tls_takeover_consider(socket_tls_of(sock), false);
	return true;
}
