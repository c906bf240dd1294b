/* SPDX-License-Identifier: ISC */
/* Loading. What is done with it is in tls_client_judge.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tls_client_impl.h"
#include "tls_context.h"
#include "tls_error.h"

/* More of their names would not fit into the message that asks for a certificate. */
enum { TLS_CLIENT_NAMES_MOST = 32768 };

/* What is only of interest while it is made. */
struct tls_client_maker {
	struct tls_client *client;
	STACK_OF(X509) * authorities;
	EVP_MD_CTX *hash;
	tls_report *report;
	void *arg;
	char *reason;
	time_t now;
};

static bool tls_client_lacks_memory(struct tls_client_maker *maker)
{
	(void)snprintf(maker->reason, TLS_REASON_ROOM, "out of memory");
	ERR_clear_error();
	return false;
}

static bool tls_client_fails(struct tls_client_maker *maker, const char *path, const char *why)
{
	(void)snprintf(maker->reason, TLS_REASON_ROOM, "%s: %s", path, why);
	ERR_clear_error();
	return false;
}

static void tls_client_say(const struct tls_client_maker *maker, const char *path,
                           const char *problem, const char *detail)
{
	maker->report(maker->arg, &(struct tls_finding){ path, problem, detail });
}

/* "2026-11-24T12:00:00Z SUBJECT" */
static void tls_client_say_date(const struct tls_client_maker *maker, const char *path,
                                const char *problem, const ASN1_TIME *date, const X509_NAME *whose)
{
	char text[320] = "";
	char name[256] = "";
	struct tm tm;

	(void)X509_NAME_oneline(whose, name, sizeof(name)); /* fails without memory only */
	if (ASN1_TIME_to_tm(date, &tm) == 1)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	(void)strncat(text, name, sizeof(text) - strlen(text) - 1);
	tls_client_say(maker, path, problem, text);
}

/* Before now, or no date at all: then OpenSSL will say so as well. */
static bool tls_client_is_past(const struct tls_client_maker *maker, const ASN1_TIME *date)
{
	time_t now = maker->now;

	return X509_cmp_time(date, &now) <= 0;
}

static bool tls_client_hash(struct tls_client_maker *maker, const void *data, size_t len)
{
	return EVP_DigestUpdate(maker->hash, data, len) == 1;
}

/* ---- authorities ---- */

static void tls_client_inspect(struct tls_client_maker *maker, const char *path, X509 *authority)
{
	const X509_NAME *subject = X509_get_subject_name(authority);

	if (tls_client_is_past(maker, X509_get0_notAfter(authority)))
		tls_client_say_date(maker, path, "expired", X509_get0_notAfter(authority), subject);
	else if (!tls_client_is_past(maker, X509_get0_notBefore(authority)))
		tls_client_say_date(maker, path, "not_yet_valid", X509_get0_notBefore(authority),
		                    subject);
}

/* Takes authority. */
static bool tls_client_add_authority(struct tls_client_maker *maker, const char *path,
                                     X509 *authority)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	/* Here OpenSSL notes what it will need to know of it in all threads. */
	if (X509_check_purpose(authority, -1, 0) != 1 || X509_check_ca(authority) == 0) {
		X509_free(authority);
		return tls_client_fails(maker, path,
		                        "holds a certificate that is no authority's (CA:TRUE)");
	}
	tls_client_inspect(maker, path, authority);
	if (X509_digest(authority, EVP_sha256(), digest, &len) == 1 &&
	    tls_client_hash(maker, digest, len) && sk_X509_push(maker->authorities, authority) > 0)
		return true;
	X509_free(authority);
	return tls_client_lacks_memory(maker);
}

/* True when a reader of PEM stopped because there is no more. */
static bool tls_client_is_end(void)
{
	bool end = ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_PEM &&
	           ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

	if (end)
		ERR_clear_error();
	return end;
}

