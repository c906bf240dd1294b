/* SPDX-License-Identifier: ISC */
#include "slot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPENSSL "record-layer = openssl\n"
#define OWN "record-layer = own\n"
#define SMALL "buffer-size = 16k\n"
#define LENIENT "on-truncation = fin\n"
#define FAST "close = fast\n"
#define SHORT "idle-timeout = 300ms\nhalf-close-timeout = 300ms\nclose-timeout = 300ms\n"

const struct slot_kind slot_kinds[SLOTS] = {
	{ .pair = TLS_PLAIN, .keys = OPENSSL },
	{ .pair = TLS_PLAIN, .keys = OWN },
	{ .pair = TLS_PLAIN, .keys = "" },
	{ .pair = TLS_TLS, .keys = OPENSSL },
	{ .pair = TLS_TLS, .keys = OWN },
	{ .pair = TLS_TLS, .keys = "" },
	{ .pair = PLAIN_PLAIN, .keys = "" },
	{ .pair = PLAIN_TLS, .keys = "" },
	{ .pair = TLS_PLAIN, .keys = OPENSSL SMALL },
	{ .pair = TLS_PLAIN, .keys = OWN SMALL },
	{ .pair = TLS_TLS, .keys = OPENSSL SMALL },
	{ .pair = TLS_TLS, .keys = OWN SMALL },
	{ .pair = PLAIN_PLAIN, .keys = SMALL },
	{ .pair = PLAIN_TLS, .keys = SMALL },
	{ .pair = TLS_PLAIN, .keys = OWN LENIENT, .lenient = true },
	{ .pair = TLS_TLS, .keys = OPENSSL LENIENT, .lenient = true },
	{ .pair = PLAIN_TLS, .keys = LENIENT, .lenient = true },
	{ .pair = TLS_PLAIN, .keys = OWN FAST, .fast = true },
	{ .pair = TLS_PLAIN, .keys = OPENSSL FAST, .fast = true },
	{ .pair = TLS_TLS, .keys = FAST, .fast = true },
	{ .pair = TLS_PLAIN, .keys = OWN SHORT, .silence = true },
	{ .pair = TLS_TLS, .keys = OPENSSL SHORT, .silence = true },
	{ .pair = PLAIN_PLAIN, .keys = SHORT, .silence = true },
	{ .pair = TLS_PLAIN, .keys = OWN, .refused = true },
	{ .pair = PLAIN_TLS, .keys = "", .refused = true },
	{ .pair = TLS_PLAIN, .keys = OPENSSL },
	{ .pair = TLS_PLAIN, .keys = OWN },
	{ .pair = TLS_TLS, .keys = OPENSSL },
	{ .pair = TLS_TLS, .keys = OWN },
	{ .pair = PLAIN_PLAIN, .keys = "" },
	{ .pair = PLAIN_TLS, .keys = "" },
	{ .pair = PLAIN_PLAIN, .keys = "" },
};

void slots_open(struct slot slots[static SLOTS])
{
	for (int i = 0; i < SLOTS; i++) {
		struct slot *slot = &slots[i];
		const enum scene_pair pair = slot_kinds[i].pair;

		memset(slot, 0, sizeof(*slot));
		slot->kind = &slot_kinds[i];
		slot->next = (unsigned)i;
		slot->cast = (struct cast){
			.tls = { pair == TLS_PLAIN || pair == TLS_TLS,
			         pair == PLAIN_TLS || pair == TLS_TLS },
			.silence = slot->kind->silence,
		};
		(void)snprintf(slot->name, sizeof(slot->name), "slot%d", i);
		slot->door = slot->kind->refused ? door_open_closed() : door_open();
	}
}

const char *slots_config(const struct slot slots[static SLOTS])
{
	static char room[SLOTS * 256];
	size_t len = 0;

	for (int i = 0; i < SLOTS; i++) {
		const struct slot *slot = &slots[i];

		len += (size_t)snprintf(
			room + len, sizeof(room) - len,
			"[listener:%s]\nbind = 127.0.0.1:0\n%s\nbackend = %s\n%s"
			"[backend:%s]\nserver = %s\n%s",
			slot->name,
			slot->cast.tls[CLIENT] ? "cert = FOLDER/adieu.pem" : "mode = tcp",
			slot->name, slot->kind->keys, slot->name, door_address(slot->door),
			slot->cast.tls[BACKEND] ? "tls = yes\nca = FOLDER/ca.pem\n"
						  "server-name = backend.test\n"
						: "");
		ck_assert_uint_lt(len, sizeof(room));
	}
	return room;
}

void slots_find(struct slot slots[static SLOTS])
{
	for (int i = 0; i < SLOTS; i++)
		slots[i].listener = daemon_address(stage_daemon(), slots[i].name);
}

