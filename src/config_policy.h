/* SPDX-License-Identifier: ISC */
/*
 * config_policy - what tls-policy makes of a listener's other keys
 *
 * The policies are the profiles of Mozilla's "Server Side TLS" (version 6.0).
 * "intermediate" is what every listener begins with. One that is written down is
 * a promise: keys that would change it are mistakes. Without one, or with
 * "custom", they count.
 */
#ifndef CONFIG_POLICY_H
#define CONFIG_POLICY_H

#include "config.h"
#include "config_draft.h"

/*
 * For a listener that is filled, or for [defaults] as if it were one. Keys of
 * section that contradict its policy are failures of draft; what [defaults]
 * says for other listeners does not count against a policy of section's own.
 */
void config_policy_apply(struct draft *draft, const struct draft_section *section,
                         struct listener_config *listener);

#endif
