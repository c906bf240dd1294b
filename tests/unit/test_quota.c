/* SPDX-License-Identifier: ISC */
#include "quota.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "suite.h"

static struct quota *quota;
static bool counted;

static void set_up(void)
{
	quota = quota_new("a");
	ck_assert_ptr_nonnull(quota);
}

static void tear_down(void)
{
	quota_release(quota);
}

static const struct sockaddr *peer(const char *text)
{
	static struct sockaddr_in in;
	static struct sockaddr_in6 in6;

	in = (struct sockaddr_in){ .sin_family = AF_INET };
	in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return (const struct sockaddr *)&in;
	ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return (const struct sockaddr *)&in6;
}

static void expect_place(const char *from, uint32_t most, uint32_t most_per_ip)
{
	ck_assert_ptr_null(quota_enter(quota, peer(from), most, most_per_ip, &counted));
	ck_assert_int_eq(counted, most_per_ip > 0);
}

static void expect_none(const char *from, uint32_t most, uint32_t most_per_ip, const char *why)
{
	ck_assert_str_eq(quota_enter(quota, peer(from), most, most_per_ip, &counted), why);
	ck_assert(!counted);
}

START_TEST(one_too_many_is_refused_until_one_leaves)
{
	for (int i = 0; i < 3; i++)
		expect_place("192.0.2.1", 3, 0);
	expect_none("192.0.2.2", 3, 0, "max_connections");
	expect_none("192.0.2.2", 3, 0, "max_connections");
	quota_leave(quota, peer("192.0.2.1"), false);
	expect_place("192.0.2.2", 3, 0);
	for (int i = 0; i < 3; i++)
		quota_leave(quota, peer("192.0.2.1"), false);
}
END_TEST

START_TEST(addresses_are_counted_apart)
{
	expect_place("192.0.2.1", 0, 2);
	expect_place("192.0.2.1", 0, 2);
	expect_none("192.0.2.1", 0, 2, "max_per_ip");
	expect_none("::ffff:192.0.2.1", 0, 2, "max_per_ip");
	expect_place("192.0.2.2", 0, 2);
	quota_leave(quota, peer("::ffff:192.0.2.1"), true);
	expect_place("192.0.2.1", 0, 2);
}
END_TEST

START_TEST(networks_of_64_bits_are_one_place)
{
	expect_place("2001:db8:0:1::1", 0, 1);
	expect_none("2001:db8:0:1:ffff::2", 0, 1, "max_per_ip");
	expect_place("2001:db8:0:2::1", 0, 1);
	/* An IPv6 network whose bits look like an IPv4 address is not that. */
	expect_place("0:0:c000:201::1", 0, 1);
	expect_place("192.0.2.1", 0, 1);
}
END_TEST

START_TEST(a_refusal_takes_no_place)
{
	expect_place("192.0.2.1", 2, 1);
	for (int i = 0; i < 5; i++)
		expect_none("192.0.2.1", 2, 1, "max_per_ip");
	expect_place("192.0.2.2", 2, 1);
	expect_none("192.0.2.3", 2, 1, "max_connections");
}
END_TEST

START_TEST(a_unix_peer_has_no_address)
{
	const struct sockaddr unnamed = { .sa_family = AF_UNIX };

	for (int i = 0; i < 3; i++) {
		ck_assert_ptr_null(quota_enter(quota, &unnamed, 0, 1, &counted));
		ck_assert(!counted);
	}
}
END_TEST

START_TEST(who_was_not_counted_leaves_no_place)
{
	expect_place("192.0.2.1", 0, 0);
	/* A reload sets a limit. */
	expect_place("192.0.2.1", 0, 1);
	quota_leave(quota, peer("192.0.2.1"), false);
	expect_none("192.0.2.1", 0, 1, "max_per_ip");
	quota_leave(quota, peer("192.0.2.1"), true);
	expect_place("192.0.2.1", 0, 1);
}
END_TEST

START_TEST(no_more_come_in_a_second_than_may)
{
	const uint64_t second = 1000;
	uint64_t now = 5 * second;

	for (int i = 0; i < 4; i++)
		ck_assert(quota_may_come(quota, 4, now));
	ck_assert(!quota_may_come(quota, 4, now));
	ck_assert(!quota_may_come(quota, 4, now + second / 4 - 1));
	now += second / 4;
	ck_assert(quota_may_come(quota, 4, now));
	ck_assert(!quota_may_come(quota, 4, now));
	now += 100 * second;
	for (int i = 0; i < 4; i++)
		ck_assert(quota_may_come(quota, 4, now));
	ck_assert(!quota_may_come(quota, 4, now));
}
END_TEST

START_TEST(a_lower_rate_after_a_reload_lets_what_came_count)
{
	ck_assert(quota_may_come(quota, 2, 0));
	ck_assert(!quota_may_come(quota, 1, 0));
	ck_assert(quota_may_come(quota, 1, 500));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *tcase = tcase_create("places");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, one_too_many_is_refused_until_one_leaves);
	tcase_add_test(tcase, addresses_are_counted_apart);
	tcase_add_test(tcase, networks_of_64_bits_are_one_place);
	tcase_add_test(tcase, a_refusal_takes_no_place);
	tcase_add_test(tcase, a_unix_peer_has_no_address);
	tcase_add_test(tcase, who_was_not_counted_leaves_no_place);
	tcase_add_test(tcase, no_more_come_in_a_second_than_may);
	tcase_add_test(tcase, a_lower_rate_after_a_reload_lets_what_came_count);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