static bool tls_client_read_authorities(struct tls_client_maker *maker, const char *path, BIO *bio)
{
	size_t n = 0;
	X509 *authority;

	for (; (authority = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; n++)
		if (!tls_client_add_authority(maker, path, authority))
			return false;
	if (!tls_client_is_end()) {
		(void)tls_error_sentence(path, maker->reason, TLS_REASON_ROOM);
		return false;
	}
	return n > 0 || tls_client_fails(maker, path, "holds no certificate");
}

/* ---- lists of what was revoked ---- */

static void tls_client_inspect_crl(struct tls_client_maker *maker, const char *path, X509_CRL *crl)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
	const ASN1_TIME *last = X509_CRL_get0_lastUpdate(crl);

	if (next != NULL && tls_client_is_past(maker, next))
		tls_client_say_date(maker, path, "crl_expired", next, X509_CRL_get_issuer(crl));
	else if (!tls_client_is_past(maker, last))
		tls_client_say_date(maker, path, "crl_not_yet_valid", last,
		                    X509_CRL_get_issuer(crl));
	if (next != NULL)
		tls_client_bound(&maker->client->until, next);
}

/* The store has a reference of its own. */
static bool tls_client_add_crl(struct tls_client_maker *maker, const char *path, X509_CRL *crl)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	tls_client_inspect_crl(maker, path, crl);
	return (X509_CRL_digest(crl, EVP_sha256(), digest, &len) == 1 &&
	        tls_client_hash(maker, digest, len) &&
	        X509_STORE_add_crl(maker->client->store, crl) == 1) ||
	       tls_client_lacks_memory(maker);
}

static bool tls_client_read_crls(struct tls_client_maker *maker, const char *path, BIO *bio)
{
	bool fine = true;
	size_t n = 0;
	X509_CRL *crl;

	for (; fine && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL; n++) {
		fine = tls_client_add_crl(maker, path, crl);
		X509_CRL_free(crl);
	}
	if (!fine)
		return false;
	if (!tls_client_is_end()) {
		(void)tls_error_sentence(path, maker->reason, TLS_REASON_ROOM);
		return false;
	}
	return n > 0 || tls_client_fails(maker, path, "holds no CRL");
}

/* ---- files ---- */

typedef bool tls_client_read(struct tls_client_maker *maker, const char *path, BIO *bio);

static bool tls_client_read_files(struct tls_client_maker *maker, const struct text_list *paths,
                                  tls_client_read *read)
{
	bool fine = true;

	for (size_t i = 0; fine && i < paths->n; i++) {
		const char *path = paths->texts[i];
		BIO *bio = BIO_new_file(path, "r");

		if (bio == NULL)
			(void)tls_error_sentence(path, maker->reason, TLS_REASON_ROOM);
		fine = bio != NULL && read(maker, path, bio);
		BIO_free(bio);
	}
	return fine;
}

/* ---- what is made of them ---- */

/* Somebody else in client-ca vouches for it. */
static bool tls_client_is_helper(const struct tls_client_maker *maker, X509 *authority)
{
	if ((X509_get_extension_flags(authority) & EXFLAG_SS) != 0)
		return false;
	for (int i = 0; i < sk_X509_num(maker->authorities); i++) {
		X509 *other = sk_X509_value(maker->authorities, i);

		if (other != authority && X509_check_issued(other, authority) == X509_V_OK)
			return true;
	}
	return false;
}

static bool tls_client_add_name(struct tls_client *client, X509 *authority)
{
	X509_NAME *name;

	if (sk_X509_NAME_find(client->names, X509_get_subject_name(authority)) >= 0)
		return true;
	name = X509_NAME_dup(X509_get_subject_name(authority));
	if (name != NULL && sk_X509_NAME_push(client->names, name) > 0)
		return true;
	X509_NAME_free(name);
	return false;
}

/* Each is trusted, or a helper. */
static bool tls_client_sort(struct tls_client_maker *maker)
{
	struct tls_client *client = maker->client;
	size_t n_trusted = 0;

	for (int i = 0; i < sk_X509_num(maker->authorities); i++) {
		X509 *authority = sk_X509_value(maker->authorities, i);

		if (!tls_client_add_name(client, authority))
			return tls_client_lacks_memory(maker);
		if (tls_client_is_helper(maker, authority)) {
			if (sk_X509_push(client->helpers, authority) <= 0)
				return tls_client_lacks_memory(maker);
			(void)X509_up_ref(authority); /* fails on a wrong count only */
		} else {
			if (X509_STORE_add_cert(client->store, authority) != 1)
				return tls_client_lacks_memory(maker);
			n_trusted++;
		}
	}
	return n_trusted > 0 || tls_client_fails(maker, client->rules->ca.texts[0],
	                                         "each has another for its issuer, so that "
	                                         "no chain would end");
}

