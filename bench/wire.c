/* SPDX-License-Identifier: ISC */
#include "wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WIRE_READ_AHEAD = 64 << 10,
	WIRE_GATHERED = 256 << 10,
};

SSL_CTX *wire_context_new(const SSL_METHOD *method)
{
	SSL_CTX *context = SSL_CTX_new(method);

	if (context == NULL) {
		ERR_print_errors_fp(stderr);
		exit(EXIT_FAILURE);
	}
	(void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
	                                        SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, WIRE_READ_AHEAD);
	return context;
}

void wire_init(struct wire *wire, int fd, SSL *ssl)
{
	wire->fd = fd;
	wire->ssl = ssl;
	if (ssl != NULL)
		(void)SSL_set_fd(ssl, fd); /* without memory the handshake will fail, too */
}

static enum wire_result wire_refused(enum wire_result wanted)
{
	return errno == EAGAIN || errno == EINTR ? wanted : WIRE_LOST;
}

static enum wire_result wire_tls_result(const struct wire *wire, int status)
{
	switch (SSL_get_error(wire->ssl, status)) {
	case SSL_ERROR_NONE:        return WIRE_DONE;
	case SSL_ERROR_WANT_READ:   return WIRE_WANT_READ;
	case SSL_ERROR_WANT_WRITE:  return WIRE_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN: return WIRE_ENDED;
	default:                    return WIRE_LOST;
	}
}

enum wire_result wire_open(struct wire *wire)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (wire->ssl == NULL) {
		(void)getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		return error == 0 ? WIRE_DONE : WIRE_LOST;
	}
	ERR_clear_error();
	return wire_tls_result(wire, SSL_do_handshake(wire->ssl));
}

enum wire_result wire_read(struct wire *wire, void *room, size_t len, size_t *got)
{
	ssize_t n;

	*got = 0;
	if (wire->ssl != NULL) {
		ERR_clear_error();
		return wire_tls_result(wire, SSL_read_ex(wire->ssl, room, len, got));
	}
	n = recv(wire->fd, room, len, 0);
	if (n == 0)
		return WIRE_ENDED;
	if (n < 0)
		return wire_refused(WIRE_WANT_READ);
	*got = (size_t)n;
	return WIRE_DONE;
}

enum wire_result wire_write(struct wire *wire, const void *data, size_t len, size_t *sent)
{
	ssize_t n;

	*sent = 0;
	if (wire->ssl != NULL) {
		ERR_clear_error();
		return wire_tls_result(wire, SSL_write_ex(wire->ssl, data, len, sent));
	}
	n = send(wire->fd, data, len, MSG_NOSIGNAL);
	if (n < 0)
		return wire_refused(WIRE_WANT_WRITE);
	*sent = (size_t)n;
	return WIRE_DONE;
}

void wire_gather(struct wire *wire)
{
	BIO *gather;
	BIO *out;

	if (wire->ssl == NULL)
		return;
	gather = BIO_new(BIO_f_buffer());
	out = SSL_get_wbio(wire->ssl);
	if (gather == NULL || BIO_set_write_buffer_size(gather, WIRE_GATHERED) != 1 ||
	    BIO_up_ref(out) != 1)
		abort();
	SSL_set0_wbio(wire->ssl, BIO_push(gather, out));
}

void wire_flush(struct wire *wire)
{
	/* What is refused stays there, and makes a later write be refused. */
	if (wire->ssl != NULL)
		(void)BIO_flush(SSL_get_wbio(wire->ssl));
}

void wire_finish(struct wire *wire)
{
	ERR_clear_error();
	/* Whoever ends here has nothing queued, so there is room for an alert. */
	if (wire->ssl != NULL)
		(void)SSL_shutdown(wire->ssl);
	(void)shutdown(wire->fd, SHUT_WR);
}

uint32_t wire_interest(enum wire_result result)
{
	switch (result) {
	case WIRE_WANT_READ:  return EPOLLIN;
	case WIRE_WANT_WRITE: return EPOLLOUT;
	case WIRE_YIELDED:    return EPOLLIN | EPOLLOUT;
	case WIRE_DONE:
	case WIRE_ENDED:
	case WIRE_LOST:       return 0;
	}
	abort();
}

void wire_clear(struct wire *wire)
{
	SSL_free(wire->ssl);
	wire->ssl = NULL;
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
}
