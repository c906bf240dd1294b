/* SPDX-License-Identifier: ISC */
#include "tls_loader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls_context.h"
#include "tls_error.h"
#include "tls_heap.h"

/* More than this many authorities are looked at as if each were new. */
enum { TLS_LOADER_KNOWN_MOST = 64 };
/* What security level 2 asks for. */
enum { TLS_LOADER_BITS = 112 };

/* A certificate of a chain, and what it was parsed from. */
struct tls_known {
	unsigned char *der;
	long der_len;
	X509 *certificate;
};

struct tls_loader {
	OSSL_DECODER_CTX *decoder;
	EVP_PKEY *decoded;      /* what it has made */
	SSL_CTX *judge;         /* refuses what the security level does not allow */
	X509_STORE *trusted;    /* made when it is first asked for */
	struct tls_known known[TLS_LOADER_KNOWN_MOST];
	size_t n_known;
};

/* What is being gathered from one or two files. */
struct tls_gathering {
	X509 *certificate;
	STACK_OF(X509) * chain;
	EVP_PKEY *key;
	bool encrypted;         /* the key is, and so of no use */
	char seen[64];          /* what the last file calls what is in it; "": it is not PEM */
};

struct tls_loader *tls_loader_new(void)
{
	struct tls_loader *loader = calloc(1, sizeof(*loader));

	if (loader == NULL)
		return NULL;
	if (!tls_heap_has_common()) {
		tls_loader_free(loader);
		return NULL;
	}
	loader->decoder = OSSL_DECODER_CTX_new_for_pkey(&loader->decoded, "DER", NULL, NULL,
	                                                EVP_PKEY_KEYPAIR, NULL, NULL);
	loader->judge = SSL_CTX_new(TLS_server_method());
	if (loader->decoder == NULL || loader->judge == NULL) {
		tls_loader_free(loader);
		return NULL;
	}
	SSL_CTX_set_security_level(loader->judge, 2);
	return loader;
}

void tls_loader_free(struct tls_loader *loader)
{
	if (loader == NULL)
		return;
	for (size_t i = 0; i < loader->n_known; i++) {
		OPENSSL_free(loader->known[i].der);
		X509_free(loader->known[i].certificate);
	}
	OSSL_DECODER_CTX_free(loader->decoder);
	SSL_CTX_free(loader->judge);
	X509_STORE_free(loader->trusted);
	free(loader);
}

static X509_STORE *tls_loader_trusted(struct tls_loader *loader)
{
	if (loader->trusted == NULL) {
		loader->trusted = X509_STORE_new();
		if (loader->trusted != NULL)
			(void)X509_STORE_set_default_paths(loader->trusted); /* or it is empty */
	}
	return loader->trusted;
}

X509 *tls_loader_find_issuer(struct tls_loader *loader, X509 *certificate)
{
	X509_STORE *trusted = tls_loader_trusted(loader);
	X509_STORE_CTX *search = X509_STORE_CTX_new();
	X509 *issuer = NULL;

	if (trusted != NULL && search != NULL &&
	    X509_STORE_CTX_init(search, trusted, certificate, NULL) == 1)
		(void)X509_STORE_CTX_get1_issuer(&issuer, search, certificate);
	X509_STORE_CTX_free(search);
	ERR_clear_error();
	return issuer;
}

/* ---- blocks of PEM ---- */

static X509 *tls_loader_parse(const unsigned char *der, long len)
{
	return d2i_X509(NULL, &der, len);
}

/* The same object for the same bytes; a new reference. */
static X509 *tls_loader_intern(struct tls_loader *loader, const unsigned char *der, long len)
{
	struct tls_known *known = loader->known;
	X509 *certificate;

	for (size_t i = 0; i < loader->n_known; i++) {
		if (known[i].der_len != len || memcmp(known[i].der, der, (size_t)len) != 0)
			continue;
		(void)X509_up_ref(known[i].certificate); /* fails on a wrong count only */
		return known[i].certificate;
	}
	certificate = tls_loader_parse(der, len);
	if (certificate == NULL)
		return NULL;
	(void)X509_check_purpose(certificate, -1, 0); /* see tls_credential_read() */
	known += loader->n_known;
	if (loader->n_known == TLS_LOADER_KNOWN_MOST)
		return certificate;
	known->der = OPENSSL_memdup(der, (size_t)len);
	if (known->der == NULL)
		return certificate;
	known->der_len = len;
	known->certificate = certificate;
	loader->n_known++;
	(void)X509_up_ref(certificate);
	return certificate;
}

