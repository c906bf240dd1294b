/* SPDX-License-Identifier: ISC */
#include "config_options.h"

#include <stdlib.h>
#include <string.h>

#include "client_rule.h"
#include "parse.h"
#include "sni.h"

/* ---- one setter for each kind of value ---- */

static const char *option_set_duration(void *member, const char *value)
{
	return parse_duration(value, member);
}

static const char *option_set_count(void *member, const char *value)
{
	return parse_count(value, member);
}

static const char *option_set_bool(void *member, const char *value)
{
	return parse_bool(value, member);
}

static const char *option_set_text(void *member, const char *value)
{
	char **text = member;

	if (*value == '\0')
		return "is empty";
	free(*text);
	*text = strdup(value);
	return *text != NULL ? NULL : "cannot be kept: out of memory";
}

static const char *option_set_texts(void *member, const char *value)
{
	struct text_list *list = member;
	char **grown;

	if (*value == '\0')
		return "is empty";
	grown = realloc(list->texts, (list->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return "cannot be kept: out of memory";
	list->texts = grown;
	grown[list->n] = strdup(value);
	if (grown[list->n] == NULL)
		return "cannot be kept: out of memory";
	list->n++;
	return NULL;
}

static const char *option_set_client_allow(void *member, const char *value)
{
	const char *reason = client_rule_check(value);

	return reason != NULL ? reason : option_set_texts(member, value);
}

static const char *option_set_depth(void *member, const char *value)
{
	enum { MOST = 100 };    /* as OpenSSL has it when nobody says */
	uint32_t depth = 0;
	const char *reason = NULL;

	/* Of counts, this one alone may be 0. */
	if (strcmp(value, "0") != 0)
		reason = parse_count(value, &depth);
	if (reason != NULL)
		return reason;
	if (depth > MOST)
		return "is more than 100";
	memcpy(member, &depth, sizeof(depth));
	return NULL;
}

static const char *option_set_alpn(void *member, const char *value)
{
	const struct text_list *list = member;

	if (strlen(value) > 255)
		return "is longer than 255 bytes";
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->texts[i], value) == 0)
			return "is there already";
	return option_set_texts(member, value);
}

static const char *option_set_name(void *member, const char *value)
{
	const struct text_list *list = member;
	char lower[SNI_ROOM];
	const char *reason;

	sni_lower(value, strlen(value), lower);
	reason = sni_check(lower);
	for (size_t i = 0; reason == NULL && i < list->n; i++)
		if (strcmp(list->texts[i], lower) == 0)
			reason = "is there already";
	return reason != NULL ? reason : option_set_texts(member, lower);
}

static const char *option_set_workers(void *member, const char *value)
{
	enum { MOST = 1024 };
	uint32_t workers = 0;
	const char *reason = NULL;

	if (strcmp(value, "auto") != 0)
		reason = parse_count(value, &workers);
	if (reason != NULL)
		return reason;
	if (workers > MOST)
		return "is more than 1024";
	memcpy(member, &workers, sizeof(workers));
	return NULL;
}

static const char *option_set_limit(void *member, const char *value)
{
	const uint32_t none = 0;

	if (strcmp(value, "off") != 0)
		return parse_count(value, member);
	memcpy(member, &none, sizeof(none));
	return NULL;
}

/* For what the kernel counts in seconds. */
static const char *option_set_seconds(void *member, const char *value)
{
	const uint64_t most = 32767 * (uint64_t)1000; /* MAX_TCP_KEEPIDLE */
	uint64_t duration = 0;
	const char *reason = parse_duration(value, &duration);

	if (reason != NULL)
		return reason;
	if (duration % 1000 != 0)
		return "is not a number of whole seconds";
	if (duration > most)
		return "is more than 9h";
	memcpy(member, &duration, sizeof(duration));
	return NULL;
}

static const char *option_set_buffer_size(void *member, const char *value)
{
	const uint64_t least = 16 << 10;
	const uint64_t most = 16 << 20;
	uint64_t size = 0;
	const char *reason = parse_size(value, &size);

	if (reason != NULL)
		return reason;
	if (size < least || size > most)
		return "is not between 16k and 16m";
	memcpy(member, &size, sizeof(size));
	return NULL;
}

