/* SPDX-License-Identifier: ISC */
/*
 * upgrade - another program in our place, and nobody refused
 *
 * A process is started from the file that we were started from, which may have
 * been replaced since. It inherits the listening descriptors, and a socket by
 * which both find out who serves:
 *
 *	the heir                                     we
 *	  reads its configuration, binds, loads
 *	  "may I?"                        ---->
 *	                                  <----      "yes", and the ticket keys
 *	  accepts, beside us
 *	  "I am ready"                    ---->      drain
 *
 * What waits in a backlog meanwhile is in a socket that both have. Until it was
 * told yes it accepts nobody, so one that is late can be killed, and nobody
 * notices; if that fails, it is told no when it asks, and ends. Afterwards the
 * kernel would end its clients' streams, as if they had come to their end, so
 * one that is late with its last word is waited for. If we are gone
 * when it asks, it serves. So there is always one who does.
 */
#ifndef UPGRADE_H
#define UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct generation;

enum { UPGRADE_REASON_ROOM = 512 };

/* The other process, as we see it. */
struct upgrade_heir {
	int fd;   /* where it speaks; -1: there is none */
	int pidfd;              /* -1: the kernel has no such thing */
	pid_t pid;
	bool serves;            /* it was told yes, and may have clients */
	char reason[UPGRADE_REASON_ROOM]; /* for its end, as it gave it; empty: it did not */
};

/* What it says. */
enum upgrade_what {
	UPGRADE_ASKS,
	UPGRADE_READY,
	UPGRADE_FAILED, /* it could not be started, or gives up: why, before it ends */
	UPGRADE_ENDED,
};

struct upgrade_word {
	enum upgrade_what what;
	int error; /* errno, of UPGRADE_FAILED without a reason */
	char reason[UPGRADE_REASON_ROOM]; /* UPGRADE_FAILED only */
};

enum { UPGRADE_SECRETS_ROOM = 480 };

/* What it is told. It holds secrets: whoever had it wipes it. */
struct upgrade_answer {
	uint32_t yes;
	uint32_t len; /* of secrets */
	uint64_t rotate_at; /* when to change them, by poller_now() */
	unsigned char secrets[UPGRADE_SECRETS_ROOM];
};

/*
 * Starts the program anew with the configuration in path, as a child of
 * whoever started us: a service manager follows nobody else's. False: errno.
 */
bool upgrade_start(struct upgrade_heir *heir, const struct generation *generation,
                   const char *path);

/* Does not wait. False: it has not said anything more. */
bool upgrade_hear(const struct upgrade_heir *heir, struct upgrade_word *word);

/* Once, to one that asks. Whether it is still there to hear is seen later. */
void upgrade_answer(const struct upgrade_heir *heir, const struct upgrade_answer *answer);

/* To it and to nobody that came after it. */
void upgrade_signal(const struct upgrade_heir *heir, int number);

/* It shall not serve, whatever it is at. */
void upgrade_kill(const struct upgrade_heir *heir);

/* It goes its own way. */
void upgrade_let_go(struct upgrade_heir *heir);

/* ---- for the heir; nothing happens to one that is nobody's ---- */

enum upgrade_verdict {
	UPGRADE_YES,
	UPGRADE_NO,
	UPGRADE_ALONE, /* nobody is there to ask */
};

/* True until upgrade_finish() or upgrade_give_up(). */
bool upgrade_is_heir(void);

/* Served, or was about to, and does not any more: who started us hears why, and goes on. */
void upgrade_give_up(const char *reason);

/* Before anybody is accepted; waits. With UPGRADE_YES there is an answer to be wiped. */
enum upgrade_verdict upgrade_ask(struct upgrade_answer *answer);

/* Before it ends: why it does, in so many bytes; what is too long is cut. */
void upgrade_complain(const char *reason, size_t len);

/* All workers accept. */
void upgrade_finish(void);

#endif
