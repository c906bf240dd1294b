/* SPDX-License-Identifier: ISC */
/*
 * config_check - what keys mean only together; findings go to the draft
 */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config.h"
#include "config_draft.h"

void config_check_backend(struct draft *draft, const struct draft_section *section,
                          const struct backend_config *backend);

/* listener is the last one of config; it is compared with those before it. */
void config_check_listener(struct draft *draft, const struct draft_section *section,
                           const struct config *config, const struct listener_config *listener);

#endif
