/* SPDX-License-Identifier: ISC */
/*
 * relay_impl - what relay.c and the other relay_*.c say to each other
 */
#ifndef RELAY_IMPL_H
#define RELAY_IMPL_H

#include "causes.h"
#include "listener.h"
#include "relay.h"
#include "socket.h"
#include "worker.h"

/* relay.c */
void relay_enter(struct relay *relay, enum relay_state state);
void relay_wake(void *relay);
const struct timeouts *relay_timeouts(const struct relay *relay);
/* The client's; counted and logged. */
void relay_fail_handshake(struct relay *relay, struct ending ending);

/* relay_time.c: how long a relay may stay in a state. */
void relay_arm(struct relay *relay);
/* As poller_now(), unless it makes progress until then; UINT64_MAX: never. */
uint64_t relay_expires_at(const struct relay *relay);
/* That time has come. */
enum relay_verdict relay_expire(struct relay *relay);
/*
 * To do what only long connections need, for one that carries: after a second (a stream: at
 * its first rest, which may be earlier), or after so many turns, which are more than a request, an
 * answer and both ends take.
 */
enum { RELAY_VISIT = 8 };
void relay_last(struct relay *relay);
/* Another turn soon, later each time: for what no event tells of. */
void relay_look_again(struct relay *relay);

/* relay_connect.c: from the client's handshake to a server that answers. */
enum relay_verdict relay_connect_begin(struct relay *relay);
enum relay_verdict relay_connect_turn(struct relay *relay);
/* The server that is being tried did not answer in time. */
enum relay_verdict relay_connect_expire(struct relay *relay);

/* relay_carry.c: bytes both ways, until it is decided how either ends. */
enum relay_verdict relay_carry(struct relay *relay);

/* relay_part.c: letting go of both sockets. */
enum relay_verdict relay_part_begin(struct relay *relay);
enum relay_verdict relay_part_turn(struct relay *relay);
/* close-timeout is over: whatever is left to do is not done any more. */
void relay_part_expire(struct relay *relay);
/* At once, without a thought for what is on its way. */
void relay_part_now(struct relay *relay);

/* relay_log.c */
void relay_log_end(const struct relay *relay);
/* A server fails that did not (why), or answers again (NULL). */
void relay_log_server_news(const struct relay *relay, const char *failure);
void relay_log_truncation(const struct relay *relay, enum side side);
/* Counts it as well. Returns the cause, as it is written. */
const char *relay_log_handshake(const struct relay *relay, enum side side, struct ending ending);

#endif
