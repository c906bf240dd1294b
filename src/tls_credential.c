/* SPDX-License-Identifier: ISC */
#include "tls_credential.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls_context.h"
#include "tls_error.h"
#include "tls_heap.h"
#include "tls_staple.h"

/* TLS_KINDS: nothing that TLS 1.2 or 1.3 can sign with. */
static enum tls_kind tls_credential_kind(const EVP_PKEY *key)
{
	static const struct {
		const char *name;
		enum tls_kind kind;
	} kinds[] = {
		{ "RSA", TLS_KIND_RSA },     { "RSA-PSS", TLS_KIND_RSA_PSS },
		{ "EC", TLS_KIND_ECDSA },    { "ED25519", TLS_KIND_ED25519 },
		{ "ED448", TLS_KIND_ED448 },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (EVP_PKEY_is_a(key, kinds[i].name))
			return kinds[i].kind;
	return TLS_KINDS;
}

time_t tls_time(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 ? timegm(&tm) : 0;
}

/* A name with a NUL in it is a trick, and none with anything odd can be asked for. */
static bool tls_credential_is_name(const ASN1_STRING *name)
{
	const unsigned char *text = ASN1_STRING_get0_data(name);
	const int len = ASN1_STRING_length(name);

	for (int i = 0; i < len; i++)
		if (!isalnum(text[i]) && strchr("-._*", text[i]) == NULL)
			return false;
	return len > 0 && len < 256 && strlen((const char *)text) == (size_t)len;
}

static void tls_credential_add_name(struct tls_credential *credential, FILE *names,
                                    const ASN1_STRING *name)
{
	const unsigned char *text = ASN1_STRING_get0_data(name);

	if (!tls_credential_is_name(name))
		return;
	for (int i = 0; i < ASN1_STRING_length(name); i++)
		(void)putc(tolower(text[i]), names);
	(void)putc('\0', names);
	credential->n_names++;
}

/* The common name counts for certificates without any other, as it once did for all. */
static void tls_credential_list_names(struct tls_credential *credential, FILE *names)
{
	GENERAL_NAMES *alternatives =
		X509_get_ext_d2i(credential->certificate, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(credential->certificate);
	int at = -1;

	for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(alternatives, i);

		if (name->type == GEN_DNS)
			tls_credential_add_name(credential, names, name->d.dNSName);
	}
	GENERAL_NAMES_free(alternatives);
	if (credential->n_names == 0)
		at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	if (at >= 0)
		tls_credential_add_name(credential, names,
		                        X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static bool tls_credential_read_names(struct tls_credential *credential)
{
	size_t len = 0;
	FILE *names = open_memstream(&credential->names, &len);

	if (names == NULL)
		return false;
	/* The stream ends what is in it with a NUL of its own: that is the empty name. */
	tls_credential_list_names(credential, names);
	/* Without memory for the last of it that may still be said to have gone well. */
	return fclose(names) == 0 && credential->names != NULL;
}

static bool tls_credential_read(struct tls_credential *credential, const char *about, char *reason)
{
	const X509 *certificate = credential->certificate;
	/* What X509_V_FLAG needs is looked up now, for later it would take a lock. */
	const bool known = X509_check_purpose(credential->certificate, -1, 0) == 1;

	credential->kind = tls_credential_kind(credential->key);
	if ((!known || credential->kind == TLS_KINDS) && tls_heap_was_short()) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return false;
	}
	credential->not_before = tls_time(X509_get0_notBefore(certificate));
	credential->not_after = tls_time(X509_get0_notAfter(certificate));
	if (credential->kind == TLS_KINDS) {
		(void)snprintf(reason, TLS_REASON_ROOM, "%s: TLS has no use for this kind of key",
		               about);
		return false;
	}
	if (X509_check_private_key(certificate, credential->key) != 1) {
		(void)tls_error_sentence(about, reason, TLS_REASON_ROOM);
		return false;
	}
	if (!tls_credential_read_names(credential)) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return false;
	}
	ERR_clear_error();
	return true;
}

struct tls_credential *tls_credential_new(X509 *certificate, STACK_OF(X509) * chain, EVP_PKEY *key,
                                          const char *about, char *reason)
{
	struct tls_credential *credential = calloc(1, sizeof(*credential));

	if (credential == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		X509_free(certificate);
		sk_X509_pop_free(chain, X509_free);
		EVP_PKEY_free(key);
		return NULL;
	}
	atomic_init(&credential->references, 1);
	credential->certificate = certificate;
	credential->chain = chain;
	credential->key = key;
	if (tls_credential_read(credential, about, reason))
		return credential;
	tls_credential_release(credential);
	return NULL;
}

static void tls_credential_share(const struct tls_credential *credential)
{
	/* They fail on wrong counts only. */
	(void)X509_up_ref(credential->certificate);
	(void)EVP_PKEY_up_ref(credential->key);
}

struct tls_credential *tls_credential_copy(const struct tls_credential *credential, char *reason)
{
	STACK_OF(X509) *chain = NULL;

	if (credential->chain != NULL) {
		chain = X509_chain_up_ref(credential->chain);
		if (chain == NULL) {
			(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
			return NULL;
		}
	}
	tls_credential_share(credential);
	return tls_credential_new(credential->certificate, chain, credential->key,
	                          credential->cert_file.path, reason);
}

struct tls_credential *tls_credential_hold(struct tls_credential *credential)
{
	(void)atomic_fetch_add(&credential->references, 1);
	return credential;
}

void tls_credential_release(struct tls_credential *credential)
{
	if (credential == NULL || atomic_fetch_sub(&credential->references, 1) > 1)
		return;
	X509_free(credential->certificate);
	sk_X509_pop_free(credential->chain, X509_free);
	EVP_PKEY_free(credential->key);
	tls_staple_free(credential->staple);
	free(credential->names);
	free(credential->cert_file.path);
	free(credential->key_file.path);
	free(credential);
}

bool tls_credential_is_valid(const struct tls_credential *credential, time_t now)
{
	return credential->not_before <= now && now < credential->not_after;
}
