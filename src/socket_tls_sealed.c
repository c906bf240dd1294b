/* SPDX-License-Identifier: ISC */
/*
 * The TLS kind after its handshake, with a record layer of our own: records of
 * data, alerts, KeyUpdates, and whatever else may come then (RFC 8446, 4.6, 5 and 6;
 * RFC 5246, 6 and 7.2). It draws the lines where OpenSSL does, so that a peer
 * cannot tell which of the two it talks to.
 */
#include <string.h>

#include <openssl/err.h>

#include "socket_tls.h"
#include "tls_error.h"
#include "tls_record.h"

enum {
	SEALED_EMPTY_MOST = 32,         /* in a row, as OpenSSL has it */
	SEALED_WARNINGS_MOST = 5,
	MESSAGE_CLIENT_HELLO = 1,
	MESSAGE_KEY_UPDATE = 24,
	MESSAGE_HEADER_LEN = 4,
};

/* ---- out ---- */

static bool sealed_say(struct socket_tls *tls, uint8_t type, const void *data, size_t len)
{
	uint8_t *room;
	size_t n;

	/* It was sealed before all that we seal. */
	if (tls->ticket.len > 0) {
		tls_io_say(tls->io, buffer_front(&tls->ticket), tls->ticket.len);
		buffer_clear(&tls->ticket);
	}
	room = tls_io_room(tls->io, len + TLS_RECORD_OVERHEAD);
	n = tls_record_seal(tls_io_ciphers(tls->io), tls->keys, type, data, len, room);
	tls_io_put(tls->io, n);
	return n > 0;
}

static bool sealed_say_alert(struct socket_tls *tls, uint8_t level, int description)
{
	const uint8_t alert[] = { level, (uint8_t)description };

	return sealed_say(tls, TLS_CONTENT_ALERT, alert, sizeof(alert));
}

/* Another key for our direction (RFC 8446, 4.6.3): the peer wants it, or this one is worn. */
static bool sealed_update(struct socket_tls *tls)
{
	static const uint8_t message[] = { MESSAGE_KEY_UPDATE, 0, 0, 1, 0 };

	if (!tls->sealed.update_due &&
	    (!tls->keys->is_tls13 || tls->keys->out.n_records < TLS_RECORDS_MOST))
		return true;
	tls->sealed.update_due = false;
	return sealed_say(tls, TLS_CONTENT_HANDSHAKE, message, sizeof(message)) &&
	       tls_record_update(tls_io_ciphers(tls->io), tls->keys, &tls->keys->out);
}

static bool sealed_write(struct socket_tls *tls, const unsigned char *data, size_t len, bool last)
{
	tls->framing.n_records = 0;
	while (len > 0) {
		size_t n = socket_tls_record_size(tls, len);

		if (!sealed_update(tls) || !sealed_say(tls, TLS_CONTENT_DATA, data, n))
			return false;
		data += n;
		len -= n;
	}
	return !last || sealed_say_alert(tls, SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY);
}

static bool sealed_send(struct socket *sock, const void *data, size_t len, bool last)
{
	return socket_tls_transmit(sock, data, len, last, sealed_write);
}

/* ---- in ---- */

/* The peer broke the protocol, and hears how. Returns false: nothing is received any more. */
static bool sealed_fault(struct socket_tls *tls, int alert)
{
	if (alert == SSL_AD_INTERNAL_ERROR) {
		tls->base.ending = socket_tls_own_ending(tls);
		return false;
	}
	ERR_clear_error();
	tls->dead = true;
	/* After our FIN there is no way to tell. */
	tls->base.alerted = !tls->base.finishing && sealed_say_alert(tls, SSL3_AL_FATAL, alert);
	tls->alert_sent = (uint8_t)alert;
	tls->base.ending = (struct ending){ ENDING_VIOLATION, tls_alert_name(alert) };
	return false;
}

