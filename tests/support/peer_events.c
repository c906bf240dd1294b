/* SPDX-License-Identifier: ISC */
/*
 * What a peer saw, and how that is compared with what a test expects.
 */
#include <check.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer_impl.h"

enum { EXPECT_MOST_WORDS = 64, EXPECT_MOST_TEXT = 1024 };

static char peer_context_text[128];
static void (*peer_witness)(void);

void peer_set_context(const char *text)
{
	(void)snprintf(peer_context_text, sizeof(peer_context_text), "%s", text);
}

void peer_set_witness(void (*witness)(void))
{
	peer_witness = witness;
}

const char *peer_context(void)
{
	if (peer_witness != NULL)
		peer_witness();
	return peer_context_text;
}

void peer_recite(uint8_t voice, size_t position, uint8_t *room, size_t n)
{
	for (size_t i = 0; i < n; i++, position++)
		room[i] = (uint8_t)(position * 167 + (position >> 8) * 59 + voice);
}

static struct peer_event *peer_last_event(struct peer *peer)
{
	return peer->n_events > 0 ? &peer->events[peer->n_events - 1] : NULL;
}

void peer_saw(struct peer *peer, const char *format, ...)
{
	struct peer_event *event;
	va_list list;

	peer->events = realloc(peer->events, (peer->n_events + 1) * sizeof(*peer->events));
	event = &peer->events[peer->n_events++];
	memset(event, 0, sizeof(*event));
	va_start(list, format);
	(void)vsnprintf(event->name, sizeof(event->name), format, list);
	va_end(list);
}

/* True when this is what the other side's stream has next. */
static bool peer_knows(const struct peer *peer, const uint8_t *data, size_t n)
{
	uint8_t should[4096];
	size_t at = 0;

	while (at < n) {
		size_t len = n - at < sizeof(should) ? n - at : sizeof(should);

		peer_recite(peer->their_voice, peer->received + at, should, len);
		if (memcmp(should, data + at, len) != 0)
			return false;
		at += len;
	}
	return true;
}

void peer_saw_data(struct peer *peer, const uint8_t *data, size_t n)
{
	struct peer_event *event = peer_last_event(peer);

	if (n == 0)
		return;
	if (!peer_knows(peer, data, n))
		peer_saw(peer, "garbage");
	else if (event == NULL || event->n == 0)
		peer_saw(peer, "data");
	event = peer_last_event(peer);
	event->n += n;
	peer->received += n;
}

static const char *peer_alert_name(int description)
{
	switch (description) {
	case 10:  return "unexpected_message";
	case 20:  return "bad_record_mac";
	case 22:  return "record_overflow";
	case 40:  return "handshake_failure";
	case 42:  return "bad_certificate";
	case 43:  return "unsupported_certificate";
	case 44:  return "certificate_revoked";
	case 45:  return "certificate_expired";
	case 46:  return "certificate_unknown";
	case 47:  return "illegal_parameter";
	case 48:  return "unknown_ca";
	case 49:  return "access_denied";
	case 50:  return "decode_error";
	case 51:  return "decrypt_error";
	case 70:  return "protocol_version";
	case 71:  return "insufficient_security";
	case 80:  return "internal_error";
	case 86:  return "inappropriate_fallback";
	case 90:  return "user_canceled";
	case 100: return "no_renegotiation";
	case 109: return "missing_extension";
	case 112: return "unrecognized_name";
	case 116: return "certificate_required";
	case 120: return "no_application_protocol";
	default:  return NULL;
	}
}

void peer_saw_alert(struct peer *peer, int level, int description)
{
	const char *name = peer_alert_name(description);
	const char *word = level == 1 ? "warning" : "alert";

	if (description == 0)
		peer_saw(peer, "close_notify");
	else if (name != NULL)
		peer_saw(peer, "%s:%s", word, name);
	else
		peer_saw(peer, "%s:%d", word, description);
}

