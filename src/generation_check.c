/* SPDX-License-Identifier: ISC */
/* What --check looks at when the file itself is fine: all that it names is loaded. */
#include <stdio.h>

#include "config_draft.h"
#include "generation.h"
#include "generation_blame.h"
#include "log.h"
#include "privileges.h"
#include "tls_context.h"
#include "tls_store.h"
#include "tls_supply.h"

/* What a finding is about, and who is told. */
struct generation_checker {
	const struct config *config;
	const struct listener_config *listener;
	FILE *errors;
};

static void generation_print_finding(void *arg, const struct tls_finding *finding)
{
	const struct generation_checker *checker = arg;

	(void)fprintf(checker->errors, "%s: [listener:%s]: warning: %s: %s: %s\n",
	              checker->config->draft->path, checker->listener->name, finding->file,
	              finding->problem, finding->detail);
}

static void generation_check_listener(struct generation_checker *checker, struct tls_store *store)
{
	const struct listener_config *listener = checker->listener;
	char reason[TLS_REASON_ROOM];
	struct tls_supply supply;
	struct tls_context *tls = NULL;
	bool loaded;

	if (listener->mode != LISTENER_TLS)
		return;
	loaded = tls_supply_load(&supply, listener, store, generation_print_finding, checker,
	                         reason);
	if (loaded)
		tls = tls_context_server(listener, &supply, NULL, reason);
	if (tls == NULL)
		generation_blame_listener(checker->config, listener, store, reason);
	tls_context_free(tls);
	if (loaded)
		tls_supply_clear(&supply);
}

static void generation_check_listeners(const struct config *config, FILE *errors)
{
	struct tls_store *store = tls_store_new(NULL);

	if (store == NULL)
		config->draft->out_of_memory = true;
	for (size_t i = 0; store != NULL && i < config->n_listeners; i++) {
		struct generation_checker checker = { config, config->listeners[i], errors };

		generation_check_listener(&checker, store);
	}
	tls_store_free(store);
}

bool generation_check(const struct config *config, FILE *errors)
{
	char reason[TLS_REASON_ROOM];
	const char *why = log_check(&config->log);

	draft_report_warnings(config->draft, errors);
	if (why != NULL)
		generation_blame_key(config, "log", why);
	if (!privileges_check(config->user, reason))
		generation_blame_key(config, "user", reason);
	generation_check_listeners(config, errors);
	(void)generation_blame_backends(config); /* among the rest */
	return !draft_report(config->draft, errors);
}
