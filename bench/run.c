/* SPDX-License-Identifier: ISC */
#include "run.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
	RUN_EVENTS = 64,
	RUN_OPENING = 64,   /* so many handshakes at a time, where connections are kept */
	RUN_FAILURES = 500, /* so many, and it is no measurement any more */
};

static const uint64_t run_second = 1000000000;
static const uint64_t run_ms = 1000000;

void run_die(const char *about)
{
	(void)fprintf(stderr, "load: %s: %s\n", about, strerror(errno));
	ERR_print_errors_fp(stderr);
	exit(EXIT_FAILURE);
}

uint64_t run_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * run_second + (uint64_t)now.tv_nsec;
}

/* ---- making one ---- */

static SSL_CTX *run_context(struct run *run)
{
	const struct run_settings *settings = run->settings;
	SSL_CTX *tls = wire_context_new(TLS_client_method());
	bool old = strcmp(settings->tls, "1.2") == 0;
	int version = old ? TLS1_2_VERSION : TLS1_3_VERSION;

	/* P-256 has to be there for TLS 1.2 to accept a certificate on that curve. */
	if (SSL_CTX_set_min_proto_version(tls, version) != 1 ||
	    SSL_CTX_set_max_proto_version(tls, version) != 1 ||
	    SSL_CTX_set1_groups_list(tls, "X25519:P-256") != 1)
		run_die("TLS version");
	if (settings->cipher != NULL &&
	    (old ? SSL_CTX_set_cipher_list : SSL_CTX_set_ciphersuites)(tls, settings->cipher) != 1)
		run_die(settings->cipher);
	if (settings->resume) {
		(void)SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT |
		                                                  SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(tls, client_keep_session);
	}
	return tls;
}

struct run *run_new(const struct run_settings *settings)
{
	struct run *run = calloc(1, sizeof(*run));

	if (run != NULL)
		run->clients = calloc(settings->n_clients, sizeof(*run->clients));
	if (run == NULL || run->clients == NULL)
		run_die("memory");
	run->settings = settings;
	run->tls = settings->tls != NULL ? run_context(run) : NULL;
	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	run->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (run->epoll < 0 || run->timer < 0)
		run_die("epoll");
	for (unsigned i = 0; i < settings->n_clients; i++)
		run->clients[i].run = run;
	return run;
}

/* Ticks when requests are due. Its events are told from a client's by having none. */
static void run_start_timer(struct run *run)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct itimerspec ticks = { 0 };

	if (run->settings->rate == 0)
		return;
	run->echo.first_due = run_now();
	ticks.it_value.tv_nsec = 1;
	ticks.it_interval.tv_nsec = (long)(run_second / run->settings->rate);
	if (timerfd_settime(run->timer, 0, &ticks, NULL) < 0 ||
	    epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->timer, &event) < 0)
		run_die("timer");
}

/* ---- running it ---- */

static void run_pump(struct run *run)
{
	if (run->settings->work->pump != NULL)
		run->settings->work->pump(run);
}

static void run_event(struct run *run, struct client *client)
{
	uint64_t ticks;

	if (client != NULL)
		client_turn(client);
	else if (read(run->timer, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		run_die("timer");
	run_pump(run);
}

static void run_turn(struct run *run, uint64_t until)
{
	struct epoll_event events[RUN_EVENTS];
	uint64_t now = run_now();
	int ms = now < until ? (int)((until - now + run_ms - 1) / run_ms) : 0;
	int n = epoll_wait(run->epoll, events, RUN_EVENTS, ms);

	if (n < 0 && errno != EINTR)
		run_die("epoll_wait");
	for (int i = 0; i < n; i++)
		run_event(run, events[i].data.ptr);
}

static void run_until(struct run *run, uint64_t until)
{
	while (!run->broken && run_now() < until)
		run_turn(run, until);
}

bool run_open(struct run *run)
{
	const unsigned n = run->settings->n_clients;
	uint64_t until = run_now() + run->settings->patience_ms * run_ms;

	while (run->n_greeted < n && !run->broken && run_now() < until) {
		while (run->n_connected < n && run->n_connected < run->n_greeted + RUN_OPENING)
			client_connect(&run->clients[run->n_connected++]);
		run_turn(run, until);
	}
	if (run->n_greeted < n)
		(void)fprintf(stderr, "load: %u of %u connections opened\n", run->n_greeted, n);
	return run->n_greeted >= n;
}

static struct tally run_note(struct run *run)
{
	run->tally.at = run_now();
	run->tally.measured = account_read(&run->settings->measured);
	run->tally.kernel = account_read(&run->settings->kernel);
	return run->tally;
}

static void run_begin(struct run *run)
{
	const struct run_settings *settings = run->settings;

	run_start_timer(run);
	for (unsigned i = 0; settings->work->begin != NULL && i < settings->n_clients; i++)
		settings->work->begin(&run->clients[i]);
	run_pump(run);
}

bool run_measure(struct run *run)
{
	const struct run_settings *settings = run->settings;

	run_begin(run);
	run_until(run, run_now() + settings->warm_ms * run_ms);
	run->begin = run_note(run);
	run->measuring = true;
	run_until(run, run_now() + settings->window_ms * run_ms);
	run->end = run_note(run);
	return !run->broken;
}

/* ---- what clients report ---- */

void run_opened(struct run *run, const struct client *client)
{
	run->tally.handshakes++;
	if (client->wire.ssl != NULL && SSL_session_reused(client->wire.ssl))
		run->tally.resumed++;
}

void run_count(struct run *run, const struct client *client)
{
	run->tally.operations++;
	if (run->measuring)
		histogram_add(&run->latency, run_now() - client->began);
}

static void run_break(struct run *run, const char *why)
{
	if (!run->broken)
		(void)fprintf(stderr, "load: %s\n", why);
	run->broken = true;
}

void run_closed(struct run *run, struct client *client, enum wire_result result)
{
	bool done = client->state == CLIENT_WORKING && result == WIRE_ENDED;

	client_close(client);
	if (!run->settings->work->churns) {
		run_break(run, "a connection that was to be kept was lost");
		return;
	}
	if (!done && ++run->tally.failed > RUN_FAILURES)
		run_break(run, "too many connections failed");
	client_connect(client);
}
