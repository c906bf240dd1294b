/* SPDX-License-Identifier: ISC */
/*
 * client_rule - one entry of client-allow: which name in a certificate will do
 *
 *	dns:NAME            a dNSName; case is ignored
 *	uri:URI             a uniformResourceIdentifier, byte by byte. In the path of
 *	                    URI a "*" stands for one or more characters but "/",
 *	                    "?" and "#", so for a segment at most; then no segment
 *	                    of the name may be "." or ".."
 *	email:ADDR          an rfc822Name; case is ignored behind the "@" only
 *	cn:NAME             a common name of the subject, byte by byte in UTF-8
 *	spki:sha256:HEX     the digest of the public key (SubjectPublicKeyInfo)
 *
 * A name with a NUL byte in it is nobody's.
 */
#ifndef CLIENT_RULE_H
#define CLIENT_RULE_H

#include <stdbool.h>
#include <stddef.h>

enum client_name {
	CLIENT_DNS,
	CLIENT_URI,
	CLIENT_EMAIL,
	CLIENT_CN,
	CLIENT_SPKI,
};
enum { CLIENT_NAMES = CLIENT_SPKI + 1 };

/* "dns", ... Static. */
const char *client_name_word(enum client_name kind);

/* NULL, or why rule is none, as it may follow the quoted text: "has no ...". Static. */
const char *client_rule_check(const char *rule);

/* The kind of a rule that client_rule_check() found nothing wrong with. */
enum client_name client_rule_kind(const char *rule);

/*
 * True when such a rule lets this name in, which need not end with a NUL. A name
 * of CLIENT_SPKI is "sha256:" and 64 hexadecimal digits.
 */
bool client_rule_admits(const char *rule, enum client_name kind, const char *name, size_t len);

#endif
