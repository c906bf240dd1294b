/* SPDX-License-Identifier: ISC */
#include "tls_memory.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "socket_tls.h"

struct tls_memory {
	SSL_SESSION *session; /* NULL: none */
};

struct tls_memory *tls_memory_new(void)
{
	return calloc(1, sizeof(struct tls_memory));
}

void tls_memory_forget(struct tls_memory *memory)
{
	SSL_SESSION_free(memory->session);
	memory->session = NULL;
}

void tls_memory_free(struct tls_memory *memory)
{
	if (memory == NULL)
		return;
	tls_memory_forget(memory);
	free(memory);
}

/* 1: it is ours now. */
static int tls_memory_on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_memory *memory = tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)))->memory;

	if (memory == NULL || SSL_SESSION_is_resumable(session) != 1)
		return 0;
	tls_memory_forget(memory);
	memory->session = session;
	return 1;
}

void tls_memory_apply(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_session_cache_mode(ctx,
	                                     SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, tls_memory_on_session);
}

void tls_memory_recall(const struct tls_memory *memory, SSL *ssl)
{
	/* Without it the handshake is a full one. */
	if (memory->session != NULL && SSL_set_session(ssl, memory->session) != 1)
		ERR_clear_error();
}
