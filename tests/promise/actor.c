/* SPDX-License-Identifier: ISC */
#include "actor.h"

#include <stdlib.h>
#include <string.h>

#include "record.h"

/* Its next move; NULL: there is none. */
static const struct move *actor_next(const struct actor *actor)
{
	const struct script *script = actor->script;

	for (size_t i = actor->at; i < script->n_moves; i++)
		if (script->moves[i].side == actor->side)
			return &script->moves[i];
	return NULL;
}

bool actor_saw(const struct actor *actor, const char *event)
{
	const size_t len = strlen(event);
	const char *events = actor->peer != NULL ? peer_events(actor->peer) : "";

	for (const char *at = strstr(events, event); at != NULL; at = strstr(at + 1, event))
		if (at == events || at[-1] == ' ')
			if (at[len] == '\0' || at[len] == ' ' || at[len] == ':')
				return true;
	return false;
}

bool actor_is_over(const struct actor *actor)
{
	if (actor->peer == NULL)
		return false;
	return peer_fd(actor->peer) < 0 || (peer_is_over(actor->peer) &&
	                                    (actor_next(actor) == NULL || actor_saw(actor, "rst")));
}

/* ---- what it did ---- */

static void actor_did(struct actor *actor, enum deed end)
{
	if (actor->deeds.end == DEED_NONE)
		actor->deeds.end = end;
}

/* ---- its moves ---- */

static void actor_send(struct actor *actor, size_t n)
{
	peer_send(actor->peer, n);
	actor->deeds.sent += n;
}

static void actor_send_bytewise(struct actor *actor, size_t n)
{
	peer_send_bytewise(actor->peer, n);
	actor->deeds.sent += n;
}

static void actor_change_keys(struct actor *actor, size_t asks)
{
	actor->asked |= asks > 0;
	peer_key_update(actor->peer, asks > 0);
}

static void actor_close_notify(struct actor *actor)
{
	actor_did(actor, DEED_WELL);
	peer_close_notify(actor->peer);
}

static void actor_fin(struct actor *actor)
{
	actor_did(actor, peer_is_tls(actor->peer) ? DEED_TRUNCATED : DEED_WELL);
	peer_fin(actor->peer);
}

static void actor_rst(struct actor *actor, bool takes_back)
{
	actor_did(actor, DEED_RESET);
	actor->deeds.reset = true;
	actor->deeds.took_back |= takes_back;
	actor->deeds.left |= !peer_heard_all(actor->peer);
	if (takes_back)
		peer_rst_now(actor->peer);
	else
		peer_rst_behind(actor->peer);
}

/* It will send nothing before it has heard of our end. */
static bool actor_is_patient(const struct actor *actor)
{
	const struct move *next = actor_next(actor);

	return actor->deeds.end == DEED_NONE && (next == NULL || next->kind == MOVE_AWAIT_END);
}

/*
 * close(2) is an end like FIN, unless there is something unread, or something
 * comes later: then the kernel makes a RST of it, and what it had not sent yet
 * is lost.
 */
static void actor_close(struct actor *actor, const struct actor *other)
{
	const bool heard_all = peer_heard_all(actor->peer);
	const bool harmless = heard_all || (actor_is_patient(other) && !actor->asked &&
	                                    other->deeds.sent == peer_received(actor->peer));

	actor_did(actor, peer_is_tls(actor->peer) ? DEED_TRUNCATED : DEED_WELL);
	actor->deeds.reset = true;
	actor->deeds.took_back |= !harmless;
	actor->deeds.left |= !heard_all;
	peer_close(actor->peer);
}

static void actor_cut(struct actor *actor, size_t n)
{
	uint8_t room[CUT_RECORD + RECORD_OVERHEAD];

	(void)peer_seal_data(actor->peer, CUT_RECORD, room);
	peer_raw(actor->peer, room, n);
}

static void actor_cut_close_notify(struct actor *actor)
{
	static const uint8_t close_notify[] = { 1, 0 };
	uint8_t room[sizeof(close_notify) + RECORD_OVERHEAD];
	const size_t n =
		peer_seal(actor->peer, RECORD_ALERT, close_notify, sizeof(close_notify), room);

	peer_raw(actor->peer, room, n - 1);
}

static void actor_forge(struct actor *actor)
{
	static const uint8_t forged[] = { RECORD_ALERT, 3, 3, 0, 2, 1, 0 };

	peer_raw(actor->peer, forged, sizeof(forged));
}

static void actor_alert(struct actor *actor)
{
	actor_did(actor, DEED_ALERTED);
	peer_alert(actor->peer, 2, SSL_AD_INTERNAL_ERROR);
}