/* Enums are set through an int, so the words come in their order. */
static const char *option_set_word(void *member, const char *value, const char *const *words,
                                   const char *reason)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], value) == 0) {
			memcpy(member, &i, sizeof(i));
			return NULL;
		}
	}
	return reason;
}

#define OPTION_WORDS(name, type, reason, ...)                                         \
	_Static_assert(sizeof(type) == sizeof(int), "an enum is set through an int"); \
	static const char *option_set_##name(void *member, const char *value)         \
	{                                                                             \
		static const char *const words[] = { __VA_ARGS__, NULL };             \
                                                                                      \
		return option_set_word(member, value, words, reason);                 \
	}

OPTION_WORDS(mode, enum listener_mode, "is neither tls nor tcp", "tls", "tcp")
OPTION_WORDS(close, enum close_mode, "is neither wait nor fast", "wait", "fast")
OPTION_WORDS(on_truncation, enum on_truncation, "is neither reset nor fin", "reset", "fin")
OPTION_WORDS(tls_version, enum tls_version, "is neither 1.2 nor 1.3", "1.2", "1.3")
OPTION_WORDS(tls_policy, enum tls_policy, "is none of intermediate, modern, custom", "intermediate",
             "modern", "custom")
OPTION_WORDS(unknown_sni, enum unknown_sni, "is neither default nor reject", "default", "reject")
OPTION_WORDS(record_layer, enum record_layer, "is none of auto, own, openssl", "openssl", "own",
             "auto")
OPTION_WORDS(client_auth, enum client_auth, "is none of no, optional, require", "no", "optional",
             "require")
OPTION_WORDS(alpn_mismatch, enum alpn_mismatch, "is neither ignore nor reject", "ignore", "reject")
OPTION_WORDS(backend_alpn, enum backend_alpn, "is neither pass nor off", "pass", "off")
OPTION_WORDS(balance, enum balance, "is neither round-robin nor first", "round-robin", "first")
OPTION_WORDS(log_format, enum log_format, "is neither logfmt nor json", "logfmt", "json")
OPTION_WORDS(log_level, enum log_level, "is none of debug, info, warning, error", "debug", "info",
             "warning", "error")
OPTION_WORDS(log_target, enum log_target, "is none of stderr, journal, syslog, file:PATH", "stderr",
             "file:", "syslog", "journal")

static const char *option_set_log(void *member, const char *value)
{
	struct log_settings *log = member;

	if (strncmp(value, "file:", 5) != 0)
		return option_set_log_target(&log->target, value);
	if (value[5] != '/')
		return "needs an absolute path after \"file:\"";
	log->target = LOG_TO_FILE;
	return option_set_text(&log->path, value + 5);
}

static const char *option_set_bind(void *member, const char *value)
{
	struct address_list *list = member;
	struct address *found;
	struct address *grown;
	size_t n;
	const char *reason = address_parse(value, ADDRESS_TO_BIND, &found, &n);

	if (reason != NULL)
		return reason;
	grown = realloc(list->addresses, (list->n + n) * sizeof(*grown));
	if (grown != NULL) {
		memcpy(grown + list->n, found, n * sizeof(*grown));
		list->addresses = grown;
		list->n += n;
	}
	free(found);
	return grown != NULL ? NULL : "cannot be kept: out of memory";
}

static const char *option_set_server(void *member, const char *value)
{
	struct backend_config *backend = member;
	struct server_config server = { 0 };
	struct server_config *grown;
	const char *reason =
		address_parse(value, ADDRESS_TO_CONNECT, &server.addresses, &server.n_addresses);

	if (reason != NULL)
		return reason;
	server.text = strdup(value);
	grown = realloc(backend->servers, (backend->n_servers + 1) * sizeof(*grown));
	if (grown != NULL)
		backend->servers = grown;
	if (grown == NULL || server.text == NULL) {
		free(server.text);
		free(server.addresses);
		return "cannot be kept: out of memory";
	}
	backend->servers[backend->n_servers++] = server;
	return NULL;
}

