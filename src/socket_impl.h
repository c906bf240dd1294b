/* SPDX-License-Identifier: ISC */
/*
 * socket_impl - what a kind of socket is made of; for socket*.c and tls_*.c only
 */
#ifndef SOCKET_IMPL_H
#define SOCKET_IMPL_H

#include "buffer.h"
#include "poller.h"
#include "socket.h"

struct socket_ops {
	const char *name;
	enum io (*open)(struct socket *sock);
	enum io (*recv)(struct socket *sock, void *room, size_t len, size_t *got);
	/* Pushes all of data, and if it is the last what ends a stream. False: lost. */
	bool (*send)(struct socket *sock, const void *data, size_t len, bool last);
	/* Frees what carries bytes; facts stay. May be called again. */
	void (*release)(struct socket *sock);
	/* Frees the rest, but not the descriptor nor sock itself. */
	void (*clear)(struct socket *sock);
	const struct tls_facts *(*facts)(const struct socket *sock);
	/* See socket_settle(); NULL: there is nothing to do. */
	void (*settle)(struct socket *sock);
	bool splices;           /* its bytes are those on the wire */
};

/* First member of every kind. */
struct socket {
	const struct socket_ops *ops;
	struct watch watch;
	struct poller *poller;  /* NULL: nobody watches it */
	socket_wake *wake;
	void *owner;
	struct buffer out;      /* refused by the kernel, as on the wire */
	struct pipe *pipe;      /* the same, while splicing; else NULL */
	struct ending ending;
	int fd;
	int error;              /* first errno; the kernel tells it only once */
	uint32_t dropped;       /* bytes of out that were given up */
	bool watched:1;
	bool watches_write:1;   /* a send was refused once, or it is connecting */
	bool readable:1;        /* the kernel has not refused since its last word */
	bool writable:1;
	bool held:1;            /* nothing can be added before more was received */
	bool finishing:1;       /* FIN follows the queue */
	bool finished:1;        /* FIN is with the kernel */
	bool broken:1;          /* sending is over */
	bool wary:1;            /* a short read need not be all there is */
	bool failed:1;          /* the kernel has an error to report, or had one */
	bool fin:1;             /* the peer's FIN came, before any error */
	bool fragile:1;         /* as set by socket_set_fragile() */
	bool eof:1;             /* it was read, or what looks like it */
	bool heard:1;           /* a byte came in */
	bool alerted:1;         /* TLS: a fatal alert of ours was queued */
};

void socket_init(struct socket *sock, const struct socket_ops *ops, int fd);

/* ---- socket_wire.c ---- */

/*
 * One recv(2). IO_DONE: *got bytes. IO_WAIT: none there. IO_ENDED: end of file
 * (eof is set) or failure (error is set).
 */
enum io socket_read(struct socket *sock, void *room, size_t len, size_t *got);

/* A send(2) or splice(2) was refused: IO_WAIT, and the owner will be woken. */
enum io socket_refused(struct socket *sock);
/* Nothing can be sent any more, and error is why. */
void socket_fail(struct socket *sock, int error);
/*
 * The same, and errno is why. partly: the call before it took less than it was
 * given. Where the kernel takes data in pieces, splice(2) and Unix sockets, it
 * may have met a reset by then, which it told nobody; to the next one it says EPIPE.
 */
void socket_fail_write(struct socket *sock, bool partly);
/* What the kernel has refused is given up, and counts as dropped. */
void socket_drop_queue(struct socket *sock);

/*
 * To the kernel what it takes, to the queue what it refuses. last: the FIN
 * follows at once, so the kernel may wait for it and send both in one segment.
 * False: lost.
 */
bool socket_push(struct socket *sock, const void *data, size_t len, bool last);

/* The ending that an end of file or a failed recv stands for on plain TCP. */
struct ending socket_wire_ending(const struct socket *sock, enum ending_kind at_eof);

/* ---- socket_splice.c ---- */

/* As socket_flush(), for sock->pipe; forgetting that. */
enum io socket_flush_pipe(struct socket *sock);
void socket_drop_pipe(struct socket *sock);

#endif
