/* SPDX-License-Identifier: ISC */
#include "tls_grade.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "tls_staple.h"

#define TLS_GRADE_MODERN \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define TLS_GRADE_INTERMEDIATE                                       \
	TLS_GRADE_MODERN                                             \
	":ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256" \
	":ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384" \
	":ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* In both of them, each under every name that OpenSSL has for it. */
#define TLS_GRADE_GROUPS "X25519MLKEM768:X25519:P-256:prime256v1:secp256r1:P-384:secp384r1"

struct tls_profile {
	const char *name;
	int version;            /* the oldest one */
	const char *ciphers;
	bool rsa;               /* keys and signatures of certificates may be RSA */
	int days;               /* that certificates may be valid for */
};
static const struct tls_profile tls_profiles[] = {
	{ "modern", TLS1_3_VERSION, TLS_GRADE_MODERN, false, 90 },
	{ "intermediate", TLS1_2_VERSION, TLS_GRADE_INTERMEDIATE, true, 366 },
};
static const size_t n_tls_profiles = sizeof(tls_profiles) / sizeof(tls_profiles[0]);

/* Where objections to one profile go, and how many there were. */
struct tls_objections {
	const struct tls_profile *profile;
	const char *indent;
	FILE *out;
	size_t n;
};

static void tls_grade_object(struct tls_objections *objections, const char *what, const char *why)
{
	objections->n++;
	(void)fprintf(objections->out, "%snot %s: %s %s\n", objections->indent,
	              objections->profile->name, what, why);
}

static bool tls_grade_lists(const char *list, const char *word, size_t len)
{
	while (list != NULL) {
		if (strncasecmp(list, word, len) == 0 && (list[len] == ':' || list[len] == '\0'))
			return true;
		list = strchr(list, ':');
		if (list != NULL)
			list++;
	}
	return false;
}

static void tls_grade_ciphers(struct tls_objections *objections, SSL *ssl)
{
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get1_supported_ciphers(ssl);

	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const char *name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i));

		if (!tls_grade_lists(objections->profile->ciphers, name, strlen(name)))
			tls_grade_object(objections, name, "is enabled");
	}
	sk_SSL_CIPHER_free(ciphers);
}

/* Ours are in each profile, so it matters only what somebody has said. */
static void tls_grade_groups(struct tls_objections *objections, const char *groups)
{
	while (groups != NULL && *groups != '\0') {
		const size_t len = strcspn(groups, ":");
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s", (int)len, groups);
		if (!tls_grade_lists(TLS_GRADE_GROUPS, groups, len))
			tls_grade_object(objections, name, "is among the groups");
		groups += len;
		groups += *groups == ':';
	}
}

static bool tls_grade_allows_curve(const EVP_PKEY *key)
{
	char curve[64] = "";

	return EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL) == 1 &&
	       tls_grade_lists(TLS_GRADE_GROUPS, curve, strlen(curve));
}

static void tls_grade_key(struct tls_objections *objections,
                          const struct tls_credential *credential)
{
	const char *path = credential->cert_file.path;
	const bool rsa = credential->kind == TLS_KIND_RSA;

	if (rsa && !objections->profile->rsa)
		tls_grade_object(objections, path, "has an RSA key");
	else if (!rsa && credential->kind != TLS_KIND_ECDSA)
		tls_grade_object(objections, path, "has a key that is neither RSA nor ECDSA");
	else if (!rsa && !tls_grade_allows_curve(credential->key))
		tls_grade_object(objections, path,
		                 "has a key on another curve than P-256 and P-384");
	else if (rsa && EVP_PKEY_get_bits(credential->key) < 2048)
		tls_grade_object(objections, path, "has an RSA key of less than 2048 bits");
}

static void tls_grade_signature(struct tls_objections *objections,
                                const struct tls_credential *credential)
{
	enum { BITS = 128 }; /* SHA-256's */
	const char *path = credential->cert_file.path;
	int signer = NID_undef;
	int bits = 0;

	(void)X509_get_signature_info(credential->certificate, NULL, &signer, &bits, NULL);
	if (signer == NID_rsaEncryption ? !objections->profile->rsa
	                                : signer != NID_X9_62_id_ecPublicKey)
		tls_grade_object(objections, path, "is not signed with ECDSA");
	else if (bits < BITS)
		tls_grade_object(objections, path, "is signed with a hash shorter than SHA-256");
}

/* The last second counts (RFC 5280, 4.1.2.5), and authorities leave it out or not. */
static void tls_grade_lifespan(struct tls_objections *objections,
                               const struct tls_credential *credential)
{
	enum { DAY = 24 * 3600 };
	const time_t most = (time_t)objections->profile->days * DAY;
	char why[64];

	if (credential->not_after - credential->not_before <= most)
		return;
	(void)snprintf(why, sizeof(why), "is valid for more than %d days",
	               objections->profile->days);
	tls_grade_object(objections, credential->cert_file.path, why);
}

/* Only where there is an authority to ask for one. */
static void tls_grade_staple(struct tls_objections *objections,
                             const struct tls_credential *credential)
{
	STACK_OF(OPENSSL_STRING) *places = X509_get1_ocsp(credential->certificate);

	if (places != NULL && !tls_staple_holds(credential->staple, time(NULL)))
		tls_grade_object(objections, credential->cert_file.path,
		                 "has no staple, and its authority gives one");
	X509_email_free(places);
}

static void tls_grade_judge(struct tls_objections *objections, SSL *ssl,
                            const struct listener_config *listener,
                            const struct tls_credential *const *credentials, size_t n)
{
	if (SSL_get_min_proto_version(ssl) < objections->profile->version)
		tls_grade_object(objections, "TLS 1.2", "is spoken");
	tls_grade_ciphers(objections, ssl);
	tls_grade_groups(objections, listener->groups);
	for (size_t i = 0; i < n; i++) {
		tls_grade_key(objections, credentials[i]);
		tls_grade_signature(objections, credentials[i]);
		tls_grade_lifespan(objections, credentials[i]);
		tls_grade_staple(objections, credentials[i]);
	}
}

void tls_grade_print(FILE *out, const char *indent, SSL *ssl,
                     const struct listener_config *listener,
                     const struct tls_credential *const *credentials, size_t n)
{
	const char *grade = "none of them";
	const char *but = "";
	char *reasons = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&reasons, &len);

	for (size_t i = 0; stream != NULL && i < n_tls_profiles; i++) {
		struct tls_objections objections = { &tls_profiles[i], indent, stream, 0 };

		tls_grade_judge(&objections, ssl, listener, credentials, n);
		if (objections.n > 0)
			continue;
		grade = tls_profiles[i].name;
		if ((SSL_get_options(ssl) & SSL_OP_CIPHER_SERVER_PREFERENCE) != 0)
			but = ", but that our order of ciphers counts, not the client's";
		break;
	}
	if (stream == NULL || fclose(stream) != 0) {
		free(reasons);
		reasons = NULL;
		grade = "out of memory";
		but = "";
	}
	(void)fprintf(out, "%s%s%s\n%s", indent, grade, but, reasons != NULL ? reasons : "");
	free(reasons);
}