/* ---- the table ---- */

#define GLOBAL(key, fallback, member, set) \
	{ { "global", key, fallback, false }, offsetof(struct config, member), 0, set }
#define LISTENER(key, fallback, member, set) \
	{ { "listener", key, fallback, false }, offsetof(struct listener_config, member), 0, set }
#define DEFAULTS(key, fallback, member, set) \
	{ { "listener", key, fallback, true }, offsetof(struct listener_config, member), 0, set }
#define BACKEND(key, fallback, member, set) \
	{ { "backend", key, fallback, false }, offsetof(struct backend_config, member), 0, set }

#define ROUTE(key, fallback, member, set) \
	{ { "route", key, fallback, false }, offsetof(struct route_config, member), 0, set }
#define ROUTE_TEXTS(key, member, set)                                            \
	{ { "route", key, NULL, false },                                         \
	  offsetof(struct route_config, member),                                 \
	  offsetof(struct route_config, member) + offsetof(struct text_list, n), \
	  set }

#define LISTENER_TEXTS(key, member, set)                                            \
	{ { "listener", key, NULL, false },                                         \
	  offsetof(struct listener_config, member),                                 \
	  offsetof(struct listener_config, member) + offsetof(struct text_list, n), \
	  set }

_Static_assert(offsetof(struct listener_config, n_binds) ==
                       offsetof(struct listener_config, binds) + offsetof(struct address_list, n),
               "binds and n_binds are an address_list");

