/* SPDX-License-Identifier: ISC */
/*
 * generation_blame - which lines of a configuration something could not be loaded for
 *
 * Loading stops at the first file that is of no use. Then all files of that
 * section are tried, each by itself, and what is wrong with them becomes errors of
 * the configuration's draft, as if they had been found when the file was read.
 */
#ifndef GENERATION_BLAME_H
#define GENERATION_BLAME_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

struct tls_store;

/* It could not be loaded, for reason, with certificates through store. */
void generation_blame_listener(const struct config *config, const struct listener_config *listener,
                               struct tls_store *store, const char *reason);

/* Those that cannot be loaded. True: there is one. */
bool generation_blame_backends(const struct config *config);

/* [global] has a key that is set to something that cannot be had, for reason. */
void generation_blame_key(const struct config *config, const char *key, const char *reason);
/* Likewise, and everything that is wrong is written to errors. */
void generation_tell_key(const struct config *config, const char *key, const char *reason,
                         FILE *errors);

#endif
