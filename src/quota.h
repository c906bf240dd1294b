/* SPDX-License-Identifier: ISC */
/*
 * quota - how many connections one [listener:NAME] may have, in all and from
 * one place, and how fast they may come
 *
 * Shared by all workers, and by all generations that have a listener of that
 * name, so that a reload gives nobody a second helping. Places are IPv4
 * addresses, and IPv6 networks of 64 bits, which is what one subscriber has
 * (RFC 6177). They are only counted where there is a limit for them: that
 * takes a lock.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct quota;

/* NULL: out of memory. */
struct quota *quota_new(const char *name);

bool quota_is_for(const struct quota *quota, const char *name);

/* References, from any thread. NULL is fine to release. */
struct quota *quota_hold(struct quota *quota);
void quota_release(struct quota *quota);

/*
 * Takes a place for peer; 0: no limit. *counted says that peer's place was
 * counted, and is for quota_leave(). Returns NULL, or the reason why not.
 */
const char *quota_enter(struct quota *quota, const struct sockaddr *peer, uint32_t most,
                        uint32_t most_per_ip, bool *counted);
void quota_leave(struct quota *quota, const struct sockaddr *peer, bool counted);

/*
 * True when one more may come now (milliseconds of a clock that never goes
 * back) of rate a second (not 0), as many of which may come at once. One that may
 * not does not delay the next.
 */
bool quota_may_come(struct quota *quota, uint32_t rate, uint64_t now);

#endif
