/* SPDX-License-Identifier: ISC */
#include "backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/err.h>

#include "folder.h"
#include "poller.h"
#include "socket.h"
#include "suite.h"
#include "tls_context.h"
#include "tls_io.h"

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
			backend_connect(backend, &search, NULL, NULL, &address, &sock);

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

/* ---- names ---- */

static const struct naming {
	const char *server;
	const char *server_name;
	const char *asked_for;
} namings[] = {
	{ "name.test:443", NULL, "name.test" },
	{ "127.0.0.1:443", NULL, NULL },
	{ "[::1]:443", NULL, NULL },
	{ "unix:/run/x", NULL, NULL },
	{ "name.test:443", "other.test", "other.test" },
	{ "127.0.0.1:443", "other.test", "other.test" },
	{ "unix:/run/x", "other.test", "other.test" },
};

/* The name in the client's first word, as a server reads it. */
static int on_hello(SSL *ssl, int *alert, void *room)
{
	const unsigned char *extension;
	size_t len;

	(void)alert;
	/* A list of one: two lengths and a type before the name (RFC 6066, 3). */
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &len) == 1)
		(void)snprintf(room, 64, "%.*s", (int)len - 5, (const char *)extension + 5);
	return SSL_CLIENT_HELLO_ERROR;
}

static void hear_hello(int fd, char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl = SSL_new(ctx);

	SSL_CTX_set_client_hello_cb(ctx, on_hello, name);
	ck_assert_int_eq(SSL_set_fd(ssl, fd), 1);
	ck_assert_int_ne(SSL_accept(ssl), 1);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ERR_clear_error();
}

static void wake(void *owner)
{
	(void)owner;
}

START_TEST(a_server_is_asked_for_by_the_host_it_was_written_with)
{
	const struct naming *naming = &namings[_i];
	struct backend_search search = { 0 };
	struct poller poller;
	struct tls_io *io = tls_io_new(16384);
	char asked_for[64] = "";
	const struct address *address;
	struct backend *backend;
	struct socket *sock;
	int fd;

	servers[0].text = (char *)naming->server;
	config.server_name = (char *)naming->server_name;
	config.tls = true;
	backend = backend_new(&config, reason);
	ck_assert_int_eq(listen(held[0], 1), 0);
	ck_assert_int_eq(backend_connect(backend, &search, io, NULL, &address, &sock),
	                 BACKEND_TRYING);
	ck_assert(poller_init(&poller));
	ck_assert(socket_watch(sock, &poller, true, wake, NULL));
	ck_assert_int_eq(socket_connected(sock), IO_DONE);
	ck_assert_int_eq(socket_open(sock), IO_WAIT);
	fd = accept(held[0], NULL, NULL);
	hear_hello(fd, asked_for);
	ck_assert_str_eq(asked_for, naming->asked_for != NULL ? naming->asked_for : "");
	(void)close(fd);
	socket_free(sock);
	backend_free(backend);
	tls_io_free(io);
	poller_clear(&poller);
}
END_TEST

START_TEST(a_verified_server_without_a_name_needs_one)
{
	config.tls = config.verify = true;
	servers[1].text = (char *)"unix:/run/x";
	ck_assert_ptr_null(backend_new(&config, reason));
	ck_assert_str_eq(reason, "unix:/run/x: has no host name to verify; set server-name");
	config.server_name = (char *)"name.test";
	backend_free(backend_new(&config, reason));
	config.server_name = NULL;
	config.verify = false;
	backend_free(backend_new(&config, reason));
}
END_TEST

START_TEST(a_ca_that_cannot_be_loaded_is_named)
{
	config.tls = config.verify = true;
	config.ca = (char *)"/no/such";
	ck_assert_ptr_null(backend_new(&config, reason));
	ck_assert_str_eq(reason, "/no/such: No such file or directory");
}
END_TEST

/* ---- what comes of an attempt ---- */

START_TEST(a_server_that_listens_is_connected_to)
{
	struct backend *backend = backend_new(&config, reason);
	struct backend_search search = { 0 };
	const struct address *address = NULL;
	struct socket *sock;
	int fd;

	ck_assert_int_eq(listen(held[0], 1), 0);
	ck_assert_int_eq(backend_connect(backend, &search, NULL, NULL, &address, &sock),
	                 BACKEND_TRYING);
	ck_assert_ptr_eq(address, &addresses[0]);
	ck_assert_ptr_eq(backend_config(backend), &config);
	fd = accept(held[0], NULL, NULL);
	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_null(socket_tls_facts(sock));
	(void)close(fd);
	socket_free(sock);
	backend_free(backend);
}
END_TEST

static int fill_backlog(const struct address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)unlink(address->un.sun_path);
	ck_assert_int_eq(bind(fd, &address->any, address->len), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	for (;;) {
		int one = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (connect(one, &address->any, address->len) != 0)
			break;
	}
	ck_assert_int_eq(errno, EAGAIN);
	return fd;
}

START_TEST(a_full_unix_backlog_is_no_failure_and_the_rest_say_why)
{
	struct backend_search search = { 0 };
	const struct address *address;
	struct backend *backend;
	struct socket *sock;
	char folder[FOLDER_ROOM];
	int listening;

	folder_make(folder);
	addresses[0] = (struct address){ .len = sizeof(address->un) };
	addresses[0].un.sun_family = AF_UNIX;
	(void)snprintf(addresses[0].un.sun_path, sizeof(address->un.sun_path), "%s/socket", folder);
	backend = backend_new(&config, reason);
	listening = fill_backlog(&addresses[0]);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(backend_connect(backend, &search, NULL, NULL, &address, &sock),
		                 BACKEND_BUSY);
		ck_assert_ptr_eq(address, &addresses[0]);
	}
	(void)close(listening);
	ck_assert_int_eq(backend_connect(backend, &search, NULL, NULL, &address, &sock),
	                 BACKEND_FAILED);
	ck_assert_int_eq(errno, ECONNREFUSED);
	folder_remove(folder);
	config.balance = BALANCE_FIRST;
	search = (struct backend_search){ 0 };
	ck_assert_int_eq(backend_connect(backend, &search, NULL, NULL, &address, &sock),
	                 BACKEND_FAILED);
	ck_assert_int_eq(errno, ENOENT);
	backend_free(backend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backend");
	TCase *tcase = tcase_create("servers");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, each_relay_begins_with_the_next_server_and_tries_each_once);
	tcase_add_test(tcase, first_keeps_the_order_of_the_file);
	tcase_add_test(tcase, every_address_of_a_server_is_tried);
	tcase_add_test(tcase, a_verified_server_without_a_name_needs_one);
	tcase_add_test(tcase, a_ca_that_cannot_be_loaded_is_named);
	tcase_add_loop_test(tcase, a_server_is_asked_for_by_the_host_it_was_written_with, 0,
	                    sizeof(namings) / sizeof(namings[0]));
	tcase_add_test(tcase, a_server_that_listens_is_connected_to);
	tcase_add_test(tcase, a_full_unix_backlog_is_no_failure_and_the_rest_say_why);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
