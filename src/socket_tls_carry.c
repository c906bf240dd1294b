/* SPDX-License-Identifier: ISC */
/*
 * Through OpenSSL's record layer: what comes before a connection was taken over,
 * and all of one that cannot be.
 *
 * Every call into OpenSSL is a turn of the worker's tls_io: begin, call, end.
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

enum io socket_tls_recv(struct socket *sock, void *room, size_t len, size_t *got)
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
	tls_takeover_consider(tls, false);
	/* Running out of memory in the turn's end is an ending as well. */
	return sock->ending.kind != ENDING_NONE ? IO_ENDED : io;
}

void socket_tls_make_ticket(struct socket_tls *tls)
{
	tls->ticket_due = false;
	if (SSL_new_session_ticket(tls->ssl) != 1 || SSL_do_handshake(tls->ssl) != 1)
		ERR_clear_error();
	/* It took a read buffer, and the next read may be an hour away. */
	(void)SSL_free_buffers(tls->ssl);
}

static bool socket_tls_write_records(struct socket_tls *tls, const char *data, size_t len)
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

static bool socket_tls_write(struct socket_tls *tls, const void *data, size_t len, bool last)
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
	struct socket_tls *tls = socket_tls_of(sock);
	bool done;

	if (tls->dead)
		return false;
	tls_io_begin(tls->io, tls, 0);
	done = socket_tls_write(tls, data, len, last);
	tls_io_end(tls->io, last);
	if (!done)
		return socket_tls_fail_send(tls);
	if (!last)
		tls_takeover_consider(tls, false);
	return true;
}
