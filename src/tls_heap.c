/* SPDX-License-Identifier: ISC */
#include "tls_heap.h"

#include <stdlib.h>

#include <openssl/crypto.h>

static _Thread_local bool tls_heap_short;

static void *tls_heap_note(void *block, size_t len)
{
	if (block == NULL && len > 0)
		tls_heap_short = true;
	return block;
}

static void *tls_heap_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return tls_heap_note(malloc(len), len);
}

static void *tls_heap_realloc(void *block, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return tls_heap_note(realloc(block, len), len);
}

static void tls_heap_free(void *block, const char *file, int line)
{
	(void)file;
	(void)line;
	free(block);
}

void tls_heap_watch(void)
{
	/* It fails only when something was allocated before. */
	(void)CRYPTO_set_mem_functions(tls_heap_malloc, tls_heap_realloc, tls_heap_free);
}

bool tls_heap_has_common(void)
{
	return OSSL_LIB_CTX_get0_global_default() != NULL;
}

void tls_heap_forget(void)
{
	tls_heap_short = false;
}

void tls_heap_recall(void)
{
	tls_heap_short = true;
}

bool tls_heap_was_short(void)
{
	return tls_heap_short;
}
