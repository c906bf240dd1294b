/* SPDX-License-Identifier: ISC */
#include "gather.h"

_Static_assert(2 * GATHER_WAIT + GATHER_PATIENCE <= GATHER_TRUST / 8, "what gather.h promises");
_Static_assert(GATHER_TRUST / 8 <= UINT8_MAX, "struct gather has room for it");

/* For how long it has to give plenty before it is a stream. */
static uint64_t gather_trust(const struct gather *gather)
{
	return (uint64_t)GATHER_TRUST << gather->doubts;
}

void gather_wait(struct gather *gather, uint64_t now)
{
	gather->until = now + gather->patience;
}

void gather_stop(struct gather *gather)
{
	gather->given = gather->until = 0;
}

void gather_doubt(struct gather *gather)
{
	const uint64_t lasted = gather->until - gather->since;

	if (lasted >= GATHER_SURE * gather_trust(gather))
		gather->doubts = 0;
	else if (gather->doubts < GATHER_MAX_DOUBTS)
		gather->doubts++;
}

size_t gather_more(struct gather *gather, size_t got, size_t turn, uint64_t now)
{
	uint64_t took;
	uint64_t want;

	if (gather_is_on(gather)) {
		gather_wait(gather, now);
		return 0;
	}
	if (gather->given == 0)
		gather->since = now;
	gather->given += got;
	took = now - gather->since;
	if (took == 0 || took < gather_trust(gather))
		return 0;
	want = gather->given * GATHER_WAIT / took;
	if (want > turn)
		want = turn;
	if (want < GATHER_LEAST) {
		gather_stop(gather); /* too slow so far; maybe later */
		return 0;
	}
	/* Twice what it should take: of many that come at once each comes in bursts. */
	gather->patience = (uint8_t)(2 * want * took / gather->given + GATHER_PATIENCE);
	gather_wait(gather, now);
	return (size_t)want;
}
