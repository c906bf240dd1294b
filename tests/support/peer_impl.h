/* SPDX-License-Identifier: ISC */
/*
 * peer_impl - what peer.c, peer_tls.c and peer_events.c say to each other
 */
#ifndef PEER_IMPL_H
#define PEER_IMPL_H

#include "peer.h"
#include "pump.h"
#include "record.h"

struct peer_event {
	char name[40];
	size_t n;               /* bytes, when it is data */
};

/* Bytes in a row: taken from the front, added at the back. */
struct peer_bytes {
	uint8_t *at;
	size_t len;
	size_t room;
};

enum peer_parting {
	PEER_STAYS,
	PEER_FIN,
	PEER_CLOSE,
	PEER_RST,               /* when everything is acknowledged */
};

struct peer_tls {
	SSL *ssl;
	BIO *from_wire;
	BIO *to_wire;
	struct record_keys reading;
	struct record_keys writing;
	uint8_t client_secret[RECORD_SECRET];
	uint8_t server_secret[RECORD_SECRET];
	uint8_t master[48];
	struct peer_bytes in;           /* up to the end of the last whole record */
	struct peer_bytes seen;         /* records since the handshake, as they came */
	bool has_keys;
	bool mute;
	const char *early; /* until it is sent */
	bool hold;        /* put the cork in before our Finished */
	bool deaf;        /* lost the thread: a record did not open */
};

struct peer {
	struct pumped pumped;
	struct peer *next;
	struct peer_tls *tls;           /* NULL: plain */
	struct peer_bytes out;
	struct peer_event *events;
	size_t n_events;
	size_t received;
	size_t sent;
	unsigned tickets;
	unsigned key_updates;
	int first_error;                /* of a send(): it is not told twice */
	uint8_t my_voice;
	uint8_t their_voice;
	enum peer_parting parting;
	bool is_client;
	bool is_tcp;
	bool is_open;
	bool failed;                    /* the handshake; no more of it will be done */
	bool corked;
	bool paused;
	bool finished;                  /* our FIN is out */
	bool saw_fin;
	bool saw_rst;
	char name[64];
};

void peer_bytes_add(struct peer_bytes *bytes, const void *data, size_t n);
void peer_bytes_drop(struct peer_bytes *bytes, size_t n);
void peer_bytes_clear(struct peer_bytes *bytes);

/* peer.c */
void peer_update(struct peer *peer);

/* peer_events.c */
void peer_saw(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void peer_saw_data(struct peer *peer, const uint8_t *data, size_t n);
void peer_saw_alert(struct peer *peer, int level, int description);
/* What the stream of a voice says from this position on. */
void peer_recite(uint8_t voice, size_t position, uint8_t *room, size_t n);

/* peer_tls.c */
struct peer_tls *peer_tls_new(struct peer *peer, const struct peer_setup *setup);
void peer_tls_free(struct peer_tls *tls);
/* Begins the handshake, and goes on with it. */
void peer_tls_step(struct peer *peer);
/* Bytes from the wire. */
void peer_tls_take(struct peer *peer, const uint8_t *bytes, size_t n);

#endif
