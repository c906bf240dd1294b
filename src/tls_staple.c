/* SPDX-License-Identifier: ISC */
#include "tls_staple.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/tls1.h>
#include <openssl/x509v3.h>

#include "tls_loader.h"

enum {
	/* A responder's clock may be ahead of ours. */
	TLS_STAPLE_AHEAD = 300,
	/* What fits into an extension of TLS 1.3 (RFC 8446, 4.4.2); more fails the handshake. */
	TLS_STAPLE_MOST = 65535 - 8,
};

/* New references. NULL: nobody knows. */
static STACK_OF(X509) *
	tls_staple_issuer(X509 *certificate, STACK_OF(X509) * chain, struct tls_loader *loader)
{
	STACK_OF(X509) *found = sk_X509_new_null();
	X509 *issuer = NULL;

	for (int i = 0; issuer == NULL && i < sk_X509_num(chain); i++)
		if (X509_check_issued(sk_X509_value(chain, i), certificate) == X509_V_OK)
			issuer = sk_X509_value(chain, i);
	if (issuer == NULL && X509_check_issued(certificate, certificate) == X509_V_OK)
		issuer = certificate;
	if (issuer != NULL)
		(void)X509_up_ref(issuer); /* fails on a wrong count only */
	else
		issuer = tls_loader_find_issuer(loader, certificate);
	if (issuer != NULL && found != NULL && sk_X509_push(found, issuer) > 0)
		return found;
	X509_free(issuer);
	sk_X509_free(found);
	return NULL;
}

/* An authority may sign itself, or give a responder a certificate for that (RFC 6960, 4.2.2.2). */
static bool tls_staple_is_signed(OCSP_BASICRESP *basic, STACK_OF(X509) * issuer)
{
	X509_STORE *trusted = X509_STORE_new();
	bool good = trusted != NULL &&
	            X509_STORE_set_flags(trusted, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
	            X509_STORE_add_cert(trusted, sk_X509_value(issuer, 0)) == 1 &&
	            OCSP_basic_verify(basic, issuer, trusted, 0) == 1;

	X509_STORE_free(trusted);
	return good;
}

/* It is about this certificate, in whatever hash it says so. */
static bool tls_staple_is_about(OCSP_SINGLERESP *one, X509 *certificate, X509 *issuer)
{
	OCSP_CERTID *theirs = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(one);
	ASN1_OBJECT *hash = NULL;
	const EVP_MD *digest;
	OCSP_CERTID *ours;
	bool same;

	(void)OCSP_id_get0_info(NULL, &hash, NULL, NULL, theirs); /* never fails */
	digest = EVP_get_digestbyobj(hash);
	if (digest == NULL)
		return false;
	ours = OCSP_cert_to_id(digest, certificate, issuer);
	same = ours != NULL && OCSP_id_cmp(ours, theirs) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static OCSP_SINGLERESP *tls_staple_find(OCSP_BASICRESP *basic, X509 *certificate, X509 *issuer)
{
	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);

		if (tls_staple_is_about(one, certificate, issuer))
			return one;
	}
	return NULL;
}

/* A responder's word is worth nothing once its certificate has expired. */
static time_t tls_staple_end_of_signer(OCSP_BASICRESP *basic, STACK_OF(X509) * issuer)
{
	X509 *signer = NULL;

	if (OCSP_resp_get0_signer(basic, &signer, issuer) != 1)
		return 0;
	return tls_time(X509_get0_notAfter(signer));
}

/* NULL, or what is wrong with it. */
static const char *tls_staple_judge_one(struct tls_staple *staple, OCSP_SINGLERESP *one)
{
	ASN1_GENERALIZEDTIME *from = NULL;
	ASN1_GENERALIZEDTIME *until = NULL;

	switch (OCSP_single_get0_status(one, NULL, NULL, &from, &until)) {
	case V_OCSP_CERTSTATUS_GOOD:    break;
	case V_OCSP_CERTSTATUS_REVOKED: staple->revoked = true; break;
	default:                        return "its responder does not know the certificate";
	}
	/* RFC 5019, 2.2.4. Without it nobody can tell when it is stale. */
	if (until == NULL)
		return "it does not say until when it holds";
	staple->from = tls_time(from) - TLS_STAPLE_AHEAD;
	staple->until = tls_time(until);
	return NULL;
}

