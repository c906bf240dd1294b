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

void certificates_write(const char *folder);

#endif
