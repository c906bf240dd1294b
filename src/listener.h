/* SPDX-License-Identifier: ISC */
/*
 * listener - one [listener:NAME] of one generation in one worker: accepts, and
 * never dies of it
 *
 * When the process is out of descriptors or memory, or may not accept,
 * accepting pauses, instead of spinning on a descriptor that stays readable,
 * and is tried again soon. A connection over max-connections is refused with a
 * RST.
 *
 * It is made by the main thread and from listener_open() on the worker's. One
 * that has closed lives until the last of its relays is gone, which need its
 * configuration.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

struct backend;
struct binding;
struct generation;
struct listener;
struct quota;
struct tls_context;
struct tls_supply;
struct worker;

/*
 * Takes worker's (the n-th) descriptors of bindings, config->n_binds of them;
 * does not accept yet. quota is held; supply (empty without TLS) is generation's. NULL: reason
 * (TLS_REASON_ROOM) says why.
 */
struct listener *listener_new(struct generation *generation, const struct listener_config *config,
                              const struct tls_supply *supply, struct binding *const *bindings,
                              struct quota *quota, struct worker *worker, unsigned n, char *reason);

/* Begins to accept; descriptors that bindings no longer had are taken from the n_old in old. */
void listener_open(struct listener *listener, struct listener *const *old, size_t n_old);

/*
 * Takes what waits in the backlog of the descriptors that it has left, then
 * closes those. Frees it when no relay uses it, or as soon as none does.
 */
void listener_retire(struct listener *listener);

/* The place of a relay of peer's in its counts is free; counted as in relay_start(). */
void listener_return_place(struct listener *listener, const struct sockaddr *peer, bool counted);
/* A relay does not use it any more, and it may be gone. */
void listener_leave(struct listener *listener);

/* At once, without looking at what waits; no relay uses it. NULL is fine. */
void listener_free(struct listener *listener);

/* What relays need of it; all borrowed. */
const struct listener_config *listener_config(const struct listener *listener);
struct tls_context *listener_tls(const struct listener *listener);
/* NULL: none, which is the default of tls_facts.route. */
const struct route_config *listener_route(const struct listener *listener, unsigned route);
/* Of clients on that route, who came through the handshake. */
struct backend *listener_backend(const struct listener *listener, unsigned route);

#endif
