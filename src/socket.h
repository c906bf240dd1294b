/* SPDX-License-Identifier: ISC */
/*
 * socket - one end of a relay, whatever carries its bytes
 *
 * A socket is plain (TCP or Unix) or TLS, and nobody above knows which. It
 * never blocks, and it has two directions that end independently:
 *
 *   receiving  ends once, in an ending that is latched (socket_ending) and
 *              never asked for again: OpenSSL turns a fatal alert into a
 *              clean close on the second call, the kernel a reset into an
 *              end of file.
 *   sending    takes every byte it is given. What the kernel refuses waits in
 *              the socket's own queue, and so does the end of the stream
 *              behind it: the order data, close_notify, FIN is the order of
 *              that queue. A caller that wants to bound the queue flushes
 *              before it sends more.
 *
 * Readiness is edge-triggered and registered once; for writing, which nearly
 * always works, when it was first refused. The socket remembers what the kernel
 * last said, so that no call is made that would only be refused, and wakes its
 * owner when that changes. The owner tries first, then waits.
 */
#ifndef SOCKET_H
#define SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "causes.h"
#include "ending.h"

struct pipes;
struct poller;
struct socket;
struct tls_context;
struct tls_io;
struct tls_memory;

enum io {
	IO_DONE,        /* it happened; trying for more may succeed */
	IO_WAIT,        /* nothing more until the owner is woken */
	IO_ENDED,       /* receiving: socket_ending() says how; sending: lost */
};

/* Called when the kernel says something new. May free the socket. */
typedef void socket_wake(void *owner);

/* Whose certificate a client has shown. Longer texts are cut; none is "". */
struct tls_identity {
	const char *subject;    /* as RFC 2253 writes it, in ASCII */
	const char *name;       /* "uri:spiffe://..."; only of one that came in */
	char text[];            /* both of them */
};

/* What is known about a TLS socket. All text is static, but where it says whose it is. */
struct tls_facts {
	const char *version;    /* "TLSv1.3" */
	const char *cipher;     /* "TLS_AES_128_GCM_SHA256" */
	const char *group;      /* "x25519"; NULL without key exchange */
	const char *name;       /* SNI as sent; the socket's; NULL: none */
	const char *alpn;       /* what is spoken inside; the listener's; NULL: nobody said */
	const struct tls_identity *client;      /* the socket's; NULL: no certificate was shown */
	unsigned route;         /* of a client: which one of the listener's, from 1; 0: none */
	enum cause cause;       /* why the handshake failed; CAUSE_UNKNOWN: see the ending */
	const char *reason;     /* the library's own words for that, or NULL */
	const char *alert;      /* the fatal one that we sent over it, or NULL */
	bool taken_over;        /* by our own record layer: tls_takeover.h */
	bool resumed;           /* a session of before: no certificate was shown */
};

/* What the client's side of a TLS connection wants. */
struct tls_request {
	const char *name;       /* SNI, if it is no IP address; NULL: none */
	const char *verify;     /* host name or IP address, if the context verifies; NULL: any */
	const char *alpn;       /* the protocol to offer, and the only one to take; NULL: none */
	struct tls_memory *memory;      /* of the server: a session to resume; NULL: none */
};

/*
 * Constructors take fd: a connected or connecting, non-blocking descriptor,
 * aborted when NULL is returned (out of memory).
 *
 * A TLS socket borrows the worker's io and the context; both outlive it, and so
 * does what request points to.
 */
struct socket *socket_plain_new(int fd); /* fragile, which ends with its stream's good end */
struct socket *socket_tls_accept(struct tls_context *context, struct tls_io *io, int fd);
struct socket *socket_tls_connect(struct tls_context *context, struct tls_io *io, int fd,
                                  const struct tls_request *request);

/*
 * Before or after fd is connected, or while it listens: so many milliseconds of
 * silence until the kernel probes the peer, and so many that data may stay
 * unacknowledged (tcp(7), TCP_KEEPIDLE and TCP_USER_TIMEOUT). 0: off, and the
 * kernel's own.
 */
void socket_set_keepalive(int fd, uint64_t keepalive);
void socket_set_user_timeout(int fd, uint64_t timeout);
/*
 * Before or after fd is connected, or while it listens: whether whoever closes it, which
 * is the kernel if we are killed, resets the connection. Else that would look
 * like a good end on plain TCP.
 */
void socket_set_fragile(int fd, bool fragile);
/* The first of them, for one that is open. */
void socket_keep_alive(const struct socket *sock, uint64_t keepalive);

/*
 * The owner is woken for what can be read only once there are len bytes of it, or
 * the receive buffer is full, or for an end of TCP; 0: at once, and so for what is there
 * already (tcp(7), SO_RCVLOWAT). On a Unix socket always at once.
 */
void socket_gather(struct socket *sock, size_t len);

