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

/* Values that only OpenSSL can judge; of a listener with TLS, or of [defaults], which may be NULL.
 */
void config_check_lists(struct draft *draft, const struct draft_section *section);

/*
 * Refuses listeners that are their own `backend` (routes are not looked at), and warns of backends
 * that nobody uses. A route without listeners is an error already.
 */
void config_check_use(struct draft *draft, const struct config *config);

void config_check_backend(struct draft *draft, const struct draft_section *section,
                          const struct backend_config *backend);

/*
 * listener is the last one of config; it is compared with those before it. What
 * depends on its routes is left to config_check_routed().
 */
void config_check_listener(struct draft *draft, const struct draft_section *section,
                           const struct config *config, const struct listener_config *listener);

/* True when a route says something of its clients' certificates: then that is all that counts. */
bool config_route_has_client(const struct draft_section *section);

/* A route by itself; it has no listener yet. */
void config_check_route(struct draft *draft, const struct draft_section *section,
                        const struct route_config *route);

/* Value i of the route's listeners is that one, which does not have the route yet. */
void config_check_junction(struct draft *draft, const struct draft_section *section,
                           const struct route_config *route, size_t i,
                           const struct listener_config *listener);

/* A listener that has all its routes. */
void config_check_routed(struct draft *draft, const struct draft_section *section,
                         const struct listener_config *listener);

#endif
