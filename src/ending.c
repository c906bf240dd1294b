/* SPDX-License-Identifier: ISC */
#include "ending.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *ending_name(enum ending_kind kind)
{
	switch (kind) {
	case ENDING_NONE:         return "open";
	case ENDING_CLOSE_NOTIFY: return "close_notify";
	case ENDING_FIN:          return "fin";
	case ENDING_TRUNCATED:    return "truncated";
	case ENDING_UNANSWERED:   return "unanswered";
	case ENDING_RESET:        return "reset";
	case ENDING_ALERT:        return "alert";
	case ENDING_VIOLATION:    return "violation";
	case ENDING_LOST:         return "lost";
	case ENDING_TIMEOUT:      return "timeout";
	case ENDING_REFUSED:      return "refused";
	case ENDING_DRAIN:        return "drain";
	case ENDING_KILLED:       return "killed";
	case ENDING_SINK_GONE:    return "sink-gone";
	}
	abort();
}

bool ending_is_clean(enum ending_kind kind)
{
	return kind == ENDING_CLOSE_NOTIFY || kind == ENDING_FIN;
}

bool ending_is_ours(struct ending ending)
{
	return ending.kind == ENDING_LOST && ending.detail != NULL;
}

const char *ending_text(struct ending ending, char room[static ENDING_TEXT_ROOM])
{
	(void)snprintf(room, ENDING_TEXT_ROOM, "%s%s%s", ending_name(ending.kind),
	               ending.detail != NULL ? ":" : "",
	               ending.detail != NULL ? ending.detail : "");
	return room;
}

struct ending ending_of_errno(int error)
{
	switch (error) {
	case ECONNRESET:
	case EPIPE:      return (struct ending){ .kind = ENDING_RESET };
	case ENOMEM:
	case ENOBUFS:    return (struct ending){ ENDING_LOST, "out_of_memory" };
	default:         return (struct ending){ .kind = ENDING_LOST };
	}
}
