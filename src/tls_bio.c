/* SPDX-License-Identifier: ISC */
#include "tls_bio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socket_tls.h"
#include "tls_heap.h"

enum {
	TLS_HEADER_LEN = 5,
	TLS_CONTENT_ALERT = 21,
	/* Headers and tags of a turn's records, and alerts, need room too. */
	TLS_OUT_SLACK = 16384,
};

struct tls_io {
	BIO *bio;
	struct socket_tls *tls;
	size_t allowance;       /* bytes this turn may still read from the wire */
	size_t in_start;
	size_t in_end;
	size_t in_size;
	size_t out_len;
	size_t out_size;
	unsigned char *in;
	unsigned char *out;
};

static void tls_framing_follow(struct tls_framing *framing, const unsigned char *data, size_t len)
{
	while (len > 0) {
		size_t n = 1;

		if (framing->n_start >= TLS_HEADER_LEN && framing->body_left == 0)
			framing->n_start = 0;
		if (framing->n_start < TLS_HEADER_LEN) {
			framing->start[framing->n_start++] = *data;
			if (framing->n_start == TLS_HEADER_LEN) {
				framing->body_left =
					(uint16_t)(framing->start[3] << 8 | framing->start[4]);
				framing->n_records++;
			}
		} else {
			if (framing->n_start < sizeof(framing->start))
				framing->start[framing->n_start++] = *data;
			else
				n = len < framing->body_left ? len : framing->body_left;
			framing->body_left = (uint16_t)(framing->body_left - n);
		}
		data += n;
		len -= n;
	}
}

bool tls_framing_in_record(const struct tls_framing *framing)
{
	return framing->body_left > 0 ||
	       (framing->n_start > 0 && framing->n_start < TLS_HEADER_LEN);
}

bool tls_framing_is_bare_close_notify(const struct tls_framing *framing)
{
	const uint8_t *start = framing->start;

	/* Level is of no account: close_notify is description 0 (RFC 8446, 6). */
	return framing->n_start == sizeof(framing->start) && framing->body_left == 0 &&
	       start[0] == TLS_CONTENT_ALERT && start[3] == 0 && start[4] == 2 && start[6] == 0;
}

/* What OpenSSL takes in goes by here. */
static int tls_bio_hand_over(struct tls_io *io, char *room, const unsigned char *data, size_t len)
{
	memcpy(room, data, len);
	tls_framing_follow(&io->tls->framing, data, len);
	return (int)len;
}

/* One recv() into the empty in. False: nothing came, and retry says whether it may. */
static bool tls_bio_fill(struct tls_io *io, bool *retry)
{
	size_t len = io->allowance < io->in_size ? io->allowance : io->in_size;
	size_t got;
	enum io result;

	*retry = true;
	if (len == 0)
		return false;
	result = socket_read(&io->tls->base, io->in, len, &got);
	*retry = result != IO_ENDED;
	io->in_start = 0;
	io->in_end = got;
	io->allowance -= got;
	return got > 0;
}

static int tls_bio_read(BIO *bio, char *room, int room_len)
{
	struct tls_io *io = BIO_get_data(bio);
	struct socket_tls *tls = io->tls;
	size_t len = (size_t)room_len;
	bool retry;
	int n;

	BIO_clear_retry_flags(bio);
	if (tls->in.len > 0) {
		if (len > tls->in.len)
			len = tls->in.len;
		n = tls_bio_hand_over(io, room, buffer_front(&tls->in), len);
		buffer_drop(&tls->in, len);
		return n;
	}
	if (io->in_start == io->in_end && !tls_bio_fill(io, &retry)) {
		if (retry)
			BIO_set_retry_read(bio);
		errno = 0; /* SSL_get_error() must not find somebody else's */
		return retry ? -1 : 0;
	}
	if (len > io->in_end - io->in_start)
		len = io->in_end - io->in_start;
	n = tls_bio_hand_over(io, room, io->in + io->in_start, len);
	io->in_start += len;
	return n;
}

