/* SPDX-License-Identifier: ISC */
/*
 * tls_takeover - when a connection goes on without its SSL object
 *
 * OpenSSL's handshake is worth its 13 kB for each connection; for the records
 * that come after it they are wasted, and so is a copy of every byte and half the time
 * that a small record takes. So once a client's connection turns out to last, its
 * keys go to our own record layer (socket_tls_sealed.c) and the SSL object goes.
 * Short ones, which are most of them, never get that far and pay nothing for it.
 *
 * That is possible where we know exactly what OpenSSL has opened: each of its
 * calls gave the data of one record. A connection for which that does not hold
 * (a KeyUpdate, an empty record, an attempt to renegotiate), one whose cipher is no
 * AEAD, or that is to have small records (RFC 6066, 4), stays with OpenSSL. What it
 * has sealed is counted as it passes, for no nonce may be used twice.
 */
#ifndef TLS_TAKEOVER_H
#define TLS_TAKEOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "tls_framing.h"

struct socket_tls;
struct tls_secrets;

/*
 * Whether those who come to one door tend to stay. A connection of TLS 1.3 can only be taken over
 * if its secrets were overheard in the handshake, which is a twentieth of a resumed one's
 * time. So where nobody has stayed for long, nobody listens, until somebody stays again.
 */
struct tls_outlook {
	unsigned n_visits;      /* that came to a good end in a row, and were short */
};

/* What is known of a connection that may be taken over. Zeroed: it will not be. */
struct tls_takeover {
	struct tls_outlook *outlook;    /* borrowed, until this one is counted there */
	struct tls_secrets *secrets;    /* TLS 1.3: owned; NULL: not needed, or not known */
	enum record_layer when;
	bool is_possible;       /* between its handshake and the end of the possibility */
	uint16_t n_in;          /* records that OpenSSL has opened with the keys of now */
	struct tls_framing out; /* what it has sealed, as it passed */
};

/* Somebody has come; outlook stays as long as the connection, or until tls_takeover_end(). */
void tls_takeover_begin(struct tls_takeover *takeover, enum record_layer when,
                        struct tls_outlook *outlook);
/* Before the handshake: its secrets will be needed, as far as one can tell. */
bool tls_takeover_needs_secrets(const struct tls_takeover *takeover);

/* Its handshake is complete, and the framing has counted the records since. */
void tls_takeover_prepare(struct socket_tls *tls);

/* OpenSSL gives the data of a record, or is about to seal some. */
void tls_takeover_note_in(struct socket_tls *tls);
void tls_takeover_note_out(struct socket_tls *tls);
/* These bytes passed on their way out. */
void tls_takeover_follow(struct tls_takeover *takeover, const void *bytes, size_t len);

/*
 * Between turns: takes the connection over if it can be done now, and if it is
 * due by what was noted, or lasts already.
 */
void tls_takeover_consider(struct socket_tls *tls, bool lasts);

/* The connection goes, taken over or not. May be called again. */
void tls_takeover_end(struct socket_tls *tls);

#endif
