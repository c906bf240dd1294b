/* SPDX-License-Identifier: ISC */
#include "causes.h"

#include <stdbool.h>
#include <string.h>

static bool cause_is(const struct cause_count *count, const char *side, const char *cause)
{
	return strcmp(count->side, side) == 0 && strncmp(count->cause, cause, CAUSE_ROOM - 1) == 0;
}

void causes_add(struct causes *causes, const char *side, const char *cause, uint64_t n)
{
	struct cause_count *count;

	for (unsigned i = 0; i < causes->n; i++) {
		if (cause_is(&causes->counts[i], side, cause)) {
			causes->counts[i].n += n;
			return;
		}
	}
	if (causes->n == CAUSES_MOST) {
		causes->counts[CAUSES_MOST - 1].n += n;
		return;
	}
	/* The last place is for all that have none of their own. */
	count = &causes->counts[causes->n++];
	count->side = side;
	count->n = n;
	strncpy(count->cause, causes->n < CAUSES_MOST ? cause : "other", CAUSE_ROOM - 1);
}
