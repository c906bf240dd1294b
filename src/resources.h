/* SPDX-License-Identifier: ISC */
/*
 * resources - what a configuration may cost, and what the system allows
 *
 * What is too little is said in the log.
 */
#ifndef RESOURCES_H
#define RESOURCES_H

#include <stdint.h>

#include "config.h"

/*
 * Raises RLIMIT_NOFILE to what config needs with n_workers workers, as far as
 * it may be. Returns how many connections that is enough for, at most
 * config->max_connections; said is what it returned the last time (0: never),
 * for if it is the same again, that is not said again.
 */
unsigned resources_raise_descriptors(const struct config *config, unsigned n_workers,
                                     unsigned said);

/*
 * Bytes that adieu may come to hold with so many connections, each with peers
 * that do not read. That our control group may not have that much is said; said
 * is what it returned the last time (0: never).
 */
uint64_t resources_check_memory(const struct config *config, unsigned n_workers,
                                unsigned max_connections, uint64_t said);

#endif
