/* SPDX-License-Identifier: ISC */
#include "backend.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "socket.h"
#include "suite.h"
#include "tls_context.h"

enum { SERVERS = 3 };

/* Bound and not listened on: nobody else can answer there. */
static int held[SERVERS];
static struct address addresses[SERVERS];
static struct server_config servers[SERVERS];
static struct backend_config config;
static char reason[TLS_REASON_ROOM];

static void set_up(void)
{
	for (int i = 0; i < SERVERS; i++) {
		struct address *address = &addresses[i];

		*address = (struct address){ .len = sizeof(address->in) };
		address->in.sin_family = AF_INET;
		address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		held[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(bind(held[i], &address->any, address->len), 0);
		ck_assert_int_eq(getsockname(held[i], &address->any, &address->len), 0);
		servers[i] = (struct server_config){ (char *)"127.0.0.1:1", address, 1 };
	}
	config = (struct backend_config){ .name = (char *)"b",
		                          .servers = servers,
		                          .n_servers = SERVERS };
}

static void tear_down(void)
{
	for (int i = 0; i < SERVERS; i++)
		(void)close(held[i]);
}

/* The servers that one relay tries, as digits. */
static const char *tried(struct backend *backend)
{
	static char text[SERVERS + 1];
	struct backend_search search = { 0 };
	const struct address *address;
	struct socket *sock;
	int n = 0;

	for (;;) {
		enum backend_attempt attempt =
			backend_connect(backend, &search, NULL, &address, &sock);

		if (attempt == BACKEND_EXHAUSTED)
			break;
		ck_assert_int_lt(n, SERVERS);
		text[n++] = (char)('0' + (address - addresses));
		if (attempt == BACKEND_TRYING)
			socket_free(sock);
	}
	text[n] = '\0';
	return text;
}

START_TEST(each_relay_begins_with_the_next_server_and_tries_each_once)
{
	struct backend *backend = backend_new(&config, reason);

	ck_assert_str_eq(tried(backend), "012");
	ck_assert_str_eq(tried(backend), "120");
	ck_assert_str_eq(tried(backend), "201");
	ck_assert_str_eq(tried(backend), "012");
	backend_free(backend);
}
END_TEST

START_TEST(first_keeps_the_order_of_the_file)
{
	struct backend *backend;

	config.balance = BALANCE_FIRST;
	backend = backend_new(&config, reason);
	ck_assert_str_eq(tried(backend), "012");
	ck_assert_str_eq(tried(backend), "012");
	backend_free(backend);
}
END_TEST

START_TEST(every_address_of_a_server_is_tried)
{
	struct backend *backend;

	servers[0] = (struct server_config){ (char *)"name:1", addresses, SERVERS };
	config.n_servers = 1;
	backend = backend_new(&config, reason);
	ck_assert_str_eq(tried(backend), "012");
	backend_free(backend);
}
END_TEST

START_TEST(a_verified_server_without_a_name_needs_one)
{
	config.tls = config.verify = true;
	config.ca = (char *)"/etc/ssl/certs/ca-certificates.crt";
	servers[1].text = (char *)"unix:/run/x";
	ck_assert_ptr_null(backend_new(&config, reason));
	ck_assert_str_eq(reason, "unix:/run/x: has no host name to verify; set server-name");
}
END_TEST

START_TEST(a_ca_that_cannot_be_loaded_is_named)
{
	config.tls = config.verify = true;
	config.ca = (char *)"/no/such";
	ck_assert_ptr_null(backend_new(&config, reason));
	ck_assert_int_eq(strncmp(reason, "/no/such: ", 10), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backend");
	TCase *tcase = tcase_create("servers");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, each_relay_begins_with_the_next_server_and_tries_each_once);
	tcase_add_test(tcase, first_keeps_the_order_of_the_file);
	tcase_add_test(tcase, every_address_of_a_server_is_tried);
	tcase_add_test(tcase, a_verified_server_without_a_name_needs_one);
	tcase_add_test(tcase, a_ca_that_cannot_be_loaded_is_named);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
