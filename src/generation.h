/* SPDX-License-Identifier: ISC */
/*
 * generation - one loaded configuration and what was made of it
 *
 * A reload makes a whole new one, bindings, certificates and all, or nothing.
 * Bindings of addresses that stay go over to it. Listeners hold references, so
 * that the configuration of the old one lives as long as its last relay.
 */
#ifndef GENERATION_H
#define GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "binding.h"
#include "config.h"

struct generation;
struct handover;
struct worker;

/*
 * Loads the certificates that previous (NULL: there is none) has not loaded, and
 * binds what it has not bound yet. Takes config in any case. NULL: reason (TLS_REASON_ROOM) says
 * why, or it is empty and every error was written to errors, as config_load() does.
 */
struct generation *generation_new(struct config *config, const struct generation *previous,
                                  unsigned n_workers, FILE *errors, char *reason);

const struct config *generation_config(const struct generation *generation);

/* Of the first address of the n-th listener. */
const struct binding *generation_binding(const struct generation *generation, size_t n);

/* Everything for the n-th worker. NULL: see above. */
struct handover *generation_equip(struct generation *generation, struct worker *worker, unsigned n,
                                  FILE *errors, char *reason);

/* As each listener has it; of a descriptor that a worker has already, too. */
void generation_set_backlogs(const struct generation *generation);

/* All descriptors that it listens on, for another process; see binding_pass(). */
void generation_pass(const struct generation *generation, binding_passing *pass, void *arg);
/* They are the other process's, which answers for them from here on. */
void generation_disown(const struct generation *generation);
/* What was inherited is ours: until then it is that of the process before us. */
void generation_adopt(const struct generation *generation);

/* Says in the log where it listens and previous (NULL: there is none) did not, and the reverse. */
void generation_log(const struct generation *generation, const struct generation *previous);

/*
 * For the main thread, when all workers have turned to another, or it never
 * came to that: gives up the addresses that other (NULL: none) has not as
 * well, and the reference that came with generation_new(). NULL is fine.
 */
void generation_end(struct generation *generation, const struct generation *other);

/*
 * True when everything that config names can be loaded; binds nothing. Warnings,
 * and what cannot, are written to errors, as config_load() does.
 */
bool generation_check(const struct config *config, FILE *errors);

/* From any thread; NULL is fine. */
struct generation *generation_hold(struct generation *generation);
void generation_release(struct generation *generation);

#endif
