/* SPDX-License-Identifier: ISC */
#include "causes.h"

#include <stdlib.h>
#include <string.h>

static const char *const cause_words[CAUSES_END][SIDES] = {
#define X(name, words, meaning) [CAUSE_##name] = words, /* NOLINT: an initializer */
	CAUSES(X)
#undef X
};

const char *cause_word(enum cause cause, enum side side)
{
	return cause_words[cause][side];
}

bool cause_is_rejection(enum cause cause)
{
	return cause >= CAUSE_REJECTED_BAD && cause <= CAUSE_REJECTED_DENIED;
}

/* The one whose word ends in that name. */
static enum cause cause_of_alert(const char *name)
{
	for (enum cause cause = CAUSE_REJECTED_BAD; cause < CAUSE_ALERT_OTHER; cause++)
		if (strcmp(strchr(cause_words[cause][SIDE_CLIENT], ':') + 1, name) == 0)
			return cause;
	return CAUSE_ALERT_OTHER;
}

enum cause cause_of_ending(struct ending ending)
{
	switch (ending.kind) {
	case ENDING_ALERT:        return cause_of_alert(ending.detail);
	case ENDING_CLOSE_NOTIFY:
	case ENDING_TRUNCATED:
	case ENDING_UNANSWERED:   return CAUSE_CLOSED;
	case ENDING_RESET:        return CAUSE_RESET;
	case ENDING_LOST:         return ending_is_ours(ending) ? CAUSE_OUT_OF_MEMORY : CAUSE_LOST;
	case ENDING_TIMEOUT:      return CAUSE_TIMEOUT;
	case ENDING_VIOLATION:    return CAUSE_VIOLATION;
	case ENDING_NONE:
	case ENDING_FIN:
	case ENDING_REFUSED:
	case ENDING_DRAIN:
	case ENDING_KILLED:
	case ENDING_SINK_GONE:    break; /* none of a handshake's */
	}
	abort();
}
