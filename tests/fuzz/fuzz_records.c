/* SPDX-License-Identifier: ISC */
/*
 * Any records at a connection that was taken over, from a client that has its keys
 * and any intentions. The input is a script: what is sealed, what of it is
 * changed on the way, how much arrives at once, what we say meanwhile. Then:
 *
 * - what is delivered is what was sealed as data before the first fault, all of it;
 * - the stream ended well if, and only if, a close_notify came before any fault;
 * - whatever we say can be opened by the client, in order, and nothing follows our end;
 * - no part of it waits for news that the kernel has told already.
 *
 * The client's records are those of tests/support/record.c, which shares no code with
 * ours.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "record.h"
#include "socket_tls.h"

enum {
	STEPS_MOST = 48,
	WIRE_ROOM = STEPS_MOST * RECORD_ROOM,
	TURN_MOST = 65536,
	IDLE_MOST = 100,        /* records without data; more may be called a flood */
	SAY_MOST = 20000,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the script ---- */

static struct {
	const uint8_t *at;
	size_t left;
} script;

static uint8_t next_byte(void)
{
	if (script.left == 0)
		return 0;
	script.left--;
	return *script.at++;
}

static size_t next_number(void)
{
	const size_t high = next_byte();

	return high << 8 | next_byte();
}

/* At most len bytes, and not more than there are. */
static size_t next_bytes(uint8_t *room, size_t len)
{
	if (len > script.left)
		len = script.left;
	memcpy(room, script.at, len);
	script.at += len;
	script.left -= len;
	return len;
}

/* ---- what should come of it ---- */

static struct {
	size_t n_sealed;        /* bytes of data, as far as they may be delivered */
	size_t n_delivered;
	unsigned n_idle;        /* records since the last with data */
	size_t doubts[STEPS_MOST];      /* so many bytes may be all */
	unsigned n_doubts;
	bool unsure;            /* within a message, or the keys may be others */
	bool closed;            /* by a close_notify that is to be seen */
	bool over;              /* nothing that is sent from here on is of any account */
	bool asked;             /* for another key of ours */
	bool answered;
	size_t n_said;
	size_t n_heard;
	bool heard_end;
	bool heard_alert;       /* a fatal one, which is an end as well */
} model;

/* The byte of a stream at that place. */
static uint8_t pattern(size_t at)
{
	return (uint8_t)(at ^ at >> 8 ^ at >> 16);
}

static void fill(uint8_t *room, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		room[i] = pattern(from + i);
}

static void check(const uint8_t *bytes, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert(bytes[i] == pattern(from + i));
}

static bool model_may_end_here(size_t n)
{
	for (unsigned i = 0; i < model.n_doubts; i++)
		if (model.doubts[i] == n)
			return true;
	return false;
}

/* From here on it may or may not go on. */
static void model_doubt(void)
{
	if (model_may_end_here(model.n_sealed))
		return;
	assert(model.n_doubts < STEPS_MOST);
	model.doubts[model.n_doubts++] = model.n_sealed;
}

/* ---- both ends ---- */

static const uint8_t secret[2][48] = { "the client's, of 48 bytes", "the server's, of 48 bytes" };

static struct {
	struct poller poller;
	struct tls_io *ios[2];
} worker;

static struct {
	struct socket *sock;
	struct record_keys writing;
	struct record_keys reading;
	bool is_tls13;
	int fd;
	size_t turn;
	bool woken;
	uint8_t wire[WIRE_ROOM];        /* on its way to us */
	size_t wire_start;
	size_t wire_end;
	uint8_t heard[4 * RECORD_ROOM]; /* of what we said */
	size_t n_heard;
} ends;

static void on_wake(void *owner)
{
	(void)owner;
	ends.woken = true;
}

