/* SPDX-License-Identifier: ISC */
/*
 * client - one connection of the load, from connect to close
 *
 *   OPENING --> GREETING [--> PAGING] --> WAITING <--> WORKING
 *   handshake   one echo      one page    nothing      what is to be measured
 *
 * Everybody greets first, so that nothing is measured at a proxy that has not
 * reached its backend yet, and nobody still has a ticket to come.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "talk.h"
#include "wire.h"

struct run;

enum client_state {
	CLIENT_OPENING,
	CLIENT_GREETING,
	CLIENT_PAGING,
	CLIENT_WAITING,
	CLIENT_WORKING,
};

struct client {
	struct run *run;
	struct client *next; /* in the queue of those that work_echo may ask */
	struct wire wire;
	SSL_SESSION *session; /* to resume, or NULL */
	enum client_state state;
	uint32_t interest;
	bool finished;      /* its own direction */
	uint64_t began;     /* the operation under way */
	size_t sent, heard; /* of the request; of its answer */
	char request[TALK_LEN], answer[TALK_LEN];
};

/* A new connection, for a client that has none. */
void client_connect(struct client *client);
void client_close(struct client *client);
/* OpenSSL's callback for whoever wants to resume. */
int client_keep_session(SSL *ssl, SSL_SESSION *session);
/* Does what can be done, then waits for what was refused. */
void client_turn(struct client *client);

/* Begins a request of that kind (see talk.h); the client works from now on. */
void client_ask(struct client *client, char kind);
/* Goes on with it: WIRE_DONE when it has been sent whole. */
enum wire_result client_send(struct client *client);
/* The same, up to the end of its echo. */
enum wire_result client_exchange(struct client *client);

#endif
