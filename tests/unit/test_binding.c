/* SPDX-License-Identifier: ISC */
#include "binding.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

enum { WORKERS = 3 };

static struct address address;
static char folder[] = "/tmp/adieu-binding-XXXXXX";
static const char *reason;

static void on_loopback(void)
{
	address = (struct address){ .len = sizeof(address.in) };
	address.in.sin_family = AF_INET;
	address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void on_unix(void)
{
	address = (struct address){ .len = sizeof(address.un) };
	address.un.sun_family = AF_UNIX;
	(void)snprintf(address.un.sun_path, sizeof(address.un.sun_path), "%s/socket", folder);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	return in.sin_port;
}

/* Somebody can connect to it. */
static void expect_reachable(const struct binding *binding)
{
	const struct address *bound = binding_address(binding);
	int fd = socket(bound->any.sa_family, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, &bound->any, bound->len), 0);
	(void)close(fd);
}

START_TEST(all_workers_share_a_port_that_the_kernel_chose)
{
	struct binding *binding;

	on_loopback();
	binding = binding_new(&address, WORKERS, &reason);
	ck_assert_ptr_nonnull(binding);
	ck_assert_uint_ne(binding_address(binding)->in.sin_port, 0);
	expect_reachable(binding);
	for (unsigned i = 0; i < WORKERS; i++) {
		int fd = binding_take(binding, i);

		ck_assert_uint_eq(port_of(fd), binding_address(binding)->in.sin_port);
		ck_assert_int_eq(binding_take(binding, i), -1);
		(void)close(fd);
	}
	binding_free(binding);
}
END_TEST

START_TEST(a_port_is_not_shared_with_another_daemon)
{
	struct binding *binding;
	struct binding *other;

	on_loopback();
	binding = binding_new(&address, WORKERS, &reason);
	address.in.sin_port = binding_address(binding)->in.sin_port;
	other = binding_new(&address, WORKERS, &reason);
	ck_assert_ptr_null(other);
	ck_assert_ptr_nonnull(strstr(reason, ": Address already in use"));
	binding_free(binding);
}
END_TEST

START_TEST(what_was_taken_is_not_closed)
{
	struct binding *binding;
	int fd;

	on_loopback();
	binding = binding_new(&address, WORKERS, &reason);
	fd = binding_take(binding, 0);
	binding_free(binding);
	ck_assert_uint_ne(port_of(fd), 0);
	(void)close(fd);
}
END_TEST

START_TEST(a_unix_socket_is_removed_at_the_end)
{
	struct binding *binding;
	struct stat status;

	on_unix();
	binding = binding_new(&address, WORKERS, &reason);
	ck_assert_ptr_nonnull(binding);
	ck_assert_int_eq(stat(address.un.sun_path, &status), 0);
	binding_free(binding);
	ck_assert_int_ne(stat(address.un.sun_path, &status), 0);
}
END_TEST

START_TEST(a_unix_socket_is_not_removed_if_another_daemon_listens_there_by_now)
{
	struct binding *old;
	struct binding *next;
	struct stat status;

	on_unix();
	old = binding_new(&address, 1, &reason);
	ck_assert_ptr_nonnull(old);
	(void)close(binding_take(old, 0)); /* it drains */
	next = binding_new(&address, 1, &reason);
	ck_assert_ptr_nonnull(next);
	binding_free(old);
	expect_reachable(next);
	binding_free(next);
	ck_assert_int_ne(stat(address.un.sun_path, &status), 0);
}
END_TEST

START_TEST(a_unix_socket_that_a_crash_left_is_replaced_and_a_live_one_is_not)
{
	struct binding *binding;
	struct binding *other;
	int left = socket(AF_UNIX, SOCK_STREAM, 0);

	on_unix();
	ck_assert_int_eq(bind(left, &address.any, address.len), 0);
	(void)close(left);
	binding = binding_new(&address, 1, &reason);
	ck_assert_ptr_nonnull(binding);
	other = binding_new(&address, 1, &reason);
	ck_assert_ptr_null(other);
	ck_assert_ptr_nonnull(strstr(reason, ": Address already in use"));
	expect_reachable(binding);
	binding_free(binding);
}
END_TEST

