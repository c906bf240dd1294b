/* SPDX-License-Identifier: ISC */
/*
 * certificates - a small authority of the tests' own, made when they start
 *
 * In folder: ca.pem; adieu.pem (certificate and key, P-256, for adieu.test,
 * localhost and 127.0.0.1), adieu-rsa.pem (the same, RSA-2048), backend.pem
 * (P-256, for backend.test), expired.pem (backend.test, yesterday) and
 * stranger.pem (backend.test, from an authority that nobody knows).
 */
#ifndef CERTIFICATES_H
#define CERTIFICATES_H

#include <stdbool.h>

#include <openssl/x509.h>

void certificates_write(const char *folder);

/* Whose they are: that authority, or the one that nobody knows. Borrowed. */
struct issuer {
	X509 *cert;
	EVP_PKEY *key;
};
const struct issuer *certificates_issuer_of(bool stranger);
/* The first certificate in a file; the caller's. */
X509 *certificates_load(const char *folder, const char *file);

/* What else a test may want of that authority. */
struct certificate {
	const char *file;
	const char *cn;         /* NULL: the file's name */
	const char *names;      /* "DNS:a.test,URI:spiffe://a"; NULL: none */
	const char *usage;      /* "clientAuth"; NULL: any */
	const char *key_usage;  /* "keyEncipherment"; NULL: any */
	const char *places;     /* "caIssuers;URI:http://..."; NULL: none */
	const char *features;   /* "status_request"; NULL: none */
	const char *issuer;     /* another file of these, an authority's; NULL: ours */
	int rsa_bits;           /* 0: P-256 */
	long since;             /* seconds from now; 0: two days ago */
	long until;             /* seconds from now; 0: a day */
	bool stranger;          /* from the authority that nobody knows */
	bool authority;         /* may issue others */
	bool itself;            /* is its own issuer */
	bool sha1;              /* signed with that */
	bool chain;             /* the authority's certificate follows */
	bool forged;            /* its issuer has not signed it */
	bool odd;               /* has a critical extension that nobody knows */
	bool lowest;            /* an authority that may issue no other authority */
	const char *limits;     /* names that it may issue: "permitted;DNS:a.test"; NULL: all */
};

/* After certificates_write(). */
void certificates_issue(const char *folder, const struct certificate *wanted);

/* A list of what an authority has revoked. */
struct revocations {
	const char *file;
	const char *issuer;     /* the file of that authority; NULL: ours */
	const char *revoked;    /* the certificate in a file; NULL: nothing */
	long since;             /* seconds from now; 0: two days ago */
	long until;             /* seconds from now */
	bool forged;            /* signed by somebody else */
};

void certificates_revoke(const char *folder, const struct revocations *wanted);
/* Of ours. */
void certificates_write_crl(const char *folder, const char *file, const char *revoked, long until);
/* Another one's, of the file issuer; NULL: ours. */
void certificates_write_crl_of(const char *folder, const char *issuer, const char *file,
                               const char *revoked, long until);

#endif
