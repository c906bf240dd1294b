/* SPDX-License-Identifier: ISC */
/*
 * Defaults follow Mozilla's "intermediate" profile: TLS 1.2 and 1.3, forward
 * secrecy and AEAD only. There the client chooses the cipher, so that who has no
 * AES in hardware gets ChaCha20; here that is what SSL_OP_PRIORITIZE_CHACHA is
 * for, and else ours come first: without SSL_OP_CIPHER_SERVER_PREFERENCE the
 * client would choose the group as well, and RSA where we have ECDSA. Tickets are on, the stateful
 * cache is off. How many tickets TLS 1.3 sends, and when, is socket_tls.c's business, so 0 here.
 */
#include "tls_context.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "config.h"
#include "socket_tls.h"
#include "tls_catalog.h"
#include "tls_error.h"
#include "tls_hello.h"
#include "tls_keylog.h"
#include "tls_list.h"
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
/*
 * What cannot be broken later by a quantum computer goes first, from OpenSSL 3.5
 * on; because of the slash also with a client that has sent a share for another
 * group, at the price of a round trip. The stars are shares that we send to
 * servers: most have one of the two.
 */
#define TLS_GROUPS "X25519:P-256:P-384"
#define TLS_HYBRID "X25519MLKEM768"
#define TLS_GROUPS_HYBRID "*" TLS_HYBRID "/*" TLS_GROUPS

struct tls_context {
	SSL_CTX *ctx;
	enum record_layer record_layer;
	struct tls_outlook outlook;
	struct tls_hello *hello;        /* of a server */
};

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
	SSL_CTX_set_security_level(ctx, TLS_SECURITY_LEVEL);
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
	if (!tls_list_apply(ctx, "ciphers", ciphers))
		return "ciphers";
	if (!tls_list_apply(ctx, "ciphersuites", suites))
		return "ciphersuites";
	if (listener->groups != NULL && !tls_list_apply(ctx, "groups", listener->groups))
		return "groups";
	if (listener->sigalgs != NULL && !tls_list_apply(ctx, "sigalgs", listener->sigalgs))
		return "sigalgs";
	return NULL;
}

/* ---- resumption ---- */

static bool tls_context_set_tickets(SSL_CTX *ctx, const struct listener_config *listener,
                                    struct tls_tickets *tickets)
{
	if (!listener->tickets)
		(void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	return SSL_CTX_set_num_tickets(ctx, 0) == 1 && tls_tickets_apply(tickets, ctx);
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
 * they are changed for those of the name that was asked for, and back if a second
 * hello asks for another one. Not when a session is resumed, for that takes no certificate.
 */
static int tls_context_on_certificate(SSL *ssl, void *arg)
{
	const struct tls_catalog *catalog = arg;
	const struct tls_set *set =
		tls_catalog_choose(catalog, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	struct socket_tls *tls = tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)));

	if (!tls->certified && memcmp(set, tls_catalog_default(catalog), sizeof(*set)) == 0)
		return 1;
	tls->certified = true;
	SSL_certs_clear(ssl);
	for (int i = 0; i < TLS_KINDS; i++) {
		const struct tls_credential *one = set->of[i];

		if (one != NULL &&
		    SSL_use_cert_and_key(ssl, one->certificate, one->key, one->chain, 1) != 1)
			return 0;
	}
	return 1;
}

static bool tls_context_set_certificates(SSL_CTX *ctx, struct tls_catalog *catalog)
{
	if (!tls_context_use_set(ctx, tls_catalog_default(catalog)))
		return false;
	if (tls_catalog_count(catalog) > 1)
		SSL_CTX_set_cert_cb(ctx, tls_context_on_certificate, catalog);
	if (tls_catalog_is_stapled(catalog))
		tls_stapling_set(ctx, catalog);
	return true;
}

static bool tls_context_set_hello(struct tls_context *context,
                                  const struct listener_config *listener,
                                  const struct tls_supply *supply)
{
	context->hello = tls_hello_new(listener, supply);
	if (context->hello == NULL)
		ERR_raise(ERR_LIB_SSL, ERR_R_MALLOC_FAILURE);
	return context->hello != NULL && tls_hello_apply(context->hello, context->ctx);
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
	context->record_layer = listener->record_layer;
	if (supply->tickets != NULL)
		tickets = supply->tickets;
	wrong = tls_context_set_limits(context->ctx, listener);
	if (wrong == NULL && (!tls_context_set_tickets(context->ctx, listener, tickets) ||
	                      !tls_context_set_certificates(context->ctx, supply->catalog) ||
	                      !tls_context_set_hello(context, listener, supply)))
		wrong = "TLS settings";
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

/* As OpenSSL names them for itself: "002c0b4f.0". */
static int tls_context_is_hashed(const struct dirent *entry)
{
	const char *name = entry->d_name;
	const size_t digits = strspn(name, "0123456789abcdef");

	return digits == 8 && name[digits] == '.' &&
	       name[digits + 1 + strspn(name + digits + 1, "0123456789")] == '\0';
}

static void tls_context_trust_folder(X509_LOOKUP *lookup, const char *folder)
{
	struct dirent **entries;
	const int n = scandir(folder, &entries, tls_context_is_hashed, alphasort);

	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		/* One that cannot be loaded is one less. */
		if (snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name) < PATH_MAX)
			(void)X509_load_cert_file(lookup, path, X509_FILETYPE_PEM);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	ERR_clear_error();
}

/*
 * What is in folders OpenSSL looks for when it meets a certificate, in a worker
 * that may open no file any more. So they are read now, if they are asked for,
 * or if there is no file of all authorities.
 */
static bool tls_context_trust_system(SSL_CTX *ctx)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	const char *folders = secure_getenv(X509_get_default_cert_dir_env());

	if (lookup == NULL || SSL_CTX_set_default_verify_file(ctx) != 1)
		return false;
	if (folders == NULL && sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) > 0)
		return true;
	if (folders == NULL)
		folders = X509_get_default_cert_dir();
	while (*folders != '\0') {
		const size_t len = strcspn(folders, ":");
		char folder[PATH_MAX];

		if (snprintf(folder, sizeof(folder), "%.*s", (int)len, folders) < PATH_MAX)
			tls_context_trust_folder(lookup, folder);
		folders += len + (folders[len] == ':');
	}
	return true;
}

/* NULL, or what could not be loaded. */
static const char *tls_context_trust(SSL_CTX *ctx, const struct backend_config *backend)
{
	if (!backend->verify)
		return NULL;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (backend->ca == NULL && !tls_context_trust_system(ctx))
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
	tls_hello_free(context->hello);
	free(context);
}

SSL *tls_context_new_ssl(struct tls_context *context)
{
	return SSL_new(context->ctx);
}

enum record_layer tls_context_record_layer(const struct tls_context *context)
{
	return context->record_layer;
}

struct tls_outlook *tls_context_outlook(struct tls_context *context)
{
	return &context->outlook;
}

const char *tls_library(const char **lacks)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	*lacks = ctx != NULL && SSL_CTX_set1_groups_list(ctx, TLS_GROUPS_HYBRID) == 1 ? NULL
	                                                                              : TLS_HYBRID;
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return OpenSSL_version(OPENSSL_VERSION);
}
