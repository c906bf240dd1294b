/* SPDX-License-Identifier: ISC */
/*
 * peer - one end of a connection that can do anything, and sees everything
 *
 * A peer plays a client or a backend, plain or TLS, and does on the wire what
 * it is told: half a record, an alert, a FIN without close_notify, a RST, or
 * all of it in one segment. OpenSSL makes its handshake; from then on records
 * are sealed and opened by record.h, so nothing is too wrong to be sent and
 * nothing that comes in is interpreted by anybody else.
 *
 * What it sees becomes a list of events, in order, which tests compare as text:
 *
 *	data:N           application data, all there was between two other events,
 *	                 and every byte of it as the other peer sends it
 *	close_notify     the alert
 *	warning:NAME     an alert that is no end
 *	alert:NAME       a fatal one
 *	fin              the end of the TCP stream
 *	rst              a reset
 *	handshake-failed on our side
 *	garbage          a record that the keys do not open, or data that nobody sent
 *
 * The bytes of a stream are a pattern of their position and of who sends them,
 * so data that is lost, doubled, swapped or somebody else's shows at once.
 * Failed expectations fail the test (Check), with both lists in the message.
 */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

struct peer;

/* How a peer comes to be. All zero: plain, as the kernel has it. */
struct peer_setup {
	SSL_CTX *tls;           /* of peer_client_tls() or peer_server_tls(); NULL: plain */
	SSL_SESSION *session;   /* to resume; borrowed */
	const char *name;       /* SNI of a client; NULL: none */
	int receive_buffer;     /* SO_RCVBUF; 0: the kernel's */
	bool mute;              /* TLS: says its first word (if it is a client), no more */
	/* TLS 1.3: early data behind a client's first word; session has to allow it. NULL: none. */
	const char *early;
};

/*
 * Contexts pinned to one version (TLS1_2_VERSION, TLS1_3_VERSION), with ciphers
 * that record.h knows. Server ones take PEM files. SSL_CTX_free() them.
 */
SSL_CTX *peer_client_tls(int version);
SSL_CTX *peer_server_tls(int version, const char *cert, const char *key);

/* Begins to connect. The bytes it expects are those of a server's stream. */
struct peer *peer_connect(const struct sockaddr *to, socklen_t len, const struct peer_setup *setup);
/* Takes a descriptor that was accepted. */
struct peer *peer_accepted(int fd, const struct peer_setup *setup);
/* Closes with RST if it is still open. NULL is fine. */
void peer_free(struct peer *peer);
/* Every peer there is. */
void peer_free_all(void);

/*
 * Doing. Everything is queued and sent in order, as fast as the other side
 * takes it; no call waits, but those that say so.
 */

/* The next n bytes of our stream; in records of at most 16384 bytes. */
void peer_send(struct peer *peer, size_t n);
/* The same, but each byte in a record, or a send(), of its own. */
void peer_send_bytewise(struct peer *peer, size_t n);
/* Bytes as they are, past any encryption. */
void peer_raw(struct peer *peer, const void *bytes, size_t n);
/* A sealed record, well-formed or not; peer_seal() leaves sending to the caller. */
void peer_record(struct peer *peer, uint8_t type, const void *content, size_t n);
size_t peer_seal(struct peer *peer, uint8_t type, const void *content, size_t n, uint8_t *room);
/* The next n bytes of our stream in one sealed record that is not sent. */
size_t peer_seal_data(struct peer *peer, size_t n, uint8_t *room);
void peer_close_notify(struct peer *peer);
/* level 1: warning, 2: fatal */
void peer_alert(struct peer *peer, int level, int description);
/* TLS 1.3; request: the other side is to do it as well. */
void peer_key_update(struct peer *peer, bool request);
/* shutdown(SHUT_WR) behind what is queued. */
void peer_fin(struct peer *peer);
/* The proper end of our direction: close_notify if TLS, FIN. */
void peer_end(struct peer *peer);
/* Waits until all that was sent is acknowledged, then closes with RST. */
void peer_rst(struct peer *peer);
/* The same, without a wait: the RST follows when it may. */
void peer_rst_behind(struct peer *peer);
/* RST at once, whatever is queued. */
void peer_rst_now(struct peer *peer);
/* A plain close() behind what is queued. */
void peer_close(struct peer *peer);
/* From now on neither hears nor acknowledges anything: the cable is out. */
void peer_vanish(struct peer *peer);

