/* SPDX-License-Identifier: ISC */
/*
 * ending - how one direction of a relay stopped
 *
 * A flow ends exactly once. Whether that ending was clean decides what the
 * other peer is told: a clean one is passed on (close_notify, FIN), any other
 * one is passed on as an abort (RST). Everything else about an ending is for
 * the log.
 */
#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>
#include <stddef.h>

enum ending_kind {
	ENDING_NONE,            /* still open */
	ENDING_CLOSE_NOTIFY,    /* TLS: the alert was received; clean */
	ENDING_FIN,             /* plain: orderly end of stream; clean */
	ENDING_TRUNCATED,       /* TLS: end of stream without close_notify */
	ENDING_UNANSWERED,      /* TLS: the same, after our close_notify */
	ENDING_RESET,           /* RST from the peer */
	ENDING_ALERT,           /* TLS: fatal alert received; detail: its name */
	ENDING_VIOLATION,       /* TLS: protocol broken; detail: the alert we sent */
	ENDING_LOST,            /* the network gave up; detail: or we did, and why */
	ENDING_TIMEOUT,         /* one of our timers; detail: which */
	ENDING_REFUSED,         /* no server would have the relay; detail: why */
	ENDING_DRAIN,           /* cut at the drain deadline */
	ENDING_KILLED,          /* cut by an operator */
	ENDING_SINK_GONE,       /* nobody could take the bytes any more */
};

struct ending {
	enum ending_kind kind;
	const char *detail;     /* static text, or NULL */
};

/* Room for the longest text an ending has. */
enum { ENDING_TEXT_ROOM = 96 };

/* True when the source ended its stream well, so that the sink may be told so. */
bool ending_is_clean(enum ending_kind kind);

/* True when it is nobody's doing but ours: there was no memory to go on. */
bool ending_is_ours(struct ending ending);

/* "close_notify", "alert:internal_error", ... Writes to room and returns it. */
const char *ending_text(struct ending ending, char room[static ENDING_TEXT_ROOM]);

/* What a failed system call on a connected socket says about its peer. */
struct ending ending_of_errno(int error);

#endif
