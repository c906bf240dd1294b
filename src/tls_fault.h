/* SPDX-License-Identifier: ISC */
/*
 * tls_fault - why a handshake failed, by what OpenSSL says
 *
 * To the list of causes.h are mapped: what OpenSSL complains about (SSL_R_*),
 * the alert that it sent with it, and its verdict on a certificate
 * (X509_V_ERR_*). There are hundreds of each, and a person tells a few dozen
 * cases apart; what is none of these keeps the library's own words.
 */
#ifndef TLS_FAULT_H
#define TLS_FAULT_H

#include "causes.h"
#include "tls_error.h"

struct socket_tls;

/* For a call that failed over error: tls->facts learn cause, reason and the alert sent. */
void tls_fault_learn(struct socket_tls *tls, const struct tls_error *error);

/* The fault of a certificate that OpenSSL's verification found, which is not X509_V_OK. */
enum cause tls_fault_of_certificate(long verdict);

#endif