/* RFC 8446, 6: all are fatal but two, whatever their level says. RFC 5246, 7.2: it says. */
static bool sealed_take_alert(struct socket_tls *tls, const uint8_t *alert, size_t len)
{
	const bool is_tls13 = tls->keys->is_tls13;

	if (len != 2)
		return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	if (alert[1] == SSL_AD_CLOSE_NOTIFY && (is_tls13 || alert[0] == SSL3_AL_WARNING)) {
		tls->base.ending.kind = ENDING_CLOSE_NOTIFY;
		return false;
	}
	if (is_tls13 ? alert[1] == SSL_AD_USER_CANCELLED
	             : alert[0] == SSL3_AL_WARNING && alert[1] != SSL_AD_NO_RENEGOTIATION) {
		tls->sealed.n_warnings++;
		return tls->sealed.n_warnings < SEALED_WARNINGS_MOST ||
		       sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	}
	if (!is_tls13 && alert[0] == SSL3_AL_WARNING)
		return sealed_fault(tls, SSL_AD_HANDSHAKE_FAILURE);
	if (!is_tls13 && alert[0] != SSL3_AL_FATAL)
		return sealed_fault(tls, SSL_AD_ILLEGAL_PARAMETER);
	tls->dead = true;
	tls->base.ending = (struct ending){ ENDING_ALERT, tls_alert_name(alert[1]) };
	return false;
}

/* RFC 8446, 4.6.3. It is the last thing under its key, so nothing follows it in its record. */
static bool sealed_take_update(struct socket_tls *tls, const uint8_t *data, size_t len)
{
	struct socket_sealed *sealed = &tls->sealed;
	uint8_t *message = sealed->message;

	if (len == 0 || len > sizeof(sealed->message) - sealed->n_message)
		return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	memcpy(message + sealed->n_message, data, len);
	sealed->n_message = (sealed->n_message + len) & 7;
	if (message[0] != MESSAGE_KEY_UPDATE)
		return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	if (sealed->n_message < sizeof(sealed->message))
		return true;
	sealed->n_message = 0;
	if (message[1] != 0 || message[2] != 0 || message[3] != 1)
		return sealed_fault(tls, SSL_AD_DECODE_ERROR);
	if (message[4] > 1)
		return sealed_fault(tls, SSL_AD_ILLEGAL_PARAMETER);
	if (message[4] == 1)
		sealed->update_due = true;
	return tls_record_update(tls_io_ciphers(tls->io), tls->keys, &tls->keys->in) ||
	       sealed_fault(tls, SSL_AD_INTERNAL_ERROR);
}

/*
 * A client that would shake hands again is told no, and may go on (RFC 5246, 7.2.2).
 * Its hello may come in pieces, too; one record has one alert for an answer at most.
 */
static bool sealed_take_hello(struct socket_tls *tls, const uint8_t *data, size_t len)
{
	struct socket_sealed *sealed = &tls->sealed;
	uint8_t *header = sealed->message;
	bool begins = false;

	/* It can be told nothing any more, and what it says of another handshake is no matter. */
	if (tls->base.finishing)
		return true;
	if (len == 0)
		return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	for (; len > 0 && sealed->hello_left == 0 && !begins; data++, len--) {
		header[sealed->n_message++] = *data;
		if (header[0] != MESSAGE_CLIENT_HELLO)
			return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
		if (sealed->n_message < MESSAGE_HEADER_LEN)
			continue;
		begins = true;
		sealed->n_message = 0;
		sealed->hello_left = (uint32_t)(header[1] << 16 | header[2] << 8 | header[3]);
	}
	if (len > sealed->hello_left)
		return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	sealed->hello_left -= (uint32_t)len;
	return !begins || sealed_say_alert(tls, SSL3_AL_WARNING, SSL_AD_NO_RENEGOTIATION) ||
	       sealed_fault(tls, SSL_AD_INTERNAL_ERROR);
}

static bool sealed_take_data(struct socket_tls *tls, size_t len, size_t *got)
{
	*got += len;
	if (len > 0)
		tls->framing.n_records = 0;
	else
		tls->sealed.n_empty++;
	return tls->sealed.n_empty <= SEALED_EMPTY_MOST ||
	       sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
}

/*
 * Messages of a handshake may come in pieces, with nothing in between (RFC 8446, 5.1); but
 * alerts are no part of that before TLS 1.3.
 */
