/* SPDX-License-Identifier: ISC */
/*
 * scene - adieu between a client and a backend of ours
 *
 * A stage is one running adieu with a listener for each of the four pairs:
 *
 *	tls-plain    TLS client,   plain backend
 *	plain-plain  plain client, plain backend
 *	plain-tls    plain client, TLS backend
 *	tls-tls      TLS client,   TLS backend
 *
 * A scene is one relay through it: who is TLS, in which version, and which of
 * the two peers is the actor, who does what the test is about, and which the
 * other one, who must be told the truth about it. A test is written once and
 * played in every casting that makes sense.
 */
#ifndef SCENE_H
#define SCENE_H

#include <check.h>
#include <netinet/in.h>

#include "daemon_run.h"
#include "door.h"
#include "folder.h"
#include "peer.h"

enum scene_pair {
	TLS_PLAIN,
	PLAIN_PLAIN,
	PLAIN_TLS,
	TLS_TLS,
};

struct casting {
	enum scene_pair pair;
	int version;            /* of whoever is TLS: TLS1_2_VERSION, TLS1_3_VERSION */
	bool client_acts;
};

/* To be looped over: each pair, version and actor. */
enum {
	CASTINGS = 14,
	CASTINGS_TLS_ACTOR = 8,         /* the actor is a TLS peer */
	CASTINGS_PLAIN_ACTOR = 6,
	CASTINGS_TLS_CLIENT = 4,        /* the client acts, and is a TLS peer */
	CASTINGS_TLS_BACKEND = 4,       /* the same for the backend */
	CASTINGS_CLIENT = 7,            /* the client acts, whatever it is */
};
extern const struct casting casting_any[CASTINGS];
extern const struct casting casting_tls[CASTINGS_TLS_ACTOR];
extern const struct casting casting_plain[CASTINGS_PLAIN_ACTOR];
extern const struct casting casting_tls_client[CASTINGS_TLS_CLIENT];
extern const struct casting casting_tls_backend[CASTINGS_TLS_BACKEND];
extern const struct casting casting_client[CASTINGS_CLIENT];

struct scene {
	const struct casting *casting;
	struct peer_setup client_setup;
	struct peer_setup backend_setup;
	struct peer *client;
	struct peer *backend;
	struct peer *actor;     /* one of the two */
	struct peer *other;
	struct sockaddr_in listener;
	struct door *door;
};

/*
 * Text that is added to the configuration; NULL: nothing. In it FOLDER stands
 * for the stage's folder (certificates.h), PLAIN_BACKEND and TLS_BACKEND for
 * the addresses of its doors, CLOSED_BACKEND for one that refuses.
 */
struct stage_config {
	const char *global;     /* keys of [global] */
	const char *defaults;   /* keys of [defaults] */
	const char *more;       /* further sections */
	void (*prepare)(const char *folder);    /* makes files that these name; NULL: none */
};

/* Once for several tests. */
void stage_open(const struct stage_config *config);
void stage_close(void);

/* What there is on it. */
struct daemon_run *stage_daemon(void);
const char *stage_folder(void);
struct door *stage_plain_door(void);
struct door *stage_tls_door(void);
/* Of the version; borrowed. */
SSL_CTX *stage_client_tls(int version);
SSL_CTX *stage_server_tls(int version);

/* A scene whose peers are both open; in a test of its own, which it names in failures. */
struct scene *scene_open(const struct casting *casting);
/*
 * The same in steps: setups may be changed after the first. scene_connect()
 * makes the client, and scene_join() opens it and lets the backend in.
 */
struct scene *scene_begin(const struct casting *casting);
void scene_connect(struct scene *scene);
void scene_join(struct scene *scene);

/*
 * The relay's line says so. Words are those of log_reader.h, in which actor-end,
 * other-end, actor-sent and other-sent stand for client-end, backend-end, up
 * and down as the casting has it, a value of actor or other for client or
 * backend, and actor-end=end for what that peer's kind calls a clean end.
 * Returns the line.
 */
const char *scene_expect_relay(struct scene *scene, const char *words, ...)
	__attribute__((format(printf, 2, 3)));
/* Any line of this test. Also peer=actor, peer=other. */
const char *scene_expect_log(struct scene *scene, const char *words, ...)
	__attribute__((format(printf, 2, 3)));
/* To be asked when the relay's line is there. */
void scene_expect_no_log(struct scene *scene, const char *words);
/* A number of a line. */
unsigned long long scene_number(const char *line, const char *key);

/* A Check case that is played on a stage, which it opens and closes. */
TCase *scene_case(Suite *suite, const char *name, void (*open_stage)(void));
/* Closes the case: adieu stops, with status 0, and everything is back. */
void scene_last(TCase *tcase);
/* main() of a test program. */
int scene_run(Suite *suite);

#endif