static void make_keys(struct tls_keys *keys)
{
	bool fine;

	if (ends.is_tls13) {
		record_keys_13(&ends.writing, secret[0]);
		record_keys_13(&ends.reading, secret[1]);
		fine = tls_keys_derive_13(keys, TLS_AES_128_GCM, secret[0], secret[1]);
	} else {
		record_keys_12(&ends.writing, &ends.reading, secret[0], secret[0], secret[1]);
		fine = tls_keys_derive_12(keys, TLS_AES_128_GCM, secret[0], secret[0], secret[1]);
		keys->in.n_records = keys->out.n_records = 1;
	}
	assert(fine);
}

/* As a takeover leaves it, without a handshake before. */
static void meet(uint8_t choice)
{
	static const size_t turns[] = { 64, 4096, 16384, TURN_MOST };
	struct socket_tls *tls = calloc(1, sizeof(*tls));
	struct tls_keys *keys = calloc(1, sizeof(*keys));
	int pair[2];

	assert(tls != NULL && keys != NULL);
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	ends.is_tls13 = (choice & 1) != 0;
	ends.turn = turns[choice >> 1 & 3];
	ends.fd = pair[1];
	ends.sock = &tls->base;
	ends.wire_start = ends.wire_end = ends.n_heard = 0;
	ends.woken = false;
	make_keys(keys);
	socket_init(&tls->base, NULL, pair[0]);
	tls->io = worker.ios[choice >> 3 & 1];
	socket_sealed_begin(tls, keys);
	assert(socket_watch(ends.sock, &worker.poller, true, on_wake, NULL));
}

static void part(void)
{
	socket_free(ends.sock);
	(void)close(ends.fd);
	record_keys_clear(&ends.writing);
	record_keys_clear(&ends.reading);
}

/* ---- what we say ---- */

static void hear_record(uint8_t type, const uint8_t *data, size_t len)
{
	assert(!model.heard_end);
	if (type == RECORD_DATA) {
		check(data, model.n_heard, len);
		model.n_heard += len;
	} else if (type == RECORD_HANDSHAKE) {
		assert(ends.is_tls13 && len == 5 && memcmp(data, "\x18\0\0\1\0", 5) == 0);
		record_keys_update(&ends.reading);
		model.answered = true;
	} else {
		assert(type == RECORD_ALERT && len == 2);
		/* Only "no renegotiation" is said in between. */
		model.heard_alert = data[0] == SSL3_AL_FATAL;
		model.heard_end = model.heard_alert || data[1] != SSL_AD_NO_RENEGOTIATION;
	}
}

static void hear(void)
{
	size_t start = 0;
	ssize_t n = recv(ends.fd, ends.heard + ends.n_heard, sizeof(ends.heard) - ends.n_heard, 0);

	if (n > 0)
		ends.n_heard += (size_t)n;
	for (;;) {
		uint8_t *record = ends.heard + start;
		const size_t len = record_length(record, ends.n_heard - start);
		uint8_t *data;
		size_t data_len;
		uint8_t type;

		if (len == 0 || len > ends.n_heard - start)
			break;
		assert(record_open(&ends.reading, record, len, &type, &data, &data_len));
		hear_record(type, data, data_len);
		start += len;
	}
	ends.n_heard -= start;
	memmove(ends.heard, ends.heard + start, ends.n_heard);
}

/* All that was sealed has arrived, and none of it is a fault. */
static bool is_all_there(void)
{
	return ends.wire_start == ends.wire_end && !model.over && model.n_doubts == 0;
}

static void say(size_t len, bool last)
{
	static uint8_t room[SAY_MOST];
	const bool answers = model.asked && len > 0 && is_all_there();

	if (ends.sock->finishing)
		return;
	fill(room, model.n_said, len);
	if (socket_send(ends.sock, room, len, last) != IO_ENDED)
		model.n_said += len;
	hear();
	assert(model.answered || !answers);
	if (answers)
		model.asked = model.answered = false;
}

/* ---- what we receive ---- */

