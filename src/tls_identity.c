/* SPDX-License-Identifier: ISC */
#include "tls_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "client_rule.h"

enum { TLS_SPKI_ROOM = sizeof("sha256:") + 2 * SHA256_DIGEST_LENGTH };

/* The search for a name that will do, and what came of it. */
struct tls_name_search {
	const struct text_list *rules;
	bool found;
	char name[TLS_IDENTITY_ROOM];   /* "KIND:NAME" */
};

/* One that does not fit is cut, for it is for the log alone. */
static bool tls_identity_take(struct tls_name_search *search, enum client_name kind,
                              const char *name, size_t len)
{
	search->found = true;
	(void)snprintf(search->name, sizeof(search->name), "%s:%.*s", client_name_word(kind),
	               (int)len, name);
	return true;
}

static bool tls_identity_try(struct tls_name_search *search, enum client_name kind,
                             const char *name, size_t len)
{
	for (size_t i = 0; i < search->rules->n; i++)
		if (client_rule_admits(search->rules->texts[i], kind, name, len))
			return tls_identity_take(search, kind, name, len);
	/* Without rules the first one is what it is known by. */
	return search->rules->n == 0 && memchr(name, '\0', len) == NULL &&
	       tls_identity_take(search, kind, name, len);
}

static bool tls_identity_try_alternative(struct tls_name_search *search, const GENERAL_NAME *one)
{
	int type;
	const ASN1_STRING *text = GENERAL_NAME_get0_value(one, &type);
	enum client_name kind;

	if (type == GEN_DNS)
		kind = CLIENT_DNS;
	else if (type == GEN_URI)
		kind = CLIENT_URI;
	else if (type == GEN_EMAIL)
		kind = CLIENT_EMAIL;
	else
		return false;
	return tls_identity_try(search, kind, (const char *)ASN1_STRING_get0_data(text),
	                        (size_t)ASN1_STRING_length(text));
}

static bool tls_identity_try_alternatives(struct tls_name_search *search, X509 *certificate)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
		found = tls_identity_try_alternative(search, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	return found;
}

static bool tls_identity_try_common_names(struct tls_name_search *search, X509 *certificate)
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	bool found = false;
	int at = -1;

	while (!found && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
		unsigned char *text = NULL;
		int len = ASN1_STRING_to_UTF8(
			&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

		if (len >= 0)
			found = tls_identity_try(search, CLIENT_CN, (const char *)text,
			                         (size_t)len);
		OPENSSL_free(text);
	}
	return found;
}

static bool tls_identity_try_key(struct tls_name_search *search, X509 *certificate)
{
	char text[TLS_SPKI_ROOM] = "sha256:";
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned char *key = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
	size_t at = strlen(text);

	if (len < 0)
		return false;
	(void)SHA256(key, (size_t)len, digest); /* into room of ours it does not fail */
	OPENSSL_free(key);
	for (size_t i = 0; i < sizeof(digest); i++, at += 2)
		(void)snprintf(text + at, sizeof(text) - at, "%02x", digest[i]);
	return tls_identity_try(search, CLIENT_SPKI, text, at);
}

static bool tls_identity_names_key(const struct text_list *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (client_rule_kind(rules->texts[i]) == CLIENT_SPKI)
			return true;
	return false;
}

static void tls_identity_search(struct tls_name_search *search, X509 *certificate)
{
	(void)(tls_identity_try_alternatives(search, certificate) ||
	       (search->rules->n > 0 && tls_identity_try_common_names(search, certificate)) ||
	       (tls_identity_names_key(search->rules) &&
	        tls_identity_try_key(search, certificate)));
	ERR_clear_error(); /* a name that cannot be read is no name */
}

bool tls_identity_is_allowed(X509 *certificate, const struct text_list *rules)
{
	struct tls_name_search search = { .rules = rules };

	if (rules->n > 0)
		tls_identity_search(&search, certificate);
	return rules->n == 0 || search.found;
}

/* ---- for the log ---- */

/* Into room; what does not fit is cut. All of it is ASCII, so it may be cut anywhere. */
static void tls_identity_write_subject(X509 *certificate, char room[static TLS_IDENTITY_ROOM])
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len = 0;

	if (bio != NULL &&
	    X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_read(bio, room, TLS_IDENTITY_ROOM - 1);
	room[len > 0 ? len : 0] = '\0';
	BIO_free(bio);
	ERR_clear_error();
}

static struct tls_identity *tls_identity_pack(X509 *certificate, const char *name)
{
	char subject[TLS_IDENTITY_ROOM];
	struct tls_identity *identity;
	size_t subject_size;
	size_t name_size = strlen(name) + 1;

	tls_identity_write_subject(certificate, subject);
	subject_size = strlen(subject) + 1;
	identity = malloc(sizeof(*identity) + subject_size + name_size);
	if (identity == NULL)
		return NULL;
	identity->subject = memcpy(identity->text, subject, subject_size);
	identity->name = memcpy(identity->text + subject_size, name, name_size);
	return identity;
}

struct tls_identity *tls_identity_new(X509 *certificate, const struct text_list *rules)
{
	struct tls_name_search search = { .rules = rules };

	tls_identity_search(&search, certificate);
	return tls_identity_pack(certificate, search.name);
}

struct tls_identity *tls_identity_new_refused(X509 *certificate)
{
	return tls_identity_pack(certificate, "");
}
