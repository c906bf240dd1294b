/* SPDX-License-Identifier: ISC */
#include "tls_secrets.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "socket_tls.h"

/* The last word of the line, in hexadecimal digits. False: it is too long for a secret. */
static bool tls_secrets_parse(const char *line, uint8_t *secret)
{
	const char *last = strrchr(line, ' ');
	size_t len = 0;

	return last != NULL &&
	       OPENSSL_hexstr2buf_ex(secret, TLS_SECRET_MOST, &len, last + 1, '\0') == 1;
}

static bool tls_secrets_is(const char *line, const char *label)
{
	return strncmp(line, label, strlen(label)) == 0;
}

void tls_secrets_hear(const SSL *ssl, const char *line)
{
	struct socket_tls *tls = tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)));
	struct tls_secrets *secrets = tls->takeover.secrets;

	if (secrets == NULL)
		return;
	if (tls_secrets_is(line, "CLIENT_TRAFFIC_SECRET_0 "))
		secrets->has_client = tls_secrets_parse(line, secrets->client);
	else if (tls_secrets_is(line, "SERVER_TRAFFIC_SECRET_0 "))
		secrets->has_server = tls_secrets_parse(line, secrets->server);
}

static void tls_secrets_on_line(const SSL *ssl, const char *line)
{
	tls_secrets_hear(ssl, line);
	if (!tls_secrets_is(line, "EXPORTER_SECRET ")) /* comes before the server's */
		SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(ssl), NULL);
}

/* Unless somebody listens anyway: see tls_keylog.c. A context is one worker's alone. */
static void tls_secrets_listen(const SSL *ssl)
{
	SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);

	if (SSL_CTX_get_keylog_callback(ctx) == NULL)
		SSL_CTX_set_keylog_callback(ctx, tls_secrets_on_line);
}

void tls_secrets_on_state(const SSL *ssl)
{
	/*
	 * EncryptedExtensions: the handshake's secrets are behind us, those of the
	 * traffic not yet. By its name, for its number is not that of every OpenSSL 3.
	 */
	if (tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)))->takeover.secrets != NULL &&
	    strcmp(SSL_state_string(ssl), "TWEE") == 0)
		tls_secrets_listen(ssl);
}

void tls_secrets_begin(struct socket_tls *tls)
{
	struct tls_takeover *takeover = &tls->takeover;

	/* Without memory for them it is not taken over. */
	if (takeover->secrets == NULL && tls_takeover_needs_secrets(takeover))
		takeover->secrets = calloc(1, sizeof(*takeover->secrets));
	if (takeover->secrets != NULL && takeover->secrets->has_server)
		tls_secrets_listen(tls->ssl);
}

void tls_secrets_end(struct socket_tls *tls)
{
	SSL_CTX *ctx = SSL_get_SSL_CTX(tls->ssl);

	if (SSL_CTX_get_keylog_callback(ctx) == tls_secrets_on_line)
		SSL_CTX_set_keylog_callback(ctx, NULL);
}

void tls_secrets_free(struct tls_secrets *secrets)
{
	if (secrets == NULL)
		return;
	OPENSSL_cleanse(secrets, sizeof(*secrets));
	free(secrets);
}
