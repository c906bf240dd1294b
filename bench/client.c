/* SPDX-License-Identifier: ISC */
#include "client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "endpoint.h"
#include "run.h"

static void client_watch(struct client *client, uint32_t interest)
{
	struct epoll_event event = { .events = interest, .data.ptr = client };
	int what = client->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (interest == client->interest)
		return;
	client->interest = interest;
	if (epoll_ctl(client->run->epoll, what, client->wire.fd, &event) < 0)
		run_die("epoll_ctl");
}

int client_keep_session(SSL *ssl, SSL_SESSION *session)
{
	struct client *client = SSL_get_app_data(ssl);

	SSL_SESSION_free(client->session);
	client->session = session;
	return 1;
}

static SSL *client_tls(struct client *client)
{
	SSL *ssl;

	if (client->run->tls == NULL)
		return NULL;
	ssl = SSL_new(client->run->tls);
	if (ssl == NULL || SSL_set_app_data(ssl, client) != 1 ||
	    (client->session != NULL && SSL_set_session(ssl, client->session) != 1))
		run_die("SSL_new");
	SSL_set_connect_state(ssl);
	return ssl;
}

void client_connect(struct client *client)
{
	int fd = endpoint_connect(&client->run->settings->address);

	if (fd < 0)
		run_die("connect");
	wire_init(&client->wire, fd, client_tls(client));
	client->state = CLIENT_OPENING;
	client->interest = 0;
	client->finished = false;
	client->began = run_now();
	client_watch(client, EPOLLOUT);
}

void client_close(struct client *client)
{
	wire_clear(&client->wire);
}

/* ---- a request and its echo ---- */

void client_ask(struct client *client, char kind)
{
	client->state = CLIENT_WORKING;
	client->sent = 0;
	client->heard = 0;
	client->request[0] = kind;
	memcpy(client->request + 1, &client->began, sizeof(client->began));
}

enum wire_result client_send(struct client *client)
{
	size_t sent;

	while (client->sent < TALK_LEN) {
		enum wire_result result = wire_write(&client->wire, client->request + client->sent,
		                                     TALK_LEN - client->sent, &sent);

		if (result != WIRE_DONE)
			return result;
		client->sent += sent;
	}
	return WIRE_DONE;
}

enum wire_result client_exchange(struct client *client)
{
	enum wire_result result = client_send(client);
	size_t got;

	while (result == WIRE_DONE && client->heard < TALK_LEN) {
		result = wire_read(&client->wire, client->answer + client->heard,
		                   TALK_LEN - client->heard, &got);
		client->heard += got;
	}
	if (result == WIRE_DONE && memcmp(client->request, client->answer, TALK_LEN) != 0)
		return WIRE_LOST;
	return result;
}

/* ---- states ---- */

static enum wire_result client_open(struct client *client)
{
	enum wire_result result = wire_open(&client->wire);

	if (result != WIRE_DONE)
		return result;
	run_opened(client->run, client);
	client_ask(client, TALK_ECHO);
	client->state = CLIENT_GREETING;
	return WIRE_DONE;
}

static void client_greeted(struct client *client)
{
	client->state = client->run->settings->work->churns ? CLIENT_WORKING : CLIENT_WAITING;
	client->run->n_greeted++;
}

static enum wire_result client_greet(struct client *client)
{
	enum wire_result result = client_exchange(client);

	if (result != WIRE_DONE)
		return result;
	if (client->run->settings->work->pages) {
		client_ask(client, TALK_PAGE);
		client->state = CLIENT_PAGING;
	} else {
		client_greeted(client);
	}
	return WIRE_DONE;
}

static enum wire_result client_page(struct client *client)
{
	static char room[TALK_PAGE_LEN];
	enum wire_result result = client_send(client);
	size_t got;

	while (result == WIRE_DONE && client->heard < TALK_PAGE_LEN) {
		result = wire_read(&client->wire, room, TALK_PAGE_LEN - client->heard, &got);
		client->heard += got;
	}
	if (result == WIRE_DONE)
		client_greeted(client);
	return result;
}

/* There is nothing to be said; what does come is TLS speaking for itself. */
static enum wire_result client_wait(struct client *client)
{
	size_t got;
	enum wire_result result = wire_read(&client->wire, client->answer, 1, &got);

	return result == WIRE_DONE ? WIRE_LOST : result;
}

static enum wire_result client_step(struct client *client)
{
	switch (client->state) {
	case CLIENT_OPENING:  return client_open(client);
	case CLIENT_GREETING: return client_greet(client);
	case CLIENT_PAGING:   return client_page(client);
	case CLIENT_WAITING:  return client_wait(client);
	case CLIENT_WORKING:  return client->run->settings->work->step(client);
	}
	abort();
}

void client_turn(struct client *client)
{
	enum wire_result result;

	do
		result = client_step(client);
	while (result == WIRE_DONE);
	if (wire_interest(result) != 0)
		client_watch(client, wire_interest(result));
	else
		run_closed(client->run, client, result);
}
