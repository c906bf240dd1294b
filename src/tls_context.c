/* SPDX-License-Identifier: ISC */
/*
 * Defaults follow Mozilla's "intermediate" profile: TLS 1.2 and 1.3, forward
 * secrecy and AEAD only. Tickets are on, the stateful cache is off. How many
 * tickets TLS 1.3 sends, and when, is socket_tls.c's business, so 0 here.
 */
#include "tls_context.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "config.h"
#include "socket_tls.h"
#include "tls_alpn.h"
#include "tls_catalog.h"
#include "tls_client.h"
#include "tls_error.h"
#include "tls_keylog.h"
#include "tls_loader.h"
#include "tls_memory.h"
#include "tls_stapling.h"
#include "tls_supply.h"
#include "tls_tickets.h"

#define TLS_CIPHERS                                                  \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define TLS_CIPHERSUITES \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
/* What cannot be broken later by a quantum computer goes first, from OpenSSL 3.5 on. */
#define TLS_GROUPS "X25519:P-256:P-384"
#define TLS_HYBRID "X25519MLKEM768"
#define TLS_GROUPS_HYBRID TLS_HYBRID ":" TLS_GROUPS

struct tls_context {
	SSL_CTX *ctx;
	EVP_MD_CTX *hash;       /* of a server: to make session id contexts */
	unsigned char id[SHA256_DIGEST_LENGTH]; /* the part that all names have in common */
};

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
	tls_keylog_apply(ctx);
	if (SSL_CTX_set1_groups_list(ctx, TLS_GROUPS_HYBRID) == 1)
		return true;
	ERR_clear_error(); /* an older library */
	return SSL_CTX_set1_groups_list(ctx, TLS_GROUPS) == 1;
}

static bool tls_context_set_versions(SSL_CTX *ctx, const struct listener_config *listener)
{
	return SSL_CTX_set_min_proto_version(ctx, tls_context_version(listener->tls_min)) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, tls_context_version(listener->tls_max)) == 1;
}

/* NULL, or the key of the configuration whose value OpenSSL does not take. */
static const char *tls_context_set_limits(SSL_CTX *ctx, const struct listener_config *listener)
{
	const char *ciphers = listener->ciphers != NULL ? listener->ciphers : TLS_CIPHERS;
	const char *suites =
		listener->ciphersuites != NULL ? listener->ciphersuites : TLS_CIPHERSUITES;

	if (!tls_context_set_versions(ctx, listener))
		return "tls-min";
	if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		return "ciphers";
	if (SSL_CTX_set_ciphersuites(ctx, suites) != 1)
		return "ciphersuites";
	if (listener->groups != NULL && SSL_CTX_set1_groups_list(ctx, listener->groups) != 1)
		return "groups";
	if (listener->sigalgs != NULL && SSL_CTX_set1_sigalgs_list(ctx, listener->sigalgs) != 1)
		return "sigalgs";
	return NULL;
}

/* ---- resumption ---- */

/* The only name of the only entry of its list (RFC 6066, 3), or nothing. */
static size_t tls_context_find_name(SSL *ssl, const unsigned char **name)
{
	enum { LIST_LEN = 2, TYPE = 1, NAME_LEN = 2, BEFORE = LIST_LEN + TYPE + NAME_LEN };
	size_t len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, name, &len) != 1 ||
	    len <= BEFORE)
		return 0;
	*name += BEFORE;
	return len - BEFORE; /* OpenSSL judges the rest */
}

static bool tls_context_hash(EVP_MD_CTX *hash, const void *first, size_t first_len,
                             const void *second, size_t second_len,
                             unsigned char result[SHA256_DIGEST_LENGTH])
{
	return EVP_DigestInit_ex(hash, NULL, NULL) == 1 &&
	       EVP_DigestUpdate(hash, first, first_len) == 1 &&
	       EVP_DigestUpdate(hash, second, second_len) == 1 &&
	       EVP_DigestFinal_ex(hash, result, NULL) == 1;
}

/*
 * Before OpenSSL looks at a ticket: a session is only resumed where it was
 * begun, by the same listener under the same name and the same rules for
 * clients' certificates.
 */