static bool sealed_interrupts(const struct socket_tls *tls, uint8_t type)
{
	return (tls->sealed.n_message > 0 || tls->sealed.hello_left > 0) &&
	       type != TLS_CONTENT_HANDSHAKE && (tls->keys->is_tls13 || type != TLS_CONTENT_ALERT);
}

/* What was opened at room. False: it was the last. */
static bool sealed_take(struct socket_tls *tls, const struct tls_opened *opened,
                        const uint8_t *room, size_t *got)
{
	tls->framing.n_records++;
	if (opened->len > 0)
		tls->sealed.n_empty = 0;
	if (opened->len > 0 && opened->type != TLS_CONTENT_ALERT)
		tls->sealed.n_warnings = 0;
	if (sealed_interrupts(tls, opened->type))
		return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	switch (opened->type) {
	case TLS_CONTENT_DATA:  return sealed_take_data(tls, opened->len, got);
	case TLS_CONTENT_ALERT: return sealed_take_alert(tls, room, opened->len);
	case TLS_CONTENT_HANDSHAKE:
		return tls->keys->is_tls13 ? sealed_take_update(tls, room, opened->len)
		                           : sealed_take_hello(tls, room, opened->len);
	default: return sealed_fault(tls, SSL_AD_UNEXPECTED_MESSAGE);
	}
}

/* The next record, which is there. False: it was the last. */
static bool sealed_open(struct socket_tls *tls, uint8_t *room, size_t *got)
{
	size_t len;
	const uint8_t *record = tls_io_front(tls->io, &len);
	const size_t record_len = tls_framing_record_len(record, len);
	struct tls_opened opened;
	int alert = tls_record_open(tls_io_ciphers(tls->io), tls->keys, record, room, &opened);

	if (alert == 0) {
		tls_io_take(tls->io, record_len);
		return sealed_take(tls, &opened, room, got);
	}
	tls_framing_follow(&tls->framing, record, len < record_len ? len : record_len);
	(void)sealed_fault(tls, alert);
	/* In the clear it is no word of the peer's: anybody on the way can say it. */
	if (tls_framing_is_bare_close_notify(&tls->framing))
		tls->base.ending = (struct ending){ .kind = ENDING_TRUNCATED };
	return false;
}

/* No record comes any more; what there is of one shows where the stream was cut. */
static enum io sealed_wire_over(struct socket_tls *tls)
{
	size_t len;
	const uint8_t *front = tls_io_front(tls->io, &len);

	tls_framing_follow(&tls->framing, front, len);
	tls->base.ending = socket_tls_wire_ending(tls);
	if (tls->base.error != 0)
		tls->dead = true;
	return IO_ENDED;
}

/* A record gives what it holds, so this goes on until the turn's share is used. */
static enum io sealed_read(struct socket_tls *tls, unsigned char *room, size_t len, size_t *got)
{
	enum io io;

	while (len - *got >= TLS_INNER_MOST) {
		if (!tls_io_await_record(tls->io, &io)) {
			if (io == IO_ENDED)
				return sealed_wire_over(tls);
			return tls->base.readable ? IO_DONE : IO_WAIT;
		}
		if (!sealed_open(tls, room + *got, got))
			return IO_ENDED;
		socket_tls_bound_idling(tls);
		if (tls->dead)
			return IO_ENDED;
	}
	return IO_DONE;
}

static enum io sealed_recv(struct socket *sock, void *room, size_t len, size_t *got)
{
	return socket_tls_receive(sock, room, len, got, sealed_read);
}

static enum io sealed_is_open(struct socket *sock)
{
	(void)sock;
	return IO_DONE;
}

static const struct socket_ops socket_sealed_ops = {
	.name = "sealed",
	.open = sealed_is_open,
	.recv = sealed_recv,
	.send = sealed_send,
	.release = socket_tls_release,
	.clear = socket_tls_clear,
	.facts = socket_tls_get_facts,
};

void socket_sealed_begin(struct socket_tls *tls, struct tls_keys *keys)
{
	tls->keys = keys;
	tls->framing = (struct tls_framing){ 0 };
	tls->base.ops = &socket_sealed_ops;
}
