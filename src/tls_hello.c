/* SPDX-License-Identifier: ISC */
#include "tls_hello.h"

#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "sni.h"
#include "socket_tls.h"
#include "tls_alpn.h"
#include "tls_catalog.h"
#include "tls_client.h"
#include "tls_route.h"
#include "tls_supply.h"

_Static_assert(TLS_ROUTE_ID == SHA256_DIGEST_LENGTH, "a digest is a session id context");

struct tls_hello {
	const struct tls_routes *routes;
	const struct tls_catalog *known;        /* a name has to be in there; NULL: any will do */
	EVP_MD_CTX *hash;
	bool notes;       /* there are routes or protocols */
	bool asks;        /* some route asks for certificates */
	bool has_rest;                  /* who is on no route is welcome as well */
};

struct tls_hello *tls_hello_new(const struct listener_config *listener,
                                const struct tls_supply *supply)
{
	struct tls_hello *hello = calloc(1, sizeof(*hello));

	if (hello == NULL)
		return NULL;
	hello->routes = supply->routes;
	hello->known = listener->unknown_sni == UNKNOWN_SNI_REJECT ? supply->catalog : NULL;
	hello->notes = tls_routes_count(supply->routes) > 0 || tls_routes_have_alpn(supply->routes);
	hello->asks = tls_routes_have_client(supply->routes);
	hello->has_rest = listener->backend != NULL || listener->n_routes == 0;
	hello->hash = EVP_MD_CTX_new();
	/* Looked up once; from then on the same digest begins anew. */
	if (hello->hash != NULL && EVP_DigestInit_ex(hello->hash, EVP_sha256(), NULL) == 1)
		return hello;
	tls_hello_free(hello);
	return NULL;
}

void tls_hello_free(struct tls_hello *hello)
{
	if (hello == NULL)
		return;
	EVP_MD_CTX_free(hello->hash);
	free(hello);
}

/* The only name of the only entry of its list (RFC 6066, 3) in lower case, or nothing. */
static size_t tls_hello_find_name(SSL *ssl, char name[SNI_ROOM])
{
	enum { LIST_LEN = 2, TYPE = 1, NAME_LEN = 2, BEFORE = LIST_LEN + TYPE + NAME_LEN };
	const unsigned char *extension;
	size_t len;

	*name = '\0';
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &len) != 1 ||
	    len <= BEFORE)
		return 0;
	len -= BEFORE; /* OpenSSL judges the rest */
	if (len > SNI_ROOM - 1)
		len = SNI_ROOM - 1;
	sni_lower((const char *)extension + BEFORE, len, name);
	return len;
}

/* Which sessions may be resumed: those with the same context. */
static bool tls_hello_set_context(const struct tls_hello *hello, const struct tls_route *route,
                                  const char *name, size_t len, SSL *ssl)
{
	unsigned char id[SHA256_DIGEST_LENGTH];

	return EVP_DigestInit_ex(hello->hash, NULL, NULL) == 1 &&
	       EVP_DigestUpdate(hello->hash, route->id, sizeof(route->id)) == 1 &&
	       EVP_DigestUpdate(hello->hash, name, len) == 1 &&
	       EVP_DigestFinal_ex(hello->hash, id, NULL) == 1 &&
	       SSL_set_session_id_context(ssl, id, sizeof(id)) == 1;
}

/* Of a first hello, which has a second one behind it, nothing is left. */
static void tls_hello_note(SSL *ssl, const struct tls_route *route)
{
	struct tls_facts *facts = &tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)))->facts;

	facts->route = route->number;
	facts->alpn = NULL;
}

/* A client that is asked for another key share says hello twice: the last time counts. */
static int tls_hello_on_message(SSL *ssl, int *alert, void *arg)
{
	const struct tls_hello *hello = arg;
	const struct tls_route *rest = tls_routes_rest(hello->routes);
	char name[SNI_ROOM];
	size_t len = tls_hello_find_name(ssl, name);
	const struct tls_route *route = tls_routes_find(hello->routes, name);

	if (hello->notes)
		tls_hello_note(ssl, route);
	if (tls_hello_set_context(hello, route, name, len, ssl) &&
	    (!hello->asks || tls_client_ask(route->client, rest->client, ssl)))
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

/* RFC 8446, 9.2: who has to say a name, and says none, is told so. TLS 1.2 has no alert for it. */
static int tls_hello_refuse(const SSL *ssl, const char *name, int *alert)
{
	*alert = name == NULL && SSL_version(ssl) == TLS1_3_VERSION ? SSL_AD_MISSING_EXTENSION
	                                                            : SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/*
 * In TLS 1.2 OpenSSL looks into the session for the name of a client that resumes.
 * It would put it there itself for a callback that accepts the name, but says
 * nothing of it when it has no memory for that.
 */
static bool tls_hello_keep_name(SSL *ssl, const char *name)
{
	return name == NULL || SSL_version(ssl) != TLS1_2_VERSION || SSL_session_reused(ssl) == 1 ||
	       SSL_SESSION_set1_hostname(SSL_get_session(ssl), name) == 1;
}

/* Called without a name, too. */
static int tls_hello_on_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_hello *hello = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	if (!hello->has_rest &&
	    tls_route_of(tls_io_socket(BIO_get_data(SSL_get_rbio(ssl))))->number == 0)
		return tls_hello_refuse(ssl, name, alert);
	if (hello->known != NULL && name != NULL && tls_catalog_find(hello->known, name) == NULL)
		return tls_hello_refuse(ssl, name, alert);
	if (tls_hello_keep_name(ssl, name))
		return SSL_TLSEXT_ERR_NOACK; /* as without us */
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool tls_hello_apply(struct tls_hello *hello, SSL_CTX *ctx)
{
	SSL_CTX_set_client_hello_cb(ctx, tls_hello_on_message, hello);
	/* These cannot fail. */
	(void)SSL_CTX_set_tlsext_servername_callback(ctx, tls_hello_on_name);
	(void)SSL_CTX_set_tlsext_servername_arg(ctx, hello);
	if (tls_routes_have_alpn(hello->routes))
		tls_alpn_apply(ctx);
	return SSL_CTX_set_app_data(ctx, hello->routes) == 1 &&
	       (!hello->asks || tls_client_apply(tls_routes_rest(hello->routes)->client, ctx));
}
