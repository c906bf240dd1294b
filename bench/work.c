/* SPDX-License-Identifier: ISC */
#include "work.h"

#include <string.h>

#include "run.h"

static char work_room[TALK_CHUNK];

/* ---- churn ---- */

/*
 * The client ends first, and properly; the operation is complete when the other
 * side has answered likewise, so that the cost of a good end is measured too.
 */
static enum wire_result work_part(struct client *client)
{
	enum wire_result result;
	size_t got;

	if (!client->finished) {
		wire_finish(&client->wire);
		client->finished = true;
	}
	result = wire_read(&client->wire, work_room, sizeof(work_room), &got);
	if (result == WIRE_WANT_READ)
		return result;
	if (result != WIRE_ENDED)
		client->run->tally.unclean++;
	run_count(client->run, client);
	return WIRE_ENDED;
}

const struct work work_churn = {
	.name = "churn",
	.churns = true,
	.begin = client_connect,
	.step = work_part,
};

/* ---- echo ---- */

/*
 * Whoever has his answer queues behind those that have waited for longer, so all
 * connections have their turn, also if few of them may ask at a time.
 */
static void work_queue(struct client *client)
{
	struct echo *echo = &client->run->echo;

	client->state = CLIENT_WAITING;
	client->next = NULL;
	*(echo->first != NULL ? &echo->last->next : &echo->first) = client;
	echo->last = client;
}

static struct client *work_next(struct echo *echo)
{
	struct client *client = echo->first;

	echo->first = client->next;
	return client;
}

static enum wire_result work_hear(struct client *client)
{
	enum wire_result result = client_exchange(client);

	if (result != WIRE_DONE)
		return result;
	run_count(client->run, client);
	client->run->echo.n_asking--;
	work_queue(client);
	return WIRE_WANT_READ;
}

/*
 * At a given rate a request begins when it is due, even if nobody is free to
 * send it then: a server that stalls delays all that would have come meanwhile,
 * and all of them have to be in the account, not only the one that it stalled.
 */
static bool work_is_due(struct run *run, uint64_t *began)
{
	uint64_t now = run_now();

	if (run->settings->rate == 0) {
		*began = now;
		return run->echo.n_asking < run->settings->n_active;
	}
	*began = run->echo.first_due + run->echo.n_asked * 1000000000U / run->settings->rate;
	return *began <= now;
}

static void work_pump(struct run *run)
{
	uint64_t began;

	while (run->echo.first != NULL && work_is_due(run, &began)) {
		struct client *client = work_next(&run->echo);

		run->echo.n_asking++;
		run->echo.n_asked++;
		client->began = began;
		client_ask(client, TALK_ECHO);
		client_turn(client);
	}
}

const struct work work_echo = {
	.name = "echo",
	.begin = work_queue,
	.step = work_hear,
	.pump = work_pump,
};

/* ---- bulk ---- */

static void work_begin_down(struct client *client)
{
	client_ask(client, TALK_DOWNLOAD);
	client_turn(client);
}

static enum wire_result work_download(struct client *client)
{
	enum wire_result result = client_send(client);
	size_t total = 0;
	size_t got;

	while (result == WIRE_DONE && total < TALK_TURN) {
		result = wire_read(&client->wire, work_room, sizeof(work_room), &got);
		total += got;
	}
	client->run->tally.bytes += total;
	return result == WIRE_DONE ? WIRE_YIELDED : result;
}

const struct work work_down = {
	.name = "down",
	.begin = work_begin_down,
	.step = work_download,
};

static void work_begin_up(struct client *client)
{
	client_ask(client, TALK_UPLOAD);
	client_turn(client);
}

/* What counts is what has arrived, so it is the receipts that are counted. */
static enum wire_result work_receipts(struct client *client)
{
	size_t got;
	enum wire_result result = wire_read(&client->wire, client->answer, TALK_LEN, &got);

	client->run->tally.bytes += got * TALK_MIB;
	return result == WIRE_WANT_READ ? WIRE_DONE : result;
}

static enum wire_result work_upload(struct client *client)
{
	enum wire_result result = client_send(client);
	size_t total = 0;
	size_t sent;

	if (result == WIRE_DONE)
		result = work_receipts(client);
	while (result == WIRE_DONE && total < TALK_TURN) {
		result = wire_write(&client->wire, work_room, sizeof(work_room), &sent);
		total += sent;
	}
	return result == WIRE_DONE ? WIRE_YIELDED : result;
}

const struct work work_up = {
	.name = "up",
	.begin = work_begin_up,
	.step = work_upload,
};

/* ---- hold ---- */

const struct work work_hold = { .name = "hold" };

const struct work work_page = { .name = "page", .pages = true };

const struct work *work_find(const char *name)
{
	static const struct work *const works[] = {
		&work_churn, &work_echo, &work_down, &work_up, &work_hold, &work_page,
	};

	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++) {
		if (strcmp(works[i]->name, name) == 0)
			return works[i];
	}
	return NULL;
}
