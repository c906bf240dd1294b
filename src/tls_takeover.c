/* SPDX-License-Identifier: ISC */
#include "tls_takeover.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "socket_tls.h"
#include "tls_keys.h"
#include "tls_record.h"
#include "tls_secrets.h"

/*
 * A connection lasts when this many records went over it: a ticket or two Finished, a
 * request, its answer, and more.
 */
enum { TAKEOVER_DUE = 5 };

/* So many short ones in a row, and the next one is taken for another. */
enum { TAKEOVER_VISITS = 1024 };

void tls_takeover_begin(struct tls_takeover *takeover, enum record_layer when,
                        struct tls_outlook *outlook)
{
	*takeover = (struct tls_takeover){ .when = when, .outlook = outlook };
}

bool tls_takeover_needs_secrets(const struct tls_takeover *takeover)
{
	return takeover->when == RECORD_LAYER_OWN ||
	       (takeover->when == RECORD_LAYER_AUTO &&
	        takeover->outlook->n_visits < TAKEOVER_VISITS);
}

/* It is not for us, or not any more. */
static void tls_takeover_forget(struct tls_takeover *takeover)
{
	tls_secrets_free(takeover->secrets);
	*takeover = (struct tls_takeover){
		.when = RECORD_LAYER_OPENSSL,
		.outlook = takeover->outlook,
	};
}

static void tls_takeover_note_stay(struct tls_takeover *takeover)
{
	if (takeover->outlook != NULL)
		takeover->outlook->n_visits = 0;
	takeover->outlook = NULL;
}

/* One that came to no good end tells nothing: it may have wanted to stay. */
static void tls_takeover_note_visit(struct tls_takeover *takeover, struct ending ending)
{
	if (takeover->outlook != NULL && ending_is_clean(ending.kind) &&
	    takeover->outlook->n_visits < TAKEOVER_VISITS)
		takeover->outlook->n_visits++;
	takeover->outlook = NULL;
}

void tls_takeover_end(struct socket_tls *tls)
{
	tls_takeover_note_visit(&tls->takeover, tls->base.ending);
	tls_takeover_forget(&tls->takeover);
}

/* The keys are known, and OpenSSL has used them as often as we think. */
static bool tls_takeover_has_keys(const struct socket_tls *tls)
{
	const struct tls_secrets *secrets = tls->takeover.secrets;

	if (SSL_version(tls->ssl) == TLS1_3_VERSION)
		return secrets != NULL && secrets->has_client && secrets->has_server;
	/* Both Finished, behind their ChangeCipherSpec, were one record each. */
	return SSL_version(tls->ssl) == TLS1_2_VERSION && tls->framing.n_records == 1 &&
	       tls->takeover.out.n_records == 1;
}

void tls_takeover_prepare(struct socket_tls *tls)
{
	struct tls_takeover *takeover = &tls->takeover;
	const int nid = SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(tls->ssl));
	enum tls_suite suite;

	takeover->is_possible = takeover->when != RECORD_LAYER_OPENSSL &&
	                        tls_takeover_has_keys(tls) && tls_suite_of_nid(nid, &suite) &&
	                        tls_ciphers_have(tls_io_ciphers(tls->io), suite) &&
	                        SSL_SESSION_get_max_fragment_length(SSL_get_session(tls->ssl)) == 0;
	if (!takeover->is_possible)
		tls_takeover_forget(takeover);
	else if (SSL_version(tls->ssl) == TLS1_3_VERSION)
		takeover->out.n_records = 0; /* the Finished had another key */
	else
		takeover->n_in = 1;
}

void tls_takeover_note_in(struct socket_tls *tls)
{
	struct tls_takeover *takeover = &tls->takeover;

	if (!takeover->is_possible)
		return;
	/* One that was not taken over so far has a reason for that, and keeps it. */
	if (tls->framing.n_records != 1 || takeover->n_in == UINT16_MAX)
		tls_takeover_forget(takeover);
	else
		takeover->n_in++;
}

void tls_takeover_note_out(struct socket_tls *tls)
{
	if (tls->takeover.is_possible && tls->framing.n_records != 0)
		tls_takeover_forget(&tls->takeover);
}

void tls_takeover_follow(struct tls_takeover *takeover, const void *bytes, size_t len)
{
	if (takeover->when != RECORD_LAYER_OPENSSL)
		tls_framing_follow(&takeover->out, bytes, len);
}