/* Of its peer's address, as AF_UNIX: what its kind does not matter for, and reading does. */
void socket_set_family(struct socket *sock, int family);

/*
 * Registers with poller, for the life of the socket. A connected one may be
 * written to at once. False: out of memory.
 */
bool socket_watch(struct socket *sock, struct poller *poller, bool connected, socket_wake *wake,
                  void *owner);

/* IO_DONE: connected. IO_ENDED: it failed, socket_error() says why. */
enum io socket_connected(struct socket *sock);

/* The TLS handshake; IO_DONE at once for a plain socket. */
enum io socket_open(struct socket *sock);

/*
 * Receives, reading at most len bytes from the wire. What was left of a TLS
 * record that came in pieces is on top of that, so room must have len +
 * SOCKET_RECV_SLACK bytes. *got may be more than 0 whatever is returned; those
 * bytes come before what the return value says.
 */
enum io socket_recv(struct socket *sock, void *room, size_t len, size_t *got);
enum { SOCKET_RECV_SLACK = 2 * 16384 };

/*
 * Takes all of data. last: and then ends our direction well, with close_notify
 * under TLS and FIN (RFC 8446, 6.1); receiving goes on working. IO_WAIT: part
 * of it waits in the queue.
 */
enum io socket_send(struct socket *sock, const void *data, size_t len, bool last);

/*
 * The connection lasts: makes it cost less memory, if that is possible, at the price of
 * some work. Between calls of the above.
 */
void socket_settle(struct socket *sock);

/*
 * For large amounts between two plain sockets, without copying them. begin:
 * false when that is impossible or there is no pipe for it; sink's queue is
 * empty. Then socket_splice() puts what source has into sink's queue, and
 * returns how much. 0: socket_recv() knows why.
 */
bool socket_begin_splice(const struct socket *source, struct socket *sink, struct pipes *pipes);
size_t socket_splice(struct socket *source, struct socket *sink);

/*
 * Sends what is queued. IO_DONE: the kernel has it all, the end included, and
 * more may be sent. IO_WAIT may also mean that TLS has to receive first.
 */
enum io socket_flush(struct socket *sock);
/* True when it has to. */
bool socket_is_held(const struct socket *sock);

/* Ends our direction well, unless that is done; answers as socket_flush() does. */
enum io socket_finish(struct socket *sock);

/*
 * Gives up what the protocol needs (the SSL object); from here on the socket
 * can only be flushed, drained and closed. Facts and ending stay.
 */
void socket_release(struct socket *sock);

/*
 * Ends the stream without ending it well: FIN behind what is queued, no
 * close_notify. For a peer that is to read our fatal alert.
 */
void socket_shut(struct socket *sock);

/*
 * Throws away what comes in, using room for it. IO_ENDED: the peer's TCP end
 * was seen, or its loss. *got counts the bytes.
 */
enum io socket_drain(struct socket *sock, void *room, size_t len, size_t *got);

/* Closes the descriptor: kernel goes on sending what it has. */
void socket_close(struct socket *sock);

/* Closes it with RST; drops what is unsent. */
void socket_abort(struct socket *sock);

/* The same for a connection that never became a socket. */
void socket_abort_fd(int fd);

/*
 * No I/O, any state, NULL is fine. Whoever did not let go of the peer in one of
 * the ways above aborts now, for it was told nothing.
 */
void socket_free(struct socket *sock);

/* How the peer's direction ended; ENDING_NONE while it is open. */
struct ending socket_ending(const struct socket *sock);
/* Latches an ending of ours (a timer, a refusal) unless there is one. */
void socket_set_ending(struct socket *sock, struct ending ending);
/* For ENDING_TRUNCATED: the stream was cut within a record. */
bool socket_cut_in_record(const struct socket *sock);
/* errno of the first failure the kernel reported, or 0. */
int socket_error(const struct socket *sock);
/* NULL for a plain socket. */
const struct tls_facts *socket_tls_facts(const struct socket *sock);

/*
 * How the peer was lost, though bytes of its stream may still wait to be read;
 * ENDING_NONE if it was not. Asks the kernel if that has news: for a source
 * that nobody reads for now.
 */
struct ending socket_loss(struct socket *sock);
/* True when a fatal alert of ours is on its way: the peer should get to read it. */
bool socket_has_alerted(const struct socket *sock);
/* True once our FIN is with the kernel. */
bool socket_is_finished(const struct socket *sock);
/* Bytes the kernel has not taken, as they go on the wire; stays when closed. */
size_t socket_unsent(const struct socket *sock);
/* Bytes the peer's kernel has not acknowledged; 0 when that cannot be known. */
size_t socket_unacked(const struct socket *sock);
/* The local port, or 0. */
uint16_t socket_local_port(const struct socket *sock);
/* True when the kernel has told of something that is yet to be received. */
bool socket_is_readable(const struct socket *sock);
/* True when any byte came in. */
bool socket_heard(const struct socket *sock);

#endif