/* What is queued in between leaves in one segment, an end included. */
void peer_cork(struct peer *peer);
void peer_uncork(struct peer *peer);

/* Does not read from the descriptor until told. */
void peer_pause(struct peer *peer);
void peer_resume(struct peer *peer);

/*
 * TLS: holds back our own handshake's last flight (a client's Finished), so that
 * what follows can go into the same segment. Waits until it could be sent; then
 * the keys are there and the cork is in.
 */
void peer_hold_finished(struct peer *peer);

/*
 * Seeing. These wait.
 */

/* Until the handshake is done (plain: connected). */
void peer_open(struct peer *peer);
/* Until it is clear that it will not be. */
void peer_fails_to_open(struct peer *peer);

/*
 * Until the events are exactly these, separated by spaces; fails as soon as
 * they cannot become so. Beside the names above:
 *
 *	data:*           at least one byte
 *	end              "close_notify fin" for a TLS peer, "fin" for a plain one
 *	a|b              either
 *	nothing          up to now; it may still come
 *	...              as the last word: whatever else follows
 */
void peer_expect(struct peer *peer, const char *events, ...) __attribute__((format(printf, 2, 3)));
/* Until this much data came. */
void peer_wait_data(struct peer *peer, size_t n);
/* Until the queue is with the kernel and the other side's has acknowledged it. */
void peer_wait_sent(struct peer *peer);
/* Until nothing moves: the other side takes no more, or has taken everything. */
void peer_wait_stuck(struct peer *peer);
/* Until this many tickets, or key updates, came. */
void peer_wait_tickets(struct peer *peer, unsigned n);
void peer_wait_key_updates(struct peer *peer, unsigned n);

/*
 * Asking. Nothing of this waits.
 */

/* Its handshake is done (plain: always). */
bool peer_is_open(const struct peer *peer);
/* It hears nothing more: it is closed, was reset, or was told the end. */
bool peer_heard_all(const struct peer *peer);
/* The same, and has nothing more to say either. */
bool peer_is_over(const struct peer *peer);
/* Its queue is with the kernel, and the other side's has acknowledged it. */
bool peer_sent_all(const struct peer *peer);

/* What was seen so far. Text lives until the next call. */
const char *peer_events(const struct peer *peer);
/* Bytes of data received, and sent (given to the queue). */
size_t peer_received(const struct peer *peer);
size_t peer_sent(const struct peer *peer);
unsigned peer_tickets(const struct peer *peer);
bool peer_is_tls(const struct peer *peer);
/* Its descriptor; borrowed. */
int peer_fd(const struct peer *peer);
/* What made its handshake, for what that came to; borrowed. */
SSL *peer_ssl(const struct peer *peer);
/* The handshake resumed an earlier session. */
bool peer_was_resumed(const struct peer *peer);
/* The session with the tickets that came since; the caller's. */
SSL_SESSION *peer_session(struct peer *peer);
/* For any first word: with OpenSSL 3.5 a share of X25519MLKEM768 alone has 1216 bytes. */
enum { PEER_HELLO_ROOM = 4096 };
/* The first word of a TLS client: a whole ClientHello record. Returns its length. */
size_t peer_hello(SSL_CTX *tls, uint8_t *room, size_t len);
/* "127.0.0.1:51812": as the other side knows us. */
const char *peer_name(const struct peer *peer);

/*
 * "tls-plain TLSv1.2 client": said in front of every message of a failure. Only
 * asked for then, which is when the witness, if there is one, tells the rest.
 */
void peer_set_context(const char *text);
const char *peer_context(void);
void peer_set_witness(void (*witness)(void));

#endif
