/* SPDX-License-Identifier: ISC */
/*
 * config_check_impl - what config_check.c, config_check_route.c and
 * config_check_tls.c share
 */
#ifndef CONFIG_CHECK_IMPL_H
#define CONFIG_CHECK_IMPL_H

#include "config_check.h"

/* ---- config_check.c: of a single key ---- */

void check_required(struct draft *draft, const struct draft_section *section, const char *key);

/* Keys that do nothing here would only seem to. */
void check_useless(struct draft *draft, const struct draft_section *section, const char *key,
                   const char *why);

/* False: there is a value, but nobody knows which was meant. */
bool check_is_known(const struct draft *draft, const struct draft_section *section,
                    const char *key);

/* NULL is fine: there is no such file. */
void check_readable(struct draft *draft, const struct draft_section *section, const char *key,
                    const char *path);
void check_all_readable(struct draft *draft, const struct draft_section *section, const char *key,
                        const struct text_list *paths);

/* ---- config_check_tls.c ---- */

/* Keys that need TLS, and of these the ones that need somebody to be verified. */
void check_backend_tls(struct draft *draft, const struct draft_section *section,
                       const struct backend_config *backend);

/* What a listener or a route says of its clients. */
void check_client(struct draft *draft, const struct draft_section *section,
                  const struct client_config *client);

/* Of a listener with TLS, and of one without. */
void check_tls(struct draft *draft, const struct draft_section *section,
               const struct listener_config *listener);
void check_no_tls(struct draft *draft, const struct draft_section *section);

#endif
