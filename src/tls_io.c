/* SPDX-License-Identifier: ISC */
#include "tls_io.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "socket_tls.h"
#include "tls_bio.h"
#include "tls_heap.h"
#include "tls_record.h"

/* Headers and tags of a turn's records, and alerts, need room too. */
enum { TLS_OUT_SLACK = 16384 + TLS_RECORD_OVERHEAD };

struct tls_io {
	BIO *bio;
	struct tls_ciphers *ciphers;
	struct socket_tls *tls;
	size_t recv_most;
	size_t allowance;       /* bytes this turn may still read from the wire */
	size_t in_start;
	size_t in_end;
	size_t in_size;
	size_t out_len;
	size_t out_size;
	unsigned char *in;
	unsigned char *out;
	bool shakes_hands;
	/* For turns in a respite of that one. */
	unsigned char *spare_in;
	unsigned char *spare_out;
	tls_io_respite_due *is_due;
	tls_io_respite *respite;
	void *owner;
};

struct tls_io *tls_io_new(size_t size)
{
	struct tls_io *io = calloc(1, sizeof(*io));

	if (io == NULL)
		return NULL;
	io->recv_most = size;
	io->in_size = size + TLS_RECORD_MOST;   /* behind the beginning of a record */
	io->out_size = size + TLS_OUT_SLACK;
	io->in = malloc(io->in_size);
	io->out = malloc(io->out_size);
	io->spare_in = malloc(io->in_size);
	io->spare_out = malloc(io->out_size);
	io->bio = tls_bio_new(io);
	io->ciphers = tls_ciphers_new();
	if (io->in != NULL && io->out != NULL && io->spare_in != NULL && io->spare_out != NULL &&
	    io->bio != NULL && io->ciphers != NULL)
		return io;
	tls_io_free(io);
	return NULL;
}

void tls_io_free(struct tls_io *io)
{
	if (io == NULL)
		return;
	BIO_free(io->bio);
	tls_ciphers_free(io->ciphers);
	free(io->in);
	free(io->out);
	free(io->spare_in);
	free(io->spare_out);
	free(io);
}

BIO *tls_io_bio(struct tls_io *io)
{
	return io->bio;
}

struct tls_ciphers *tls_io_ciphers(struct tls_io *io)
{
	return io->ciphers;
}

struct socket_tls *tls_io_socket(struct tls_io *io)
{
	return io->tls;
}

/* ---- in ---- */

const unsigned char *tls_io_front(const struct tls_io *io, size_t *len)
{
	*len = io->in_end - io->in_start;
	return io->in + io->in_start;
}

void tls_io_take(struct tls_io *io, size_t len)
{
	assert(len <= io->in_end - io->in_start);
	io->in_start += len;
}

enum io tls_io_fill(struct tls_io *io)
{
	size_t there = io->in_end - io->in_start;
	size_t len = io->recv_most;
	enum io result;
	size_t got;

	if (io->in_start > 0)
		memmove(io->in, io->in + io->in_start, there);
	io->in_start = 0;
	io->in_end = there;
	if (len > io->allowance)
		len = io->allowance;
	if (len > io->in_size - there)
		len = io->in_size - there;
	if (len == 0)
		return IO_WAIT;
	result = socket_read(&io->tls->base, io->in + there, len, &got);
	io->in_end += got;
	io->allowance -= got;
	return result;
}

static bool tls_io_has_record(const struct tls_io *io)
{
	size_t len;
	const unsigned char *front = tls_io_front(io, &len);
	size_t record_len = tls_framing_record_len(front, len);

	return record_len > 0 && (record_len <= len || tls_framing_is_absurd(front));
}

bool tls_io_await_record(struct tls_io *io, enum io *io_result)
{
	while (!tls_io_has_record(io)) {
		*io_result = tls_io_fill(io);
		if (*io_result != IO_DONE)
			return false;
	}
	return true;
}

/* ---- out ---- */

/* Sends what is gathered; what the kernel refuses is the socket's from here on. */
static void tls_io_push(struct tls_io *io, bool last)
{
	/* An alert that comes to OpenSSL's mind after our FIN has no place to go. */
	if (io->out_len > 0 && !io->tls->base.finishing)
		(void)socket_push(&io->tls->base, io->out, io->out_len, last); /* latched there */
	io->out_len = 0;
}

unsigned char *tls_io_room(struct tls_io *io, size_t len)
{
	if (io->out_len + len > io->out_size)
		tls_io_push(io, false);
	assert(len <= io->out_size);
	return io->out + io->out_len;
}

void tls_io_put(struct tls_io *io, size_t len)
{
	io->out_len += len;
}

void tls_io_say(struct tls_io *io, const void *bytes, size_t len)
{
	if (io->out_len + len > io->out_size)
		tls_io_push(io, false);
	if (len <= io->out_size) {
		memcpy(io->out + io->out_len, bytes, len);
		io->out_len += len;
	} else if (!io->tls->base.finishing) {
		/* OpenSSL seals up to eight records at once, of a CBC cipher in TLS 1.2. */
		(void)socket_push(&io->tls->base, bytes, len, false); /* latched there */
	}
}

unsigned char *tls_io_gathered(struct tls_io *io, size_t *len)
{
	*len = io->out_len;
	return io->out;
}

void tls_io_forget(struct tls_io *io)
{
	io->out_len = 0;
}

/* ---- a turn ---- */

void tls_io_begin(struct tls_io *io, struct socket_tls *tls, size_t allowance)
{
	io->tls = tls;
	io->allowance = allowance;
	tls_heap_forget();
	/* It came from here, and so has room here. */
	if (allowance > 0 && tls->in.len > 0) {
		memcpy(io->in, buffer_front(&tls->in), tls->in.len);
		io->in_end = tls->in.len;
		buffer_clear(&tls->in);
	}
}

void tls_io_end(struct tls_io *io, bool last)
{
	struct socket_tls *tls = io->tls;
	size_t left;
	const unsigned char *front = tls_io_front(io, &left);

	tls_io_push(io, last);
	/* After the peer's end nobody asks for more: what follows it is ignored. */
	if (left > 0 && tls->base.ending.kind == ENDING_NONE &&
	    !buffer_append(&tls->in, front, left))
		tls->base.ending = (struct ending){ ENDING_LOST, "out_of_memory" };
	io->in_start = io->in_end = 0;
	io->tls = NULL;
	io->shakes_hands = false;
}

/* ---- a respite ---- */

void tls_io_set_respite(struct tls_io *io, tls_io_respite_due *is_due, tls_io_respite *respite,
                        void *owner)
{
	io->is_due = is_due;
	io->respite = respite;
	io->owner = owner;
}

void tls_io_shake_hands(struct tls_io *io)
{
	io->shakes_hands = true;
}

void tls_io_give_respite(struct tls_io *io)
{
	struct tls_io aside;
	bool was_short;

	/* What OpenSSL has on its mind would be taken for somebody else's fault, or be lost. */
	if (!io->shakes_hands || io->respite == NULL || !io->is_due(io->owner) ||
	    ERR_peek_error() != 0)
		return;
	aside = *io;
	was_short = tls_heap_was_short();
	io->tls = NULL;
	io->in_start = io->in_end = io->out_len = io->allowance = 0;
	io->in = aside.spare_in;
	io->out = aside.spare_out;
	io->shakes_hands = false;
	io->respite(io->owner);
	*io = aside;
	BIO_clear_retry_flags(io->bio);
	ERR_clear_error();
	if (was_short)
		tls_heap_recall();
	else
		tls_heap_forget();
}
