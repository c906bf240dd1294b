/* SPDX-License-Identifier: ISC */
/*
 * What is loaded, applied to those who come.
 *
 * Who is not on the list of client-allow has a good certificate, and is to hear
 * access_denied, for which OpenSSL has no error. In TLS 1.2 it says
 * handshake_failure then, in the clear, and socket_tls.c has tls_bio.c say the
 * other word. In TLS 1.3 the handshake is let through, with a verdict
 * that nobody overlooks, and our first word, a ticket, is made to fail: the
 * callback for an extension of it may name an alert.
 *
 * A ticket keeps the certificate, but neither its chain nor the lists. So it
 * also says until when all of them are good, and is of no use afterwards. The
 * rest is settled by the context of the session, which has our digest in it.
 */
#include <endian.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "socket_tls.h"
#include "tls_client_impl.h"
#include "tls_identity.h"
#include "tls_route.h"

enum {
	/* For private use (RFC 8446, 11): nobody sends it, and neither do we. */
	TLS_EXTENSION_REFUSAL = 0xff5c,
};

static struct socket_tls *tls_client_socket(const SSL *ssl)
{
	return tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)));
}

/* Whose rules count; NULL: nobody's. */
static const struct tls_client *tls_client_of(const struct socket_tls *tls)
{
	const struct tls_route *route = tls_route_of(tls);

	return route != NULL ? route->client : NULL;
}

void tls_client_bound(int64_t *until, const ASN1_TIME *date)
{
	struct tm tm;
	int64_t end = 0;

	if (ASN1_TIME_to_tm(date, &tm) == 1)
		end = timegm(&tm);
	if (end < *until)
		*until = end;
}

/* ---- the verdict ---- */

/* Whom we trust is trusted as it stands: the list of its issuer need not be there. */
static int tls_client_on_verdict(int ok, X509_STORE_CTX *ctx)
{
	int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

	if (ok == 1 || X509_STORE_CTX_get_error(ctx) != X509_V_ERR_UNABLE_TO_GET_CRL || last == 0 ||
	    X509_STORE_CTX_get_error_depth(ctx) != last)
		return ok;
	X509_STORE_CTX_set_error(ctx, X509_V_OK);
	return 1;
}

/* With our helpers beside what the client has sent. */
static bool tls_client_verify(const struct tls_client *client, X509_STORE_CTX *ctx)
{
	STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(ctx);
	STACK_OF(X509) * all;
	bool fine;

	if (sk_X509_num(client->helpers) == 0)
		return X509_verify_cert(ctx) == 1;
	all = sk_X509_dup(sent);
	fine = all != NULL;
	for (int i = 0; fine && i < sk_X509_num(client->helpers); i++)
		fine = sk_X509_push(all, sk_X509_value(client->helpers, i)) > 0;
	X509_STORE_CTX_set0_untrusted(ctx, all);
	fine = fine && X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_set0_untrusted(ctx, sent);
	sk_X509_free(all);
	return fine;
}

/* What cannot be remembered is not resumed. */
static void tls_client_remember(const struct tls_client *client, X509_STORE_CTX *ctx, SSL *ssl)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
	int64_t until = client->until;
	uint64_t data;

	for (int i = 0; i < sk_X509_num(chain); i++)
		tls_client_bound(&until, X509_get0_notAfter(sk_X509_value(chain, i)));
	data = htobe64((uint64_t)until); /* whoever has our ticket keys may read it */
	(void)SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), &data, sizeof(data));
}

static void tls_client_note_refused(struct socket_tls *tls, X509 *certificate)
{
	if (tls->facts.client == NULL && certificate != NULL)
		tls->facts.client = tls_identity_new_refused(certificate);
}

static int tls_client_judge(X509_STORE_CTX *ctx, void *arg)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct socket_tls *tls = tls_client_socket(ssl);
	const struct tls_client *client = tls_client_of(tls);
	X509 *certificate = X509_STORE_CTX_get0_cert(ctx);
	bool is_good = tls_client_verify(client, ctx);

	(void)arg;
	if (is_good && tls_identity_is_allowed(certificate, &client->rules->allow)) {
		tls_client_remember(client, ctx, ssl);
		return 1;
	}
	tls_client_note_refused(tls, certificate);
	if (is_good)
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
	else if (X509_STORE_CTX_get_error(ctx) == X509_V_OK)
		X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM); /* it got nowhere */
	return is_good && SSL_version(ssl) == TLS1_3_VERSION;
}

/* ---- sessions of before ---- */

