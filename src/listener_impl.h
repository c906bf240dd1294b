/* SPDX-License-Identifier: ISC */
/* listener_impl - what a listener is made of; for listener*.c only */
#ifndef LISTENER_IMPL_H
#define LISTENER_IMPL_H

#include "listener.h"
#include "log.h"
#include "poller.h"

/* One listening descriptor. */
struct accept_point {
	struct listener *listener;
	const struct binding *binding;  /* borrowed, and only to be compared */
	struct watch watch;
	int fd;   /* -1: another listener has it */
	bool is_new; /* somebody may wait there since before its options were ours */
	bool is_shared; /* with workers whose options may be others, during a reload */
};

struct listener {
	struct worker *worker;
	struct generation *generation;  /* a reference, because config is its */
	struct quota *quota;            /* another */
	const struct listener_config *config;
	struct tls_context *tls;
	struct backend **backends; /* of no route, and of each; there may be none of the first */
	struct alarm resume;
	bool paused;
	bool retired;
	unsigned n_relays;
	size_t n_points;
	struct accept_point points[];
};

/* listener_accept.c: one connection. False: there is none to take now. */
bool listener_accept(struct accept_point *point);
/* What its watch calls. */
void listener_on_event(void *arg, uint32_t what);

/*
 * listener.c: what connections have to be told, set on a listening descriptor, whose
 * connections inherit it from then on, or on one of them.
 */
void listener_set_options(const struct listener_config *config, int fd);
/* It looks again in a while, because of an errno of accept(2) or epoll_ctl(2). */
void listener_pause(struct listener *listener, int error);
/* reason may be NULL. */
void listener_say(const struct listener *listener, enum log_level level, const char *event,
                  const char *reason);

#endif
