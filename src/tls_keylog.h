/* SPDX-License-Identifier: ISC */
/*
 * tls_keylog - secrets of connections, for whoever debugs with a capture
 *
 * In the format of NSS (SSLKEYLOGFILE), which Wireshark reads. Whoever can read
 * that file can read the connections, so it is off, asked for by name, and warned of.
 *
 * For the main thread: prepare, make contexts, then commit or cancel. Contexts
 * that are there already follow.
 */
#ifndef TLS_KEYLOG_H
#define TLS_KEYLOG_H

#include <stdbool.h>
#include <sys/types.h>

#include <openssl/ssl.h>

/*
 * Opens, or makes, the file at path for contexts that are made from now on; NULL: none.
 * It must be for nobody but owner, who opens it again at a reload; one that is made
 * becomes his. False: reason (TLS_REASON_ROOM) says why not.
 */
bool tls_keylog_prepare(const char *path, uid_t owner, char *reason);
void tls_keylog_apply(SSL_CTX *ctx);

/* From here on secrets go to what was prepared, or to nobody. */
void tls_keylog_commit(void);
/* It was for nothing; what was before stays. */
void tls_keylog_cancel(void);

#endif
