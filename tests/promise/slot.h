/* SPDX-License-Identifier: ISC */
/*
 * slot - a listener with a backend of its own, where one relay after another is played
 *
 * Many slots are played at once. What the log says of a listener is about the
 * relay in its slot, and whoever knocks at its backend is that relay's.
 */
#ifndef SLOT_H
#define SLOT_H

#include "actor.h"
#include "door.h"
#include "log_reader.h"
#include "scene.h"

struct slot_kind {
	enum scene_pair pair;
	const char *keys;       /* of the listener */
	bool lenient;           /* on-truncation = fin */
	bool fast;              /* close = fast */
	bool silence;           /* timers are short */
	bool refused;           /* nobody listens at the backend */
};

enum {
	SLOTS = 32,
	SLOT_LINES = 8,
	SLOT_NAME_ROOM = 8,
};
extern const struct slot_kind slot_kinds[SLOTS];

struct slot {
	const struct slot_kind *kind;
	char name[SLOT_NAME_ROOM];
	struct sockaddr_in listener;
	struct door *door;
	bool busy;
	unsigned next;          /* the number of the relay after it */
	/* The relay in it, or the last one. */
	unsigned number;
	struct cast cast;
	struct script script;
	struct actor actors[2];
	const char *lines[SLOT_LINES];  /* of the log, about it */
	size_t n_lines;
	bool cuttable;          /* the daemon was told to end meanwhile, and may cut it */
};

/* Doors first; then their listeners' sections, for a stage_config's more; then where they are. */
void slots_open(struct slot slots[static SLOTS]);
const char *slots_config(const struct slot slots[static SLOTS]);
void slots_find(struct slot slots[static SLOTS]);
void slots_close(struct slot slots[static SLOTS]);

/* Lets the client begin. */
void slot_begin(struct slot *slot, uint64_t seed, unsigned number);
/* Turns it; true: there is nothing more to come. gone: the daemon is. */
bool slot_turn(struct slot *slot, bool gone);
/* A line of the log; false: it is about another listener, or none. */
bool slot_take_line(struct slot *slot, const char *line);
/* Its line that says these words (log_reader.h); NULL: none does. */
const char *slot_line(const struct slot *slot, const char *words);
/* All there is to know about the relay, for a person. */
void slot_tell(const struct slot *slot, uint64_t seed);
void slot_end(struct slot *slot);

#endif
