/* SPDX-License-Identifier: ISC */
/*
 * config - a configuration file, checked as a whole
 *
 * One table of options drives reading, defaults and every message; the file
 * becomes a struct config that nobody changes afterwards. A file with errors
 * yields no configuration, and all its errors at once.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "address.h"
#include "log.h"

struct draft;

enum listener_mode {
	LISTENER_TLS,
	LISTENER_TCP,
};

/* What is owed to a TLS client after our close_notify; RFC 8446, 6.1. */
enum close_mode {
	CLOSE_WAIT,             /* wait for the client's close_notify */
	CLOSE_FAST,             /* let go once ours is acknowledged */
};

/* How a truncated stream ends at the other side. */
enum on_truncation {
	TRUNCATION_RESET,       /* like every abort: RST */
	TRUNCATION_FIN,         /* as if it had ended well; the log still tells */
};

enum tls_version {
	TLS_1_2,
	TLS_1_3,
};

/* Mozilla's profiles; see config_policy.h. */
enum tls_policy {
	TLS_POLICY_INTERMEDIATE,
	TLS_POLICY_MODERN,
	TLS_POLICY_CUSTOM,      /* as the other keys have it */
};

/* What a client gets that asks for a name that no certificate is for. */
enum unknown_sni {
	UNKNOWN_SNI_DEFAULT,    /* the first certificate */
	UNKNOWN_SNI_REJECT,     /* unrecognized_name */
};

/* Who seals and opens what a client's connection carries after its handshake. */
enum record_layer {
	RECORD_LAYER_OPENSSL,
	RECORD_LAYER_OWN,       /* ours, from the first record on */
	RECORD_LAYER_AUTO,      /* OpenSSL, and ours once the connection lasts */
};

/* Whether TLS clients have to show a certificate. */
enum client_auth {
	CLIENT_AUTH_NO,         /* they are not asked for one */
	CLIENT_AUTH_OPTIONAL,   /* one that is shown has to be good */
	CLIENT_AUTH_REQUIRE,
};

/* What a client gets that speaks none of our protocols. */
enum alpn_mismatch {
	ALPN_MISMATCH_IGNORE,   /* a connection, and no word about protocols */
	ALPN_MISMATCH_REJECT,   /* no_application_protocol */
};

/* What a TLS server is told of the protocol that the client has chosen. */
enum backend_alpn {
	BACKEND_ALPN_PASS,
	BACKEND_ALPN_OFF,
};

/* Which server of a backend a relay tries first. */
enum balance {
	BALANCE_ROUND_ROBIN,
	BALANCE_FIRST,          /* in the order of the file; the rest are spares */
};

/* All in milliseconds; PARSE_OFF (0) is no limit. */
struct timeouts {
	uint64_t handshake;     /* TLS handshake, either side */
	uint64_t connect;       /* TCP connect to one server */
	uint64_t idle;          /* no byte in either direction */
	uint64_t half_close;    /* one direction has ended, no progress */
	uint64_t close;         /* lingering, or flushing before an abort */
};

/* Values of a key that may be repeated. */
struct text_list {
	char **texts;
	size_t n;
};

/* Which clients come in, by their certificates. */
struct client_config {
	enum client_auth auth;
	struct text_list ca;    /* PEM: who may have issued them */
	struct text_list crl;   /* PEM: what was revoked; none: nobody looks */
	struct text_list allow; /* see client_rule.h; none: whoever has a good one */
	uint32_t depth;         /* authorities between a client and one of ca */
};

/* One server line of a backend; a name may have several addresses. */
struct server_config {
	char *text;             /* as written, for the log */
	struct address *addresses;
	size_t n_addresses;
};

struct backend_config {
	char *name;             /* NAME, or the address of an inline backend */
	struct server_config *servers;
	size_t n_servers;
	enum balance balance;
	bool tls;
	bool verify;            /* the chain, and the name if there is one */
	char *ca;               /* PEM file; NULL: the system's trust store */
	char *crl; /* PEM file of what authorities have revoked; NULL: nobody looks */
	char *server_name; /* SNI and name to verify; NULL: the host of `server`; "off": no SNI */
	char *verify_name; /* to verify instead; NULL: see server_name */
	char *cert; /* to show, PEM; NULL: none */
	char *key; /* NULL: it is in cert */
	enum tls_version tls_min;
	bool session_reuse;
	enum backend_alpn alpn;
};