const char *peer_events(const struct peer *peer)
{
	static char text[EXPECT_MOST_TEXT];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < peer->n_events && len < sizeof(text); i++) {
		const struct peer_event *event = &peer->events[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? " " : "",
		                        event->name);
		if (event->n > 0 && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, ":%zu", event->n);
	}
	return text;
}

enum match {
	MATCH_NEVER,
	MATCH_LATER,
	MATCH_NOW,
};

struct expectation {
	const struct peer *peer;
	char text[EXPECT_MOST_TEXT];
	char *words[EXPECT_MOST_WORDS];
	size_t n_words;
	bool open_ended;
	enum match match;
};

static void expect_add_word(struct expectation *expectation, char *word)
{
	ck_assert_uint_lt(expectation->n_words, EXPECT_MOST_WORDS);
	expectation->words[expectation->n_words++] = word;
}

static void expect_read(struct expectation *expectation)
{
	static char close_notify[] = "close_notify";
	static char fin[] = "fin";
	char *rest = NULL;

	for (char *word = strtok_r(expectation->text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (strcmp(word, "...") == 0) {
			expectation->open_ended = true;
		} else if (strcmp(word, "nothing") == 0) {
			continue;
		} else if (strcmp(word, "end") == 0) {
			if (expectation->peer->tls != NULL)
				expect_add_word(expectation, close_notify);
			expect_add_word(expectation, fin);
		} else {
			expect_add_word(expectation, word);
		}
	}
}

static enum match expect_data(const char *number, const struct peer_event *event, bool last)
{
	size_t n;

	if (strcmp(event->name, "data") != 0)
		return MATCH_NEVER;
	if (strcmp(number, "*") == 0)
		return MATCH_NOW;
	n = strtoull(number, NULL, 10);
	if (event->n == n)
		return MATCH_NOW;
	return event->n < n && last ? MATCH_LATER : MATCH_NEVER;
}

static enum match expect_word(const char *word, const struct peer_event *event, bool last)
{
	char pattern[128];
	char *rest = NULL;

	if (strncmp(word, "data:", 5) == 0)
		return expect_data(word + 5, event, last);
	(void)snprintf(pattern, sizeof(pattern), "%s", word);
	for (char *one = strtok_r(pattern, "|", &rest); one != NULL;
	     one = strtok_r(NULL, "|", &rest))
		if (fnmatch(one, event->name, 0) == 0)
			return MATCH_NOW;
	return MATCH_NEVER;
}

static enum match expect_compare(const struct expectation *expectation)
{
	const struct peer *peer = expectation->peer;

	for (size_t i = 0; i < peer->n_events; i++) {
		enum match match;

		if (i == expectation->n_words)
			return expectation->open_ended ? MATCH_NOW : MATCH_NEVER;
		match = expect_word(expectation->words[i], &peer->events[i],
		                    i + 1 == peer->n_events && !peer->saw_rst);
		if (match != MATCH_NOW)
			return match;
	}
	if (peer->n_events == expectation->n_words)
		return MATCH_NOW;
	return peer->saw_rst || peer->pumped.fd < 0 ? MATCH_NEVER : MATCH_LATER;
}

static bool expect_is_decided(void *arg)
{
	struct expectation *expectation = arg;

	expectation->match = expect_compare(expectation);
	return expectation->match != MATCH_LATER;
}

void peer_expect(struct peer *peer, const char *events, ...)
{
	struct expectation expectation = { .peer = peer };
	char asked[EXPECT_MOST_TEXT];
	va_list list;

	va_start(list, events);
	(void)vsnprintf(asked, sizeof(asked), events, list);
	va_end(list);
	memcpy(expectation.text, asked, sizeof(asked));
	expect_read(&expectation);
	(void)pump_until(expect_is_decided, &expectation);
	ck_assert_msg(expectation.match == MATCH_NOW, "%s: the %s expects \"%s\" and sees \"%s\"%s",
	              peer_context(), peer->is_client ? "client" : "backend", asked,
	              peer_events(peer), expectation.match == MATCH_LATER ? " (no more came)" : "");
}