static bool tls_client_is_current(const struct tls_client *client, SSL_SESSION *session)
{
	void *data = NULL;
	size_t len = 0;
	uint64_t until;

	if (client == NULL)
		return true;
	if (SSL_SESSION_get0_peer(session) == NULL)
		return client->rules->auth == CLIENT_AUTH_OPTIONAL;
	if (SSL_SESSION_get0_ticket_appdata(session, &data, &len) != 1 || len != sizeof(until))
		return false;
	memcpy(&until, data, sizeof(until));
	return time(NULL) < (int64_t)be64toh(until);
}

/* One that is out of date means a whole handshake, in which all is looked at again. */
static SSL_TICKET_RETURN tls_client_on_ticket(SSL *ssl, SSL_SESSION *session,
                                              const unsigned char *name, size_t name_len,
                                              SSL_TICKET_STATUS status, void *arg)
{
	bool is_ours = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;

	(void)name;
	(void)name_len;
	(void)arg;
	if (!is_ours || !tls_client_is_current(tls_client_of(tls_client_socket(ssl)), session))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- the handshake ---- */

bool tls_client_is_welcome(struct socket_tls *tls)
{
	const struct tls_client *client = tls_client_of(tls);
	X509 *certificate;

	if (client == NULL)
		return true;
	certificate = SSL_get0_peer_certificate(tls->ssl);
	if (SSL_get_verify_result(tls->ssl) != X509_V_OK ||
	    (certificate == NULL && client->rules->auth == CLIENT_AUTH_REQUIRE))
		return false;
	if (certificate != NULL)
		tls->facts.client = tls_identity_new(certificate, &client->rules->allow);
	return true;
}

void tls_client_refuse(SSL *ssl)
{
	if (SSL_new_session_ticket(ssl) == 1)
		(void)SSL_do_handshake(ssl); /* tls_client_on_extension() lets it fail */
	if (ERR_peek_error() == 0)
		ERR_raise(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED);
}

static int tls_client_on_extension(SSL *ssl, unsigned type, unsigned context,
                                   const unsigned char **out, size_t *out_len, X509 *certificate,
                                   size_t index, int *alert, void *arg)
{
	(void)type;
	(void)context;
	(void)out;
	(void)out_len;
	(void)certificate;
	(void)index;
	(void)arg;
	*alert = SSL_AD_ACCESS_DENIED;
	return SSL_get_verify_result(ssl) == X509_V_OK ? 0 : -1; /* 0: there is none */
}

/* ---- for a connection, and for all ---- */

bool tls_client_ask(const struct tls_client *client, const struct tls_client *usual, SSL *ssl)
{
	const unsigned long lists = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
	STACK_OF(X509_NAME) *names = NULL;
	int mode = SSL_VERIFY_PEER;

	SSL_set_client_CA_list(ssl, NULL);
	if (client == NULL) {
		SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		return true;
	}
	if (client->rules->auth == CLIENT_AUTH_REQUIRE)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_set_verify(ssl, mode, tls_client_on_verdict);
	SSL_set_verify_depth(ssl, (int)client->rules->depth);
	(void)X509_VERIFY_PARAM_clear_flags(param, lists); /* these cannot fail */
	(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN |
	                                                 (client->rules->crl.n > 0 ? lists : 0));
	if (client != usual) {
		names = client->names != NULL ? SSL_dup_CA_list(client->names)
		                              : sk_X509_NAME_new_null();
		SSL_set_client_CA_list(ssl, names); /* takes them */
	}
	return (names != NULL || client == usual) &&
	       SSL_set1_verify_cert_store(ssl, client->store) == 1;
}

void tls_client_end(SSL *ssl)
{
	SSL_set_client_CA_list(ssl, NULL);
}

bool tls_client_apply(const struct tls_client *usual, SSL_CTX *ctx)
{
	if (usual != NULL && usual->names != NULL) {
		STACK_OF(X509_NAME) *names = SSL_dup_CA_list(usual->names);

		if (names == NULL)
			return false;
		SSL_CTX_set_client_CA_list(ctx, names); /* takes them */
	}
	SSL_CTX_set_cert_verify_callback(ctx, tls_client_judge, NULL);
	return SSL_CTX_set_session_ticket_cb(ctx, NULL, tls_client_on_ticket, NULL) == 1 &&
	       SSL_CTX_add_custom_ext(ctx, TLS_EXTENSION_REFUSAL,
	                              SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_3_NEW_SESSION_TICKET,
	                              tls_client_on_extension, NULL, NULL, NULL, NULL) == 1;
}

void tls_client_note(struct socket_tls *tls)
{
	if (tls_client_of(tls) != NULL)
		tls_client_note_refused(tls, SSL_get0_peer_certificate(tls->ssl));
}
