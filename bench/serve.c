/* SPDX-License-Identifier: ISC */
/*
 * serve - the server behind the proxies, and the limit they are measured against
 *
 *   serve plain 127.0.0.1:7000
 *   serve tls ecdsa.pem 127.0.1.9:8443 tls rsa.pem 127.0.1.9:8444 plain 127.0.1.9:8080
 *
 * One thread, any number of doors, each with TLS or without. Behind a proxy it
 * stands without; with TLS and alone it does all that a proxy has to do for a
 * client except being a proxy, so what it costs is what nobody can undercut
 * with this library. Speaks as talk.h says; ends by SIGTERM.
 */
#include <errno.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"
#include "talk.h"
#include "wire.h"

enum {
	SERVE_DOORS = 8,
	SERVE_EVENTS = 64,
	SERVE_ACCEPTS = 16, /* in one turn */
};

struct door {
	int fd;
	SSL_CTX *tls; /* NULL: plain */
};

enum guest_state {
	GUEST_OPENING,
	GUEST_ASKING,
	GUEST_ECHOING,
	GUEST_PAGING,
	GUEST_DOWNLOADING,
	GUEST_UPLOADING,
};

struct guest {
	struct wire wire;
	enum guest_state state;
	uint32_t interest;
	uint64_t uploaded, receipts; /* bytes; answers sent for them */
	size_t done;                 /* of the request, or of its answer */
	char request[TALK_LEN];
};

static struct door serve_doors[SERVE_DOORS];
static int serve_n_doors;
static int serve_epoll;
static char serve_room[TALK_CHUNK];

_Static_assert(TALK_PAGE_LEN <= TALK_CHUNK, "a page has to be had in one piece");

static void serve_die(const char *about)
{
	(void)fprintf(stderr, "serve: %s: %s\n", about, strerror(errno));
	exit(EXIT_FAILURE);
}

/* ---- what a guest asks for, and gets ---- */

static enum wire_result guest_ask(struct guest *guest)
{
	size_t got;
	enum wire_result result =
		wire_read(&guest->wire, guest->request + guest->done, TALK_LEN - guest->done, &got);

	guest->done += got;
	if (guest->done < TALK_LEN)
		return result;
	guest->done = 0;
	switch (guest->request[0]) {
	case TALK_ECHO:     guest->state = GUEST_ECHOING; return WIRE_DONE;
	case TALK_PAGE:     guest->state = GUEST_PAGING; return WIRE_DONE;
	case TALK_DOWNLOAD: guest->state = GUEST_DOWNLOADING; break;
	case TALK_UPLOAD:   guest->state = GUEST_UPLOADING; return WIRE_DONE;
	default:            return WIRE_LOST;
	}
	wire_gather(&guest->wire);
	return WIRE_DONE;
}

static enum wire_result guest_answer(struct guest *guest, const char *answer, size_t len)
{
	size_t sent;
	enum wire_result result =
		wire_write(&guest->wire, answer + guest->done, len - guest->done, &sent);

	guest->done += sent;
	if (guest->done == len) {
		guest->done = 0;
		guest->state = GUEST_ASKING;
	}
	return result;
}

static enum wire_result guest_download(struct guest *guest)
{
	size_t total = 0;
	size_t sent;

	while (total < TALK_TURN) {
		enum wire_result result =
			wire_write(&guest->wire, serve_room, sizeof(serve_room), &sent);

		if (result != WIRE_DONE)
			return result;
		total += sent;
	}
	wire_flush(&guest->wire);
	return WIRE_YIELDED;
}

static enum wire_result guest_receipt(struct guest *guest)
{
	size_t sent;

	while (guest->receipts < guest->uploaded / TALK_MIB) {
		enum wire_result result = wire_write(&guest->wire, "+", 1, &sent);

		if (result != WIRE_DONE)
			return result;
		guest->receipts++;
	}
	return WIRE_DONE;
}

static enum wire_result guest_upload(struct guest *guest)
{
	size_t total = 0;
	size_t got;

	while (total < TALK_TURN) {
		enum wire_result result = guest_receipt(guest);

		if (result == WIRE_DONE)
			result = wire_read(&guest->wire, serve_room, sizeof(serve_room), &got);
		if (result != WIRE_DONE)
			return result;
		guest->uploaded += got;
		total += got;
	}
	return WIRE_YIELDED;
}

static enum wire_result guest_open(struct guest *guest)
{
	enum wire_result result = wire_open(&guest->wire);

	if (result == WIRE_DONE)
		guest->state = GUEST_ASKING;
	return result;
}

