/* SPDX-License-Identifier: ISC */
/*
 * tls_heap - whether OpenSSL got the memory that it asked for
 *
 * Without memory OpenSSL fails in many ways, and says so in few: it may have
 * nothing in its error queue, an "internal error" as for a peer that forges
 * records, or no algorithm in common with a peer who has them all. So its
 * allocations go by here, and a failed call that found no memory is known to
 * be no fault of the peer's.
 */
#ifndef TLS_HEAP_H
#define TLS_HEAP_H

#include <stdbool.h>

/* Once, before OpenSSL is used; without it nothing below is ever true. */
void tls_heap_watch(void);

/*
 * False: out of memory for what all of OpenSSL has in common. Who is first to use
 * keys has to ask, for OpenSSL 3.0 goes on without that, and crashes.
 */
bool tls_heap_has_common(void);

/* In this thread: from here on. */
void tls_heap_forget(void);
/* In this thread: as if one had failed since. */
void tls_heap_recall(void);

/* True when an allocation has failed in this thread since. */
bool tls_heap_was_short(void);

#endif