/* [route:NAME]: clients of some listeners, by the name that they ask for. */
struct route_config {
	char *name;
	struct text_list listeners; /* their names */
	struct text_list names; /* "app.example.com", "*.example.com"; in lower case */
	const struct backend_config
		*backend; /* borrowed from struct config; NULL: the listener's */
	bool has_client; /* client counts, all of it, and not the listener's */
	struct client_config client;
	struct text_list alpn; /* none: the listener's */
};

struct listener_config {
	char *name;
	enum listener_mode mode;
	struct address *binds;
	size_t n_binds;
	const struct backend_config
		*backend; /* borrowed from struct config; NULL: routes have all */
	const struct route_config **routes; /* likewise; a name is in one of them at most */
	size_t n_routes;

	struct text_list certs; /* PEM chains */
	struct text_list keys; /* PEM, one for each of certs; none: they are in those */
	struct text_list ocsps; /* DER, one for each of certs; none: beside those, if at all */
	struct text_list cert_dirs; /* folders of certificates, beside those */
	enum unknown_sni unknown_sni;
	enum tls_policy tls_policy;
	enum tls_version tls_min;
	enum tls_version tls_max;
	char *ciphers; /* TLS 1.2, OpenSSL's syntax; NULL: our default */
	char *ciphersuites; /* TLS 1.3; NULL: our default */
	char *groups; /* of key exchange; NULL: our default */
	char *sigalgs; /* that our key may sign with; NULL: the library's default */
	struct client_config client;
	struct text_list alpn; /* protocols, the favourite first; none: nothing is said */
	enum alpn_mismatch alpn_mismatch;
	enum record_layer record_layer;
	bool tickets; /* sessions can be resumed */
	struct text_list ticket_keys; /* files; none: keys are made in memory */

	uint32_t max_connections; /* 0: no limit but the global one */
	uint32_t max_per_ip; /* 0: no limit */
	uint32_t max_rate; /* connections a second; 0: no limit */
	uint32_t backlog; /* connections that wait for accept(2) */
	uint64_t keepalive; /* silence before a probe; either side; PARSE_OFF: none */
	uint64_t user_timeout; /* unacknowledged data; either side; PARSE_OFF: kernel's */

	struct timeouts timeouts;
	enum close_mode close;
	enum on_truncation on_truncation;
	uint64_t buffer_size; /* bytes one flow may hold that its sink refused */
};

struct config {
	uint32_t workers; /* 0: one per CPU we may run on */
	uint32_t max_connections;
	uint32_t max_handshakes; /* at a time in one worker; 0: no limit */
	uint64_t drain_timeout; /* milliseconds; PARSE_OFF: wait for ever */
	bool drain_spread; /* idle relays end one by one in that time */
	uint64_t upgrade_timeout; /* for a new program to get ready; PARSE_OFF: wait for ever */
	bool core_dumps; /* and looks into our memory */
	bool sandbox; /* of our own */
	char *keylog; /* file for secrets of connections; NULL: none */
	char *user; /* account to change to; NULL: stay */
	struct log_settings log;

	struct listener_config **listeners;
	size_t n_listeners;
	struct backend_config **backends; /* named ones, then inline ones */
	size_t n_backends;
	struct route_config **routes;
	size_t n_routes;
	struct draft *draft; /* what it was made of, for messages with lines, and its warnings */
};

/*
 * Reads and checks a file. On any error returns NULL after writing every one
 * to errors as "FILE:LINE: [section] key: reason" (or "FILE: reason"), a line
 * each. Addresses are resolved; certificate files are only checked to be
 * readable, not loaded (see generation.h). path has to outlive it.
 */
struct config *config_load(const char *path, FILE *errors);

/* The same from an open stream; path is used in messages only. */
struct config *config_read(FILE *file, const char *path, FILE *errors);

/* What counts for the clients of listener that are on route; NULL: on none. */
const struct backend_config *config_backend_of(const struct listener_config *listener,
                                               const struct route_config *route);
const struct client_config *config_client_of(const struct listener_config *listener,
                                             const struct route_config *route);
const struct text_list *config_alpn_of(const struct listener_config *listener,
                                       const struct route_config *route);

/* NULL is fine. */
void config_free(struct config *config);

/* A key that may stand in a file; for tests, manual pages and completion. */
struct config_key {
	const char *section; /* "global", "listener", "route", "backend" */
	const char *key;
	const char *fallback; /* as written in a file; NULL: none */
	bool in_defaults; /* may stand in [defaults] too */
};

/* The whole table, ended by an entry whose section is NULL. Static. */
const struct config_key *config_keys(void);

#endif