static bool tls_loader_take_certificate(struct tls_loader *loader, struct tls_gathering *found,
                                        const unsigned char *der, long len)
{
	X509 *link;

	if (found->certificate == NULL) {
		found->certificate = tls_loader_parse(der, len);
		return found->certificate != NULL;
	}
	link = tls_loader_intern(loader, der, len);
	if (link == NULL)
		return false;
	if (found->chain == NULL)
		found->chain = sk_X509_new_null();
	if (found->chain != NULL && sk_X509_push(found->chain, link) > 0)
		return true;
	X509_free(link);
	return false;
}

static bool tls_loader_take_key(struct tls_loader *loader, struct tls_gathering *found,
                                const char *name, const char *header, const unsigned char *der,
                                long len)
{
	size_t left = (size_t)len;

	found->encrypted = strcmp(name, PEM_STRING_PKCS8) == 0 || strstr(header, "ENCRYPTED");
	if (found->encrypted)
		return false;
	loader->decoded = NULL;
	if (OSSL_DECODER_from_data(loader->decoder, &der, &left) != 1)
		return false;
	found->key = loader->decoded;
	return found->key != NULL;
}

static bool tls_loader_is_key(const char *name)
{
	const size_t len = strlen(name);

	return len >= 11 && strcmp(name + len - 11, "PRIVATE KEY") == 0;
}

static bool tls_loader_is_certificate(const char *name)
{
	return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0;
}

/* Of blocks of several kinds the one that tells most. It may go to a terminal. */
static void tls_loader_see(struct tls_gathering *found, const char *name)
{
	if (*found->seen != '\0' && !tls_loader_is_key(name) && !tls_loader_is_certificate(name))
		return;
	(void)snprintf(found->seen, sizeof(found->seen), "%s", name);
	for (char *c = found->seen; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

/* The next block, when there is one of a kind that is wanted; the first key counts. */
static bool tls_loader_take_block(struct tls_loader *loader, struct tls_gathering *found,
                                  bool certificates, bool key, BIO *bio, bool *end)
{
	char *name = NULL;
	char *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	bool taken = true;

	*end = PEM_read_bio(bio, &name, &header, &der, &len) != 1;
	if (*end) {
		bool none = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;

		if (none)
			ERR_clear_error();
		return none;
	}
	tls_loader_see(found, name);
	if (certificates && tls_loader_is_certificate(name))
		taken = tls_loader_take_certificate(loader, found, der, len);
	else if (key && found->key == NULL && tls_loader_is_key(name))
		taken = tls_loader_take_key(loader, found, name, header, der, len);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_clear_free(der, (size_t)len);
	return taken;
}

static bool tls_loader_gather(struct tls_loader *loader, struct tls_gathering *found,
                              const char *path, bool certificates, bool key, char *reason)
{
	size_t len;
	unsigned char *text = tls_file_read(path, &len);
	BIO *bio = text != NULL ? BIO_new_mem_buf(text, (int)len) : NULL;
	bool end = bio == NULL;
	bool fine = !end;

	*found->seen = '\0';
	if (text == NULL)
		(void)snprintf(reason, TLS_REASON_ROOM, "%s: %s", path, strerror(errno));
	while (!end && fine)
		fine = tls_loader_take_block(loader, found, certificates, key, bio, &end);
	if (!fine && found->encrypted)
		(void)snprintf(reason, TLS_REASON_ROOM,
		               "%s: the key is encrypted, and adieu takes no passphrase", path);
	else if (!fine && text != NULL)
		(void)tls_error_sentence(path, reason, TLS_REASON_ROOM);
	ERR_clear_error();
	BIO_free(bio);
	OPENSSL_clear_free(text, len);
	return fine;
}

/* True when the file, in which a certificate was expected, has the key, and the other way round. */
static bool tls_loader_is_swapped(struct tls_loader *loader, const struct tls_gathering *found,
                                  const char *key)
{
	struct tls_gathering other = { .certificate = NULL };
	char reason[TLS_REASON_ROOM];

	return key != NULL && tls_loader_is_key(found->seen) &&
	       tls_loader_gather(loader, &other, key, false, false, reason) &&
	       tls_loader_is_certificate(other.seen);
}

static void tls_loader_miss(const struct tls_gathering *found, const char *what, const char *path,
                            const char *advice, char *reason)
{
	if (*found->seen == '\0')
		(void)snprintf(reason, TLS_REASON_ROOM, "%s: holds no %s, nor anything else in PEM",
		               path, what);
	else
		(void)snprintf(reason, TLS_REASON_ROOM, "%s: holds no %s, but \"%s\"%s", path, what,
		               found->seen, advice);
}

static bool tls_loader_gather_all(struct tls_loader *loader, struct tls_gathering *found,
                                  const char *cert, const char *key, char *reason)
{
	const char *key_path = key != NULL ? key : cert;

	if (!tls_loader_gather(loader, found, cert, true, key == NULL, reason))
		return false;
	if (found->certificate == NULL) {
		tls_loader_miss(found, "certificate", cert,
		                tls_loader_is_swapped(loader, found, key)
		                        ? ": cert and key are the wrong way round"
		                        : "",
		                reason);
		return false;
	}
	if (key != NULL && !tls_loader_gather(loader, found, key, false, true, reason))
		return false;
	if (found->key == NULL)
		tls_loader_miss(found, "private key", key_path,
		                key == NULL ? ", and there is no key beside it" : "", reason);
	else if (tls_file_is_public(key_path))
		(void)snprintf(reason, TLS_REASON_ROOM,
		               "%s: everybody may read this private key; chmod o-r", key_path);
	else
		return true;
	return false;
}

/* Whoever gave us the certificate has chosen the name, and it may go to a terminal. */
static void tls_loader_name(X509 *certificate, char *room, int size)
{
	const int len = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate),
	                                          NID_commonName, room, size);

	for (int i = 0; i < len; i++)
		if (room[i] < ' ' || room[i] > '~')
			room[i] = '?';
}

