/* SPDX-License-Identifier: ISC */
/*
 * config_check - what may stand where, and what keys mean only together
 *
 * Findings go to the draft. What follows from a value that is wrong itself is
 * not told: it would send people to a second mistake that they did not make.
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config.h"
#include "config_draft.h"

/* Sections and keys: unknown, misplaced, repeated, badly named. */
void config_check_draft(struct draft *draft);

/* True when a listener has a use for the key only with TLS. */
bool config_key_wants_tls(const char *key);

/* For a listener, or for [defaults] as if it were one. section may be NULL. */
void config_check_versions(struct draft *draft, const struct draft_section *section,
                           const struct listener_config *listener);

void config_check_backend(struct draft *draft, const struct draft_section *section,
                          const struct backend_config *backend);

/* listener is the last one of config; it is compared with those before it. */
void config_check_listener(struct draft *draft, const struct draft_section *section,
                           const struct config *config, const struct listener_config *listener);

#endif