void slots_close(struct slot slots[static SLOTS])
{
	for (int i = 0; i < SLOTS; i++) {
		slot_end(&slots[i]);
		door_free(slots[i].door);
		slots[i].door = NULL;
	}
}

static void slot_cast_actor(struct slot *slot, enum side side, struct peer_setup *setup)
{
	const int version = slot->script.version[side];

	slot->actors[side] = (struct actor){ .script = &slot->script, .side = side };
	*setup = (struct peer_setup){ .receive_buffer = slot->script.receive_buffer[side] };
	if (slot->cast.tls[side])
		setup->tls = side == CLIENT ? stage_client_tls(version) : stage_server_tls(version);
}

void slot_begin(struct slot *slot, uint64_t seed, unsigned number)
{
	struct peer_setup client;
	struct peer_setup backend;

	slot->number = number;
	slot->n_lines = 0;
	slot->cuttable = false;
	script_make(&slot->script, &slot->cast, seed, number);
	slot_cast_actor(slot, CLIENT, &client);
	slot_cast_actor(slot, BACKEND, &backend);
	door_set_setup(slot->door, &backend);
	slot->actors[CLIENT].peer = peer_connect((const struct sockaddr *)&slot->listener,
	                                         sizeof(slot->listener), &client);
	slot->busy = true;
}

static bool slot_is_told(const struct slot *slot)
{
	return slot_line(slot, "event=relay") != NULL ||
	       slot_line(slot, "event=handshake side=client") != NULL;
}

bool slot_turn(struct slot *slot, bool gone)
{
	struct actor *client = &slot->actors[CLIENT];
	struct actor *backend = &slot->actors[BACKEND];

	if (!slot->kind->refused && !door_is_quiet(slot->door)) {
		ck_assert_msg(backend->peer == NULL, "a second connection to the backend of %s",
		              slot->name);
		backend->peer = door_accept(slot->door);
	}
	actor_turn(client, backend);
	actor_turn(backend, client);
	return (slot_is_told(slot) || gone) && actor_is_over(client) &&
	       (backend->peer == NULL ? slot->kind->refused || door_is_quiet(slot->door)
	                              : actor_is_over(backend));
}

bool slot_take_line(struct slot *slot, const char *line)
{
	char value[LOG_VALUE_ROOM];

	if (!slot->busy || !log_reader_value(line, "id", value) ||
	    !log_reader_value(line, "listener", value) || strcmp(value, slot->name) != 0)
		return false;
	if (slot->n_lines < SLOT_LINES)
		slot->lines[slot->n_lines++] = line;
	return true;
}

const char *slot_line(const struct slot *slot, const char *words)
{
	for (size_t i = 0; i < slot->n_lines; i++)
		if (log_reader_says(slot->lines[i], words))
			return slot->lines[i];
	return NULL;
}

static void slot_tell_actor(const struct actor *actor, const char *name)
{
	static const char *const ends[] = {
		[DEED_NONE] = "did not end",
		[DEED_WELL] = "ended well",
		[DEED_TRUNCATED] = "left without close_notify",
		[DEED_RESET] = "aborted",
		[DEED_ALERTED] = "sent an alert",
		[DEED_BROKE] = "broke the protocol",
	};
	const struct deeds *deeds = &actor->deeds;

	if (actor->peer == NULL) {
		(void)fprintf(stderr, "the %s was not there\n", name);
		return;
	}
	(void)fprintf(stderr, "the %s sent %zu, %s%s%s%s, and saw \"%s\"\n", name, deeds->sent,
	              ends[deeds->end], deeds->reset ? ", reset" : "",
	              deeds->took_back ? ", took back" : "", deeds->left ? ", left" : "",
	              peer_events(actor->peer));
}

void slot_tell(const struct slot *slot, uint64_t seed)
{
	(void)fprintf(stderr, "--- relay %u of %s (ADIEU_PROMISE=%" PRIu64 ":%u)\n%s", slot->number,
	              slot->name, seed, slot->number, slot->kind->keys);
	script_tell(&slot->script, &slot->cast);
	slot_tell_actor(&slot->actors[CLIENT], "client");
	slot_tell_actor(&slot->actors[BACKEND], "backend");
	for (size_t i = 0; i < slot->n_lines; i++)
		(void)fprintf(stderr, "%s\n", slot->lines[i]);
	(void)fprintf(stderr, "---\n");
}

void slot_end(struct slot *slot)
{
	peer_free(slot->actors[CLIENT].peer);
	peer_free(slot->actors[BACKEND].peer);
	slot->actors[CLIENT].peer = slot->actors[BACKEND].peer = NULL;
	slot->busy = false;
}
