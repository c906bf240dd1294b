/* SPDX-License-Identifier: ISC */
/*
 * issue FOLDER COUNT SERIES - many certificates for many_names.py, in a moment
 *
 * In FOLDER: ca.pem, and folders 0, 1, ... of one series each, with n0.pem,
 * n1.pem, ...: a certificate, its authority's and its key, for n0.many.test and
 * so on. What it is called (CN) is the number of its series. All have one key,
 * as its encoding takes more time than all the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { DAY = 24 * 3600, ROOM = 512 };

static EVP_PKEY *authority_key;
static X509 *authority;
static EVP_PKEY *key;
static BIO *tail;       /* what is the same in all files */

static void must(int done)
{
	if (done > 0)
		return;
	(void)fprintf(stderr, "issue: out of memory, or of space\n");
	exit(1);
}

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(extension != NULL && X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

/* Not signed yet. What expires within two weeks is warned of. */
static X509 *make(const char *cn, EVP_PKEY *whose, long serial)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	must(X509_set_version(certificate, X509_VERSION_3));
	must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial));
	must(X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY) != NULL);
	must(X509_gmtime_adj(X509_getm_notAfter(certificate), 30L * DAY) != NULL);
	must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1,
	                                0));
	must(X509_set_pubkey(certificate, whose));
	return certificate;
}

static void save(const char *path, X509 *certificate, BIO *more)
{
	char none[1] = "";
	char *text = none;
	long len = more != NULL ? BIO_get_mem_data(more, &text) : 0;
	FILE *out = fopen(path, "w");

	must(out != NULL && fchmod(fileno(out), 0600) == 0 && PEM_write_X509(out, certificate));
	must(fwrite(text, 1, (size_t)len, out) == (size_t)len && fclose(out) == 0);
}

static void make_authority(const char *folder)
{
	char path[ROOM];

	authority_key = EVP_EC_gen("P-256");
	key = EVP_EC_gen("P-256");
	tail = BIO_new(BIO_s_mem());
	must(authority_key != NULL && key != NULL && tail != NULL);
	authority = make("Many Names", authority_key, 1);
	must(X509_set_issuer_name(authority, X509_get_subject_name(authority)));
	extend(authority, NID_basic_constraints, "critical,CA:TRUE");
	must(X509_sign(authority, authority_key, EVP_sha256()));
	must(PEM_write_bio_X509(tail, authority));
	must(PEM_write_bio_PrivateKey(tail, key, NULL, NULL, 0, NULL, NULL));
	(void)snprintf(path, sizeof(path), "%s/ca.pem", folder);
	save(path, authority, NULL);
}

static void issue(const char *folder, int series, int number)
{
	static long serial = 2;
	char text[ROOM];
	X509 *certificate;

	(void)snprintf(text, sizeof(text), "%d", series);
	certificate = make(text, key, serial++);
	must(X509_set_issuer_name(certificate, X509_get_subject_name(authority)));
	(void)snprintf(text, sizeof(text), "DNS:n%d.many.test", number);
	extend(certificate, NID_subject_alt_name, text);
	must(X509_sign(certificate, authority_key, EVP_sha256()));
	(void)snprintf(text, sizeof(text), "%s/%d/n%d.pem", folder, series, number);
	save(text, certificate, tail);
	X509_free(certificate);
}

int main(int argc, char **argv)
{
	char path[ROOM];

	if (argc != 4)
		return 2;
	make_authority(argv[1]);
	for (int series = 0; series < atoi(argv[3]); series++) {
		(void)snprintf(path, sizeof(path), "%s/%d", argv[1], series);
		must(mkdir(path, 0700) == 0);
		for (int i = 0; i < atoi(argv[2]); i++)
			issue(argv[1], series, i);
	}
	X509_free(authority);
	EVP_PKEY_free(authority_key);
	EVP_PKEY_free(key);
	BIO_free(tail);
	return 0;
}
