/* SPDX-License-Identifier: ISC */
#include "generation.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding.h"
#include "folder.h"
#include "suite.h"
#include "tls_context.h"

static char folder[FOLDER_ROOM];
static char reason[TLS_REASON_ROOM];

/* A listener for each bind: "127.0.0.1:0" is that, anything else a socket in our folder. */
static struct config *config_of(const char *const *binds)
{
	char text[2048] = "";
	size_t len = 0;
	FILE *file;
	struct config *config;

	for (size_t i = 0; binds[i] != NULL; i++) {
		char bind[256];

		if (strchr(binds[i], ':') != NULL)
			(void)snprintf(bind, sizeof(bind), "%s", binds[i]);
		else
			(void)snprintf(bind, sizeof(bind), "unix:%s/%s", folder, binds[i]);
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		                        "[listener:l%zu]\nmode = tcp\nbind = %s\n"
		                        "backend = 127.0.0.1:1\n",
		                        i, bind);
	}
	file = fmemopen(text, len, "r");
	config = config_read(file, "test", stderr);
	(void)fclose(file);
	ck_assert_ptr_nonnull(config);
	return config;
}

#define CONFIG(...) config_of((const char *const[]){ __VA_ARGS__, NULL })

static struct generation *make(struct config *config, const struct generation *previous)
{
	struct generation *generation = generation_new(config, previous, 2, stderr, reason);

	ck_assert_msg(generation != NULL, "%s", reason);
	return generation;
}

static bool is_there(const char *name)
{
	char path[FOLDER_ROOM + 32];
	struct stat status;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return stat(path, &status) == 0;
}

START_TEST(addresses_that_stay_keep_their_bindings)
{
	struct generation *old = make(CONFIG("127.0.0.1:0", "a", "b"), NULL);
	struct generation *new = make(CONFIG("b", "127.0.0.1:0", "c"), old);

	ck_assert_ptr_eq(generation_binding(new, 0), generation_binding(old, 2));
	ck_assert_ptr_eq(generation_binding(new, 1), generation_binding(old, 0));
	generation_end(old, new);
	ck_assert(!is_there("a"));
	ck_assert(is_there("b"));
	ck_assert(is_there("c"));
	generation_end(new, NULL);
	ck_assert(!is_there("b"));
	ck_assert(!is_there("c"));
}
END_TEST

START_TEST(one_address_that_is_taken_undoes_the_others_and_nothing_else)
{
	struct generation *old = make(CONFIG("a"), NULL);
	struct generation *other = make(CONFIG("taken"), NULL);

	ck_assert_ptr_null(generation_new(CONFIG("a", "new", "taken"), old, 2, stderr, reason));
	ck_assert_ptr_nonnull(strstr(reason, "[listener:l2]: cannot listen on unix:"));
	ck_assert(is_there("a"));
	ck_assert(!is_there("new"));
	ck_assert(is_there("taken"));
	generation_end(other, NULL);
	generation_end(old, NULL);
}
END_TEST

START_TEST(two_listeners_on_any_port_do_not_share_one)
{
	struct generation *old = make(CONFIG("127.0.0.1:0"), NULL);
	struct generation *new = make(CONFIG("127.0.0.1:0", "127.0.0.1:0"), old);

	ck_assert_ptr_eq(generation_binding(new, 0), generation_binding(old, 0));
	ck_assert_ptr_ne(generation_binding(new, 1), generation_binding(new, 0));
	generation_end(old, new);
	generation_end(new, NULL);
}
END_TEST

/* Each adds its own to a sum that tells them apart. */
static void add_backlog(void *sum, int fd, const char *name)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	(void)name;
	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	*(unsigned *)sum = *(unsigned *)sum * 10 + info.tcpi_sacked; /* where the kernel has it */
}

START_TEST(each_descriptor_has_the_backlog_of_its_listener)
{
	struct config *config = CONFIG("127.0.0.1:0", "127.0.0.1:0");
	struct generation *generation;
	unsigned sum = 0;

	config->listeners[0]->backlog = 3;
	config->listeners[1]->backlog = 5;
	generation = make(config, NULL);
	generation_set_backlogs(generation);
	generation_pass(generation, add_backlog, &sum);
	ck_assert_uint_eq(sum, 3355);
	generation_end(generation, NULL);
}
END_TEST

START_TEST(its_configuration_lives_as_long_as_somebody_holds_it)
{
	struct generation *generation = make(CONFIG("127.0.0.1:0"), NULL);
	const struct config *config = generation_config(generation);

	ck_assert_ptr_eq(generation_hold(generation), generation);
	generation_end(generation, NULL);
	ck_assert_str_eq(config->listeners[0]->name, "l0");
	generation_release(generation);
}
END_TEST

static void make_folder(void)
{
	folder_make(folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("generation");
	TCase *tcase = tcase_create("bindings");

	tcase_add_checked_fixture(tcase, make_folder, remove_folder);
	tcase_add_test(tcase, addresses_that_stay_keep_their_bindings);
	tcase_add_test(tcase, one_address_that_is_taken_undoes_the_others_and_nothing_else);
	tcase_add_test(tcase, two_listeners_on_any_port_do_not_share_one);
	tcase_add_test(tcase, each_descriptor_has_the_backlog_of_its_listener);
	tcase_add_test(tcase, its_configuration_lives_as_long_as_somebody_holds_it);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
