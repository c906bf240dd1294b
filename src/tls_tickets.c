/* SPDX-License-Identifier: ISC */
#include "tls_tickets.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "tls_context.h"
#include "tls_file.h"

/* As it is in a file. */
struct tls_ticket_key {
	unsigned char name[16];
	unsigned char hmac[32];
	unsigned char aes[32];
};

enum {
	TLS_TICKET_FILE = 80,
	/* The one that seals, and those whose sessions still live. */
	TLS_TICKETS_KEPT = 1 + TLS_SESSION_LIFETIME / TLS_TICKETS_PERIOD,
};
_Static_assert(sizeof(struct tls_ticket_key) == TLS_TICKET_FILE, "there is nothing between");
_Static_assert((int)TLS_TICKETS_ROOM == TLS_TICKETS_KEPT * TLS_TICKET_FILE, "there is for all");

struct tls_tickets {
	pthread_mutex_t lock;           /* of all that follows, but cipher */
	EVP_CIPHER *cipher;             /* looked up once, which takes longer than to use it */
	size_t n;
	size_t n_places;
	struct tls_ticket_key keys[];   /* the first one seals */
};

static struct tls_tickets *tls_tickets_alloc(size_t n_places)
{
	struct tls_tickets *tickets =
		calloc(1, sizeof(*tickets) + n_places * sizeof(tickets->keys[0]));

	if (tickets == NULL)
		return NULL;
	tickets->n_places = n_places;
	tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	if (tickets->cipher != NULL && pthread_mutex_init(&tickets->lock, NULL) == 0)
		return tickets;
	EVP_CIPHER_free(tickets->cipher);
	free(tickets);
	return NULL;
}

struct tls_tickets *tls_tickets_new(void)
{
	struct tls_tickets *tickets = tls_tickets_alloc(TLS_TICKETS_KEPT);

	if (tickets == NULL || tls_tickets_rotate(tickets))
		return tickets;
	tls_tickets_free(tickets);
	return NULL;
}

static bool tls_tickets_read(struct tls_tickets *tickets, const char *path, char *reason)
{
	size_t len = 0;
	unsigned char *bytes = tls_file_read(path, &len);
	bool fine = bytes != NULL && len == TLS_TICKET_FILE && !tls_file_is_public(path);

	if (bytes == NULL)
		(void)snprintf(reason, TLS_REASON_ROOM, "%s: %s", path, strerror(errno));
	else if (len != TLS_TICKET_FILE)
		(void)snprintf(reason, TLS_REASON_ROOM,
		               "%s: has %zu bytes, and a ticket key has 80, not in base64; openssl "
		               "rand 80",
		               path, len);
	else if (!fine)
		(void)snprintf(reason, TLS_REASON_ROOM,
		               "%s: everybody may read this ticket key; chmod o-r", path);
	else
		memcpy(&tickets->keys[tickets->n++], bytes, TLS_TICKET_FILE);
	OPENSSL_clear_free(bytes, len);
	return fine;
}

struct tls_tickets *tls_tickets_load(const struct text_list *files, char *reason)
{
	struct tls_tickets *tickets = tls_tickets_alloc(files->n);

	if (tickets == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < files->n; i++) {
		if (!tls_tickets_read(tickets, files->texts[i], reason)) {
			tls_tickets_free(tickets);
			return NULL;
		}
	}
	return tickets;
}

void tls_tickets_free(struct tls_tickets *tickets)
{
	if (tickets == NULL)
		return;
	EVP_CIPHER_free(tickets->cipher);
	(void)pthread_mutex_destroy(&tickets->lock); /* nobody holds it */
	OPENSSL_cleanse(tickets->keys, tickets->n_places * sizeof(tickets->keys[0]));
	free(tickets);
}

