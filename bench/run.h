/* SPDX-License-Identifier: ISC */
/*
 * run - one measurement: clients, their work, and the window in which it counts
 *
 * First all connections are opened, then the work goes on for a while
 * unmeasured, then comes the window. Each of its two ends is one moment, at which
 * operations, bytes and the CPU time of the measured processes are noted
 * together; so it matters little how long exactly the window is.
 */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "account.h"
#include "client.h"
#include "histogram.h"
#include "work.h"

struct run_settings {
	struct sockaddr_in address;
	const struct work *work;
	const char *tls;    /* "1.2", "1.3", or NULL for plain TCP */
	const char *cipher; /* the only one to offer, or NULL for OpenSSL's choice */
	bool resume;        /* each client its own newest session: tickets are used once */
	unsigned n_clients;
	unsigned n_active; /* echo: so many have a request under way */
	unsigned rate;     /* echo: instead, so many requests in a second */
	unsigned warm_ms, window_ms, patience_ms;
	struct account measured, kernel;
};

/* All that has happened up to a moment; a result is the difference of two. */
struct tally {
	uint64_t at; /* nanoseconds, as all times here */
	uint64_t operations, bytes;
	uint64_t handshakes, resumed;
	uint64_t unclean; /* the other side's end was not the one it should have been */
	uint64_t failed;
	uint64_t measured, kernel; /* CPU time */
};

/* What work_echo has to remember. */
struct echo {
	struct client *first, *last; /* free to ask */
	unsigned n_asking;
	uint64_t n_asked, first_due;
};

struct run {
	const struct run_settings *settings;
	SSL_CTX *tls;
	int epoll, timer;
	struct client *clients;
	unsigned n_connected, n_greeted;
	bool measuring, broken;
	struct echo echo;
	struct tally tally, begin, end;
	struct histogram latency;
};

/* On the heap, and never freed: the program ends with it. */
struct run *run_new(const struct run_settings *settings);
/* Until everybody has greeted. False, after a word on stderr, if they could not. */
bool run_open(struct run *run);
/* begin, end and latency are the result. False as above. */
bool run_measure(struct run *run);

uint64_t run_now(void);
_Noreturn void run_die(const char *about);

/* ---- for clients ---- */

void run_opened(struct run *run, const struct client *client);
/* The operation that it has begun is done. */
void run_count(struct run *run, const struct client *client);
/* The connection has no future: closes it, and makes another one if that is the work. */
void run_closed(struct run *run, struct client *client, enum wire_result result);

#endif
