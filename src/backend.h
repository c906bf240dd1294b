/* SPDX-License-Identifier: ISC */
/*
 * backend - where a worker's relays go: which server is tried next
 *
 * A relay tries the servers of its backend in turn, each address of each once,
 * beginning where the balance says. Each worker has a backend of its own, so
 * that nothing is shared between threads.
 */
#ifndef BACKEND_H
#define BACKEND_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

struct backend;
struct socket;
struct tls_io;

/* Where one relay stands in its search. Zeroed before the first attempt. */
struct backend_search {
	bool begun;
	unsigned begin;
	unsigned n_tried;
};

/*
 * Loads what TLS to it needs. config is borrowed. NULL: reason, which has
 * room for TLS_REASON_ROOM bytes, says why.
 */
struct backend *backend_new(const struct backend_config *config, char *reason);
void backend_free(struct backend *backend);

/* The configuration it was made from. */
const struct backend_config *backend_config(const struct backend *backend);

enum backend_attempt {
	BACKEND_TRYING,         /* *sock is connecting, and the caller's */
	BACKEND_BUSY,           /* a full Unix backlog: nothing tried, ask again soon */
	BACKEND_FAILED,         /* this address is no good: errno says why */
	BACKEND_EXHAUSTED,      /* every address was tried */
};

/*
 * Begins a connection to the next address, which *address is set to whatever
 * comes of it (but for BACKEND_EXHAUSTED). io is for a TLS socket, and alpn
 * (NULL: nothing) is what the client wants to speak; it outlives *sock.
 */
enum backend_attempt backend_connect(struct backend *backend, struct backend_search *search,
                                     struct tls_io *io, const char *alpn,
                                     const struct address **address, struct socket **sock);

/*
 * What came of the last attempt of a search. True: that is news of this address, which
 * fails though it did not, or answers again; the first answer of all is none.
 */
bool backend_note(struct backend *backend, const struct backend_search *search, bool answers);

/* For all connections from now on; see socket_set_user_timeout(). */
void backend_set_user_timeout(struct backend *backend, uint64_t timeout);

#endif
