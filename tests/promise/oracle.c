/* SPDX-License-Identifier: ISC */
/*
 * The promise: a peer is told that the stream ended well if, and only if, the
 * other peer ended it well. Told means close_notify for a TLS peer and FIN for
 * a plain one. Each direction is judged by itself, with what its source did
 * (struct deeds), what its sink saw (the events of peer.h), and what the log
 * says of it, which has to be the same.
 *
 * Only if. Whatever happened besides: the bytes that came are a prefix of
 * those that were sent; no part of a record that was cut is among them; a
 * sink that was told the end has all of them, and the source had ended well.
 * A TLS sink, once its handshake is through, sees a FIN only behind a
 * close_notify or a fatal alert.
 *
 * If. A source ended well, and its sink listens and is no disturbance itself:
 * the sink has all bytes and is told the end. After any other end of a source
 * the sink has all bytes that came before it, and then a RST. It need not be so
 *
 *   - if the source reset and took back by that what was under way; and a
 *     plain one that resets right behind its FIN: the kernel may show both as one;
 *   - if the daemon was told to end, and cut the relay;
 *   - if a timer of the listener cut it, or could have (they are short in
 *     some slots, where peers are silent);
 *   - with close = fast, from a TLS client once its backend has ended well.
 *
 * With on-truncation = fin a truncation is told like an end; nobody told it so
 * in the log.
 */
#include "oracle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One direction of a relay. */
struct way {
	const struct slot *slot;
	const char *line;       /* the relay's; NULL: there is none */
	enum side from;
	const struct actor *source;
	const struct actor *sink;
	bool told;              /* the sink, that it ended well */
	size_t received;
	bool is_spared;         /* the sink did nothing that could be in the way */
	bool may_be_cut;        /* by adieu itself */
	bool let_go;            /* close = fast: adieu did not wait for its end */
	char end[LOG_VALUE_ROOM];       /* how it ended, as the log has it */
};

static char oracle_says[256];

