/* SPDX-License-Identifier: ISC */
/*
 * relay - one client joined to one server
 *
 *	   HANDSHAKING ----> CONNECTING ----> CARRYING ----> PARTING ----> freed
 *	        |                 |                            ^
 *	        +-----------------+----------------------------+
 *
 * Nothing of an unfinished handshake reaches a backend, so the connection to
 * it begins after the client's. While CARRYING the two flows decide what
 * happens; when both are over, or one is broken, the relay parts from its two
 * sockets, each in the way that its peer's stream deserves (see relay_part.c).
 * One line in the log at its end tells everything.
 */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "address.h"
#include "backend.h"
#include "flow.h"
#include "poller.h"

struct listener;
struct socket;
struct worker;

enum relay_state {
	RELAY_HANDSHAKING,
	RELAY_CONNECTING,
	RELAY_CARRYING,
	RELAY_PARTING,
};

enum relay_verdict {
	RELAY_WAITS,
	RELAY_YIELDS,
	RELAY_GOES_ON,          /* in another state; take that state's turn now */
	RELAY_OVER,
};

/* How a relay lets go of a socket. */
enum parting {
	PARTING_NOT_YET,
	PARTING_LINGERS,        /* ended well: throw away what comes until its end */
	PARTING_ABORTS,         /* RST, once what came before is delivered */
	PARTING_DONE,
};

enum relay_first {
	FIRST_NOBODY,
	FIRST_CLIENT,
	FIRST_BACKEND,
};

/* A client's address, as small as it can be: an unnamed Unix one is family only. */
union peer_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static inline socklen_t peer_address_len(const union peer_address *peer)
{
	if (peer->any.sa_family == AF_INET)
		return sizeof(peer->in);
	return peer->any.sa_family == AF_INET6 ? sizeof(peer->in6) : sizeof(sa_family_t);
}

struct relay {
	struct worker *worker;
	struct listener *listener;
	struct socket *client;
	struct socket *backend;         /* NULL until one is being connected */
	const struct address *server;   /* last tried, or NULL */
	struct flow up;                 /* client to backend */
	struct flow down;
	struct alarm timer;
	TAILQ_ENTRY(relay)
	link;
	TAILQ_ENTRY(relay)
	queue_link;
	uint64_t id;
	uint64_t started;               /* all times as poller_now() */
	uint64_t since;                 /* last progress, or the state's begin */
	uint64_t look_at;               /* when to look again; 0: no need */
	uint32_t pause;                 /* between two looks at what is unacked */
	uint32_t unacked_up;            /* at the end, or at the last look */
	uint32_t unacked_down;
	uint32_t drained;               /* bytes thrown away while parting */
	union peer_address peer;
	struct backend_search search;
	const char *refusal;            /* why the last server did not have it */
	enum relay_state state:8;
	enum relay_first first:8;
	enum parting client_parting:8;
	enum parting backend_parting:8;
	bool counted;     /* in its listener's quota */
	bool asked;       /* the client was the last to say something */
	bool lasts;       /* what only long connections need was done; see relay_last() */
	uint8_t n_turns;  /* that it carried, up to RELAY_VISIT */
	bool queued;
	bool hello;       /* the backend's TLS handshake has begun */
	bool dying;       /* a source is lost whose bytes still wait for their sink */
};

/*
 * Takes fd, a client just accepted, and its places in the counts of listener
 * (counted: that of its address too) and worker, and begins. False: out of
 * memory; fd is aborted then, and its places given back.
 */
bool relay_start(struct listener *listener, struct worker *worker, int fd,
                 const union peer_address *peer, bool counted, uint64_t id);

/*
 * True when it carries nothing, neither side has ended, and it has been so for a second; for ten
 * if the client spoke last, who may wait for an answer.
 */
bool relay_is_idle(const struct relay *relay);
/* True when its peers' kernels have all that they were sent. Four system calls. */
bool relay_owes_nothing(const struct relay *relay);

/* A turn for a relay that yielded; frees it if that is its last. */
void relay_run(struct relay *relay);

/* Ends it now with an ending of ours, RST to both; frees it. */
void relay_kill(struct relay *relay, struct ending ending);

#endif