static void receive(void)
{
	static uint8_t room[TURN_MOST + SOCKET_RECV_SLACK];
	enum io io = IO_DONE;

	poller_turn(&worker.poller, false);
	if (!ends.woken)
		return;
	ends.woken = false;
	while (io == IO_DONE) {
		size_t got;

		io = socket_recv(ends.sock, room, ends.turn, &got);
		assert(got <= model.n_sealed - model.n_delivered);
		check(room, model.n_delivered, got);
		model.n_delivered += got;
		hear();
	}
}

/* So many bytes of what is on its way arrive. */
static void arrive(size_t len)
{
	bool refused = false;

	while (len > 0 && ends.wire_start < ends.wire_end) {
		const size_t there = ends.wire_end - ends.wire_start;
		const ssize_t n = send(ends.fd, ends.wire + ends.wire_start,
		                       len < there ? len : there, MSG_NOSIGNAL);

		receive();
		if (n <= 0 && socket_ending(ends.sock).kind != ENDING_NONE)
			break;
		/* Whoever is told of it reads what there is. */
		assert(n > 0 || !refused);
		refused = n <= 0;
		if (n > 0) {
			ends.wire_start += (size_t)n;
			len -= (size_t)n;
		}
	}
	/* The kernel has nothing more to tell. */
	assert(model.n_delivered == model.n_sealed || !is_all_there());
}

/* ---- what the client does ---- */

static uint8_t *wire_room(void)
{
	return ends.wire + ends.wire_end;
}

/* What it means, as far as there is no doubt. */
static void expect(uint8_t type, const uint8_t *data, size_t len)
{
	static const uint8_t update[] = { 24, 0, 0, 1 };
	const bool is_update = ends.is_tls13 && type == RECORD_HANDSHAKE && len == 5 &&
	                       memcmp(data, update, 4) == 0 && data[4] <= 1;

	model.n_idle++;
	if (model.n_idle > IDLE_MOST || model.unsure)
		model_doubt();
	if (type == RECORD_ALERT && len == 2 && data[1] == SSL_AD_CLOSE_NOTIFY &&
	    (ends.is_tls13 || data[0] == SSL3_AL_WARNING)) {
		model.closed = model.over = true;
	} else if (type == RECORD_DATA && len > 0) {
		model.n_idle = 0;
		model.n_sealed += len;
	} else if (is_update && !model.unsure) {
		record_keys_update(&ends.writing);
		model.asked |= data[4] == 1;
	} else {
		model.unsure |= type == RECORD_HANDSHAKE;
		model_doubt();
	}
}

/* With so many bytes of padding, in TLS 1.3, if that fits. */
static void seal(uint8_t type, const uint8_t *data, size_t len, size_t padding)
{
	static uint8_t inner[RECORD_ROOM];
	size_t inner_len = len;
	uint8_t last = type;

	memcpy(inner, data, len);
	if (ends.is_tls13 && padding > 0) {
		inner[inner_len] = type;
		memset(inner + len + 1, 0, padding - 1);
		inner_len += padding;
		last = 0;
	}
	ends.wire_end += record_seal(&ends.writing, last, inner, inner_len, wire_room());
	if (!model.over)
		expect(type, data, len);
}

static void seal_data(void)
{
	static uint8_t text[RECORD_LONGEST];
	const size_t len = next_number() % (RECORD_LONGEST + 1);
	const size_t padding = next_number() % (RECORD_LONGEST + 1 - len);

	fill(text, model.n_sealed, len);
	seal(RECORD_DATA, text, len, padding);
}

/* A record of any type, or of one that is too long. */
static void seal_any(void)
{
	uint8_t text[64];
	const uint8_t type = next_byte();
	const size_t len = next_bytes(text, next_byte() % sizeof(text));

	/* Data would have to be the pattern's; in TLS 1.3 before zeros anything may be. */
	if (type != RECORD_DATA && (type != 0 || len == 0 || !ends.is_tls13))
		seal(type, text, len, next_byte());
}

static void seal_too_much(void)
{
	static const uint8_t text[RECORD_LONGEST + 300];

	model.over = true;
	ends.wire_end += record_seal(&ends.writing, RECORD_DATA, text,
	                             RECORD_LONGEST + 1 + next_byte(), wire_room());
}

