/* SPDX-License-Identifier: ISC */
#include "client_rule.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char spki_prefix[] = "sha256:";
enum { SPKI_PREFIX = sizeof(spki_prefix) - 1, SPKI_DIGITS = 64 };

const char *client_name_word(enum client_name kind)
{
	switch (kind) {
	case CLIENT_DNS:   return "dns";
	case CLIENT_URI:   return "uri";
	case CLIENT_EMAIL: return "email";
	case CLIENT_CN:    return "cn";
	case CLIENT_SPKI:  return "spki";
	}
	abort();
}

/* What stands behind "KIND:", or NULL: rule is of another kind. */
static const char *client_rule_value(const char *rule, enum client_name kind)
{
	const char *word = client_name_word(kind);
	size_t len = strlen(word);

	return strncmp(rule, word, len) == 0 && rule[len] == ':' ? rule + len + 1 : NULL;
}

/* ---- what a rule may look like ---- */

/* The path of "scheme://authority/path", or NULL: it has none. */
static const char *client_rule_path(const char *uri)
{
	const char *authority = strstr(uri, "://");

	return authority != NULL ? strchr(authority + 3, '/') : NULL;
}

static const char *client_rule_check_uri(const char *uri)
{
	const char *star = strchr(uri, '*');
	const char *path = client_rule_path(uri);

	if (strchr(uri, ':') == NULL)
		return "is no URI: it has no scheme";
	if (star == NULL)
		return NULL;
	if (path == NULL || star < path)
		return "has a \"*\" before its path: it may stand only behind scheme://authority/";
	if (strstr(uri, "**") != NULL)
		return "has a \"**\": a \"*\" stands for a segment of the path, or for part of one";
	return NULL;
}

static const char *client_rule_check_email(const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL || at == address || at[1] == '\0' ? "is no address" : NULL;
}

static const char *client_rule_check_spki(const char *digest)
{
	if (strncmp(digest, spki_prefix, SPKI_PREFIX) != 0)
		return "has no digest that is known: spki:sha256:HEX";
	digest += SPKI_PREFIX;
	if (strlen(digest) != SPKI_DIGITS ||
	    strspn(digest, "0123456789abcdefABCDEF") != SPKI_DIGITS)
		return "has no 64 hexadecimal digits";
	return NULL;
}

const char *client_rule_check(const char *rule)
{
	for (int i = 0; i < CLIENT_NAMES; i++) {
		const enum client_name kind = (enum client_name)i;
		const char *value = client_rule_value(rule, kind);

		if (value == NULL)
			continue;
		if (*value == '\0')
			return "has no name";
		if (kind != CLIENT_URI && strchr(value, '*') != NULL)
			return "has a \"*\", which means something in a uri: only";
		switch (kind) {
		case CLIENT_URI:   return client_rule_check_uri(value);
		case CLIENT_EMAIL: return client_rule_check_email(value);
		case CLIENT_SPKI:  return client_rule_check_spki(value);
		case CLIENT_DNS:
		case CLIENT_CN:    return NULL;
		}
	}
	return "is none of dns:NAME, uri:URI, email:ADDR, cn:NAME, spki:sha256:HEX";
}

enum client_name client_rule_kind(const char *rule)
{
	for (int i = 0; i < CLIENT_NAMES; i++)
		if (client_rule_value(rule, (enum client_name)i) != NULL)
			return (enum client_name)i;
	abort(); /* it was checked */
}

/* ---- names ---- */

static bool client_rule_is_same(const char *value, const char *name, size_t len)
{
	return strlen(value) == len && memcmp(value, name, len) == 0;
}

/* The locale is "C", so that only ASCII has cases. */
static bool client_rule_is_like(const char *value, const char *name, size_t len)
{
	return strlen(value) == len && strncasecmp(value, name, len) == 0;
}

/* RFC 5280, 7.5: the part before the "@" is its host's business. */
static bool client_rule_is_mailbox(const char *value, const char *name, size_t len)
{
	size_t local = (size_t)(strrchr(value, '@') - value) + 1;

	return len > local && memcmp(value, name, local) == 0 &&
	       client_rule_is_like(value + local, name + local, len - local);
}

static bool client_rule_star_takes(char c)
{
	return c != '/' && c != '?' && c != '#';
}

static bool client_rule_is_dots(const char *segment, size_t len)
{
	return len > 0 && len <= 2 && segment[0] == '.' && segment[len - 1] == '.';
}

/* A path that goes up, or stands still, does not lead where it seems to. */
static bool client_rule_has_dots(const char *name, size_t len)
{
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && client_rule_star_takes(name[i]))
			continue;
		if (client_rule_is_dots(name + start, i - start))
			return true;
		start = i + 1;
	}
	return false;
}

/*
 * One "*" after the other: only the last one that was met need ever take more,
 * so this takes no more than len * strlen(value) steps.
 */
static bool client_rule_fits(const char *value, const char *name, size_t len)
{
	const char *star = NULL;        /* the last "*" */
	size_t taken = 0;               /* where in name what it takes ends */
	size_t i = 0;

	while (i < len || *value != '\0') {
		if (*value == '*' && i < len && client_rule_star_takes(name[i])) {
			star = value++;
			taken = ++i;
		} else if (i < len && *value == name[i] && *value != '*') {
			value++;
			i++;
		} else if (star != NULL && taken < len && client_rule_star_takes(name[taken])) {
			value = star + 1;
			i = ++taken;
		} else {
			return false;
		}
	}
	return true;
}

static bool client_rule_is_uri(const char *value, const char *name, size_t len)
{
	if (strchr(value, '*') == NULL)
		return client_rule_is_same(value, name, len);
	return !client_rule_has_dots(name, len) && client_rule_fits(value, name, len);
}

bool client_rule_admits(const char *rule, enum client_name kind, const char *name, size_t len)
{
	const char *value = client_rule_value(rule, kind);

	if (value == NULL || memchr(name, '\0', len) != NULL)
		return false;
	switch (kind) {
	case CLIENT_URI:   return client_rule_is_uri(value, name, len);
	case CLIENT_EMAIL: return client_rule_is_mailbox(value, name, len);
	case CLIENT_CN:    return client_rule_is_same(value, name, len);
	case CLIENT_DNS:
	case CLIENT_SPKI:  return client_rule_is_like(value, name, len);
	}
	abort();
}