/* Nothing is under way, in OpenSSL or at the connection's end. */
static bool tls_takeover_is_quiet(const struct socket_tls *tls)
{
	return !tls->dead && tls->base.ending.kind == ENDING_NONE && !tls->base.finishing &&
	       !tls->base.broken && SSL_in_init(tls->ssl) == 0 && SSL_pending(tls->ssl) == 0 &&
	       tls->framing.n_records == 0 && !tls_framing_in_record(&tls->framing) &&
	       !tls_framing_in_record(&tls->takeover.out);
}

/* OpenSSL begins with a random number there, and counts on from it. */
static uint64_t tls_takeover_explicit(const struct tls_framing *out)
{
	uint64_t number = 0;

	for (size_t i = TLS_HEADER_LEN; i < sizeof(out->start); i++)
		number = number << 8 | out->start[i];
	return number;
}

static bool tls_takeover_derive_12(struct tls_keys *keys, enum tls_suite suite, const SSL *ssl)
{
	uint8_t master[TLS_MASTER_LEN];
	uint8_t client[TLS_RANDOM_LEN];
	uint8_t server[TLS_RANDOM_LEN];
	bool fine = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master)) ==
	                    sizeof(master) &&
	            SSL_get_client_random(ssl, client, sizeof(client)) == sizeof(client) &&
	            SSL_get_server_random(ssl, server, sizeof(server)) == sizeof(server) &&
	            tls_keys_derive_12(keys, suite, master, client, server);

	OPENSSL_cleanse(master, sizeof(master));
	return fine;
}

static bool tls_takeover_derive(struct tls_keys *keys, const struct socket_tls *tls)
{
	const struct tls_secrets *secrets = tls->takeover.secrets;
	enum tls_suite suite;

	(void)tls_suite_of_nid(SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(tls->ssl)), &suite);
	return SSL_version(tls->ssl) == TLS1_2_VERSION
	               ? tls_takeover_derive_12(keys, suite, tls->ssl)
	               : tls_keys_derive_13(keys, suite, secrets->client, secrets->server);
}

/* Where OpenSSL stopped. */
static void tls_takeover_count_on(struct tls_keys *keys, const struct tls_takeover *takeover)
{
	keys->in.n_records = takeover->n_in;
	keys->out.n_records = takeover->out.n_records;
	/* The last one's was that of the sequence number before. */
	keys->explicit_base = tls_takeover_explicit(&takeover->out) + 1 - keys->out.n_records;
}

/*
 * A ticket that is due is made now, by the one who can, and goes with our first
 * data as it would have. False: what there is of it goes at once, and OpenSSL remains.
 */
static bool tls_takeover_keep_ticket(struct socket_tls *tls)
{
	const unsigned char *bytes;
	size_t len;
	bool kept;

	if (!tls->ticket_due)
		return true;
	tls_io_begin(tls->io, tls, 0);
	socket_tls_make_ticket(tls);
	bytes = tls_io_gathered(tls->io, &len);
	kept = SSL_in_init(tls->ssl) == 0 && buffer_append(&tls->ticket, bytes, len);
	if (kept)
		tls_io_forget(tls->io);
	tls_io_end(tls->io, false);
	/* OpenSSL gave up, with an alert. */
	if (SSL_in_init(tls->ssl) != 0)
		(void)socket_tls_fail_send(tls);
	return kept;
}

static void tls_takeover_take(struct socket_tls *tls)
{
	struct tls_keys *keys = calloc(1, sizeof(*keys));

	/* The ticket last: nothing that OpenSSL seals after it may overtake it. */
	if (keys == NULL || !tls_takeover_derive(keys, tls) || !tls_takeover_keep_ticket(tls)) {
		ERR_clear_error();
		tls_takeover_forget(&tls->takeover);
		tls_keys_free(keys);
		return;
	}
	tls_takeover_count_on(keys, &tls->takeover);
	tls_takeover_note_stay(&tls->takeover);
	tls_takeover_forget(&tls->takeover);
	tls->facts.taken_over = true;
	socket_tls_drop_ssl(tls);
	socket_sealed_begin(tls, keys);
}

void tls_takeover_consider(struct socket_tls *tls, bool lasts)
{
	struct tls_takeover *takeover = &tls->takeover;

	if (lasts)
		tls_takeover_note_stay(takeover);
	if (takeover->is_possible &&
	    (lasts || takeover->when == RECORD_LAYER_OWN ||
	     takeover->n_in + takeover->out.n_records >= TAKEOVER_DUE) &&
	    tls_takeover_is_quiet(tls))
		tls_takeover_take(tls);
}
