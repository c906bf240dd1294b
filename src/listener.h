/* SPDX-License-Identifier: ISC */
/*
 * listener - one [listener:NAME] in one worker: accepts, and never dies of it
 *
 * When the process is out of descriptors or memory accepting pauses, instead
 * of spinning on a descriptor that stays readable, and is tried again soon. A
 * connection over max-connections is refused with a RST.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "config.h"

struct backend;
struct listener;
struct tls_context;
struct worker;
struct worker_binds;

/* NULL: reason (TLS_REASON_ROOM) says why; descriptors are the caller's then. */
struct listener *listener_new(struct worker *worker, const struct worker_binds *binds,
                              char *reason);

/* Takes what waits in the backlog, then closes the descriptors. */
void listener_close(struct listener *listener);

/* NULL is fine. */
void listener_free(struct listener *listener);

/* What relays need of it; all borrowed. */
const struct listener_config *listener_config(const struct listener *listener);
struct tls_context *listener_tls(const struct listener *listener);
struct backend *listener_backend(const struct listener *listener);

#endif