START_TEST(a_unix_socket_whose_backlog_is_full_is_alive)
{
	int listening = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat status;
	int fd;

	on_unix();
	ck_assert_int_eq(bind(listening, &address.any, address.len), 0);
	ck_assert_int_eq(listen(listening, 0), 0);
	do {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	} while (connect(fd, &address.any, address.len) == 0);
	ck_assert_ptr_null(binding_new(&address, 1, &reason));
	ck_assert_int_eq(stat(address.un.sun_path, &status), 0);
	ck_assert_int_eq(unlink(address.un.sun_path), 0);
	(void)close(listening);
}
END_TEST

START_TEST(all_workers_share_a_unix_socket)
{
	struct binding *binding;

	on_unix();
	binding = binding_new(&address, WORKERS, &reason);
	ck_assert_ptr_nonnull(binding);
	expect_reachable(binding);
	for (unsigned i = 0; i < WORKERS; i++) {
		int listening = binding_take(binding, i);
		int fd = accept(listening, NULL, NULL);

		ck_assert_int_ge(fd, 0);
		(void)close(fd);
		(void)close(listening);
		if (i < WORKERS - 1)
			expect_reachable(binding);
	}
	binding_free(binding);
}
END_TEST

START_TEST(an_address_is_known_by_how_it_was_written)
{
	struct binding *binding;
	struct address other;

	on_loopback();
	binding = binding_new(&address, 1, &reason);
	ck_assert(binding_is_for(binding, &address));
	ck_assert(!binding_is_for(binding, binding_address(binding)));
	other = address;
	other.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	ck_assert(!binding_is_for(binding, &other));
	other = address;
	other.dual_stack = true;
	ck_assert(!binding_is_for(binding, &other));
	on_unix();
	ck_assert(!binding_is_for(binding, &address));
	binding_free(binding);
}
END_TEST

START_TEST(one_dual_stack_socket_takes_both_families)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct binding *binding;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address = (struct address){ .len = sizeof(address.in6), .dual_stack = true };
	address.in6.sin6_family = AF_INET6;
	/* Loopback's, as IPv6 writes it: nothing but loopback is listened on. */
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.in6.sin6_addr), 1);
	binding = binding_new(&address, WORKERS, &reason);
	ck_assert_msg(binding != NULL, "%s", reason);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = binding_address(binding)->in6.sin6_port;
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	(void)close(fd);
	binding_free(binding);
}
END_TEST

START_TEST(descriptors_do_not_block_and_are_not_inherited)
{
	struct binding *binding;

	for (int i = 0; i < 2; i++) {
		if (i == 0)
			on_loopback();
		else
			on_unix();
		binding = binding_new(&address, WORKERS, &reason);
		for (unsigned worker = 0; worker < WORKERS; worker++) {
			int fd = binding_take(binding, worker);

			ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
			ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
			(void)close(fd);
		}
		binding_free(binding);
	}
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_left_alone)
{
	FILE *file;

	on_unix();
	file = fopen(address.un.sun_path, "w");
	(void)fclose(file);
	ck_assert_ptr_null(binding_new(&address, 1, &reason));
	ck_assert_int_eq(unlink(address.un.sun_path), 0);
}
END_TEST

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
	ck_assert_int_eq(rmdir(folder), 0);
}

int main(void)
{
	Suite *suite = suite_create("binding");
	TCase *tcase = tcase_create("descriptors");

	tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
	tcase_add_test(tcase, all_workers_share_a_port_that_the_kernel_chose);
	tcase_add_test(tcase, a_port_is_not_shared_with_another_daemon);
	tcase_add_test(tcase, what_was_taken_is_not_closed);
	tcase_add_test(tcase, a_unix_socket_is_removed_at_the_end);
	tcase_add_test(tcase, a_unix_socket_is_not_removed_if_another_daemon_listens_there_by_now);
	tcase_add_test(tcase, a_unix_socket_that_a_crash_left_is_replaced_and_a_live_one_is_not);
	tcase_add_test(tcase, a_unix_socket_whose_backlog_is_full_is_alive);
	tcase_add_test(tcase, all_workers_share_a_unix_socket);
	tcase_add_test(tcase, an_address_is_known_by_how_it_was_written);
	tcase_add_test(tcase, one_dual_stack_socket_takes_both_families);
	tcase_add_test(tcase, descriptors_do_not_block_and_are_not_inherited);
	tcase_add_test(tcase, a_file_that_is_no_socket_is_left_alone);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
