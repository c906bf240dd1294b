/* SPDX-License-Identifier: ISC */
#include "address.h"

#include <netdb.h>
#include <string.h>

#include "suite.h"

/* Parses and writes it again; *n is how many addresses it has. */
static const char *round_trip(const char *text, enum address_use use, size_t *n)
{
	static char room[ADDRESS_TEXT_ROOM];
	struct address *list;
	const char *reason = address_parse(text, use, &list, n);

	if (reason != NULL) {
		ck_assert_ptr_null(list);
		return reason;
	}
	(void)address_text(&list[0].any, list[0].len, room);
	free(list);
	return room;
}

START_TEST(what_is_parsed_is_written_the_same)
{
	static const char *const texts[] = {
		"10.0.0.1:443",           "[::1]:443", "[fe80::1%1]:443", "unix:/run/x.sock",
		"unix:/run/with a space",
	};
	size_t n;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_str_eq(round_trip(texts[i], ADDRESS_TO_CONNECT, &n), texts[i]);
		ck_assert_uint_eq(n, 1);
	}
}
END_TEST

START_TEST(a_port_alone_is_both_families)
{
	struct address *list;
	size_t n;

	ck_assert_ptr_null(address_parse(":443", ADDRESS_TO_BIND, &list, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert(list[0].dual_stack);
	ck_assert_int_eq(list[0].any.sa_family, AF_INET6);
	free(list);
	ck_assert_ptr_null(address_parse("[::]:443", ADDRESS_TO_BIND, &list, &n));
	ck_assert(!list[0].dual_stack);
	free(list);
}
END_TEST

START_TEST(an_ipv4_address_in_an_ipv6_one_is_for_connecting)
{
	size_t n;

	ck_assert_str_eq(round_trip("[::ffff:127.0.0.1]:80", ADDRESS_TO_BIND, &n),
	                 "is an IPv4 address, and has to be written as one");
	ck_assert_str_eq(round_trip("[::ffff:127.0.0.1]:80", ADDRESS_TO_CONNECT, &n),
	                 "127.0.0.1:80");
}
END_TEST

START_TEST(port_0_is_for_binding)
{
	size_t n;

	ck_assert_str_eq(round_trip("127.0.0.1:0", ADDRESS_TO_BIND, &n), "127.0.0.1:0");
	ck_assert_str_eq(round_trip("127.0.0.1:0", ADDRESS_TO_CONNECT, &n),
	                 "has no port between 1 and 65535");
}
END_TEST

/* What a system without /etc/hosts says of localhost, we say too. */
START_TEST(names_are_resolved_as_the_system_does)
{
	struct addrinfo *found = NULL;
	const int error = getaddrinfo("localhost", "80", NULL, &found);
	struct address *list;
	size_t n;
	const char *reason = address_parse("localhost:80", ADDRESS_TO_CONNECT, &list, &n);

	if (error != 0) {
		ck_assert_str_eq(strstr(reason, gai_strerror(error)), gai_strerror(error));
		return;
	}
	freeaddrinfo(found);
	ck_assert_ptr_null(reason);
	ck_assert_uint_ge(n, 1);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert(!address_equal(&list[i], &list[k]));
	free(list);
}
END_TEST

START_TEST(what_is_no_address_is_told)
{
	static const struct {
		const char *text;
		const char *reason;
	} bad[] = {
		{ "", "is no address: it needs a port, as in host:port" },
		{ "127.0.0.1", "is no address: it needs a port, as in host:port" },
		{ "127.0.0.1:", "has no port between 1 and 65535" },
		{ "127.0.0.1:http", "has no port between 1 and 65535" },
		{ "127.0.0.1:65536", "has no port between 1 and 65535" },
		{ ":80", "has no host" },
		{ "::1:80", "needs brackets around its IPv6 address, as in [::1]:443" },
		{ "[127.0.0.1]:80", "is not an IPv6 address" },
		{ "[]:80", "is not an IPv6 address" },
		{ "[*]:80", "has a \"*\": every address is just \":PORT\"" },
		{ "[fe80::1]:80", "needs an interface, as in [fe80::1%eth0]:443" },
		{ "https://127.0.0.1:80", "is a URL: an address is only host:port" },
		{ "[localhost]:80", "is not an IPv6 address" },
		{ "10.1:80", "is not an IPv4 address" },
		{ "010.0.0.1:80", "is not an IPv4 address" },
		{ "256.0.0.1:80", "is not an IPv4 address" },
		{ "0x7f.1:80", "is not an IPv4 address" },
		{ "80:80", "is not an IPv4 address" },
		{ "*:80", "has a \"*\": every address is just \":PORT\"" },
		{ "127.0.0.1 :80", "has a space in it" },
		{ "127.0.0.1:+80", "has no port between 1 and 65535" },
		{ "unix:x.sock", "needs an absolute path after \"unix:\"" },
	};
	size_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_str_eq(round_trip(bad[i].text, ADDRESS_TO_CONNECT, &n), bad[i].reason);
}
END_TEST

START_TEST(a_long_name_is_refused)
{
	char text[300] = "";
	size_t n;

	memset(text, 'x', 256);
	memcpy(text + 256, ":80", 4);
	ck_assert_str_eq(round_trip(text, ADDRESS_TO_CONNECT, &n), "has too long a host name");
}
END_TEST

/* An empty label is no question that could be asked of anybody. */
START_TEST(a_name_that_nobody_knows_is_told)
{
	size_t n;

	ck_assert_ptr_eq(
		strstr(round_trip("a..b:80", ADDRESS_TO_CONNECT, &n), "cannot be resolved: "),
		round_trip("a..b:80", ADDRESS_TO_CONNECT, &n));
}
END_TEST

START_TEST(addresses_are_equal_by_family_host_and_port)
{
	static const char *const texts[] = {
		"127.0.0.1:1",   "127.0.0.1:2",   "127.0.0.2:1", "[::1]:1", "[::2]:1",
		"[fe80::1%1]:1", "[fe80::1%2]:1", "unix:/1",     "unix:/2",
	};
	enum { N = sizeof(texts) / sizeof(texts[0]) };
	struct address *list[N];
	size_t n;

	for (size_t i = 0; i < N; i++)
		ck_assert_ptr_null(address_parse(texts[i], ADDRESS_TO_CONNECT, &list[i], &n));
	for (size_t i = 0; i < N; i++)
		for (size_t k = 0; k < N; k++)
			ck_assert_int_eq(address_equal(list[i], list[k]), i == k);
	for (size_t i = 0; i < N; i++)
		free(list[i]);
}
END_TEST

START_TEST(a_long_path_is_refused_not_cut)
{
	char text[256] = "unix:/";
	size_t n;

	memset(text + 6, 'x', 102);
	ck_assert_str_eq(round_trip(text, ADDRESS_TO_BIND, &n), text);
	memset(text + 6, 'x', 107);
	ck_assert_str_eq(round_trip(text, ADDRESS_TO_BIND, &n),
	                 "is too long a path for a Unix socket");
}
END_TEST

START_TEST(a_mapped_address_is_written_as_ipv4)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
	char room[ADDRESS_TEXT_ROOM];

	in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
	in6.sin6_addr.s6_addr[12] = 192;
	in6.sin6_addr.s6_addr[15] = 7;
	ck_assert_str_eq(address_text((struct sockaddr *)&in6, sizeof(in6), room), "192.0.0.7:80");
}
END_TEST

START_TEST(an_unnamed_unix_peer_has_a_word)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char room[ADDRESS_TEXT_ROOM];

	ck_assert_str_eq(address_text((struct sockaddr *)&un, sizeof(sa_family_t), room), "unix");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("address");
	TCase *tcase = tcase_create("addresses");

	tcase_add_test(tcase, what_is_parsed_is_written_the_same);
	tcase_add_test(tcase, a_port_alone_is_both_families);
	tcase_add_test(tcase, an_ipv4_address_in_an_ipv6_one_is_for_connecting);
	tcase_add_test(tcase, port_0_is_for_binding);
	tcase_add_test(tcase, names_are_resolved_as_the_system_does);
	tcase_add_test(tcase, what_is_no_address_is_told);
	tcase_add_test(tcase, a_long_name_is_refused);
	tcase_add_test(tcase, a_name_that_nobody_knows_is_told);
	tcase_add_test(tcase, addresses_are_equal_by_family_host_and_port);
	tcase_add_test(tcase, a_long_path_is_refused_not_cut);
	tcase_add_test(tcase, a_mapped_address_is_written_as_ipv4);
	tcase_add_test(tcase, an_unnamed_unix_peer_has_a_word);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