static void actor_break(struct actor *actor)
{
	static const uint8_t broken[RECORD_HEADER + 40] = { RECORD_DATA, 3, 3, 0, 40 };

	actor_did(actor, DEED_BROKE);
	peer_raw(actor->peer, broken, sizeof(broken));
}

static void actor_make_noise(struct actor *actor, size_t n)
{
	uint8_t *noise = malloc(n + 1);

	for (size_t i = 0; i < n; i++)
		noise[i] = (uint8_t)(i * i + i / 3);
	peer_raw(actor->peer, noise, n);
	free(noise);
}

static bool actor_let_pass(struct actor *actor, size_t n)
{
	if (actor->pass == 0)
		actor->pass = n;
	return --actor->pass == 0;
}

/* True: it is made. False: not yet, and what is awaited will come. */
static bool actor_move(struct actor *actor, const struct move *move, const struct actor *other)
{
	struct peer *peer = actor->peer;
	const bool heard_all = peer_heard_all(peer);

	switch (move->kind) {
	case MOVE_LET_PASS:         return actor_let_pass(actor, move->n);
	case MOVE_AWAIT_DATA:       return peer_received(peer) >= move->n || heard_all;
	case MOVE_AWAIT_SENT:       return peer_sent_all(peer);
	case MOVE_AWAIT_END:        return heard_all;
	case MOVE_SEND:             actor_send(actor, move->n); return true;
	case MOVE_BYTEWISE:         actor_send_bytewise(actor, move->n); return true;
	case MOVE_EMPTY:            peer_record(peer, RECORD_DATA, "", 0); return true;
	case MOVE_WARN:             peer_alert(peer, 1, SSL_AD_USER_CANCELLED); return true;
	case MOVE_KEY_UPDATE:       actor_change_keys(actor, move->n); return true;
	case MOVE_PAUSE:            peer_pause(peer); return true;
	case MOVE_RESUME:           peer_resume(peer); return true;
	case MOVE_CORK:             peer_cork(peer); return true;
	case MOVE_UNCORK:           peer_uncork(peer); return true;
	case MOVE_CLOSE_NOTIFY:     actor_close_notify(actor); return true;
	case MOVE_FIN:              actor_fin(actor); return true;
	case MOVE_RST:              actor_rst(actor, false); return true;
	case MOVE_RST_NOW:          actor_rst(actor, true); return true;
	case MOVE_CLOSE:            actor_close(actor, other); return true;
	case MOVE_CUT:              actor_cut(actor, move->n); return true;
	case MOVE_CUT_CLOSE_NOTIFY: actor_cut_close_notify(actor); return true;
	case MOVE_FORGE:            actor_forge(actor); return true;
	case MOVE_ALERT:            actor_alert(actor); return true;
	case MOVE_BREAK:            actor_break(actor); return true;
	case MOVE_NOISE:            actor_make_noise(actor, move->n); return true;
	}
	abort();
}

/* ---- its part ---- */

/* When the other's end has come it ends, too, if it has not yet. */
static void actor_conclude(struct actor *actor)
{
	const bool told = actor_saw(actor, "close_notify");

	if (!peer_heard_all(actor->peer) || peer_is_over(actor->peer) || actor->deeds.reset)
		return;
	if (actor->deeds.end == DEED_NONE && peer_is_tls(actor->peer) && told)
		actor_close_notify(actor);
	actor_fin(actor);
}

/* False: it has to wait for its handshake. */
static bool actor_may_begin(struct actor *actor)
{
	const bool early = actor->script->early[actor->side];

	/* A handshake whose end cannot be sent any more is none. */
	actor->deeds.opened |= peer_is_open(actor->peer) && !(early && peer_is_tls(actor->peer));
	return actor->deeds.opened || early || peer_heard_all(actor->peer);
}

/* Whoever was reset or never came in has nothing to say any more. */
static bool actor_is_silenced(const struct actor *actor)
{
	return actor_saw(actor, "rst") ||
	       (!actor->deeds.opened && !actor->script->early[actor->side]);
}

void actor_turn(struct actor *actor, const struct actor *other)
{
	const struct move *move;

	if (actor->peer == NULL || !actor_may_begin(actor))
		return;
	while (peer_fd(actor->peer) >= 0 && (move = actor_next(actor)) != NULL) {
		if (actor_is_silenced(actor))
			actor->at = actor->script->n_moves;
		else if (actor_move(actor, move, other))
			actor->at = (size_t)(move - actor->script->moves) + 1;
		else
			return;
	}
	if (peer_fd(actor->peer) >= 0)
		actor_conclude(actor);
}