static void tls_loader_blame(X509 *weak, const char *what, const char *kind, int bits,
                             const char *about, char *reason)
{
	char name[128] = "";

	tls_loader_name(weak, name, sizeof(name));
	(void)snprintf(reason, TLS_REASON_ROOM,
	               "%s: the %s of \"%s\" is too weak: %s, %d bits of security, 112 are needed",
	               about, what, name, kind, bits);
}

/* True when it is too weak for security level 2, and reason says how. */
static bool tls_loader_is_weak(X509 *certificate, const char *about, char *reason)
{
	const EVP_PKEY *key = X509_get0_pubkey(certificate);
	int bits = key != NULL ? EVP_PKEY_get_security_bits(key) : TLS_LOADER_BITS;
	char kind[64];

	if (bits < TLS_LOADER_BITS) {
		(void)snprintf(kind, sizeof(kind), "%s, %d bits", EVP_PKEY_get0_type_name(key),
		               EVP_PKEY_get_bits(key));
		tls_loader_blame(certificate, "key", kind, bits, about, reason);
		return true;
	}
	/* Nobody checks how an authority has signed itself. */
	if ((X509_get_extension_flags(certificate) & EXFLAG_SS) != 0 ||
	    X509_get_signature_info(certificate, NULL, NULL, &bits, NULL) != 1 ||
	    bits >= TLS_LOADER_BITS)
		return false;
	tls_loader_blame(certificate, "signature", OBJ_nid2ln(X509_get_signature_nid(certificate)),
	                 bits, about, reason);
	return true;
}

static bool tls_loader_has_weakness(const struct tls_credential *credential, const char *about,
                                    char *reason)
{
	if (tls_loader_is_weak(credential->certificate, about, reason))
		return true;
	for (int i = 0; i < sk_X509_num(credential->chain); i++)
		if (tls_loader_is_weak(sk_X509_value(credential->chain, i), about, reason))
			return true;
	return false;
}

/*
 * What OpenSSL would refuse in a handshake is refused here, and so is what clients
 * would: OpenSSL 3.5 serves a certificate that is signed with SHA-1, though as a
 * client it takes none.
 */
static bool tls_loader_judge(struct tls_loader *loader, const struct tls_credential *credential,
                             const char *about, char *reason)
{
	bool taken = SSL_CTX_use_cert_and_key(loader->judge, credential->certificate,
	                                      credential->key, credential->chain, 1) == 1;

	if (!taken)
		(void)tls_error_sentence(about, reason, TLS_REASON_ROOM);
	/* A key that could not be looked into seems to have no bits. */
	if (!taken && tls_heap_was_short())
		return false;
	return !tls_loader_has_weakness(credential, about, reason) && taken;
}

struct tls_credential *tls_loader_load(struct tls_loader *loader, const char *cert, const char *key,
                                       char *reason)
{
	struct tls_gathering found = { .certificate = NULL };
	struct tls_credential *credential;

	if (!tls_loader_gather_all(loader, &found, cert, key, reason)) {
		X509_free(found.certificate);
		sk_X509_pop_free(found.chain, X509_free);
		EVP_PKEY_free(found.key);
		return NULL;
	}
	credential = tls_credential_new(found.certificate, found.chain, found.key,
	                                key != NULL ? key : cert, reason);
	if (credential != NULL && !tls_loader_judge(loader, credential, cert, reason)) {
		tls_credential_release(credential);
		credential = NULL;
	}
	return credential;
}