static int tls_context_on_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_context *context = arg;
	unsigned char id[SHA256_DIGEST_LENGTH];
	unsigned char lower[TLSEXT_MAXLEN_host_name];
	const unsigned char *name = lower;
	size_t len = tls_context_find_name(ssl, &name);

	if (len > sizeof(lower))
		len = sizeof(lower);
	for (size_t i = 0; i < len; i++)
		lower[i] = (unsigned char)tolower(name[i]);
	if (tls_context_hash(context->hash, context->id, sizeof(context->id), lower, len, id) &&
	    SSL_set_session_id_context(ssl, id, sizeof(id)) == 1)
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

static bool tls_context_set_tickets(struct tls_context *context,
                                    const struct listener_config *listener,
                                    const struct tls_client *client, struct tls_tickets *tickets)
{
	if (!listener->tickets)
		(void)SSL_CTX_set_options(context->ctx, SSL_OP_NO_TICKET);
	context->hash = EVP_MD_CTX_new();
	/* Looked up once; from then on the same digest begins anew. */
	if (context->hash == NULL || EVP_DigestInit_ex(context->hash, EVP_sha256(), NULL) != 1 ||
	    !tls_context_hash(context->hash, listener->name, strlen(listener->name) + 1,
	                      client != NULL ? tls_client_digest(client) : NULL,
	                      client != NULL ? TLS_CLIENT_DIGEST : 0, context->id))
		return false;
	SSL_CTX_set_client_hello_cb(context->ctx, tls_context_on_hello, context);
	return SSL_CTX_set_num_tickets(context->ctx, 0) == 1 &&
	       tls_tickets_apply(tickets, context->ctx);
}

/* ---- certificates ---- */

static bool tls_context_use_set(SSL_CTX *ctx, const struct tls_set *set)
{
	for (int i = 0; i < TLS_KINDS; i++) {
		const struct tls_credential *one = set->of[i];

		if (one != NULL &&
		    SSL_CTX_use_cert_and_key(ctx, one->certificate, one->key, one->chain, 1) != 1)
			return false;
	}
	return true;
}

/*
 * The default's are in the SSL_CTX, and every connection begins with them; here
 * they are changed for those of the name that was asked for. Not when a session
 * is resumed, for that takes no certificate.
 */
static int tls_context_on_certificate(SSL *ssl, void *arg)
{
	const struct tls_catalog *catalog = arg;
	const struct tls_set *set =
		tls_catalog_choose(catalog, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));

	if (memcmp(set, tls_catalog_default(catalog), sizeof(*set)) == 0)
		return 1;
	SSL_certs_clear(ssl);
	for (int i = 0; i < TLS_KINDS; i++) {
		const struct tls_credential *one = set->of[i];

		if (one != NULL &&
		    SSL_use_cert_and_key(ssl, one->certificate, one->key, one->chain, 1) != 1)
			return 0;
	}
	return 1;
}

static int tls_context_on_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (name == NULL || tls_catalog_find(arg, name) != NULL)
		return SSL_TLSEXT_ERR_NOACK; /* as without us */
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool tls_context_set_certificates(SSL_CTX *ctx, const struct listener_config *listener,
                                         struct tls_catalog *catalog)
{
	if (!tls_context_use_set(ctx, tls_catalog_default(catalog)))
		return false;
	if (tls_catalog_count(catalog) > 1)
		SSL_CTX_set_cert_cb(ctx, tls_context_on_certificate, catalog);
	if (tls_catalog_is_stapled(catalog))
		tls_stapling_set(ctx, catalog);
	if (listener->unknown_sni == UNKNOWN_SNI_DEFAULT)
		return true;
	return SSL_CTX_set_tlsext_servername_callback(ctx, tls_context_on_name) == 1 &&
	       SSL_CTX_set_tlsext_servername_arg(ctx, catalog) == 1;
}

/* With what all have in common. NULL: reason says why. */
static struct tls_context *tls_context_new(const SSL_METHOD *method, char *reason)
{
	struct tls_context *context = calloc(1, sizeof(*context));

