/* SPDX-License-Identifier: ISC */
/*
 * staples - OCSP responses about certificates of the tests' own authority, and
 * such as nobody should believe
 */
#ifndef STAPLES_H
#define STAPLES_H

#include <stdbool.h>
#include <stddef.h>

enum { STAPLE_ROOM = 8192 };

struct staple {
	const char *file;       /* where it goes; NULL: nowhere */
	const char *about;      /* the file with the certificate */
	int status;             /* V_OCSP_CERTSTATUS_... */
	long from;              /* seconds from now */
	long until;             /* the same; 0: it does not say */
	bool sha256;            /* in which hash it says whom it is about; else SHA-1 */
	bool stranger;          /* by the authority that nobody knows */
	const char *responder;  /* a file with its certificate and key; NULL: the authority */
	int failure;            /* no answer: OCSP_RESPONSE_STATUS_...; 0: there is one */
	bool spoilt;            /* one bit of the signature is wrong */
	bool trailed;           /* something follows it */
	bool long_winded;       /* it takes more than 64 kB */
};

/* After certificates_write(). Its bytes go to room (STAPLE_ROOM; NULL: nowhere); how many. */
size_t staples_write(const char *folder, const struct staple *wanted, unsigned char *room);

#endif
