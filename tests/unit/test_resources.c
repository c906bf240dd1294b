/* SPDX-License-Identifier: ISC */
#include "resources.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "suite.h"

static struct listener_config listener = { .name = (char *)"a", .buffer_size = 1 << 20 };
static struct listener_config *listeners[] = { &listener };
static struct config config = { .listeners = listeners, .n_listeners = 1 };

static void allow(rlim_t soft, rlim_t hard)
{
	const struct rlimit limit = { .rlim_cur = soft, .rlim_max = hard };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static rlim_t allowed(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur;
}

START_TEST(the_soft_limit_is_raised_as_far_as_needed)
{
	config.max_connections = 500;
	allow(64, 4000);
	ck_assert_uint_eq(resources_raise_descriptors(&config, 2, 0), 500);
	ck_assert_uint_ge(allowed(), 2 * 500);
	ck_assert_uint_lt(allowed(), 4000);
}
END_TEST

START_TEST(what_the_hard_limit_withholds_costs_connections)
{
	unsigned most;

	config.max_connections = 5000;
	allow(64, 2000);
	most = resources_raise_descriptors(&config, 2, 0);
	ck_assert_uint_eq(allowed(), 2000);
	ck_assert_uint_lt(2 * most, 2000);
	ck_assert_uint_gt(2 * most, 1000);
	ck_assert_uint_eq(resources_raise_descriptors(&config, 2, most), most);
}
END_TEST

/* As it is where fs.nr_open was lowered below the hard limit. */
static bool is_refused;

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	if (!is_refused)
		return prlimit(0, resource, limit, NULL);
	errno = EPERM;
	return -1;
}

START_TEST(a_limit_that_cannot_be_raised_counts_as_it_is)
{
	unsigned most;

	config.max_connections = 500;
	allow(200, 4000);
	is_refused = true;
	most = resources_raise_descriptors(&config, 2, 0);
	is_refused = false;
	ck_assert_uint_eq(allowed(), 200);
	ck_assert_uint_ge(most, 1);
	ck_assert_uint_lt(2 * most, 200);
}
END_TEST

START_TEST(one_connection_is_always_let_in)
{
	config.max_connections = 5000;
	allow(64, 64);
	ck_assert_uint_eq(resources_raise_descriptors(&config, 2, 0), 1);
}
END_TEST

START_TEST(memory_is_that_of_peers_that_do_not_read)
{
	const uint64_t none = resources_check_memory(&config, 1, 0, 0);

	ck_assert_uint_ge(resources_check_memory(&config, 1, 100, 0) - none,
	                  100 * 2 * listener.buffer_size);
	ck_assert_uint_gt(resources_check_memory(&config, 4, 0, 0), none);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resources");
	TCase *tcase = tcase_create("limits");

	tcase_add_test(tcase, the_soft_limit_is_raised_as_far_as_needed);
	tcase_add_test(tcase, what_the_hard_limit_withholds_costs_connections);
	tcase_add_test(tcase, a_limit_that_cannot_be_raised_counts_as_it_is);
	tcase_add_test(tcase, one_connection_is_always_let_in);
	tcase_add_test(tcase, memory_is_that_of_peers_that_do_not_read);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
