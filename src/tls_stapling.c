/* SPDX-License-Identifier: ISC */
#include "tls_stapling.h"

#include <stdatomic.h>
#include <time.h>

#include "log.h"
#include "tls_catalog.h"
#include "tls_staple.h"

static struct tls_staple *tls_stapling_find(const SSL *ssl, const struct tls_catalog *catalog)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const struct tls_set *set = tls_catalog_choose(catalog, name);
	const X509 *chosen = SSL_get_certificate(ssl);

	for (int i = 0; i < TLS_KINDS; i++)
		if (set->of[i] != NULL && set->of[i]->certificate == chosen)
			return set->of[i]->staple;
	return NULL;
}

/* By the first worker that notices. One that was stale at the start is not news. */
static void tls_stapling_tell(struct tls_staple *staple)
{
	struct log_line line;

	if (staple->der == NULL || atomic_exchange(&staple->told, true))
		return;
	log_begin(&line, LEVEL_WARNING, "certificate");
	log_text(&line, "file", staple->file.path);
	log_text(&line, "problem", "staple_expired");
	log_text(&line, "detail", "it is not given to clients any more");
	log_end(&line);
}

/* Called for who asks, when the certificate has been chosen. */
static int tls_stapling_on_request(SSL *ssl, void *arg)
{
	struct tls_staple *staple = tls_stapling_find(ssl, arg);
	const time_t now = time(NULL);
	unsigned char *copy;

	if (staple == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	if (!tls_staple_holds(staple, now)) {
		if (staple->until <= now)
			tls_stapling_tell(staple);
		return SSL_TLSEXT_ERR_NOACK;
	}
	copy = OPENSSL_memdup(staple->der, staple->len);
	if (copy == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	(void)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->len); /* takes it */
	return SSL_TLSEXT_ERR_OK;
}

void tls_stapling_set(SSL_CTX *ctx, struct tls_catalog *catalog)
{
	/* They cannot fail. One that does not hold yet may do so later. */
	(void)SSL_CTX_set_tlsext_status_cb(ctx, tls_stapling_on_request);
	(void)SSL_CTX_set_tlsext_status_arg(ctx, catalog);
}

void tls_stapling_end(SSL *ssl)
{
	(void)SSL_set_tlsext_status_ocsp_resp(ssl, NULL, 0); /* frees what is there */
}
