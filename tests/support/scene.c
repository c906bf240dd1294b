/* SPDX-License-Identifier: ISC */
#include "scene.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log_reader.h"

enum { SCENE_WORDS = 1024 };

static struct scene scene_now;

static const char *scene_listener_name(enum scene_pair pair)
{
	switch (pair) {
	case TLS_PLAIN:   return "tls-plain";
	case PLAIN_PLAIN: return "plain-plain";
	case PLAIN_TLS:   return "plain-tls";
	case TLS_TLS:     return "tls-tls";
	}
	abort();
}

static void scene_set_context(const struct casting *casting)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "%s%s, the %s acts", scene_listener_name(casting->pair),
	               casting->pair == PLAIN_PLAIN         ? ""
	               : casting->version == TLS1_3_VERSION ? " TLSv1.3"
	                                                    : " TLSv1.2",
	               casting->client_acts ? "client" : "backend");
	peer_set_context(text);
}

struct scene *scene_begin(const struct casting *casting)
{
	struct scene *scene = &scene_now;
	bool client_tls = casting->pair == TLS_PLAIN || casting->pair == TLS_TLS;
	bool backend_tls = casting->pair == PLAIN_TLS || casting->pair == TLS_TLS;

	memset(scene, 0, sizeof(*scene));
	scene_set_context(casting);
	scene->casting = casting;
	scene->client_setup.tls = client_tls ? stage_client_tls(casting->version) : NULL;
	scene->backend_setup.tls = backend_tls ? stage_server_tls(casting->version) : NULL;
	scene->door = backend_tls ? stage_tls_door() : stage_plain_door();
	scene->listener = daemon_address(stage_daemon(), scene_listener_name(casting->pair));
	return scene;
}

void scene_connect(struct scene *scene)
{
	scene->client = peer_connect((const struct sockaddr *)&scene->listener,
	                             sizeof(scene->listener), &scene->client_setup);
}

void scene_join(struct scene *scene)
{
	door_set_setup(scene->door, &scene->backend_setup);
	peer_open(scene->client);
	scene->backend = door_accept(scene->door);
	peer_open(scene->backend);
	scene->actor = scene->casting->client_acts ? scene->client : scene->backend;
	scene->other = scene->casting->client_acts ? scene->backend : scene->client;
}

struct scene *scene_open(const struct casting *casting)
{
	struct scene *scene = scene_begin(casting);

	scene_connect(scene);
	scene_join(scene);
	return scene;
}

static const char *scene_side(const struct scene *scene, bool actor)
{
	return scene->casting->client_acts == actor ? "client" : "backend";
}

/* How a peer's stream ends well is a matter of its kind. */
static const char *scene_end(const struct scene *scene, bool actor, const char *rest)
{
	if (strcmp(rest, "-end=end") != 0)
		return rest;
	return peer_is_tls(actor ? scene->actor : scene->other) ? "-end=close_notify" : "-end=fin";
}

/* One word, with the roles replaced by who plays them. */
static size_t scene_translate_word(const struct scene *scene, const char *word, char *room,
                                   size_t len)
{
	const char *rest = word + 5;
	bool actor = strncmp(word, "actor", 5) == 0;

	if (actor || strncmp(word, "other", 5) == 0) {
		const char *side = scene_side(scene, actor);

		if (strncmp(rest, "-sent", 5) == 0)
			return (size_t)snprintf(room, len, "%s%s ", side[0] == 'c' ? "up" : "down",
			                        rest + 5);
		return (size_t)snprintf(room, len, "%s%s ", side, scene_end(scene, actor, rest));
	}
	for (int i = 0; i < 2; i++) {
		const char *value = strchr(word, '=');

		if (value == NULL || strcmp(value + 1, i == 0 ? "actor" : "other") != 0)
			continue;
		if (strncmp(word, "peer=", 5) != 0)
			return (size_t)snprintf(room, len, "%.*s=%s ", (int)(value - word), word,
			                        scene_side(scene, i == 0));
		return (size_t)snprintf(room, len, "peer=%s ",
		                        scene->casting->client_acts == (i == 0)
		                                ? peer_name(scene->client)
		                                : door_address(scene->door));
	}
	return (size_t)snprintf(room, len, "%s ", word);
}

