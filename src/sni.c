/* SPDX-License-Identifier: ISC */
#include "sni.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void sni_lower(const char *name, size_t len, char lower[SNI_ROOM])
{
	size_t i = 0;

	for (; i < SNI_ROOM - 1 && i < len; i++)
		lower[i] = (char)tolower((unsigned char)name[i]);
	lower[i] = '\0';
}

const char *sni_widen(char lower[SNI_ROOM])
{
	char *rest = strchr(lower, '.');

	if (rest == NULL || rest == lower)
		return NULL;
	*--rest = '*';
	return rest;
}

/* The last label of an IPv4 address is a number. */
static const char *sni_check_label(const char *label, size_t len, bool is_last)
{
	static const char digits[] = "0123456789";
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";

	if (len == 0)
		return "has nothing before a dot, or behind one";
	if (len > 63)
		return "has more than 63 characters between dots";
	if (strspn(label, letters) < len)
		return "is no host name: letters, digits, \"-\" and \"_\" between dots, or \"*\" "
		       "before the first dot";
	if (is_last && strspn(label, digits) == len)
		return "is an address, and clients ask for names only";
	return NULL;
}

const char *sni_check(const char *name)
{
	enum { MOST = 253 };    /* RFC 1035, 2.3.4, as text */
	const char *label = strncmp(name, "*.", 2) == 0 ? name + 2 : name;
	const char *reason = strlen(name) > MOST ? "is longer than 253 characters" : NULL;

	while (reason == NULL && label != NULL) {
		size_t len = strcspn(label, ".");
		bool is_last = label[len] == '\0';

		reason = sni_check_label(label, len, is_last);
		label = is_last ? NULL : label + len + 1;
	}
	return reason;
}
