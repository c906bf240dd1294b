/* SPDX-License-Identifier: ISC */
/*
 * binding - the listening descriptors of one [listener:NAME], for all workers
 *
 * A TCP address is bound once per worker with SO_REUSEPORT, so that the kernel
 * deals connections out and no two workers wake for one. A Unix socket cannot
 * be bound twice; its one descriptor is shared.
 */
#ifndef BINDING_H
#define BINDING_H

#include <stddef.h>

#include "config.h"

struct binding;

/*
 * Binds and listens on every address of config, which is borrowed, for
 * n_workers workers. NULL: *reason says why, in words; it is static or lives
 * until the next call.
 */
struct binding *binding_new(const struct listener_config *config, unsigned n_workers,
                            const char **reason);

/* The descriptors for one worker, config->n_binds of them; all borrowed. */
const int *binding_fds(struct binding *binding, unsigned worker);
/* From now on they are the worker's to close. */
void binding_hand_over(struct binding *binding, unsigned worker);

/* Says in the log where it listens; ports that the kernel chose included. */
void binding_log(const struct binding *binding);

/* The address of bind i as it is bound; borrowed. */
const struct address *binding_address(const struct binding *binding, size_t i);

/* Closes what was not handed over, removes Unix sockets. NULL is fine. */
void binding_free(struct binding *binding);

#endif
