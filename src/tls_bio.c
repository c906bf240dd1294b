/* SPDX-License-Identifier: ISC */
#include "tls_bio.h"

#include <errno.h>
#include <string.h>

#include "socket_tls.h"
#include "tls_framing.h"
#include "tls_io.h"

/* OpenSSL stands between two records, and is not to begin one that is not there. */
static bool tls_bio_wants_record(const struct socket_tls *tls)
{
	return tls->takeover.is_possible && !tls_framing_in_record(&tls->framing);
}

/*
 * Whether there is something to hand over; if not, io_result says why. What
 * an end of file cut off is handed over as well: it shows where it was cut.
 */
static bool tls_bio_await(struct tls_io *io, enum io *io_result)
{
	size_t len;

	*io_result = IO_DONE;
	if (tls_bio_wants_record(tls_io_socket(io))) {
		if (tls_io_await_record(io, io_result))
			return true;
		(void)tls_io_front(io, &len);
		return *io_result == IO_ENDED && len > 0;
	}
	(void)tls_io_front(io, &len);
	if (len == 0)
		*io_result = tls_io_fill(io);
	return *io_result == IO_DONE;
}

static int tls_bio_read(BIO *bio, char *room, int room_len)
{
	struct tls_io *io = BIO_get_data(bio);
	const unsigned char *front;
	enum io io_result;
	size_t len;

	BIO_clear_retry_flags(bio);
	if (!tls_bio_await(io, &io_result)) {
		errno = 0; /* SSL_get_error() must not find somebody else's */
		if (io_result == IO_ENDED)
			return 0;
		BIO_set_retry_read(bio);
		return -1;
	}
	front = tls_io_front(io, &len);
	if (len > (size_t)room_len)
		len = (size_t)room_len;
	memcpy(room, front, len);
	tls_framing_follow(&tls_io_socket(io)->framing, front, len);
	tls_io_take(io, len);
	return (int)len;
}

static int tls_bio_write(BIO *bio, const char *data, int data_len)
{
	struct tls_io *io = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	tls_takeover_follow(&tls_io_socket(io)->takeover, data, (size_t)data_len);
	/* A broken socket swallows it: what the peer sent before can still be read. */
	tls_io_say(io, data, (size_t)data_len);
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

BIO *tls_bio_new(struct tls_io *io)
{
	BIO_METHOD *method = tls_bio_method();
	BIO *bio = method != NULL ? BIO_new(method) : NULL;

	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, io);
	BIO_set_init(bio, 1);
	return bio;
}

void tls_bio_look_on(struct tls_io *io)
{
	struct tls_framing *framing = &tls_io_socket(io)->framing;
	size_t len;
	const unsigned char *front = tls_io_front(io, &len);

	if (len > framing->body_left)
		len = framing->body_left;
	tls_framing_follow(framing, front, len);
	tls_io_take(io, len);
}

bool tls_bio_replace_alert(struct tls_io *io, uint8_t description)
{
	enum { RECORD = 7 };    /* header, level, description; its BIO_write() was not larger */
	size_t len;
	unsigned char *out = tls_io_gathered(io, &len);
	unsigned char *alert;

	if (len < RECORD)
		return false;
	alert = out + len - RECORD;
	if (alert[0] != TLS_CONTENT_ALERT || alert[3] != 0 || alert[4] != 2)
		return false;
	alert[6] = description;
	return true;
}
