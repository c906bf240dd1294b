/* SPDX-License-Identifier: ISC */
#include "certificates.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { DAY = 24 * 3600 };

struct issuer {
	X509 *cert;
	EVP_PKEY *key;
};

static EVP_PKEY *certificates_key(bool rsa)
{
	EVP_PKEY *key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");

	ck_assert_ptr_nonnull(key);
	return key;
}

static void certificates_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *certificates_make(const char *name, EVP_PKEY *key, long until)
{
	static long serial = 1;
	X509 *cert = X509_new();

	ck_assert_int_eq(X509_set_version(cert, X509_VERSION_3), 1);
	ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++), 1);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(cert), -2L * DAY));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(cert), until));
	ck_assert_int_eq(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	                                            MBSTRING_UTF8, (const unsigned char *)name, -1,
	                                            -1, 0),
	                 1);
	ck_assert_int_eq(X509_set_pubkey(cert, key), 1);
	return cert;
}

static struct issuer certificates_issuer(const char *name)
{
	EVP_PKEY *key = certificates_key(false);
	X509 *cert = certificates_make(name, key, 10L * DAY);

	ck_assert_int_eq(X509_set_issuer_name(cert, X509_get_subject_name(cert)), 1);
	certificates_extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	certificates_extend(cert, cert, NID_subject_key_identifier, "hash");
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	return (struct issuer){ cert, key };
}

static void certificates_save(const char *folder, const char *file, X509 *cert, EVP_PKEY *key)
{
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(PEM_write_X509(out, cert), 1);
	if (key != NULL) {
		ck_assert_int_eq(fchmod(fileno(out), 0600), 0);
		ck_assert_int_eq(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
	}
	ck_assert_int_eq(fclose(out), 0);
}

static void certificates_issue(const char *folder, const char *file, const struct issuer *issuer,
                               const char *name, bool rsa, long until)
{
	EVP_PKEY *key = certificates_key(rsa);
	X509 *cert = certificates_make(name, key, until);
	char names[128];

	ck_assert_int_eq(X509_set_issuer_name(cert, X509_get_subject_name(issuer->cert)), 1);
	(void)snprintf(names, sizeof(names), "DNS:%s,DNS:localhost,IP:127.0.0.1", name);
	certificates_extend(cert, issuer->cert, NID_subject_alt_name, names);
	certificates_extend(cert, issuer->cert, NID_authority_key_identifier, "keyid");
	ck_assert_int_gt(X509_sign(cert, issuer->key, EVP_sha256()), 0);
	certificates_save(folder, file, cert, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void certificates_write(const char *folder)
{
	struct issuer ours = certificates_issuer("Scenario CA");
	struct issuer stranger = certificates_issuer("Nobody's CA");

	certificates_save(folder, "ca.pem", ours.cert, NULL);
	certificates_issue(folder, "adieu.pem", &ours, "adieu.test", false, DAY);
	certificates_issue(folder, "adieu-rsa.pem", &ours, "adieu.test", true, DAY);
	certificates_issue(folder, "backend.pem", &ours, "backend.test", false, DAY);
	certificates_issue(folder, "expired.pem", &ours, "backend.test", false, -DAY);
	certificates_issue(folder, "stranger.pem", &stranger, "backend.test", false, DAY);
	X509_free(ours.cert);
	EVP_PKEY_free(ours.key);
	X509_free(stranger.cert);
	EVP_PKEY_free(stranger.key);
}
