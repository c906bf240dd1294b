/* SPDX-License-Identifier: ISC */
/*
 * flow - one direction of a relay: source to sink
 *
 *	         source ended well           its end is with the kernel
 *	   OPEN ------------------> PASSING ---------------------------> DONE
 *	     |                         |
 *	     |  source ended otherwise |  sink lost
 *	     +------> BROKEN           +--------> GONE
 *	     |                                     ^
 *	     +-------------------------------------+  sink lost
 *
 * DONE: the sink was told that the stream ended well. BROKEN: it must be told
 * the opposite, and the relay is over. GONE: the sink could not be told
 * anything any more; what it had to say before it died is the other flow's,
 * which goes on until that is told.
 *
 * A flow owns no buffer. It moves bytes through its worker's, and what the
 * sink refused waits in the sink; a flow whose sink is behind does not read.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ending.h"
#include "gather.h"

struct pipes;
struct socket;

enum flow_state {
	FLOW_OPEN,
	FLOW_PASSING,
	FLOW_DONE,
	FLOW_BROKEN,
	FLOW_GONE,
};

enum flow_verdict {
	FLOW_WAITS,             /* until one of its sockets wakes the owner */
	FLOW_YIELDS,            /* it had its share of this turn and wants more */
	FLOW_OVER,              /* DONE, BROKEN or GONE */
};

/* Embedded in a relay; zeroed but for the sockets, which are borrowed. */
struct flow {
	struct socket *source;
	struct socket *sink;
	uint64_t read;          /* bytes of the stream that the source gave */
	uint64_t written;       /* bytes that the sink took, its queue included */
	struct ending ending;
	struct gather gather;
	enum flow_state state;
	bool pass_truncation;   /* on-truncation = fin */
	bool bulk;              /* the last read was large: worth a pipe */
	bool keeps_up;          /* there was more to read, and the sink took it all */
	bool queued;            /* cut when a good end was in the sink's queue already */
};

/* What a worker lends to a turn. */
struct scratch {
	struct pipes *pipes;
	unsigned char *room;
	size_t len;             /* of room, which has SOCKET_RECV_SLACK more */
	size_t turn;            /* bytes that a turn takes at most, up to len; the relay says */
};

/*
 * Moves what can be moved, for at most scratch->turn bytes: at once if the sink
 * has kept up so far, else in FLOW_MOVES parts, so that a slow sink's queue is
 * short. *moved tells whether any byte, or the end, made progress.
 */
enum flow_verdict flow_turn(struct flow *flow, const struct scratch *scratch, bool *moved);
enum { FLOW_MOVES = 4 };

/*
 * After a turn, of so many bytes at most, in which the source gave got. A stream is left
 * alone until there is more of it; see gather.h.
 */
void flow_gather(struct flow *flow, uint64_t got, size_t turn, uint64_t now);
/* When flow_weary() has something to do; UINT64_MAX: never. */
uint64_t flow_wearies_at(const struct flow *flow);
/*
 * Patience with a stream may have ended: then what there is of it wakes the owner.
 * queued: the owner is going to take a turn anyway.
 */
void flow_weary(struct flow *flow, bool queued, uint64_t now);
/* Its next turn is to take what there is. True: that may be more than we were told of. */
bool flow_hurry(struct flow *flow);

/* Ends an open flow from outside (a timer, an operator, the other flow's end). */
void flow_cut(struct flow *flow, struct ending ending);

/* It moved much the last time, or its stream does. */
static inline bool flow_is_bulk(const struct flow *flow)
{
	return flow->bulk || gather_is_on(&flow->gather);
}

static inline bool flow_is_over(const struct flow *flow)
{
	return flow->state >= FLOW_DONE;
}

/* Its source ended well, and its sink was told so. */
static inline bool flow_ended_well(const struct flow *flow)
{
	return flow->state == FLOW_DONE && ending_is_clean(flow->ending.kind);
}

#endif
