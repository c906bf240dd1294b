/* SPDX-License-Identifier: ISC */
#include "tls_certificate.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls_heap.h"

static bool tls_certificate_name(X509 *certificate)
{
	X509_NAME *name = X509_get_subject_name(certificate);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	                                  (const unsigned char *)"adieu demo", -1, -1, 0) == 1 &&
	       X509_set_issuer_name(certificate, name) == 1;
}

static bool tls_certificate_add_hosts(X509 *certificate)
{
	X509_EXTENSION *hosts = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	                                            "DNS:localhost,IP:127.0.0.1,IP:::1");
	bool added = hosts != NULL && X509_add_ext(certificate, hosts, -1) == 1;

	X509_EXTENSION_free(hosts);
	return added;
}

static bool tls_certificate_date(X509 *certificate)
{
	enum { MONTH = 30 * 24 * 60 * 60 };

	return X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(certificate), MONTH) != NULL;
}

bool tls_certificate_make(FILE *file)
{
	EVP_PKEY *key = tls_heap_has_common() ? EVP_EC_gen("P-256") : NULL;
	X509 *certificate = X509_new();
	bool made = key != NULL && certificate != NULL &&
	            X509_set_version(certificate, X509_VERSION_3) == 1 &&
	            ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
	            tls_certificate_name(certificate) && tls_certificate_date(certificate) &&
	            tls_certificate_add_hosts(certificate) &&
	            X509_set_pubkey(certificate, key) == 1 &&
	            X509_sign(certificate, key, EVP_sha256()) > 0 &&
	            PEM_write_X509(file, certificate) == 1 &&
	            PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;

	X509_free(certificate);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return made;
}
