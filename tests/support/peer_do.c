/* SPDX-License-Identifier: ISC */
/*
 * What a peer says, in terms of streams and records, and the waits that are
 * not for events. The wire is peer.c's business.
 */
#include <check.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "peer_impl.h"

enum {
	ALERT_WARNING = 1,
	ALERT_CLOSE_NOTIFY = 0,
	PEER_STUCK_LOOKS = 20,  /* in a row, before it counts */
};

size_t peer_seal_data(struct peer *peer, size_t n, uint8_t *room)
{
	uint8_t *data = malloc(n + 1);
	size_t len;

	peer_recite(peer->my_voice, peer->sent, data, n);
	peer->sent += n;
	len = peer_seal(peer, RECORD_DATA, data, n, room);
	free(data);
	return len;
}

/* At most as much as one record holds. */
static void peer_send_some(struct peer *peer, size_t n)
{
	uint8_t room[RECORD_LONGEST + RECORD_OVERHEAD];
	size_t len = n;

	if (peer->tls != NULL) {
		len = peer_seal_data(peer, n, room);
	} else {
		peer_recite(peer->my_voice, peer->sent, room, n);
		peer->sent += n;
	}
	peer_bytes_add(&peer->out, room, len);
}

void peer_send(struct peer *peer, size_t n)
{
	while (n > 0) {
		size_t len = n < RECORD_LONGEST ? n : RECORD_LONGEST;

		peer_send_some(peer, len);
		n -= len;
	}
	peer_update(peer);
}

void peer_send_bytewise(struct peer *peer, size_t n)
{
	while (n-- > 0)
		peer_send(peer, 1);
}

void peer_record(struct peer *peer, uint8_t type, const void *content, size_t n)
{
	uint8_t *room = malloc(n + RECORD_OVERHEAD);
	size_t len = peer_seal(peer, type, content, n, room);

	peer_raw(peer, room, len);
	free(room);
}

void peer_alert(struct peer *peer, int level, int description)
{
	const uint8_t alert[2] = { (uint8_t)level, (uint8_t)description };

	peer_record(peer, RECORD_ALERT, alert, sizeof(alert));
}

void peer_close_notify(struct peer *peer)
{
	peer_alert(peer, ALERT_WARNING, ALERT_CLOSE_NOTIFY);
}

void peer_end(struct peer *peer)
{
	if (peer->tls != NULL)
		peer_close_notify(peer);
	peer_fin(peer);
}

static bool peer_is_decided(void *arg)
{
	const struct peer *peer = arg;

	return peer->is_open || peer->failed || peer->saw_fin || peer->saw_rst ||
	       (peer->corked && peer->tls->has_keys);
}

void peer_open(struct peer *peer)
{
	ck_assert_msg(pump_until(peer_is_decided, peer), "%s: the %s's handshake hangs",
	              peer_context(), peer->is_client ? "client" : "backend");
	ck_assert_msg(peer->is_open || peer->corked, "%s: the %s's handshake ends in \"%s\"",
	              peer_context(), peer->is_client ? "client" : "backend", peer_events(peer));
}

void peer_fails_to_open(struct peer *peer)
{
	ck_assert_msg(pump_until(peer_is_decided, peer), "%s: the handshake hangs", peer_context());
	ck_assert_msg(!peer->is_open, "%s: the handshake succeeds", peer_context());
}

struct peer_wish {
	struct peer *peer;
	size_t n;
};

static void peer_wait(bool (*done)(void *arg), struct peer *peer, size_t n, const char *what)
{
	struct peer_wish wish = { peer, n };

	ck_assert_msg(pump_until(done, &wish),
	              "%s: the %s waits in vain for %zu %s; it sees \"%s\"", peer_context(),
	              peer->is_client ? "client" : "backend", n, what, peer_events(peer));
}

static bool peer_has_data(void *arg)
{
	const struct peer_wish *wish = arg;

	return wish->peer->received >= wish->n;
}

void peer_wait_data(struct peer *peer, size_t n)
{
	peer_wait(peer_has_data, peer, n, "bytes");
}

static bool peer_has_tickets(void *arg)
{
	const struct peer_wish *wish = arg;

	return wish->peer->tickets >= wish->n;
}

void peer_wait_tickets(struct peer *peer, unsigned n)
{
	peer_wait(peer_has_tickets, peer, n, "tickets");
}

static bool peer_has_key_updates(void *arg)
{
	const struct peer_wish *wish = arg;

	return wish->peer->key_updates >= wish->n;
}

void peer_wait_key_updates(struct peer *peer, unsigned n)
{
	peer_wait(peer_has_key_updates, peer, n, "key updates");
}

static bool peer_has_sent(void *arg)
{
	const struct peer_wish *wish = arg;

	return peer_sent_all(wish->peer);
}

void peer_wait_sent(struct peer *peer)
{
	peer_wait(peer_has_sent, peer, 0, "unacknowledged bytes");
}

/*
 * All that was sent is acknowledged, and what is left, if anything, is behind a
 * window that is shut. It must stay so for some looks, since a window that
 * opens is told a little later than it is used.
 */
static bool peer_is_stuck(void *arg)
{
	struct peer_wish *wish = arg;
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	(void)getsockopt(wish->peer->pumped.fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	if (info.tcpi_unacked == 0 && (info.tcpi_notsent_bytes > 0 || wish->peer->out.len == 0))
		wish->n++;
	else
		wish->n = 0;
	return wish->n >= PEER_STUCK_LOOKS;
}

void peer_wait_stuck(struct peer *peer)
{
	peer_wait(peer_is_stuck, peer, 0, "room in the window");
}

size_t peer_received(const struct peer *peer)
{
	return peer->received;
}

size_t peer_sent(const struct peer *peer)
{
	return peer->sent;
}

unsigned peer_tickets(const struct peer *peer)
{
	return peer->tickets;
}

bool peer_is_tls(const struct peer *peer)
{
	return peer->tls != NULL;
}

const char *peer_name(const struct peer *peer)
{
	return peer->name;
}
