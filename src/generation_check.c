/* SPDX-License-Identifier: ISC */
/* What --check looks at when the file itself is fine: all that it names is loaded. */
#include <stdio.h>

#include "backend.h"
#include "config_draft.h"
#include "generation.h"
#include "log.h"
#include "privileges.h"
#include "tls_context.h"
#include "tls_store.h"
#include "tls_supply.h"

/* What a finding is about, and who is told. */
struct generation_checker {
	const char *path;
	const struct listener_config *listener;
	FILE *errors;
};

static void generation_print_finding(void *arg, const struct tls_finding *finding)
{
	const struct generation_checker *checker = arg;

	(void)fprintf(checker->errors, "%s: [listener:%s]: warning: %s: %s: %s\n", checker->path,
	              checker->listener->name, finding->file, finding->problem, finding->detail);
}

static bool generation_check_listener(struct generation_checker *checker, struct tls_store *store)
{
	const struct listener_config *listener = checker->listener;
	char reason[TLS_REASON_ROOM];
	struct tls_supply supply;
	struct tls_context *tls = NULL;
	bool loaded;

	if (listener->mode != LISTENER_TLS)
		return true;
	loaded = tls_supply_load(&supply, listener, store, generation_print_finding, checker,
	                         reason);
	if (loaded)
		tls = tls_context_server(listener, &supply, NULL, reason);
	if (tls == NULL)
		(void)fprintf(checker->errors, "%s: [listener:%s]: %s\n", checker->path,
		              listener->name, reason);
	tls_context_free(tls);
	if (loaded)
		tls_supply_clear(&supply);
	return tls != NULL;
}

static bool generation_check_listeners(const struct config *config, const char *path, FILE *errors)
{
	struct tls_store *store = tls_store_new(NULL);
	bool fine = store != NULL;

	if (!fine)
		(void)fprintf(errors, "%s: out of memory\n", path);
	for (size_t i = 0; store != NULL && i < config->n_listeners; i++) {
		struct generation_checker checker = { path, config->listeners[i], errors };

		fine = generation_check_listener(&checker, store) && fine;
	}
	tls_store_free(store);
	return fine;
}

static bool generation_check_backend(const struct backend_config *config, const char *path,
                                     FILE *errors)
{
	char reason[TLS_REASON_ROOM];
	struct backend *backend = backend_new(config, reason);

	if (backend == NULL)
		(void)fprintf(errors, "%s: [backend:%s]: %s\n", path, config->name, reason);
	backend_free(backend);
	return backend != NULL;
}

static bool generation_check_log(const struct config *config, const char *path, FILE *errors)
{
	const char *reason = log_check(&config->log);

	if (reason != NULL)
		(void)fprintf(errors, "%s: [global] log: %s\n", path, reason);
	return reason == NULL;
}

static bool generation_check_user(const struct config *config, const char *path, FILE *errors)
{
	char reason[TLS_REASON_ROOM];
	const bool found = privileges_check(config->user, reason);

	if (!found)
		(void)fprintf(errors, "%s: %s\n", path, reason);
	return found;
}

bool generation_check(const struct config *config, const char *path, FILE *errors)
{
	bool fine = generation_check_log(config, path, errors);

	draft_report_warnings(config->draft, errors);
	fine = generation_check_user(config, path, errors) && fine;
	fine = generation_check_listeners(config, path, errors) && fine;
	for (size_t i = 0; i < config->n_backends; i++)
		fine = generation_check_backend(config->backends[i], path, errors) && fine;
	return fine;
}
