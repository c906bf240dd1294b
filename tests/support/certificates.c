/* SPDX-License-Identifier: ISC */
#include "certificates.h"

#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { DAY = 24 * 3600 };

#define NAMES(name) "DNS:" name ",DNS:localhost,IP:127.0.0.1"

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
	EVP_PKEY *key = EVP_EC_gen("P-256");
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

static void certificates_append(const char *folder, const char *file, X509 *cert)
{
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	out = fopen(path, "a");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(PEM_write_X509(out, cert), 1);
	ck_assert_int_eq(fclose(out), 0);
}

/* Of the process; a new folder has new ones. */
static struct issuer certificates_ours;
static struct issuer certificates_stranger;

const struct issuer *certificates_issuer_of(bool stranger)
{
	return stranger ? &certificates_stranger : &certificates_ours;
}

static void certificates_extend_as_told(X509 *cert, X509 *issuer, int nid, const char *value)
{
	if (value != NULL)
		certificates_extend(cert, issuer, nid, value);
}

static FILE *certificates_open(const char *folder, const char *file)
{
	char path[512];
	FILE *in;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	in = fopen(path, "r");
	ck_assert_ptr_nonnull(in);
	return in;
}

X509 *certificates_load(const char *folder, const char *file)
{
	FILE *in = certificates_open(folder, file);
	X509 *cert = PEM_read_X509(in, NULL, NULL, NULL);

	(void)fclose(in);
	ck_assert_ptr_nonnull(cert);
	return cert;
}

/* Who issues it. */
static struct issuer certificates_find_issuer(const char *folder, const char *file, bool stranger)
{
	struct issuer issuer = stranger ? certificates_stranger : certificates_ours;
	FILE *in;

	if (file == NULL) {
		ck_assert_int_eq(X509_up_ref(issuer.cert), 1);
		ck_assert_int_eq(EVP_PKEY_up_ref(issuer.key), 1);
		return issuer;
	}
	in = certificates_open(folder, file);
	issuer.cert = PEM_read_X509(in, NULL, NULL, NULL);
	issuer.key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	(void)fclose(in);
	ck_assert(issuer.cert != NULL && issuer.key != NULL);
	return issuer;
}

static void certificates_forget(struct issuer *issuer)
{
	X509_free(issuer->cert);
	EVP_PKEY_free(issuer->key);
}

/* Whose key it is signed with. */
static EVP_PKEY *certificates_signer(const struct certificate *wanted, EVP_PKEY *own,
                                     EVP_PKEY *issuer)
{
	if (wanted->forged)
		return certificates_stranger.key;
	return wanted->itself ? own : issuer;
}

void certificates_issue(const char *folder, const struct certificate *wanted)
{
	struct issuer issuer = certificates_find_issuer(folder, wanted->issuer, wanted->stranger);
	EVP_PKEY *key = wanted->rsa_bits > 0 ? EVP_RSA_gen((unsigned)wanted->rsa_bits)
	                                     : EVP_EC_gen("P-256");
	X509 *cert = certificates_make(wanted->cn != NULL ? wanted->cn : wanted->file, key,
	                               wanted->until != 0 ? wanted->until : DAY);

	if (wanted->since != 0)
		ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(cert), wanted->since));
	ck_assert_int_eq(X509_set_issuer_name(
				 cert, X509_get_subject_name(wanted->itself ? cert : issuer.cert)),
	                 1);
	if (wanted->authority || wanted->lowest)
		certificates_extend(cert, issuer.cert, NID_basic_constraints,
		                    wanted->lowest ? "critical,CA:TRUE,pathlen:0"
		                                   : "critical,CA:TRUE");
	certificates_extend(cert, issuer.cert, NID_subject_key_identifier, "hash");
	certificates_extend_as_told(cert, issuer.cert, NID_subject_alt_name, wanted->names);
	certificates_extend_as_told(cert, issuer.cert, NID_ext_key_usage, wanted->usage);
	certificates_extend_as_told(cert, issuer.cert, NID_key_usage, wanted->key_usage);
	certificates_extend_as_told(cert, issuer.cert, NID_info_access, wanted->places);
	certificates_extend_as_told(cert, issuer.cert, NID_tlsfeature, wanted->features);
	certificates_extend_as_told(cert, issuer.cert, NID_name_constraints, wanted->limits);
	if (wanted->odd)
		certificates_extend(cert, issuer.cert, NID_netscape_comment, "critical,odd");
	if (!wanted->itself)
		certificates_extend(cert, issuer.cert, NID_authority_key_identifier, "keyid");
	ck_assert_int_gt(X509_sign(cert, certificates_signer(wanted, key, issuer.key),
	                           wanted->sha1 ? EVP_sha1() : EVP_sha256()),
	                 0);
	certificates_save(folder, wanted->file, cert, key);
	if (wanted->chain)
		certificates_append(folder, wanted->file, issuer.cert);
	X509_free(cert);
	EVP_PKEY_free(key);
	certificates_forget(&issuer);
}