static void scene_translate(const struct scene *scene, char *words, char room[static SCENE_WORDS])
{
	char *rest = NULL;
	size_t len = 0;

	room[0] = '\0';
	for (char *word = strtok_r(words, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest))
		len += scene_translate_word(scene, word, room + len, SCENE_WORDS - len);
	ck_assert_uint_lt(len, SCENE_WORDS);
}

/* Where our own record layer is to do all, the scene is worth nothing if it did not. */
static void scene_expect_record_layer(const char *line)
{
	const char *name = getenv("ADIEU_TEST_RECORD_LAYER");
	char value[LOG_VALUE_ROOM];

	if (name == NULL || strcmp(name, "own") != 0 || !log_reader_value(line, "cipher", value))
		return;
	ck_assert_msg(log_reader_value(line, "records", value) && strcmp(value, "own") == 0,
	              "%s: it was not taken over:\n%s", peer_context(), line);
}

const char *scene_expect_relay(struct scene *scene, const char *words, ...)
{
	char asked[SCENE_WORDS];
	char room[SCENE_WORDS];
	const char *line;
	va_list list;

	va_start(list, words);
	(void)vsnprintf(asked, sizeof(asked), words, list);
	va_end(list);
	line = daemon_expect_log(stage_daemon(), "event=relay listener=%s client=%s",
	                         scene_listener_name(scene->casting->pair),
	                         peer_name(scene->client));
	scene_translate(scene, asked, room);
	ck_assert_msg(log_reader_says(line, room), "%s: the relay's line does not say \"%s\":\n%s",
	              peer_context(), room, line);
	scene_expect_record_layer(line);
	return line;
}

const char *scene_expect_log(struct scene *scene, const char *words, ...)
{
	char asked[SCENE_WORDS];
	char room[SCENE_WORDS];
	va_list list;

	va_start(list, words);
	(void)vsnprintf(asked, sizeof(asked), words, list);
	va_end(list);
	scene_translate(scene, asked, room);
	return daemon_expect_log(stage_daemon(), "%s", room);
}

void scene_expect_no_log(struct scene *scene, const char *words)
{
	char asked[SCENE_WORDS];
	char room[SCENE_WORDS];

	(void)snprintf(asked, sizeof(asked), "%s", words);
	scene_translate(scene, asked, room);
	ck_assert_msg(daemon_count_log(stage_daemon(), room) == 0, "%s: the log says \"%s\"",
	              peer_context(), room);
}

unsigned long long scene_number(const char *line, const char *key)
{
	char value[LOG_VALUE_ROOM];

	return log_reader_value(line, key, value) ? strtoull(value, NULL, 10) : 0;
}

static void scene_set_up(void)
{
	daemon_mark(stage_daemon());
	peer_set_context("scene");
}

/* Whatever a test left open, adieu must be able to let go of all of it. */
static void scene_tear_down(void)
{
	peer_free_all();
	door_clear(stage_plain_door());
	door_clear(stage_tls_door());
	if (daemon_is_running(stage_daemon()))
		daemon_expect_settled(stage_daemon());
}

START_TEST(the_daemon_stops_cleanly)
{
	daemon_stop(stage_daemon());
}
END_TEST

TCase *scene_case(Suite *suite, const char *name, void (*open_stage)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_add_unchecked_fixture(tcase, open_stage, stage_close);
	tcase_add_checked_fixture(tcase, scene_set_up, scene_tear_down);
	suite_add_tcase(suite, tcase);
	return tcase;
}

void scene_last(TCase *tcase)
{
	tcase_add_test(tcase, the_daemon_stops_cleanly);
}

/*
 * In one process: a stage serves many tests. Waiting has its own limit, so
 * nothing is lost without Check's.
 */
int scene_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
