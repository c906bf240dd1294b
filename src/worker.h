/* SPDX-License-Identifier: ISC */
/*
 * worker - one thread, one poller, and every relay it accepted
 *
 * Relays are a worker's from accept to close; no other thread touches them, so
 * there are no locks. The daemon's main thread starts workers, asks them to
 * drain or to cut, and joins them. What all workers share is in struct common.
 */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "causes.h"
#include "flow.h"
#include "log.h"
#include "pipes.h"
#include "poller.h"
#include "tls_context.h"

struct listener;
struct relay;
struct tls_io;
struct worker;

/* Things worth a number; per worker, summed when read. */
#define WORKER_COUNTERS(X)                                                             \
	X(accepted, "accepted", "connections accepted")                                \
	X(refused, "refused", "connections refused, over a limit")                     \
	X(handshakes_failed, "handshakes-failed", "TLS handshakes of clients, failed") \
	X(relays, "relays", "relays ended")                                            \
	X(clean, "clean", "of them, ended well in both directions")                    \
	X(aborted, "aborted", "of them, the others")                                   \
	X(truncated, "truncated", "streams cut without close_notify")                  \
	X(unanswered, "unanswered", "close_notifies of ours that nobody answered")

struct counters {
#define X(name, key, help) uint64_t name;
	WORKER_COUNTERS(X)
#undef X
};

/* Told of each relay when it begins to carry. Called in the worker's thread. */
struct observer {
	void (*relay_begins)(void *arg, const struct relay *relay);
	void *arg;
};

/* Shared by all workers; outlives them. */
struct common {
	struct tls_tickets *tickets;    /* for listeners that have no keys of their own */
	struct observer observer;       /* relay_begins may be NULL */
	atomic_uint max_connections;
	atomic_uint max_handshakes;     /* in one worker; 0: no limit */
	atomic_uint_fast64_t spread; /* drain: milliseconds to end idle relays in; 0: leave them */
	atomic_bool had_heir; /* which may have set other options on our listening descriptors */
	atomic_uint n_connections; /* accepted and not yet let go */
	atomic_uint_fast64_t last_id;
	int turned_fd; /* eventfd: a worker has turned to its handover */
	int ended_fd; /* eventfd: a worker's thread is about to end */
};

/* What a worker gets of a generation. */
struct handover {
	unsigned char *room; /* for scratch */
	size_t turn; /* bytes a turn takes, at most */
	size_t n_listeners;
	struct listener *listeners[]; /* not yet open */
};

/* With room for n listeners and turns of that many bytes. NULL: out of memory. */
struct handover *handover_new(size_t n, size_t turn);
/* With the listeners in it. NULL is fine. */
void handover_free(struct handover *handover);

struct worker {
	struct common *common;
	struct poller poller;
	struct tls_io *tls_io;
	struct scratch scratch;
	struct pipes pipes;
	struct handover *current; /* its listeners are open; NULL: none */
	_Atomic(struct handover *) next;
	uint64_t
		glance_at; /* not before, within or between turns from the queue; poller_now_us() */
	atomic_uint beats; /* times that it looked for commands */
	TAILQ_HEAD(relay_list, relay)
	relays;
	TAILQ_HEAD(relay_queue, relay)
	queue; /* for turns that may be long */
	struct watch command_watch;
	int command_fd;
	atomic_int command;
	bool draining;
	struct alarm spread_alarm; /* while draining */
	uint64_t spread_until;
	uint64_t spread_debt; /* parts of relays that are due to be ended */
	uint64_t spread_owing; /* idle ones that the last look found owing */
	struct log_limit truncations; /* lines of the last second */
	struct log_limit refusals;
	struct log_limit server_news;
	struct log_limit handshakes[SIDES]; /* clients must not drive out what is said of servers */
	struct alarm limits_alarm; /* says what was suppressed */
	struct counters counters;
	struct causes causes; /* of handshakes that failed */
	unsigned n_handshakes; /* in progress */
	unsigned n_lasting; /* relays that are no short visits */
	unsigned n_rounds; /* that it turned, and polled */
	unsigned talked_in; /* the last of them in which one that lasts had little to do */
	pthread_t thread;
	bool started;
	atomic_bool ended;
};

/* Makes a worker that has nothing to listen on yet. NULL: out of memory or descriptors. */
struct worker *worker_new(struct common *common);

/*
 * From the main thread: the worker is to turn to handover, which is its own
 * from here on, and says so in common->turned_fd. One at a time.
 */
void worker_hand_over(struct worker *worker, struct handover *handover);

/* For its thread: what there is to do now. wait: and sleeps until there is something. */
void worker_turn(struct worker *worker, bool wait);

/* Starts its thread, with all signals blocked. False: errno. */
bool worker_start(struct worker *worker);

enum worker_command {
	WORKER_GO_ON,
	WORKER_DRAIN, /* stop accepting; end when the last relay has */
	WORKER_CUT, /* end every relay now: the drain deadline */
	WORKER_KILL, /* the same, for an operator in a hurry */
};

/* From any thread. Commands only become harsher. */
void worker_tell(struct worker *worker, enum worker_command command);

/* From the main thread: how often the worker came round so far; it is asked to once more. */
unsigned worker_ping(struct worker *worker);

/* From the main thread: it comes round no more. */
bool worker_has_ended(const struct worker *worker);

/* worker_queue.c: for its makers; and in the middle of a long turn, if it has to (arg: the worker).
 */
void worker_queue_init(struct worker *worker);
bool worker_has_to_let_pass(void *arg);
void worker_let_pass(void *arg);

/* worker_spread.c: ends idle relays one by one, if that is wanted. */
void worker_spread(struct worker *worker);

/* Waits for the thread, if it was started. */
void worker_join(struct worker *worker);

/* Only after worker_join(). NULL is fine. */
void worker_free(struct worker *worker);

/* For relays: a turn that may be long, behind those queued before. */
void worker_queue(struct worker *worker, struct relay *relay);
/* For relays: one that lasts is about to take a turn that is short. */
void worker_note_talk(struct worker *worker);
/* For relays: whether somebody who just talks would have to wait for a long turn. */
bool worker_is_talked_to(const struct worker *worker);
/* For relays: takes it out of the list and the queue; the worker may end. */
void worker_remove(struct worker *worker, struct relay *relay);
/* True when this event may have a line; else it is counted, and the count logged. */
bool worker_may_log(struct worker *worker, struct log_limit *limit);

#endif