static const char *tls_staple_judge_basic(struct tls_staple *staple, OCSP_BASICRESP *basic,
                                          X509 *certificate, STACK_OF(X509) * issuer)
{
	OCSP_SINGLERESP *one = tls_staple_find(basic, certificate, sk_X509_value(issuer, 0));
	const char *flaw;
	time_t end;

	if (one == NULL)
		return "it is about another certificate";
	flaw = tls_staple_judge_one(staple, one);
	if (flaw != NULL)
		return flaw;
	if (!tls_staple_is_signed(basic, issuer))
		return "neither the certificate's issuer nor a responder of its has signed it";
	end = tls_staple_end_of_signer(basic, issuer);
	if (end < staple->until)
		staple->until = end;
	return NULL;
}

static const char *tls_staple_judge(struct tls_staple *staple, X509 *certificate,
                                    STACK_OF(X509) * chain, struct tls_loader *loader)
{
	const unsigned char *rest = staple->der;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &rest, (long)staple->len);
	STACK_OF(X509) *issuer = tls_staple_issuer(certificate, chain, loader);
	OCSP_BASICRESP *basic = NULL;
	const char *flaw = NULL;

	if (response == NULL || rest != staple->der + staple->len)
		flaw = "it is no OCSP response in DER";
	else if (staple->len > TLS_STAPLE_MOST)
		flaw = "it is too long for TLS";
	else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
		flaw = "it says that the responder had no answer";
	else if (issuer == NULL)
		flaw = "the certificate's issuer, who must have signed it, is not in the chain";
	else if ((basic = OCSP_response_get1_basic(response)) == NULL)
		flaw = "it is no basic OCSP response";
	else
		flaw = tls_staple_judge_basic(staple, basic, certificate, issuer);
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	sk_X509_pop_free(issuer, X509_free);
	ERR_clear_error();
	return flaw;
}

struct tls_staple *tls_staple_load(const struct tls_file *file, bool named, X509 *certificate,
                                   STACK_OF(X509) * chain, struct tls_loader *loader)
{
	struct tls_staple *staple = calloc(1, sizeof(*staple));

	if (staple == NULL)
		return NULL;
	staple->file = *file;
	staple->named = named;
	staple->file.path = strdup(file->path);
	if (staple->file.path == NULL) {
		free(staple);
		return NULL;
	}
	staple->der = tls_file_read(file->path, &staple->len);
	if (staple->der == NULL) {
		staple->error = errno;
		staple->flaw = "it cannot be read";
		return staple;
	}
	staple->flaw = tls_staple_judge(staple, certificate, chain, loader);
	/* What is stale already is told by tls_inspect(). */
	atomic_init(&staple->told, staple->until <= time(NULL));
	if (staple->flaw != NULL) {
		OPENSSL_free(staple->der);
		staple->der = NULL;
	}
	return staple;
}

void tls_staple_free(struct tls_staple *staple)
{
	if (staple == NULL)
		return;
	OPENSSL_free(staple->der);
	free(staple->file.path);
	free(staple);
}

bool tls_staple_holds(const struct tls_staple *staple, time_t now)
{
	return staple != NULL && staple->der != NULL && staple->from <= now && now < staple->until;
}

bool tls_staple_is_a_must(X509 *certificate)
{
	TLS_FEATURE *features = X509_get_ext_d2i(certificate, NID_tlsfeature, NULL, NULL);
	bool must = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		must = must || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
		                       TLSEXT_TYPE_status_request;
	TLS_FEATURE_free(features);
	return must;
}
