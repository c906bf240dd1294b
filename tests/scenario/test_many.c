/* SPDX-License-Identifier: ISC */
/*
 * Five hundred at once: each relay is told apart, each truncation is logged or
 * counted as suppressed, and every descriptor comes back (which the case's
 * fixture sees to).
 */
#include <sys/resource.h>

#include "pump.h"
#include "scene.h"

enum { MANY = 500 };

static struct peer *clients[MANY];
static struct peer *backends[MANY];

static void open_stage(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	stage_open(&(struct stage_config){ 0 });
}

static void open_many(const struct casting *casting)
{
	for (int i = 0; i < MANY; i++) {
		struct scene *scene = scene_open(casting);

		clients[i] = scene->client;
		backends[i] = scene->backend;
	}
}

static unsigned long long count_truncations(void)
{
	unsigned long long n = 0;
	const char *line;

	for (unsigned i = 0;
	     (line = daemon_log_line(stage_daemon(), "event=truncation", i)) != NULL; i++) {
		unsigned long long suppressed = scene_number(line, "suppressed");

		n += suppressed > 0 ? suppressed : 1;
	}
	return n;
}

static bool all_are_accounted_for(void *arg)
{
	(void)arg;
	return count_truncations() >= MANY;
}

static bool all_relays_are_told(void *arg)
{
	return daemon_count_log(stage_daemon(), arg) == MANY;
}

START_TEST(truncations)
{
	char words[] = "event=relay client-end=truncated";

	open_many(&casting_tls_client[_i]);
	for (int i = 0; i < MANY; i++) {
		peer_send(clients[i], (size_t)i + 1);
		peer_fin(clients[i]);
	}
	for (int i = 0; i < MANY; i++)
		peer_expect(backends[i], "data:%d rst", i + 1);
	ck_assert_msg(pump_until(all_relays_are_told, words), "%u relays ended",
	              daemon_count_log(stage_daemon(), words));
	ck_assert_msg(pump_until(all_are_accounted_for, NULL), "%llu truncations are logged",
	              count_truncations());
	ck_assert_uint_eq(count_truncations(), MANY);
	ck_assert_uint_lt(daemon_count_log(stage_daemon(), "event=truncation"), MANY);
	ck_assert_uint_ge(daemon_count_log(stage_daemon(), "event=truncation side=client"), 1);
}
END_TEST

START_TEST(clean_ends)
{
	char words[] = "event=relay client-end=close_notify";

	open_many(&casting_tls_client[_i]);
	for (int i = 0; i < MANY; i++) {
		peer_send(clients[i], (size_t)i + 1);
		peer_end(clients[i]);
		peer_send(backends[i], 2 * (size_t)i + 1);
		peer_end(backends[i]);
	}
	for (int i = 0; i < MANY; i++) {
		peer_expect(backends[i], "data:%d end", i + 1);
		peer_expect(clients[i], "data:%d end", 2 * i + 1);
	}
	ck_assert_msg(pump_until(all_relays_are_told, words), "%u relays ended",
	              daemon_count_log(stage_daemon(), words));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("many");
	TCase *tcase = scene_case(suite, "five hundred at once", open_stage);

	/* TLS 1.2 and 1.3 to a plain backend. */
	tcase_add_loop_test(tcase, truncations, 0, 2);
	tcase_add_loop_test(tcase, clean_ends, 0, 2);
	scene_last(tcase);
	return scene_run(suite);
}