static const char *oracle_wrong(const struct way *way, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *oracle_wrong(const struct way *way, const char *format, ...)
{
	const int n = snprintf(oracle_says, sizeof(oracle_says),
	                       "from the %s: ", way->from == CLIENT ? "client" : "backend");
	va_list list;

	va_start(list, format);
	(void)vsnprintf(oracle_says + n, sizeof(oracle_says) - (size_t)n, format, list);
	va_end(list);
	return oracle_says;
}

static bool way_ends_in(const struct way *way, const char *words)
{
	return strcmp(way->end, words) == 0;
}

static bool way_begins_with(const struct way *way, const char *word)
{
	return strncmp(way->end, word, strlen(word)) == 0;
}

static bool way_is_clean(const struct way *way)
{
	return way_ends_in(way, "close_notify") || way_ends_in(way, "fin");
}

static const char *way_key(const struct way *way, const char *client, const char *backend)
{
	return way->from == CLIENT ? client : backend;
}

static size_t way_number(const struct way *way, const char *key)
{
	char value[LOG_VALUE_ROOM];

	return log_reader_value(way->line, key, value) ? strtoull(value, NULL, 10) : 0;
}

static bool way_has(const struct way *way, const char *key)
{
	char value[LOG_VALUE_ROOM];

	return way->line != NULL && log_reader_value(way->line, key, value);
}

static struct way way_of(const struct slot *slot, enum side from)
{
	const struct actor *sink = &slot->actors[side_other(from)];
	struct way way = {
		.slot = slot,
		.line = slot_line(slot, "event=relay"),
		.from = from,
		.source = &slot->actors[from],
		.sink = sink,
		.told = actor_saw(sink, sink->peer != NULL && peer_is_tls(sink->peer)
		                                ? "close_notify"
		                                : "fin"),
		.received = sink->peer != NULL ? peer_received(sink->peer) : 0,
		.is_spared = sink->deeds.opened && !sink->deeds.left && !sink->deeds.reset &&
		             (sink->deeds.end == DEED_NONE || sink->deeds.end == DEED_WELL),
		.may_be_cut = slot->cuttable || slot->kind->silence,
	};

	if (way.line != NULL)
		(void)log_reader_value(way.line, way_key(&way, "client-end", "backend-end"),
		                       way.end);
	way.let_go = slot->kind->fast && from == CLIENT && sink->deeds.end == DEED_WELL &&
	             strcmp(way.end, "unanswered") == 0;
	return way;
}

/* ---- only if ---- */

static const char *oracle_judge_claims(const struct way *way)
{
	const struct deeds *deeds = &way->source->deeds;
	const bool passes = way->slot->kind->lenient && deeds->end == DEED_TRUNCATED;

	if (actor_saw(way->sink, "garbage"))
		return oracle_wrong(way, "what came is not what was sent");
	if (way->received > deeds->sent)
		return oracle_wrong(way, "%zu bytes came, and %zu were sent", way->received,
		                    deeds->sent);
	if (!way->told)
		return NULL;
	if (deeds->end != DEED_WELL && !passes)
		return oracle_wrong(way, "a good end was told, and there was none");
	if (way->received < deeds->sent)
		return oracle_wrong(way, "a good end was told, and %zu of %zu bytes came",
		                    way->received, deeds->sent);
	return NULL;
}

/* A FIN by itself is an end, too, to whoever does not look closely. */
static const char *oracle_judge_fin(const struct way *way)
{
	if (!way->sink->deeds.opened || !peer_is_tls(way->sink->peer) ||
	    !actor_saw(way->sink, "fin") || way->told ||
	    strstr(peer_events(way->sink->peer), "alert:") != NULL)
		return NULL;
	return oracle_wrong(way, "a TLS peer got a FIN without close_notify");
}

/* ---- if ---- */

/* The log may say that a RST overtook the end. */
static bool way_was_overtaken(const struct way *way)
{
	return way->source->deeds.reset && !peer_is_tls(way->source->peer) &&
	       way_ends_in(way, "reset");
}

/* The source ended well, by its own doing, and nothing excuses that it was not told so. */
static bool way_must_be_told(const struct way *way)
{
	const struct deeds *deeds = &way->source->deeds;
	const bool passes = way->slot->kind->lenient && way_ends_in(way, "truncated");

	return (deeds->end == DEED_WELL || (passes && deeds->end == DEED_TRUNCATED)) &&
	       !deeds->took_back && !way_was_overtaken(way);
}

static const char *oracle_judge_duties(const struct way *way)
{
	const struct deeds *deeds = &way->source->deeds;

	if (!way->is_spared || way->may_be_cut || way->let_go || !deeds->opened)
		return NULL;
	if (way_must_be_told(way) && !way->told)
		return oracle_wrong(way, "it ended well, and that was not told");
	if (deeds->end != DEED_NONE && !deeds->took_back && !way_was_overtaken(way) &&
	    way->received < deeds->sent)
		return oracle_wrong(way, "%zu of %zu bytes came before the end", way->received,
		                    deeds->sent);
	return NULL;
}

/* ---- the log ---- */

/* The words that its end may have there. */
static bool way_end_is_true(const struct way *way)
{
	const struct deeds *deeds = &way->source->deeds;
	const bool tls = peer_is_tls(way->source->peer);
	const bool was_told = actor_saw(way->source, "close_notify");

	if (deeds->reset && way_ends_in(way, "reset") &&
	    (deeds->took_back || !tls || deeds->end == DEED_RESET))
		return true;
	switch (deeds->end) {
	case DEED_NONE: return way_ends_in(way, "sink-gone");
	case DEED_WELL: return way_ends_in(way, tls ? "close_notify" : "fin");
	case DEED_TRUNCATED:
		return way_ends_in(way, "truncated") ||
		       (was_told && way_ends_in(way, "unanswered")) ||
		       (deeds->left && way_ends_in(way, "unanswered"));
	case DEED_RESET:   return false;
	case DEED_ALERTED: return way_ends_in(way, "alert:internal_error");
	case DEED_BROKE:   return way_begins_with(way, "violation:");
	}
	abort();
}

/* Some of it did not arrive, and the log says so. */
static bool way_is_lost(const struct way *way)
{
	return way_has(way, way_key(way, "up-unsent", "down-unsent")) ||
	       way_has(way, way_key(way, "up-unacked", "down-unacked"));
}

/* Whatever else happened, these cannot be. */
static const char *oracle_judge_end(const struct way *way)
{
	const struct deeds *deeds = &way->source->deeds;
	const bool told_no = way_has(way, way_key(way, "up-told", "down-told"));

	if (way_is_clean(way) && deeds->end != DEED_WELL)
		return oracle_wrong(way, "the log says %s, and it did not end well", way->end);
	if (way_is_clean(way) && way_number(way, way_key(way, "up", "down")) != deeds->sent)
		return oracle_wrong(way, "the log says %s, and counts other than %zu bytes",
		                    way->end, deeds->sent);
	if (way->told && !way_is_clean(way) && !way_ends_in(way, "truncated"))
		return oracle_wrong(way, "a good end was told, and the log says %s", way->end);
	if (way->told && told_no)
		return oracle_wrong(way, "the end was told, and the log denies it");
	if (way_is_clean(way) && !told_no && !way_is_lost(way) && way->is_spared && !way->told)
		return oracle_wrong(way, "the log says that the end was told, and it was not");
	if (way_begins_with(way, "timeout:") && !way->slot->kind->silence)
		return oracle_wrong(way, "a timer that is long");
	if ((way_ends_in(way, "drain") || way_ends_in(way, "killed")) && !way->slot->cuttable)
		return oracle_wrong(way, "it was cut, and nobody asked for that");
	return NULL;
}

static const char *oracle_judge_truncation(const struct way *way)
{
	const bool said =
		slot_line(way->slot, way->from == CLIENT ? "event=truncation side=client"
	                                                 : "event=truncation side=backend") != NULL;

	if (said != way_ends_in(way, "truncated"))
		return oracle_wrong(way, "it ended in %s, and the log %s of a truncation", way->end,
		                    said ? "speaks" : "does not speak");
	return NULL;
}

/* It came to its end by somebody else, who is looked at elsewhere. */
static bool way_is_excused(const struct way *way)
{
	if (!way->is_spared || way->may_be_cut)
		if (way_ends_in(way, "sink-gone") ||
		    (way->source->deeds.reset && way_ends_in(way, "reset")))
			return true;
	return way->let_go || way_begins_with(way, "timeout:") ||
	       way_begins_with(way, "refused:") || way_ends_in(way, "drain") ||
	       way_ends_in(way, "killed");
}

static const char *oracle_judge_line(const struct way *way)
{
	const char *wrong = oracle_judge_end(way);

	if (wrong == NULL)
		wrong = oracle_judge_truncation(way);
	if (wrong != NULL || !way->source->deeds.opened || way_is_excused(way))
		return wrong;
	if (!way_end_is_true(way))
		return oracle_wrong(way, "the log says %s, which is not what it did", way->end);
	return NULL;
}

/* ---- relays that did not come to be ---- */

static const char *oracle_judge_absence(const struct way *up, const struct way *down)
{
	const struct actor *client = up->source;

	if (up->line == NULL && client->deeds.opened && !client->deeds.reset && !up->slot->cuttable)
		return oracle_wrong(up, "there is no line about it");
	if (up->line == NULL && up->sink->peer != NULL && !up->slot->cuttable)
		return oracle_wrong(up, "a backend heard of it, and the log did not");
	if (up->line == NULL)
		return NULL;
	if (up->slot->kind->refused && !way_ends_in(down, "refused:connection_refused") &&
	    !up->slot->cuttable)
		return oracle_wrong(down, "the log says %s, and not refused", down->end);
	if (way_begins_with(down, "refused:") && !up->slot->kind->refused &&
	    (up->sink->deeds.opened && !up->sink->deeds.reset))
		return oracle_wrong(down, "the log says %s, and nobody refused", down->end);
	return NULL;
}

static const char *oracle_judge_way(const struct way *way)
{
	const char *wrong = oracle_judge_claims(way);

	if (wrong == NULL)
		wrong = oracle_judge_fin(way);
	if (wrong == NULL)
		wrong = oracle_judge_duties(way);
	if (wrong == NULL && way->line != NULL && way->source->peer != NULL)
		wrong = oracle_judge_line(way);
	return wrong;
}

const char *oracle_judge(const struct slot *slot)
{
	const struct way up = way_of(slot, CLIENT);
	const struct way down = way_of(slot, BACKEND);
	const char *wrong = oracle_judge_absence(&up, &down);

	if (wrong == NULL)
		wrong = oracle_judge_way(&up);
	if (wrong == NULL)
		wrong = oracle_judge_way(&down);
	return wrong;
}
