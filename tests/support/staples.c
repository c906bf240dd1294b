/* SPDX-License-Identifier: ISC */
#include "staples.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include "certificates.h"

static ASN1_TIME *staples_time(long from_now)
{
	return ASN1_TIME_adj(NULL, time(NULL), 0, from_now);
}

static void staples_answer(OCSP_BASICRESP *basic, const char *folder, const struct staple *wanted)
{
	X509 *certificate = certificates_load(folder, wanted->about);
	ASN1_TIME *from = staples_time(wanted->from);
	ASN1_TIME *until = wanted->until != 0 ? staples_time(wanted->until) : NULL;
	ASN1_TIME *revoked = wanted->status == V_OCSP_CERTSTATUS_REVOKED ? staples_time(-60) : NULL;
	OCSP_CERTID *id = OCSP_cert_to_id(wanted->sha256 ? EVP_sha256() : EVP_sha1(), certificate,
	                                  certificates_issuer_of(false)->cert);

	ck_assert_ptr_nonnull(OCSP_basic_add1_status(basic, id, wanted->status,
	                                             OCSP_REVOKED_STATUS_KEYCOMPROMISE, revoked,
	                                             from, until));
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
	X509_free(certificate);
}

static EVP_PKEY *staples_load_key(const char *folder, const char *file)
{
	char path[512];
	EVP_PKEY *key;
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	ck_assert_ptr_nonnull(key);
	(void)fclose(in);
	return key;
}

static void staples_sign(OCSP_BASICRESP *basic, const char *folder, const struct staple *wanted)
{
	const struct issuer *issuer = certificates_issuer_of(wanted->stranger);
	X509 *cert;
	EVP_PKEY *key;

	if (wanted->responder == NULL) {
		ck_assert_int_eq(OCSP_basic_sign(basic, issuer->cert, issuer->key, EVP_sha256(),
		                                 NULL, OCSP_NOCERTS),
		                 1);
		return;
	}
	cert = certificates_load(folder, wanted->responder);
	key = staples_load_key(folder, wanted->responder);
	ck_assert_int_eq(OCSP_basic_sign(basic, cert, key, EVP_sha256(), NULL, 0), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* Everything that a responder signs is in front of its signature. */
static void staples_spoil(OCSP_BASICRESP *basic)
{
	const ASN1_OCTET_STRING *signature = OCSP_resp_get0_signature(basic);
	unsigned char *bytes = (unsigned char *)ASN1_STRING_get0_data(signature);

	bytes[ASN1_STRING_length(signature) - 1] ^= 1;
}

static OCSP_RESPONSE *staples_make(const char *folder, const struct staple *wanted)
{
	OCSP_BASICRESP *basic;
	OCSP_RESPONSE *response;

	if (wanted->failure != 0)
		return OCSP_response_create(wanted->failure, NULL);
	basic = OCSP_BASICRESP_new();
	staples_answer(basic, folder, wanted);
	staples_sign(basic, folder, wanted);
	if (wanted->spoilt)
		staples_spoil(basic);
	for (int i = 0; wanted->long_winded && i < 250; i++)
		ck_assert_int_eq(OCSP_basic_add1_cert(basic, certificates_issuer_of(false)->cert),
		                 1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	OCSP_BASICRESP_free(basic);
	return response;
}

static void staples_save(const char *folder, const struct staple *wanted, const unsigned char *der,
                         size_t len)
{
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, wanted->file);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(der, 1, len, out), len);
	if (wanted->trailed)
		ck_assert_int_eq(fputc('x', out), 'x');
	ck_assert_int_eq(fclose(out), 0);
}

size_t staples_write(const char *folder, const struct staple *wanted, unsigned char *room)
{
	OCSP_RESPONSE *response = staples_make(folder, wanted);
	unsigned char *der = NULL;
	int len = i2d_OCSP_RESPONSE(response, &der);

	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(len > UINT16_MAX, wanted->long_winded);
	if (wanted->file != NULL)
		staples_save(folder, wanted, der, (size_t)len);
	ck_assert(room == NULL || len < STAPLE_ROOM);
	if (room != NULL)
		memcpy(room, der, (size_t)len);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	return (size_t)len;
}