static enum wire_result guest_step(struct guest *guest)
{
	switch (guest->state) {
	case GUEST_OPENING:     return guest_open(guest);
	case GUEST_ASKING:      return guest_ask(guest);
	case GUEST_ECHOING:     return guest_answer(guest, guest->request, TALK_LEN);
	case GUEST_PAGING:      return guest_answer(guest, serve_room, TALK_PAGE_LEN);
	case GUEST_DOWNLOADING: return guest_download(guest);
	case GUEST_UPLOADING:   return guest_upload(guest);
	}
	abort();
}

/* Until something is refused, or others are due. */
static enum wire_result guest_serve(struct guest *guest)
{
	enum wire_result result;

	do
		result = guest_step(guest);
	while (result == WIRE_DONE);
	return result;
}

/* ---- guests coming and going ---- */

static void guest_free(struct guest *guest)
{
	wire_clear(&guest->wire);
	free(guest);
}

static void guest_watch(struct guest *guest, uint32_t interest)
{
	struct epoll_event event = { .events = interest, .data.ptr = guest };
	int what = guest->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

	if (interest == guest->interest)
		return;
	guest->interest = interest;
	if (epoll_ctl(serve_epoll, what, guest->wire.fd, &event) < 0)
		serve_die("epoll_ctl");
}

static void guest_turn(struct guest *guest)
{
	enum wire_result result = guest_serve(guest);
	uint32_t interest = wire_interest(result);

	if (interest != 0) {
		guest_watch(guest, interest);
		return;
	}
	if (result == WIRE_ENDED)
		wire_finish(&guest->wire);
	guest_free(guest);
}

static void door_accept(const struct door *door)
{
	for (int i = 0; i < SERVE_ACCEPTS; i++) {
		int fd = accept4(door->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct guest *guest;

		if (fd < 0)
			return;
		guest = calloc(1, sizeof(*guest));
		if (guest == NULL)
			serve_die("calloc");
		wire_init(&guest->wire, fd, door->tls != NULL ? SSL_new(door->tls) : NULL);
		if (door->tls != NULL)
			SSL_set_accept_state(guest->wire.ssl);
		guest_turn(guest);
	}
}

/* ---- the program ---- */

static SSL_CTX *serve_context(const char *pem)
{
	SSL_CTX *context = wire_context_new(TLS_server_method());

	if (SSL_CTX_use_certificate_chain_file(context, pem) == 1 &&
	    SSL_CTX_use_PrivateKey_file(context, pem, SSL_FILETYPE_PEM) == 1 &&
	    SSL_CTX_set1_groups_list(context, "X25519:P-256") == 1 &&
	    SSL_CTX_set_num_tickets(context, 1) == 1) {
		(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
		return context;
	}
	ERR_print_errors_fp(stderr);
	exit(EXIT_FAILURE);
}

static void serve_open_door(const char *where, SSL_CTX *tls)
{
	struct door *door = &serve_doors[serve_n_doors++];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = door };
	struct sockaddr_in address;

	errno = EINVAL;
	if (!endpoint_parse(where, &address))
		serve_die(where);
	door->tls = tls;
	door->fd = endpoint_listen(&address);
	if (door->fd < 0 || epoll_ctl(serve_epoll, EPOLL_CTL_ADD, door->fd, &event) < 0)
		serve_die(where);
}

static bool serve_open_doors(int argc, char **argv)
{
	int i = 1;

	while (i < argc && serve_n_doors < SERVE_DOORS) {
		if (strcmp(argv[i], "plain") == 0 && i + 1 < argc) {
			serve_open_door(argv[i + 1], NULL);
			i += 2;
		} else if (strcmp(argv[i], "tls") == 0 && i + 2 < argc) {
			serve_open_door(argv[i + 2], serve_context(argv[i + 1]));
			i += 3;
		} else {
			return false;
		}
	}
	return i == argc && i > 1;
}

static void serve_event(void *what)
{
	struct door *door = what;

	if (door >= serve_doors && door < serve_doors + serve_n_doors)
		door_accept(door);
	else
		guest_turn(what);
}

int main(int argc, char **argv)
{
	struct epoll_event events[SERVE_EVENTS];

	(void)signal(SIGPIPE, SIG_IGN);
	serve_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!serve_open_doors(argc, argv)) {
		(void)fputs("usage: serve {plain HOST:PORT | tls PEM HOST:PORT}...\n", stderr);
		return 2;
	}
	for (;;) {
		int n = epoll_wait(serve_epoll, events, SERVE_EVENTS, -1);

		if (n < 0 && errno != EINTR)
			serve_die("epoll_wait");
		for (int i = 0; i < n; i++)
			serve_event(events[i].data.ptr);
	}
}