/* Sends what is gathered; what the kernel refuses is the socket's from here on. */
static void tls_io_push(struct tls_io *io, bool last)
{
	/* An alert that comes to OpenSSL's mind after our FIN has no place to go. */
	if (io->out_len > 0 && !io->tls->base.finishing)
		(void)socket_push(&io->tls->base, io->out, io->out_len, last); /* latched there */
	io->out_len = 0;
}

static int tls_bio_write(BIO *bio, const char *data, int data_len)
{
	struct tls_io *io = BIO_get_data(bio);
	size_t len = (size_t)data_len;

	BIO_clear_retry_flags(bio);
	if (io->out_len + len > io->out_size)
		tls_io_push(io, false);
	if (len <= io->out_size) {
		memcpy(io->out + io->out_len, data, len);
		io->out_len += len;
	} else if (!io->tls->base.finishing) {
		/* OpenSSL seals up to eight records at once, of a CBC cipher in TLS 1.2. */
		(void)socket_push(&io->tls->base, data, len, false); /* latched there */
	}
	/* A broken socket swallows it: what the peer sent before can still be read. */
	return data_len;
}

static long tls_bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	/* BIO_CTRL_EOF: 0, whatever happened; that is the point (see tls_bio.h). */
	return cmd == BIO_CTRL_FLUSH;
}

/* One method for all workers; made before there are threads, never freed. */
static BIO_METHOD *tls_bio_method(void)
{
	static BIO_METHOD *method;

	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "adieu");
		if (method == NULL)
			return NULL;
		(void)BIO_meth_set_read(method, tls_bio_read); /* setters do not fail */
		(void)BIO_meth_set_write(method, tls_bio_write);
		(void)BIO_meth_set_ctrl(method, tls_bio_ctrl);
	}
	return method;
}

struct tls_io *tls_io_new(size_t size)
{
	struct tls_io *io = calloc(1, sizeof(*io));
	BIO_METHOD *method = tls_bio_method();

	if (io == NULL || method == NULL)
		goto fail;
	io->in_size = size;
	io->out_size = size + TLS_OUT_SLACK;
	io->in = malloc(io->in_size);
	io->out = malloc(io->out_size);
	io->bio = BIO_new(method);
	if (io->in == NULL || io->out == NULL || io->bio == NULL)
		goto fail;
	BIO_set_data(io->bio, io);
	BIO_set_init(io->bio, 1);
	return io;
fail:
	tls_io_free(io);
	return NULL;
}

void tls_io_free(struct tls_io *io)
{
	if (io == NULL)
		return;
	BIO_free(io->bio);
	free(io->in);
	free(io->out);
	free(io);
}

BIO *tls_io_bio(struct tls_io *io)
{
	return io->bio;
}

struct socket_tls *tls_io_socket(struct tls_io *io)
{
	return io->tls;
}

void tls_io_begin(struct tls_io *io, struct socket_tls *tls, size_t allowance)
{
	io->tls = tls;
	io->allowance = allowance;
	tls_heap_forget();
}

void tls_io_look_on(struct tls_io *io)
{
	struct tls_framing *framing = &io->tls->framing;
	size_t left = io->in_end - io->in_start;

	if (left > framing->body_left)
		left = framing->body_left;
	tls_framing_follow(framing, io->in + io->in_start, left);
	io->in_start += left;
}

bool tls_io_replace_alert(struct tls_io *io, uint8_t description)
{
	enum { RECORD = 7 };    /* header, level, description; its BIO_write() was not larger */
	unsigned char *alert;

	if (io->out_len < RECORD)
		return false;
	alert = io->out + io->out_len - RECORD;
	if (alert[0] != TLS_CONTENT_ALERT || alert[3] != 0 || alert[4] != 2)
		return false;
	alert[6] = description;
	return true;
}

void tls_io_end(struct tls_io *io, bool last)
{
	struct socket_tls *tls = io->tls;
	size_t left = io->in_end - io->in_start;

	tls_io_push(io, last);
	/* After the peer's end nobody asks for more: what follows it is ignored. */
	if (left > 0 && tls->base.ending.kind == ENDING_NONE &&
	    !buffer_append(&tls->in, io->in + io->in_start, left))
		tls->base.ending = (struct ending){ ENDING_LOST, "out_of_memory" };
	io->in_start = io->in_end = 0;
	io->tls = NULL;
}