const struct option_row option_rows[] = {
	GLOBAL("workers", "auto", workers, option_set_workers),
	GLOBAL("max-connections", "10000", max_connections, option_set_count),
	GLOBAL("max-handshakes", "off", max_handshakes, option_set_limit),
	GLOBAL("drain-timeout", "60s", drain_timeout, option_set_duration),
	GLOBAL("drain-spread", "yes", drain_spread, option_set_bool),
	GLOBAL("upgrade-timeout", "60s", upgrade_timeout, option_set_duration),
	GLOBAL("log", "stderr", log, option_set_log),
	GLOBAL("log-format", "logfmt", log.format, option_set_log_format),
	GLOBAL("log-level", "info", log.level, option_set_log_level),
	GLOBAL("core-dumps", "no", core_dumps, option_set_bool),
	GLOBAL("sandbox", "yes", sandbox, option_set_bool),
	GLOBAL("keylog", NULL, keylog, option_set_text),
	GLOBAL("user", NULL, user, option_set_text),

	LISTENER("mode", "tls", mode, option_set_mode),
	{ { "listener", "bind", NULL, false },
	  offsetof(struct listener_config, binds),
	  offsetof(struct listener_config, n_binds),
	  option_set_bind },
	LISTENER_TEXTS("cert", certs, option_set_texts),
	LISTENER_TEXTS("key", keys, option_set_texts),
	LISTENER_TEXTS("ocsp", ocsps, option_set_texts),
	LISTENER_TEXTS("cert-dir", cert_dirs, option_set_texts),
	LISTENER_TEXTS("alpn", alpn, option_set_alpn),
	LISTENER_TEXTS("ticket-keys", ticket_keys, option_set_texts),
	LISTENER_TEXTS("client-ca", client.ca, option_set_texts),
	LISTENER_TEXTS("client-crl", client.crl, option_set_texts),
	LISTENER_TEXTS("client-allow", client.allow, option_set_client_allow),
	LISTENER("backend", NULL, backend, NULL),

	LISTENER("max-connections", "off", max_connections, option_set_limit),
	LISTENER("max-rate", "off", max_rate, option_set_limit),
	DEFAULTS("max-per-ip", "off", max_per_ip, option_set_limit),
	DEFAULTS("backlog", "4096", backlog, option_set_count),
	DEFAULTS("keepalive", "2m", keepalive, option_set_seconds),
	DEFAULTS("user-timeout", "off", user_timeout, option_set_duration),
	DEFAULTS("handshake-timeout", "10s", timeouts.handshake, option_set_duration),
	DEFAULTS("connect-timeout", "5s", timeouts.connect, option_set_duration),
	DEFAULTS("idle-timeout", "1h", timeouts.idle, option_set_duration),
	DEFAULTS("half-close-timeout", "5m", timeouts.half_close, option_set_duration),
	DEFAULTS("close-timeout", "10s", timeouts.close, option_set_duration),
	DEFAULTS("close", "wait", close, option_set_close),
	DEFAULTS("on-truncation", "reset", on_truncation, option_set_on_truncation),
	DEFAULTS("tls-policy", "intermediate", tls_policy, option_set_tls_policy),
	DEFAULTS("tls-min", "1.2", tls_min, option_set_tls_version),
	DEFAULTS("tls-max", "1.3", tls_max, option_set_tls_version),
	DEFAULTS("ciphers", NULL, ciphers, option_set_text),
	DEFAULTS("ciphersuites", NULL, ciphersuites, option_set_text),
	DEFAULTS("groups", NULL, groups, option_set_text),
	DEFAULTS("sigalgs", NULL, sigalgs, option_set_text),
	DEFAULTS("tickets", "yes", tickets, option_set_bool),
	DEFAULTS("record-layer", "auto", record_layer, option_set_record_layer),
	DEFAULTS("unknown-sni", "default", unknown_sni, option_set_unknown_sni),
	DEFAULTS("alpn-mismatch", "ignore", alpn_mismatch, option_set_alpn_mismatch),
	DEFAULTS("client-auth", "no", client.auth, option_set_client_auth),
	DEFAULTS("client-depth", "4", client.depth, option_set_depth),
	DEFAULTS("buffer-size", "256k", buffer_size, option_set_buffer_size),

	ROUTE_TEXTS("listener", listeners, option_set_texts),
	ROUTE_TEXTS("sni", names, option_set_name),
	ROUTE("backend", NULL, backend, NULL),
	ROUTE("client-auth", NULL, client.auth, option_set_client_auth),
	ROUTE_TEXTS("client-ca", client.ca, option_set_texts),
	ROUTE_TEXTS("client-crl", client.crl, option_set_texts),
	ROUTE_TEXTS("client-allow", client.allow, option_set_client_allow),
	ROUTE("client-depth", "4", client.depth, option_set_depth),
	ROUTE_TEXTS("alpn", alpn, option_set_alpn),

	{ { "backend", "server", NULL, false },
	  0,
	  offsetof(struct backend_config, n_servers),
	  option_set_server },
	BACKEND("tls", "no", tls, option_set_bool),
	BACKEND("verify", "yes", verify, option_set_bool),
	BACKEND("ca", NULL, ca, option_set_text),
	BACKEND("crl", NULL, crl, option_set_text),
	BACKEND("server-name", NULL, server_name, option_set_text),
	BACKEND("verify-name", NULL, verify_name, option_set_text),
	BACKEND("cert", NULL, cert, option_set_text),
	BACKEND("key", NULL, key, option_set_text),
	BACKEND("tls-min", "1.2", tls_min, option_set_tls_version),
	BACKEND("session-reuse", "yes", session_reuse, option_set_bool),
	BACKEND("alpn", "pass", alpn, option_set_backend_alpn),
	BACKEND("balance", "round-robin", balance, option_set_balance),
};
const size_t n_option_rows = sizeof(option_rows) / sizeof(option_rows[0]);

const struct option_row *option_find(const char *kind, const char *key)
{
	bool defaults = strcmp(kind, "defaults") == 0;

	for (size_t i = 0; i < n_option_rows; i++) {
		const struct config_key *row = &option_rows[i].key;

		if (strcmp(row->key, key) == 0 &&
		    (defaults ? row->in_defaults : strcmp(row->section, kind) == 0))
			return &option_rows[i];
	}
	return NULL;
}

const struct config_key *config_keys(void)
{
	/* Ended by an empty one. */
	static struct config_key keys[sizeof(option_rows) / sizeof(option_rows[0]) + 1];

	for (size_t i = 0; i < n_option_rows; i++)
		keys[i] = option_rows[i].key;
	return keys;
}
