/* SPDX-License-Identifier: ISC */
/*
 * binding - one listening address, with a descriptor for each worker
 *
 * A TCP address is bound once per worker with SO_REUSEPORT, so that the kernel
 * deals connections out and no two workers wake for one. A Unix socket cannot
 * be bound twice; its one descriptor is shared.
 *
 * A descriptor goes to its worker and is that worker's from then on, until it
 * stops listening. The binding outlives configurations that have the address
 * in common, which is how a reload refuses nobody.
 */
#ifndef BINDING_H
#define BINDING_H

#include <stdbool.h>

#include "config.h"

struct binding;

/*
 * Binds and listens for n_workers workers, or takes what was inherited. NULL: *reason says why, in
 * words; it is static or lives until the next call.
 */
struct binding *binding_new(const struct address *address, unsigned n_workers, const char **reason);

/* True when it was made for this address of a configuration. */
bool binding_is_for(const struct binding *binding, const struct address *address);

/* Its descriptors are one socket, which all workers listen on: a service manager's. */
bool binding_is_shared(const struct binding *binding);

/* The descriptor for a worker, who has to close it; -1 when it was taken before. */
int binding_take(struct binding *binding, unsigned worker);

/*
 * All its descriptors, taken or not, and the name to inherit them by (of those
 * that follow the first: NULL): for another process, which is to listen beside
 * us and then instead of us.
 */
typedef void binding_passing(void *arg, int fd, const char *name);
void binding_pass(const struct binding *binding, binding_passing *pass, void *arg);

/* How many may wait to be accepted, from here on, at each of its descriptors, taken or not. */
void binding_set_backlog(const struct binding *binding, unsigned backlog);

/* A Unix socket is the other process's to remove. */
void binding_disown(struct binding *binding);

/* What was inherited is ours from here on, and a Unix socket ours to remove. */
void binding_adopt(struct binding *binding);

/* Says in the log where listener listens; a port that the kernel chose included. */
void binding_log(const struct binding *binding, const struct listener_config *listener);
/* And where it does not any more. */
void binding_log_end(const struct binding *binding, const struct listener_config *listener);

/* The address as it is bound; borrowed. */
const struct address *binding_address(const struct binding *binding);

/* Closes what was not taken, removes a Unix socket. NULL is fine. */
void binding_free(struct binding *binding);

#endif
