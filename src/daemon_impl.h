/* SPDX-License-Identifier: ISC */
/*
 * daemon_impl - what the files of the daemon say to each other
 */
#ifndef DAEMON_IMPL_H
#define DAEMON_IMPL_H

#include <event2/event_struct.h>

#include "daemon.h"
#include "generation.h"
#include "upgrade.h"

/* What the main thread watches, beside its workers. */
enum daemon_signal {
	DAEMON_TERM,
	DAEMON_INT,
	DAEMON_HUP,
	DAEMON_USR1,
	DAEMON_USR2,
	DAEMON_SIGNALS,
};

/* How the end goes; all times by poller_now(). */
struct drain {
	uint64_t began_at;
	uint64_t timeout;               /* 0: it waits for ever */
	uint64_t step;                  /* between two lines about it */
	uint64_t step_at;
	unsigned n_began;               /* connections */
	unsigned n_shown;               /* the service manager */
	struct event deadline_event;
	struct event look_event;
};

struct daemon {
	const char *path;               /* what a reload reads; NULL: nothing */
	struct common common;
	struct event_base *base;
	struct generation *generation;  /* that the workers have */
	struct generation *next;        /* that they are turning to; NULL: none */
	unsigned max_connections;       /* as next may have them */
	uint64_t memory_bound;          /* as it was last said */
	struct handover **handovers;    /* one per worker, until it is handed over */
	struct worker **workers;
	unsigned n_workers;
	unsigned n_turned;              /* to next */
	unsigned n_ended;
	uint64_t n_reloads;
	bool reload_due;  /* one was asked for, and has not begun */
	unsigned *beats;                /* of each worker at the last ping */
	struct event signals[DAEMON_SIGNALS];
	struct event reload_event;
	struct event turned_event;
	struct event ended_event;
	struct drain drain;
	struct event watchdog_event;
	struct event rotate_event;      /* another ticket key is due */
	uint64_t rotate_at;             /* by poller_now() */
	struct event heir_event;        /* what it says, or that it does not */
	struct upgrade_heir heir;       /* of an upgrade that is under way */
	bool replaced;    /* by an heir, which is why we drain */
	bool asking;      /* as an heir, whether we may serve */
	enum worker_command told;
};

/* ---- daemon_readable.c ---- */

/* With `user`: warns of what the configuration names and a reload will not be able to read. */
void daemon_warn_of_unreadable(const struct daemon *daemon);

/* ---- daemon_reload.c ---- */

/*
 * Makes daemon->next and daemon->handovers, which is all that can fail, before
 * any worker hears of it. Takes config. False: reason says why, or it is empty
 * and errors has all of it, as config_load() writes it.
 */
bool daemon_prepare(struct daemon *daemon, struct config *config, FILE *errors, char *reason);

/* Then the workers turn to it, and daemon_settle() follows. */
void daemon_hand_over(struct daemon *daemon);

/* All workers have turned to next: it is the generation now. */
void daemon_settle(struct daemon *daemon);

/*
 * One is due: reads the file again; if nothing comes of it, says why and changes
 * nothing. In the midst of another one, or of an upgrade, it stays due.
 */
void daemon_reload(struct daemon *daemon);

/* Tells the service manager, and that something (or NULL) has failed. */
void daemon_notify_serving(const struct daemon *daemon, const char *what, const char *trouble);

/* ---- daemon_upgrade.c ---- */

/* Starts the program anew; drains once that is ready. */
void daemon_upgrade(struct daemon *daemon);

/* Before we accept anybody. False: somebody else serves, as reason says. */
bool daemon_inherit(struct daemon *daemon, char *reason);

/* ---- daemon_tickets.c ---- */

/* False: out of memory, or of random numbers. */
bool daemon_make_tickets(struct daemon *daemon);
/* To the heir; from then on they stay as they are. */
void daemon_give_tickets(struct daemon *daemon, struct upgrade_answer *answer);
/* From whom we inherit. */
void daemon_take_tickets(struct daemon *daemon, const struct upgrade_answer *answer);
/* There is no heir after all. */
void daemon_keep_tickets(struct daemon *daemon);

/* ---- daemon_events.c ---- */

/* What the main thread waits for. False: out of memory or descriptors. */
bool daemon_make_events(struct daemon *daemon);
void daemon_free_events(struct daemon *daemon);
/* One is due, and begins once all that has come so far is heard. */
void daemon_ask_to_reload(struct daemon *daemon);

/* ---- daemon_drain.c ---- */

/* False: out of memory. */
bool daemon_make_drain(struct daemon *daemon);
void daemon_begin_drain(struct daemon *daemon);
/* Somebody asks for the end: first drains, then cuts. */
void daemon_end(struct daemon *daemon);
void daemon_tell(struct daemon *daemon, enum worker_command command);
/* All workers have ended. */
void daemon_say_drained(const struct daemon *daemon);

/* Before all workers have turned to the first generation, that one's. */
static inline const struct config *daemon_config(const struct daemon *daemon)
{
	return generation_config(daemon->generation != NULL ? daemon->generation : daemon->next);
}

#endif