/* They are but a hint (RFC 8446, 4.2.4), and one that is too long fails the handshake. */
static void tls_client_limit_names(struct tls_client_maker *maker)
{
	struct tls_client *client = maker->client;
	size_t len = 0;

	for (int i = 0; i < sk_X509_NAME_num(client->names); i++)
		len += 2 + (size_t)i2d_X509_NAME(sk_X509_NAME_value(client->names, i), NULL);
	if (len <= TLS_CLIENT_NAMES_MOST)
		return;
	tls_client_say(maker, client->rules->ca.texts[0], "too_many_authorities",
	               "clients are not told their names");
	sk_X509_NAME_pop_free(client->names, X509_NAME_free);
	client->names = NULL;
}

static bool tls_client_hash_rules(struct tls_client_maker *maker)
{
	const struct client_config *rules = maker->client->rules;
	bool fine = tls_client_hash(maker, &rules->auth, sizeof(rules->auth)) &&
	            tls_client_hash(maker, &rules->depth, sizeof(rules->depth));

	for (size_t i = 0; fine && i < rules->allow.n; i++)
		fine = tls_client_hash(maker, rules->allow.texts[i],
		                       strlen(rules->allow.texts[i]) + 1);
	return (fine && EVP_DigestFinal_ex(maker->hash, maker->client->digest, NULL) == 1) ||
	       tls_client_lacks_memory(maker);
}

static int tls_client_compare_names(const X509_NAME *const *a, const X509_NAME *const *b)
{
	return X509_NAME_cmp(*a, *b);
}

static bool tls_client_load(struct tls_client_maker *maker)
{
	struct tls_client *client = maker->client;

	if (maker->authorities == NULL || client->store == NULL || client->helpers == NULL ||
	    client->names == NULL || maker->hash == NULL ||
	    EVP_DigestInit_ex(maker->hash, EVP_sha256(), NULL) != 1)
		return tls_client_lacks_memory(maker);
	if (!tls_client_read_files(maker, &client->rules->ca, tls_client_read_authorities) ||
	    !tls_client_read_files(maker, &client->rules->crl, tls_client_read_crls) ||
	    !tls_client_sort(maker))
		return false;
	tls_client_limit_names(maker);
	return tls_client_hash_rules(maker);
}

struct tls_client *tls_client_new(const struct client_config *rules, tls_report *report, void *arg,
                                  char *reason)
{
	struct tls_client *client = calloc(1, sizeof(*client));
	struct tls_client_maker maker = {
		.client = client, .report = report, .arg = arg, .reason = reason, .now = time(NULL)
	};

	if (client == NULL) {
		(void)tls_client_lacks_memory(&maker);
		return NULL;
	}
	client->rules = rules;
	client->until = TLS_CLIENT_FOREVER;
	client->store = X509_STORE_new();
	client->helpers = sk_X509_new_null();
	client->names = sk_X509_NAME_new(tls_client_compare_names);
	maker.authorities = sk_X509_new_null();
	maker.hash = EVP_MD_CTX_new();
	if (!tls_client_load(&maker)) {
		tls_client_free(client);
		client = NULL;
	}
	sk_X509_pop_free(maker.authorities, X509_free);
	EVP_MD_CTX_free(maker.hash);
	return client;
}

void tls_client_free(struct tls_client *client)
{
	if (client == NULL)
		return;
	X509_STORE_free(client->store);
	sk_X509_pop_free(client->helpers, X509_free);
	sk_X509_NAME_pop_free(client->names, X509_NAME_free);
	free(client);
}

const unsigned char *tls_client_digest(const struct tls_client *client)
{
	return client->digest;
}