bool tls_tickets_rotate(struct tls_tickets *tickets)
{
	struct tls_ticket_key made;

	if (RAND_priv_bytes((unsigned char *)&made, sizeof(made)) != 1)
		return false;
	(void)pthread_mutex_lock(&tickets->lock); /* it is no lock that checks */
	if (tickets->n < tickets->n_places)
		tickets->n++;
	memmove(&tickets->keys[1], &tickets->keys[0], (tickets->n - 1) * sizeof(made));
	tickets->keys[0] = made;
	(void)pthread_mutex_unlock(&tickets->lock);
	OPENSSL_cleanse(&made, sizeof(made));
	return true;
}

size_t tls_tickets_save(struct tls_tickets *tickets, unsigned char room[static TLS_TICKETS_ROOM])
{
	size_t len;

	assert(tickets->n_places == TLS_TICKETS_KEPT); /* not from files */
	(void)pthread_mutex_lock(&tickets->lock);
	len = tickets->n * sizeof(tickets->keys[0]);
	memcpy(room, tickets->keys, len);
	(void)pthread_mutex_unlock(&tickets->lock);
	return len;
}

bool tls_tickets_restore(struct tls_tickets *tickets, const unsigned char *bytes, size_t len)
{
	const size_t n = len / sizeof(tickets->keys[0]);

	if (n == 0 || n > tickets->n_places || len % sizeof(tickets->keys[0]) != 0)
		return false;
	(void)pthread_mutex_lock(&tickets->lock);
	OPENSSL_cleanse(tickets->keys, tickets->n_places * sizeof(tickets->keys[0]));
	memcpy(tickets->keys, bytes, len);
	tickets->n = n;
	(void)pthread_mutex_unlock(&tickets->lock);
	return true;
}

/* ---- what OpenSSL asks ---- */

/* Where a context has them. Set by the main thread, with the first one. */
static int tls_tickets_index = -1;

/* A copy of the one with that name, or of the one that seals (NULL). Returns which, -1: none. */
static int tls_tickets_find(struct tls_tickets *tickets, const unsigned char *name,
                            struct tls_ticket_key *copy)
{
	int found = -1;

	(void)pthread_mutex_lock(&tickets->lock);
	for (size_t i = 0; i < tickets->n && found < 0; i++)
		if (name == NULL || memcmp(tickets->keys[i].name, name, sizeof(copy->name)) == 0)
			found = (int)i;
	if (found >= 0)
		*copy = tickets->keys[found];
	(void)pthread_mutex_unlock(&tickets->lock);
	return found;
}

static bool tls_tickets_set_hmac(EVP_MAC_CTX *hmac, struct tls_ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM settings[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof(key->hmac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(hmac, settings) == 1;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) has it; 0: no such key, 2: make another ticket. */
static int tls_tickets_on_key(SSL *ssl, unsigned char *name, unsigned char *iv,
                              EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *hmac, int seals)
{
	struct tls_tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_tickets_index);
	struct tls_ticket_key key;
	int which = tls_tickets_find(tickets, seals ? NULL : name, &key);
	bool fine;

	if (which < 0)
		return 0;
	if (seals)
		memcpy(name, key.name, sizeof(key.name));
	fine = tls_tickets_set_hmac(hmac, &key) &&
	       (!seals || RAND_bytes(iv, EVP_CIPHER_get_iv_length(tickets->cipher)) == 1) &&
	       EVP_CipherInit_ex(cipher, tickets->cipher, NULL, key.aes, iv, seals) == 1;
	OPENSSL_cleanse(&key, sizeof(key));
	if (!fine)
		return -1;
	return !seals && which > 0 ? 2 : 1;
}

bool tls_tickets_apply(struct tls_tickets *tickets, SSL_CTX *ctx)
{
	if (tls_tickets_index < 0)
		tls_tickets_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	(void)SSL_CTX_set_timeout(ctx, TLS_SESSION_LIFETIME);
	return tls_tickets_index >= 0 &&
	       SSL_CTX_set_ex_data(ctx, tls_tickets_index, tickets) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_tickets_on_key) == 1;
}
