/* SPDX-License-Identifier: ISC */
/*
 * Defaults follow Mozilla's "intermediate" profile: TLS 1.2 and 1.3, forward
 * secrecy and AEAD only. Tickets are on, the stateful cache is off. How many
 * tickets TLS 1.3 sends, and when, is socket_tls.c's business, so 0 here.
 */
#include "tls_context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "config.h"
#include "socket_tls.h"
#include "tls_error.h"

#define TLS_CIPHERS                                                  \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define TLS_CIPHERSUITES \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define TLS_GROUPS "X25519:P-256:P-384"

struct tls_context {
	SSL_CTX *ctx;
};

bool tls_ticket_keys_make(struct tls_ticket_keys *keys)
{
	return RAND_priv_bytes(keys->bytes, sizeof(keys->bytes)) == 1;
}

/* The only place to learn which alert OpenSSL sends on its own account. */
static void tls_context_on_info(const SSL *ssl, int where, int value)
{
	struct socket_tls *tls;

	if ((where & SSL_CB_WRITE_ALERT) != SSL_CB_WRITE_ALERT || value >> 8 != SSL3_AL_FATAL)
		return;
	tls = tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)));
	tls->base.alerted = true;
	tls->alert_sent = (uint8_t)value;
}

static int tls_context_version(enum tls_version version)
{
	return version == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

static bool tls_context_set_common(SSL_CTX *ctx)
{
	(void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                       SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                       SSL_OP_PRIORITIZE_CHACHA);
	(void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_security_level(ctx, 2);
	SSL_CTX_set_info_callback(ctx, tls_context_on_info);
	return SSL_CTX_set1_groups_list(ctx, TLS_GROUPS) == 1;
}

static SSL_CTX *tls_context_new_ctx(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (ctx != NULL && !tls_context_set_common(ctx)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static bool tls_context_set_limits(SSL_CTX *ctx, const struct listener_config *listener)
{
	const char *ciphers = listener->ciphers != NULL ? listener->ciphers : TLS_CIPHERS;
	const char *suites =
		listener->ciphersuites != NULL ? listener->ciphersuites : TLS_CIPHERSUITES;

	return SSL_CTX_set_min_proto_version(ctx, tls_context_version(listener->tls_min)) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, tls_context_version(listener->tls_max)) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, ciphers) == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, suites) == 1;
}

static bool tls_context_set_tickets(SSL_CTX *ctx, const struct listener_config *listener,
                                    const struct tls_ticket_keys *keys)
{
	struct tls_ticket_keys copy = *keys; /* the call wants it writable */
	size_t id_len = strlen(listener->name);

	if (id_len > SSL_MAX_SID_CTX_LENGTH)
		id_len = SSL_MAX_SID_CTX_LENGTH;
	return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_set_tlsext_ticket_keys(ctx, copy.bytes, sizeof(copy.bytes)) == 1 &&
	       SSL_CTX_set_session_id_context(ctx, (const unsigned char *)listener->name,
	                                      (unsigned)id_len) == 1;
}

/* Nobody is there to be asked: a daemon's terminal is none of its own. */
static int tls_context_on_passphrase(char *room, int size, int writes, void *asked)
{
	(void)room;
	(void)size;
	(void)writes;
	*(bool *)asked = true;
	return -1;
}

static bool tls_context_holds_no_key(void)
{
	const unsigned long error = ERR_peek_error();
	const int lib = ERR_GET_LIB(error);
	const int cause = ERR_GET_REASON(error);

	return (lib == ERR_LIB_PEM && cause == PEM_R_NO_START_LINE) ||
	       (lib == ERR_LIB_OSSL_DECODER && cause == ERR_R_UNSUPPORTED);
}

/* A file without a name, like the demo's, nobody else can open. */
static bool tls_context_is_public(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink > 0 &&
	       (status.st_mode & S_IROTH) != 0;
}

static bool tls_context_load_key(SSL_CTX *ctx, const char *key, char *reason)
{
	bool asked = false;
	bool loaded;

	SSL_CTX_set_default_passwd_cb(ctx, tls_context_on_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
	loaded = SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1;
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (loaded && !tls_context_is_public(key))
		return true;
	if (loaded)
		(void)snprintf(reason, TLS_REASON_ROOM,
		               "%s: everybody may read this private key; chmod o-r", key);
	else if (asked)
		(void)snprintf(reason, TLS_REASON_ROOM,
		               "%s: the key is encrypted, and adieu takes no passphrase", key);
	else if (tls_context_holds_no_key())
		(void)snprintf(reason, TLS_REASON_ROOM, "%s: holds no private key", key);
	else
		(void)tls_error_sentence(key, reason, TLS_REASON_ROOM);
	ERR_clear_error();
	return false;
}

static bool tls_context_load_certificate(SSL_CTX *ctx, const struct listener_config *listener,
                                         char *reason)
{
	const char *key = listener->key != NULL ? listener->key : listener->cert;
	const X509 *certificate;

	if (SSL_CTX_use_certificate_chain_file(ctx, listener->cert) != 1) {
		(void)tls_error_sentence(listener->cert, reason, TLS_REASON_ROOM);
		return false;
	}
	certificate = SSL_CTX_get0_certificate(ctx);
	if (!tls_context_load_key(ctx, key, reason))
		return false;
	/* OpenSSL has a place for each kind of key, and sees no certificate in another's. */
	if (X509_check_private_key(certificate, SSL_CTX_get0_privatekey(ctx)) != 1) {
		(void)tls_error_sentence(key, reason, TLS_REASON_ROOM);
		return false;
	}
	return true;
}

/* Takes ctx. */
static struct tls_context *tls_context_wrap(SSL_CTX *ctx, char *reason)
{
	struct tls_context *context = calloc(1, sizeof(*context));

	if (context == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		SSL_CTX_free(ctx);
		return NULL;
	}
	context->ctx = ctx;
	return context;
}

struct tls_context *tls_context_server(const struct listener_config *listener,
                                       const struct tls_ticket_keys *keys, char *reason)
{
	SSL_CTX *ctx = tls_context_new_ctx(TLS_server_method());

	if (ctx == NULL || !tls_context_set_limits(ctx, listener) ||
	    !tls_context_set_tickets(ctx, listener, keys)) {
		(void)tls_error_sentence("TLS settings", reason, TLS_REASON_ROOM);
		goto fail;
	}
	if (!tls_context_load_certificate(ctx, listener, reason))
		goto fail;
	return tls_context_wrap(ctx, reason);
fail:
	SSL_CTX_free(ctx);
	return NULL;
}

static bool tls_context_trust(SSL_CTX *ctx, const struct backend_config *backend, char *reason)
{
	if (!backend->verify)
		return true;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (backend->ca == NULL) {
		if (SSL_CTX_set_default_verify_paths(ctx) == 1)
			return true;
		(void)tls_error_sentence("the system's trust store", reason, TLS_REASON_ROOM);
		return false;
	}
	if (SSL_CTX_load_verify_file(ctx, backend->ca) == 1)
		return true;
	(void)tls_error_sentence(backend->ca, reason, TLS_REASON_ROOM);
	return false;
}

struct tls_context *tls_context_client(const struct backend_config *backend, char *reason)
{
	SSL_CTX *ctx = tls_context_new_ctx(TLS_client_method());

	if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, TLS_CIPHERSUITES) != 1) {
		(void)tls_error_sentence("TLS settings", reason, TLS_REASON_ROOM);
		goto fail;
	}
	if (!tls_context_trust(ctx, backend, reason))
		goto fail;
	return tls_context_wrap(ctx, reason);
fail:
	SSL_CTX_free(ctx);
	return NULL;
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ctx);
	free(context);
}

SSL *tls_context_new_ssl(struct tls_context *context)
{
	return SSL_new(context->ctx);
}

bool tls_context_verifies(const struct tls_context *context)
{
	return SSL_CTX_get_verify_mode(context->ctx) != SSL_VERIFY_NONE;
}