	if (context != NULL)
		context->ctx = SSL_CTX_new(method);
	if (context != NULL && context->ctx != NULL && tls_context_set_common(context->ctx))
		return context;
	(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	tls_context_free(context);
	return NULL;
}

struct tls_context *tls_context_server(const struct listener_config *listener,
                                       const struct tls_supply *supply, struct tls_tickets *tickets,
                                       char *reason)
{
	struct tls_context *context = tls_context_new(TLS_server_method(), reason);
	const char *wrong;

	if (context == NULL)
		return NULL;
	if (supply->tickets != NULL)
		tickets = supply->tickets;
	wrong = tls_context_set_limits(context->ctx, listener);
	if (wrong == NULL &&
	    (!tls_context_set_tickets(context, listener, supply->client, tickets) ||
	     !tls_context_set_certificates(context->ctx, listener, supply->catalog) ||
	     (supply->client != NULL && !tls_client_apply(supply->client, context->ctx))))
		wrong = "TLS settings";
	if (wrong == NULL && supply->alpn != NULL)
		tls_alpn_apply(supply->alpn, context->ctx);
	if (wrong == NULL)
		return context;
	if (ERR_peek_error() == 0) /* SSL_CTX_set1_sigalgs_list(3) gives no reason */
		ERR_raise(ERR_LIB_SSL, ERR_R_PASSED_INVALID_ARGUMENT);
	(void)tls_error_sentence(wrong, reason, TLS_REASON_ROOM);
	tls_context_free(context);
	return NULL;
}

/* ---- to connect with ---- */

static bool tls_context_load_crl(SSL_CTX *ctx, const char *path)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());

	return lookup != NULL && X509_load_crl_file(lookup, path, X509_FILETYPE_PEM) > 0 &&
	       X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1;
}

/* NULL, or what could not be loaded. */
static const char *tls_context_trust(SSL_CTX *ctx, const struct backend_config *backend)
{
	if (!backend->verify)
		return NULL;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (backend->ca == NULL && SSL_CTX_set_default_verify_paths(ctx) != 1)
		return "the system's trust store";
	if (backend->ca != NULL && SSL_CTX_load_verify_file(ctx, backend->ca) != 1)
		return backend->ca;
	if (backend->crl != NULL && !tls_context_load_crl(ctx, backend->crl))
		return backend->crl;
	return NULL;
}

/* The certificate to show, loaded as those of listeners are. */
static bool tls_context_show(SSL_CTX *ctx, const struct backend_config *backend, char *reason)
{
	struct tls_loader *loader = tls_loader_new();
	struct tls_credential *one = NULL;
	bool fine = false;

	if (loader != NULL)
		one = tls_loader_load(loader, backend->cert, backend->key, reason);
	else
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	if (one != NULL)
		fine = SSL_CTX_use_cert_and_key(ctx, one->certificate, one->key, one->chain, 1) ==
		       1;
	if (one != NULL && !fine)
		(void)tls_error_sentence(backend->cert, reason, TLS_REASON_ROOM);
	tls_credential_release(one);
	tls_loader_free(loader);
	return fine;
}

struct tls_context *tls_context_client(const struct backend_config *backend, char *reason)
{
	struct tls_context *context = tls_context_new(TLS_client_method(), reason);
	const char *wrong = "TLS settings";

	if (context == NULL)
		return NULL;
	if (SSL_CTX_set_min_proto_version(context->ctx, tls_context_version(backend->tls_min)) ==
	            1 &&
	    SSL_CTX_set_cipher_list(context->ctx, TLS_CIPHERS) == 1 &&
	    SSL_CTX_set_ciphersuites(context->ctx, TLS_CIPHERSUITES) == 1)
		wrong = tls_context_trust(context->ctx, backend);
	if (wrong != NULL) {
		(void)tls_error_sentence(wrong, reason, TLS_REASON_ROOM);
	} else if (backend->cert == NULL || tls_context_show(context->ctx, backend, reason)) {
		if (backend->session_reuse)
			tls_memory_apply(context->ctx);
		return context;
	}
	tls_context_free(context);
	return NULL;
}

void tls_context_free(struct tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ctx);
	EVP_MD_CTX_free(context->hash);
	free(context);
}

SSL *tls_context_new_ssl(struct tls_context *context)
{
	return SSL_new(context->ctx);
}

const char *tls_library(const char **lacks)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	*lacks = ctx != NULL && SSL_CTX_set1_groups_list(ctx, TLS_HYBRID) == 1 ? NULL : TLS_HYBRID;
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return OpenSSL_version(OPENSSL_VERSION);
}
