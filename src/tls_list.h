/* SPDX-License-Identifier: ISC */
/*
 * tls_list - keys whose values are lists of names that only OpenSSL knows
 *
 * ciphers, ciphersuites, groups and sigalgs. A file is judged by the same calls
 * that set them later.
 */
#ifndef TLS_LIST_H
#define TLS_LIST_H

#include <stdbool.h>

struct ssl_ctx_st;

enum {
	TLS_LIST_REASON_ROOM = 256,
	/* OpenSSL's: 112 bits at least, in keys, signatures and groups. No list may lower it. */
	TLS_SECURITY_LEVEL = 2,
};

/* The n-th of these keys; NULL: there are no more. */
const char *tls_list_key(unsigned n);

/* Sets it. False: OpenSSL does not take the value, and its error queue may say why. */
bool tls_list_apply(struct ssl_ctx_st *ctx, const char *key, const char *value);

/* What is to be said of the value, behind it. */
enum tls_list_verdict {
	TLS_LIST_GOOD,
	TLS_LIST_WRONG,
	TLS_LIST_ODD,           /* OpenSSL takes it, and passes over a name in it */
	TLS_LIST_OUT_OF_MEMORY,
};

/* reason has TLS_LIST_REASON_ROOM bytes; it is written to unless all is good. */
enum tls_list_verdict tls_list_judge(const char *key, const char *value, char *reason);

#endif
