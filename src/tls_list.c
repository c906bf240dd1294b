/* SPDX-License-Identifier: ISC */
/*
 * Of a wrong list OpenSSL mostly says no more than that it is wrong, and in
 * ciphers it passes over names that it does not know. So each name is tried
 * alone, and the first one that is not taken is the one to name.
 */
#include "tls_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls_heap.h"

/* A list of ciphers may also set the level (@SECLEVEL=0), and with it let in no cipher at all. */
static int tls_list_set_ciphers(SSL_CTX *ctx, const char *ciphers)
{
	if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		return 0;
	if (SSL_CTX_get_security_level(ctx) >= TLS_SECURITY_LEVEL)
		return 1;
	ERR_raise(ERR_LIB_SSL, SSL_R_INSUFFICIENT_SECURITY);
	return 0;
}

/* Macros, both of them. */
static int tls_list_set_groups(SSL_CTX *ctx, const char *groups)
{
	return SSL_CTX_set1_groups_list(ctx, groups) == 1;
}

static int tls_list_set_sigalgs(SSL_CTX *ctx, const char *sigalgs)
{
	return SSL_CTX_set1_sigalgs_list(ctx, sigalgs) == 1;
}

static const struct tls_list {
	const char *key;
	int (*set)(SSL_CTX *ctx, const char *value);
	const char *ends;       /* what ends a name */
	const char *effects; /* what a name begins with that adds nothing, or need not be known */
	const char *what;
} tls_lists[] = {
	{ "ciphers", tls_list_set_ciphers, ":, ;", "!-+@", "cipher of TLS 1.2" },
	{ "ciphersuites", SSL_CTX_set_ciphersuites, ":", "", "cipher of TLS 1.3" },
	{ "groups", tls_list_set_groups, ":/", "?-", "group" },
	{ "sigalgs", tls_list_set_sigalgs, ":", "?", "kind of signature" },
};
enum { TLS_LISTS = sizeof(tls_lists) / sizeof(tls_lists[0]) };

const char *tls_list_key(unsigned n)
{
	return n < TLS_LISTS ? tls_lists[n].key : NULL;
}

static const struct tls_list *tls_list_find(const char *key)
{
	for (size_t i = 0; i < TLS_LISTS; i++)
		if (strcmp(tls_lists[i].key, key) == 0)
			return &tls_lists[i];
	abort(); /* nobody asks for another */
}

bool tls_list_apply(SSL_CTX *ctx, const char *key, const char *value)
{
	return tls_list_find(key)->set(ctx, value) == 1;
}

/* ---- judging ---- */

/* The first name that is not taken alone, into room; false: there is none. */
static bool tls_list_find_unknown(const struct tls_list *list, SSL_CTX *ctx, const char *value,
                                  char *room, size_t size)
{
	for (size_t len; *value != '\0'; value += len + (value[len] != '\0')) {
		len = strcspn(value, list->ends);
		if (len == 0 || strchr(list->effects, *value) != NULL)
			continue;
		if (snprintf(room, size, "%.*s", (int)len, value) < (int)size &&
		    list->set(ctx, room) != 1)
			return true;
	}
	return false;
}

static enum tls_list_verdict tls_list_judge_with(const struct tls_list *list, SSL_CTX *ctx,
                                                 const char *value, char *reason)
{
	const bool taken = list->set(ctx, value) == 1;
	const bool weak = ERR_GET_REASON(ERR_peek_error()) == SSL_R_INSUFFICIENT_SECURITY;
	char name[128];
	const bool unknown = !weak && tls_list_find_unknown(list, ctx, value, name, sizeof(name));

	if (taken && !unknown)
		return TLS_LIST_GOOD;
	if (weak)
		(void)snprintf(reason, TLS_LIST_REASON_ROOM,
		               "lowers the level of security below %d", TLS_SECURITY_LEVEL);
	else if (!unknown)
		(void)snprintf(reason, TLS_LIST_REASON_ROOM, "is no list that OpenSSL takes");
	else if (strcmp(name, value) == 0)
		(void)snprintf(reason, TLS_LIST_REASON_ROOM, "is no %s that OpenSSL knows",
		               list->what);
	else
		(void)snprintf(reason, TLS_LIST_REASON_ROOM,
		               "has \"%s\", which is no %s that OpenSSL knows%s", name, list->what,
		               taken ? "; it is passed over" : "");
	return taken ? TLS_LIST_ODD : TLS_LIST_WRONG;
}

enum tls_list_verdict tls_list_judge(const char *key, const char *value, char *reason)
{
	enum tls_list_verdict verdict = TLS_LIST_OUT_OF_MEMORY;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	ERR_clear_error();
	if (ctx != NULL) {
		SSL_CTX_set_security_level(ctx, TLS_SECURITY_LEVEL);
		verdict = tls_list_judge_with(tls_list_find(key), ctx, value, reason);
	}
	SSL_CTX_free(ctx);
	ERR_clear_error();
	/* What it could not allocate it may take for unknown. */
	return verdict != TLS_LIST_GOOD && tls_heap_was_short() ? TLS_LIST_OUT_OF_MEMORY : verdict;
}
