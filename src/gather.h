/* SPDX-License-Identifier: ISC */
/*
 * gather - when a stream is left alone until there is more of it
 *
 * Whoever is faster than a stream takes it in small pieces, and each costs a
 * wake-up here and one of the reader. So a source that has given plenty for a
 * while is not looked at again before the kernel has a whole turn's worth of it
 * (its low-water mark, SO_RCVLOWAT), or what should come in GATHER_WAIT: what
 * network cards call interrupt coalescing. TCP's ends and resets wake us as ever.
 *
 * A stream may rest before it has given that much, because its peer waits for
 * an answer. Then its last bytes wait here until patience ends: an eighth of the
 * time that it took to look like a stream, at most. That is a doubt, and each
 * doubles the time that it takes to look like one again, so a talk in large
 * pieces is delayed a few times in its life. A stream that has gone on for long
 * without a rest is free of doubts.
 *
 * This is the decision only; flow.c does what it says.
 */
#ifndef GATHER_H
#define GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GATHER_TRUST = 256,       /* milliseconds of plenty that make a stream */
	GATHER_LEAST = 64 << 10,  /* bytes that are worth waiting for */
	GATHER_WAIT = 8,          /* milliseconds in which they should come, at most */
	GATHER_PATIENCE = 16,     /* milliseconds more: its peer's processor may be busy */
	GATHER_SURE = 64,         /* times what made it a stream, and there is no doubt left */
	GATHER_MAX_DOUBTS = 16,
};

/* Zeroed: nothing was given yet. */
struct gather {
	uint64_t given;           /* bytes in a row */
	uint64_t since;           /* the first of them; as poller_now(), like all times here */
	uint64_t until;           /* patience ends; 0: not gathering */
	uint8_t patience;         /* milliseconds */
	uint8_t doubts;
};

static inline bool gather_is_on(const struct gather *gather)
{
	return gather->until != 0;
}

/*
 * The source gave got bytes, more than 0; a turn takes that many. Returns how many
 * to wait for from now on: it is on. 0: as before.
 */
size_t gather_more(struct gather *gather, size_t got, size_t turn, uint64_t now);

/* It is on: patience begins anew. */
void gather_wait(struct gather *gather, uint64_t now);

/* It is off; whatever comes next begins anew. */
void gather_stop(struct gather *gather);

/* Before it is: patience ended with a source at rest. */
void gather_doubt(struct gather *gather);

#endif