static void certificates_add_revoked(X509_CRL *crl, const char *folder, const char *file)
{
	X509 *cert = certificates_load(folder, file);
	X509_REVOKED *revoked = X509_REVOKED_new();
	ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL));

	ck_assert_int_eq(X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(cert)), 1);
	ck_assert_int_eq(X509_REVOKED_set_revocationDate(revoked, now), 1);
	ck_assert_int_eq(X509_CRL_add0_revoked(crl, revoked), 1);
	ASN1_TIME_free(now);
	X509_free(cert);
}

static void certificates_save_crl(const char *folder, const char *file, X509_CRL *crl)
{
	char path[512];
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, file);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(PEM_write_X509_CRL(out, crl), 1);
	ck_assert_int_eq(fclose(out), 0);
}

void certificates_revoke(const char *folder, const struct revocations *wanted)
{
	struct issuer issuer = certificates_find_issuer(folder, wanted->issuer, false);
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *last = X509_gmtime_adj(NULL, wanted->since != 0 ? wanted->since : -2L * DAY);
	ASN1_TIME *next = X509_gmtime_adj(NULL, wanted->until);

	ck_assert_int_eq(X509_CRL_set_version(crl, X509_CRL_VERSION_2), 1);
	ck_assert_int_eq(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer.cert)), 1);
	ck_assert_int_eq(X509_CRL_set1_lastUpdate(crl, last), 1);
	ck_assert_int_eq(X509_CRL_set1_nextUpdate(crl, next), 1);
	if (wanted->revoked != NULL)
		certificates_add_revoked(crl, folder, wanted->revoked);
	ck_assert_int_gt(X509_CRL_sign(crl, wanted->forged ? certificates_stranger.key : issuer.key,
	                               EVP_sha256()),
	                 0);
	certificates_save_crl(folder, wanted->file, crl);
	ASN1_TIME_free(last);
	ASN1_TIME_free(next);
	X509_CRL_free(crl);
	certificates_forget(&issuer);
}

void certificates_write_crl(const char *folder, const char *file, const char *revoked, long until)
{
	certificates_write_crl_of(folder, NULL, file, revoked, until);
}

void certificates_write_crl_of(const char *folder, const char *issuer, const char *file,
                               const char *revoked, long until)
{
	certificates_revoke(folder, &(struct revocations){ .file = file,
	                                                   .issuer = issuer,
	                                                   .revoked = revoked,
	                                                   .until = until });
}

void certificates_write(const char *folder)
{
	static const struct certificate wanted[] = {
		{ .file = "adieu.pem",
		  .cn = "adieu.test",
		  .names = NAMES("adieu.test"),
		  .until = DAY },
		{ .file = "adieu-rsa.pem",
		  .cn = "adieu.test",
		  .names = NAMES("adieu.test"),
		  .rsa_bits = 2048,
		  .until = DAY },
		{ .file = "backend.pem",
		  .cn = "backend.test",
		  .names = NAMES("backend.test"),
		  .until = DAY },
		{ .file = "expired.pem",
		  .cn = "backend.test",
		  .names = NAMES("backend.test"),
		  .until = -DAY },
		{ .file = "stranger.pem",
		  .cn = "backend.test",
		  .names = NAMES("backend.test"),
		  .until = DAY,
		  .stranger = true },
	};

	certificates_forget(&certificates_ours);
	certificates_forget(&certificates_stranger);
	certificates_ours = certificates_issuer("Scenario CA");
	certificates_stranger = certificates_issuer("Nobody's CA");
	certificates_save(folder, "ca.pem", certificates_ours.cert, NULL);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		certificates_issue(folder, &wanted[i]);
}
