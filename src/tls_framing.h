/* SPDX-License-Identifier: ISC */
/*
 * tls_framing - where a stream of TLS records stands (RFC 8446, 5.1)
 *
 * Records have a length in the clear, so that an end within one is told from an
 * end between two without any keys. Pure: knows no socket.
 */
#ifndef TLS_FRAMING_H
#define TLS_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TLS_CONTENT_CCS = 20,
	TLS_CONTENT_ALERT = 21,
	TLS_CONTENT_HANDSHAKE = 22,
	TLS_CONTENT_DATA = 23,
	TLS_HEADER_LEN = 5,
	TLS_BODY_MOST = 16384 + 256,    /* RFC 8446, 5.2; a longer one is refused unread */
	TLS_RECORD_MOST = TLS_HEADER_LEN + TLS_BODY_MOST,
};

/* Zeroed storage stands at a beginning. */
struct tls_framing {
	/* Begun since its owner last set this to 0, or since the last ChangeCipherSpec. */
	uint32_t n_records;
	uint16_t body_left;     /* of the record that header announces */
	uint8_t n_start;        /* valid bytes of start */
	uint8_t start[TLS_HEADER_LEN + 8];      /* the header and what of the body comes first */
};

/* These bytes passed. */
void tls_framing_follow(struct tls_framing *framing, const unsigned char *data, size_t len);

/* True when the stream stands within a record. */
bool tls_framing_in_record(const struct tls_framing *framing);
/* True when the last record was a close_notify that nobody had encrypted. */
bool tls_framing_is_bare_close_notify(const struct tls_framing *framing);

/*
 * The length of the record that begins with these bytes, header included; 0:
 * they do not tell yet.
 */
size_t tls_framing_record_len(const unsigned char *bytes, size_t len);
/* True when this is no header of a record of TLS 1.2 or 1.3, or of one that is too long. */
bool tls_framing_is_absurd(const unsigned char header[static TLS_HEADER_LEN]);
#endif
