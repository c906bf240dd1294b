/* SPDX-License-Identifier: ISC */
#include "tls_alpn.h"

#include <stdlib.h>
#include <string.h>

#include "socket_tls.h"
#include "tls_route.h"

enum { TLS_ALPN_MOST = 255 };

struct tls_alpn {
	const struct text_list *known;
	enum alpn_mismatch mismatch;
	unsigned len;
	unsigned char list[];   /* as it is on the wire: each after its length */
};

struct tls_alpn *tls_alpn_new(const struct text_list *known, enum alpn_mismatch mismatch)
{
	struct tls_alpn *alpn;
	size_t room = 0;

	for (size_t i = 0; i < known->n; i++)
		room += 1 + strlen(known->texts[i]);
	alpn = calloc(1, sizeof(*alpn) + room);
	if (alpn == NULL)
		return NULL;
	alpn->known = known;
	alpn->mismatch = mismatch;
	for (size_t i = 0; i < known->n; i++) {
		size_t len = strlen(known->texts[i]);

		alpn->list[alpn->len] = (unsigned char)len;
		memcpy(&alpn->list[alpn->len + 1], known->texts[i], len);
		alpn->len += 1 + (unsigned)len;
	}
	return alpn;
}

void tls_alpn_free(struct tls_alpn *alpn)
{
	free(alpn);
}

/* The same text as in the configuration, which outlives the connection. */
static const char *tls_alpn_name(const struct tls_alpn *alpn, const unsigned char *chosen,
                                 size_t len)
{
	const struct text_list *known = alpn->known;
	size_t i = 0;

	while (strlen(known->texts[i]) != len || memcmp(known->texts[i], chosen, len) != 0)
		i++; /* it is in there */
	return known->texts[i];
}

static int tls_alpn_on_offer(SSL *ssl, const unsigned char **chosen, unsigned char *len,
                             const unsigned char *offered, unsigned offered_len, void *arg)
{
	struct socket_tls *tls = tls_io_socket(BIO_get_data(SSL_get_rbio(ssl)));
	const struct tls_alpn *alpn = tls_route_of(tls)->alpn;
	unsigned char *found;

	(void)arg;
	if (alpn == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	if (SSL_select_next_proto(&found, len, alpn->list, alpn->len, offered, offered_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return alpn->mismatch == ALPN_MISMATCH_REJECT ? SSL_TLSEXT_ERR_ALERT_FATAL
		                                              : SSL_TLSEXT_ERR_NOACK;
	*chosen = found;
	tls->facts.alpn = tls_alpn_name(alpn, found, *len);
	return SSL_TLSEXT_ERR_OK;
}

void tls_alpn_apply(SSL_CTX *ctx)
{
	SSL_CTX_set_alpn_select_cb(ctx, tls_alpn_on_offer, NULL);
}

bool tls_alpn_offer(SSL *ssl, const char *protocol)
{
	unsigned char list[1 + TLS_ALPN_MOST];
	const size_t len = strlen(protocol);

	list[0] = (unsigned char)len;
	memcpy(&list[1], protocol, len);
	return SSL_set_alpn_protos(ssl, list, 1 + (unsigned)len) == 0; /* unlike all others */
}
