/* SPDX-License-Identifier: ISC */
/*
 * causes - how often handshakes failed, by cause
 *
 * The words are those of the log (adieu.8 lists them), so there are few; more
 * than there is room for are counted as one. Embedded, zeroed, of one worker.
 */
#ifndef CAUSES_H
#define CAUSES_H

#include <stdint.h>

enum { CAUSES_MOST = 64, CAUSE_ROOM = 48 };

struct cause_count {
	const char *side;       /* static: "client", "backend" */
	char cause[CAUSE_ROOM];
	uint64_t n;
};

struct causes {
	unsigned n;
	struct cause_count counts[CAUSES_MOST];
};

/* n more of that cause. A longer text is cut. */
void causes_add(struct causes *causes, const char *side, const char *cause, uint64_t n);

#endif
