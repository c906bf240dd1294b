/* SPDX-License-Identifier: ISC */
#include "config_policy.h"

#include <stdlib.h>

static const char *policy_name(enum tls_policy policy)
{
	return policy == TLS_POLICY_MODERN ? "modern" : "intermediate";
}

static void policy_refuse(struct draft *draft, const struct draft_section *section, const char *key,
                          const struct listener_config *listener)
{
	const struct draft_entry *entry = draft_find(section, key);

	if (entry != NULL)
		draft_fail_key(draft, section, entry->line, key,
		               "is what tls-policy = %s decides; say tls-policy = custom",
		               policy_name(listener->tls_policy));
}

/* What may only have come from [defaults] by now. */
static void policy_forget(char **text)
{
	free(*text);
	*text = NULL;
}

void config_policy_apply(struct draft *draft, const struct draft_section *section,
                         struct listener_config *listener)
{
	const struct draft_section *defaults = draft_find_section(draft, "defaults");

	if (draft_find(section, "tls-policy") == NULL && draft_find(defaults, "tls-policy") == NULL)
		listener->tls_policy = TLS_POLICY_CUSTOM;
	if (listener->tls_policy == TLS_POLICY_CUSTOM)
		return;
	policy_refuse(draft, section, "ciphers", listener);
	policy_refuse(draft, section, "ciphersuites", listener);
	policy_refuse(draft, section, "groups", listener);
	policy_forget(&listener->ciphers);
	policy_forget(&listener->ciphersuites);
	policy_forget(&listener->groups);
	if (listener->tls_policy != TLS_POLICY_MODERN)
		return; /* it may be stricter about versions */
	policy_refuse(draft, section, "tls-min", listener);
	policy_refuse(draft, section, "tls-max", listener);
	listener->tls_min = listener->tls_max = TLS_1_3;
}
