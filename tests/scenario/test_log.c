/* SPDX-License-Identifier: ISC */
/*
 * One relay, one line, which tells everything; in logfmt or in JSON; and what
 * a peer says never gets into it unescaped.
 */
#include <string.h>

#include "log_reader.h"
#include "scene.h"

static void open_stage(void)
{
	stage_open(&(struct stage_config){ 0 });
}

static void open_json_stage(void)
{
	stage_open(&(struct stage_config){ .global = "log-format = json" });
}

/* What the line says of TLS, on the sides that have it. */
static void expect_facts(struct scene *scene)
{
	bool tls13 = scene->casting->version == TLS1_3_VERSION;
	const char *version = tls13 ? "TLSv1.3" : "TLSv1.2";
	const char *cipher = tls13 ? "TLS_AES_128_GCM_SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256";

	if (peer_is_tls(scene->client))
		(void)scene_expect_relay(scene, "tls=%s cipher=%s group=x25519*", version, cipher);
	else
		(void)scene_expect_relay(scene, "!tls !cipher !group !sni");
	if (peer_is_tls(scene->backend))
		(void)scene_expect_relay(scene, "backend-tls=%s backend-cipher=%s", version,
		                         cipher);
	else
		(void)scene_expect_relay(scene, "!backend-tls !backend-cipher");
	(void)scene_expect_relay(scene, "level=info id=* backend=%s duration=*.???",
	                         door_address(scene->door));
}

START_TEST(a_relay_has_one_line_that_tells_everything)
{
	struct scene *scene = scene_open(&casting_client[_i]);

	peer_send(scene->actor, 812);
	peer_end(scene->actor);
	peer_expect(scene->other, "data:812 end");
	peer_send(scene->other, 90331);
	peer_end(scene->other);
	peer_expect(scene->actor, "data:90331 end");
	(void)scene_expect_relay(scene, "up=812 down=90331 first=client actor-end=end "
	                                "other-end=end");
	expect_facts(scene);
	daemon_expect_settled(stage_daemon());
	ck_assert_uint_eq(daemon_count_log(stage_daemon(), "event=relay"), 1);
}
END_TEST

START_TEST(every_line_is_an_object_of_its_own)
{
	struct scene *scene = scene_open(&casting_tls_client[_i]);
	const char *line;

	peer_send(scene->client, 5);
	peer_fin(scene->client);
	peer_expect(scene->backend, "data:5 rst");
	line = scene_expect_relay(scene, "level=info client-end=truncated up=5");
	ck_assert(line[0] == '{' && line[strlen(line) - 1] == '}');
	ck_assert_ptr_nonnull(strstr(line, "\"up\":5,"));
	ck_assert_ptr_nonnull(strstr(line, "\"client-end\":\"truncated\""));
	line = scene_expect_log(scene, "level=warning event=truncation side=client in-record=*");
	ck_assert(line[0] == '{' && line[strlen(line) - 1] == '}');
	ck_assert_ptr_nonnull(strstr(line, "\"received\":5"));
}
END_TEST

/* What a client asks for by name, and what the log makes of it. */
static const struct {
	const char *asked;
	const char *logged;
} names[] = {
	{ "app.example.com", "sni=app.example.com" },
	{ "a b\"c=d\ne", "sni=*" },
	{ "\xff\xfe\x01", "sni=*" },
};

enum { NAMES = 3 };

START_TEST(a_name_is_logged_as_one_value)
{
	struct scene *scene = scene_begin(&casting_tls_client[1]);
	const char *line;

	scene->client_setup.name = names[_i].asked;
	scene_connect(scene);
	scene_join(scene);
	peer_end(scene->client);
	peer_end(scene->backend);
	line = scene_expect_relay(scene, "%s up=0 down=0 client-end=close_notify backend-end=fin",
	                          names[_i].logged);
	for (const char *at = line; *at != '\0'; at++)
		ck_assert_msg((unsigned char)*at >= 0x20, "a control byte in: %s", line);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *logfmt = scene_case(suite, "logfmt", open_stage);
	TCase *json = scene_case(suite, "JSON", open_json_stage);

	tcase_add_loop_test(logfmt, a_relay_has_one_line_that_tells_everything, 0, CASTINGS_CLIENT);
	tcase_add_loop_test(logfmt, a_name_is_logged_as_one_value, 0, NAMES);
	scene_last(logfmt);
	tcase_add_loop_test(json, a_relay_has_one_line_that_tells_everything, 0, CASTINGS_CLIENT);
	tcase_add_loop_test(json, every_line_is_an_object_of_its_own, 0, CASTINGS_TLS_CLIENT);
	tcase_add_loop_test(json, a_name_is_logged_as_one_value, 0, NAMES);
	scene_last(json);
	return scene_run(suite);
}
