/* SPDX-License-Identifier: ISC */
/*
 * script - what the two peers of one relay do, made up from a seed
 *
 * A script is one list of moves, each of one of the two. Both go through their
 * own moves as fast as they may; what ties them together are the moves that
 * wait for something, and that is always something the other one does further
 * up in the list. So whatever dice make of it, nobody waits for ever.
 *
 * The same seed and number make the same script, in the same slot (slot.h).
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum side {
	CLIENT,
	BACKEND,
};

static inline enum side side_other(enum side side)
{
	return side == CLIENT ? BACKEND : CLIENT;
}

enum move_kind {
	MOVE_SEND,              /* n bytes of its stream */
	MOVE_BYTEWISE,          /* the same, each by itself */
	MOVE_EMPTY,             /* TLS: a record without data */
	MOVE_WARN,              /* TLS: user_canceled, which is no end */
	MOVE_KEY_UPDATE,        /* TLS 1.3; n: the other side is to do it as well */
	MOVE_PAUSE,             /* does not read */
	MOVE_RESUME,
	MOVE_CORK,              /* what follows is in one segment with an end, up to ... */
	MOVE_UNCORK,            /* ... here */
	MOVE_LET_PASS,          /* n turns of everybody else */
	MOVE_AWAIT_DATA,        /* n bytes of the other's stream */
	MOVE_AWAIT_SENT,        /* all is acknowledged */
	MOVE_AWAIT_END,         /* the other's, however it is told */

	MOVE_CLOSE_NOTIFY,      /* TLS */
	MOVE_FIN,
	MOVE_RST,               /* behind what was sent, when that is acknowledged */
	MOVE_RST_NOW,           /* and what was not acknowledged may be lost */
	MOVE_CLOSE,             /* both directions, whatever still comes */
	MOVE_CUT,               /* TLS: n bytes of a record of CUT_RECORD bytes */
	MOVE_CUT_CLOSE_NOTIFY,  /* TLS: all of that record but its last byte */
	MOVE_FORGE,             /* TLS: a close_notify that is not encrypted */
	MOVE_ALERT,             /* TLS: a fatal one */
	MOVE_BREAK,             /* TLS: a record that does not open */
	MOVE_NOISE,             /* TLS, behind the close_notify: n bytes of anything */
};

enum { CUT_RECORD = 1000 };

struct move {
	enum side side;
	enum move_kind kind;
	size_t n;
};

/* What a script is written for; see slot.h. */
struct cast {
	bool tls[2];
	bool silence;   /* its listener has timers that are worth waiting for */
};

enum { SCRIPT_MOST = 80 };

struct script {
	int version[2];         /* of those who are TLS */
	int receive_buffer[2];  /* 0: the kernel's */
	bool early[2];          /* does not wait for its handshake */
	struct move moves[SCRIPT_MOST];
	size_t n_moves;
};

void script_make(struct script *script, const struct cast *cast, uint64_t seed, unsigned number);
/* For a person; "client: send 100; backend: fin; ..." */
void script_tell(const struct script *script, const struct cast *cast);

/* Dice of their own for whoever needs some: from 0 to below. */
struct dice {
	uint64_t state;
};
unsigned dice_throw(struct dice *dice, unsigned below);

#endif
