/* SPDX-License-Identifier: ISC */
#include "tls_framing.h"

static void tls_framing_begin_body(struct tls_framing *framing)
{
	framing->body_left = (uint16_t)(framing->start[3] << 8 | framing->start[4]);
	if (framing->start[0] == TLS_CONTENT_CCS)
		framing->n_records = 0;
	else
		framing->n_records++;
}

void tls_framing_follow(struct tls_framing *framing, const unsigned char *data, size_t len)
{
	while (len > 0) {
		size_t n = 1;

		if (framing->n_start >= TLS_HEADER_LEN && framing->body_left == 0)
			framing->n_start = 0;
		if (framing->n_start < TLS_HEADER_LEN) {
			framing->start[framing->n_start++] = *data;
			if (framing->n_start == TLS_HEADER_LEN)
				tls_framing_begin_body(framing);
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
	return framing->n_start == TLS_HEADER_LEN + 2 && framing->body_left == 0 &&
	       start[0] == TLS_CONTENT_ALERT && start[3] == 0 && start[4] == 2 && start[6] == 0;
}

size_t tls_framing_record_len(const unsigned char *bytes, size_t len)
{
	if (len < TLS_HEADER_LEN)
		return 0;
	return TLS_HEADER_LEN + ((size_t)bytes[3] << 8 | bytes[4]);
}

bool tls_framing_is_absurd(const unsigned char header[static TLS_HEADER_LEN])
{
	return header[0] < TLS_CONTENT_CCS || header[0] > TLS_CONTENT_DATA || header[1] != 3 ||
	       tls_framing_record_len(header, TLS_HEADER_LEN) > TLS_RECORD_MOST;
}
