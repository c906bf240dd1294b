/* SPDX-License-Identifier: ISC */
/*
 * actor - one of the two peers of a relay, playing its part of a script
 *
 * It keeps a record of what it really did, which is all that the oracle knows
 * of it: a move that never came, because the connection was gone by then, is
 * not in it.
 */
#ifndef ACTOR_H
#define ACTOR_H

#include "peer.h"
#include "script.h"

/* How it ended its stream. */
enum deed {
	DEED_NONE,              /* not at all */
	DEED_WELL,              /* close_notify, or FIN if it is plain */
	DEED_TRUNCATED,         /* TLS: FIN without close_notify */
	DEED_RESET,
	DEED_ALERTED,           /* TLS: a fatal alert */
	DEED_BROKE,             /* TLS: broke the protocol */
};

struct deeds {
	enum deed end;
	size_t sent;            /* of its stream, before that end */
	bool opened;            /* its handshake was through */
	bool reset;             /* its kernel sent a RST, or may have, before or after that end */
	bool took_back;         /* and what it had sent may be lost by that */
	bool left;              /* it stopped listening before it had heard all */
};

struct actor {
	const struct script *script;
	enum side side;
	struct peer *peer;      /* NULL: not there yet */
	size_t at;              /* its next move is here, or behind */
	size_t pass;            /* turns that it still lets pass */
	bool asked;             /* the other side to change its keys: an answer will come */
	struct deeds deeds;
};

/* Makes as many moves as it can. */
void actor_turn(struct actor *actor, const struct actor *other);
/* Its part is over, and so is its connection. */
bool actor_is_over(const struct actor *actor);
/* It saw this event; see peer.h. */
bool actor_saw(const struct actor *actor, const char *event);

#endif