static void seal_alert(void)
{
	const size_t number = next_number();
	const uint8_t alert[] = { 1 + (number >> 8) % 2, (uint8_t)number };

	seal(RECORD_ALERT, alert, sizeof(alert), 0);
}

/* One, or a flood of them. */
static void seal_updates(void)
{
	const uint8_t how = next_byte();
	const uint8_t update[] = { 24, 0, 0, 1, how & 1 };

	for (int i = 0; i <= (how < 0xf0 ? 0 : IDLE_MOST); i++)
		seal(RECORD_HANDSHAKE, update, sizeof(update), 0);
}

static void seal_close_notify(void)
{
	static const uint8_t alert[] = { SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY };

	seal(RECORD_ALERT, alert, sizeof(alert), 0);
}

/* A sound record that something happens to on its way; once, or two faults could make none. */
static void spoil(void)
{
	uint8_t *record = wire_room();
	const uint8_t how = model.over ? 0 : next_byte();
	size_t len;

	model.over = true;
	seal_data();
	len = (size_t)(wire_room() - record);
	if (how % 4 == 0) { /* changed */
		record[next_number() % len] ^= how | 1;
	} else if (how % 4 == 1) { /* lost */
		ends.wire_end -= len;
	} else if (how % 4 == 2) { /* cut off */
		ends.wire_end -= 1 + next_number() % (len - 1);
	} else { /* from elsewhere */
		ends.writing.sequence -= 2 + how / 4;
		ends.wire_end -= len;
		seal_data();
	}
}

static void say_in_the_clear(void)
{
	model.over = true;
	ends.wire_end += next_bytes(wire_room(), 1 + next_byte() % 64);
}

static void step(uint8_t what)
{
	switch (what % 12) {
	case 0:
	case 1:  seal_data(); break;
	case 2:  seal_any(); break;
	case 3:  seal_too_much(); break;
	case 4:  seal_alert(); break;
	case 5:  seal_updates(); break;
	case 6:  seal_close_notify(); break;
	case 7:  spoil(); break;
	case 8:  say_in_the_clear(); break;
	case 9:  arrive(next_number()); break;
	case 10: say(next_number() % SAY_MOST, false); break;
	default: say(what, what >= 0xe0); break;
	}
}

/* ---- how it ended ---- */

static void expect_ending(void)
{
	const struct ending ending = socket_ending(ends.sock);
	const bool is_all = model.n_delivered == model.n_sealed;

	assert(ending.kind != ENDING_NONE);
	assert(is_all || model_may_end_here(model.n_delivered));
	if (ending.kind == ENDING_CLOSE_NOTIFY)
		assert(model.closed && is_all);
	else
		assert(!model.closed || model.n_doubts > 0);
	assert(!ends.sock->alerted || ending.kind == ENDING_VIOLATION ||
	       ending.kind == ENDING_TRUNCATED);
	/* It said all that it took, and told the peer what it claims to have told it. */
	hear();
	assert(model.n_heard == model.n_said || ends.sock->broken || ends.sock->out.len > 0);
	assert(ends.n_heard == 0 || ends.sock->out.len > 0);
	if (ends.sock->out.len == 0) {
		assert(model.heard_end || !ends.sock->finished);
		assert(model.heard_alert || !ends.sock->alerted);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (worker.ios[0] == NULL) {
		assert(poller_init(&worker.poller));
		worker.ios[0] = tls_io_new(TURN_MOST);
		worker.ios[1] = tls_io_new(16384);
		assert(worker.ios[0] != NULL && worker.ios[1] != NULL);
	}
	memset(&model, 0, sizeof(model));
	script.at = data;
	script.left = size;
	meet(next_byte());
	for (int i = 0; i < STEPS_MOST && script.left > 0; i++)
		step(next_byte());
	arrive(SIZE_MAX);
	assert(shutdown(ends.fd, SHUT_WR) == 0);
	receive();
	expect_ending();
	part();
	return 0;
}
