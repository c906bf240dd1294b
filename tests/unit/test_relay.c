/* SPDX-License-Identifier: ISC */
/*
 * That a relay can be ended in every state it has, and leaves nothing behind.
 * The worker is a real one, turned by the test instead of by a thread, so that
 * no time passes and no state is missed. What peers are told when they end by
 * themselves is for the scenario tests: a relay makes its own sockets, and only
 * the wire tells what became of them.
 */
#include "relay.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binding.h"
#include "catalog.h"
#include "folder.h"
#include "listener.h"
#include "quota.h"
#include "socket_impl.h"
#include "suite.h"
#include "tls_certificate.h"
#include "worker.h"

enum { PATH_ROOM = FOLDER_ROOM + 16 };

static char folder[FOLDER_ROOM];
static char log_path[PATH_ROOM];
static char cert_path[PATH_ROOM];

static struct address bind_address;
static struct address server_address;
static struct server_config server = { (char *)"127.0.0.1:1", &server_address, 1 };
static struct backend_config backend = { .name = (char *)"b", .servers = &server, .n_servers = 1 };
static struct listener_config listener = { .name = (char *)"a",
	                                   .binds = &bind_address,
	                                   .n_binds = 1,
	                                   .backend = &backend,
	                                   .certs = { (char *[]){ cert_path }, 1 },
	                                   .tls_max = TLS_1_3,
	                                   .backlog = 16,
	                                   .buffer_size = 65536 };
static struct common common;

static struct worker *worker;
static struct catalog catalog;
static int backend_listens;
static int client = -1;
static int client_of_backend = -1;

/* ---- the stage ---- */

static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static void open_log(void)
{
	const struct log_settings settings = { .target = LOG_TO_FILE,
		                               .path = log_path,
		                               .level = LEVEL_INFO };

	ck_assert_ptr_null(log_open(&settings));
}

/* How many lines of it hold this text. Closes it. */
static unsigned count_log(const char *text)
{
	char line[4096];
	unsigned n = 0;
	FILE *file;

	log_close();
	file = fopen(log_path, "r");
	while (fgets(line, sizeof(line), file) != NULL)
		n += strstr(line, text) != NULL;
	(void)fclose(file);
	return n;
}

static void on_loopback(struct address *address)
{
	*address = (struct address){ .len = sizeof(address->in) };
	address->in.sin_family = AF_INET;
	address->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static void listen_as_backend(void)
{
	on_loopback(&server_address);
	backend_listens = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(backend_listens, &server_address.any, server_address.len), 0);
	ck_assert_int_eq(listen(backend_listens, 10), 0);
	ck_assert_int_eq(getsockname(backend_listens, &server_address.any, &server_address.len), 0);
}

/* Returns where it listens. */
static struct address make_worker(void)
{
	struct handover *handover = handover_new(1, listener.buffer_size);
	struct quota *quota = quota_new("a");
	char reason[TLS_REASON_ROOM] = "";
	const char *why = "";
	struct binding *binding;
	struct address bound;

	on_loopback(&bind_address);
	binding = binding_new(&bind_address, 1, &why);
	ck_assert_msg(binding != NULL, "%s", why);
	bound = *binding_address(binding);
	worker = worker_new(&common);
	ck_assert_msg(catalog_open(&catalog, &listener, NULL, reason), "%s", reason);
	handover->listeners[0] = listener_new(
		NULL, &listener,
		&(struct tls_supply){ .catalog = catalog.catalog, .routes = catalog.routes },
		&binding, quota, worker, 0, reason);
	quota_release(quota);
	ck_assert_msg(handover->listeners[0] != NULL, "%s", reason);
	handover->n_listeners = 1;
	binding_free(binding);
	worker_hand_over(worker, handover);
	worker_turn(worker, false);
	ck_assert_ptr_eq(worker->current, handover);
	return bound;
}

static void connect_client(const struct address *to)
{
	client = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(client, &to->any, to->len), 0);
}

/* ---- its turns ---- */

static struct relay *the_relay(void)
{
	return TAILQ_FIRST(&worker->relays);
}

static void turn(void)
{
	worker_turn(worker, false);
}

static void turn_until(enum relay_state state)
{
	while (the_relay() == NULL || the_relay()->state != state)
		turn();
}

/* What comes next at a peer: bytes, 0: FIN, -1: RST. */
static ssize_t seen(int fd)
{
	char bytes[4096];
	ssize_t n;

	do {
		turn();
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n < 0 && errno == EAGAIN);
	if (n < 0)
		ck_assert_int_eq(errno, ECONNRESET);
	return n;
}

static void accept_as_backend(void)
{
	client_of_backend = accept(backend_listens, NULL, NULL);
	ck_assert_int_ge(client_of_backend, 0);
}

/* ---- ways into each state ---- */

static void reach_handshaking(const struct address *to)
{
	connect_client(to);
	turn_until(RELAY_HANDSHAKING);
}

static void reach_connecting(const struct address *to)
{
	connect_client(to);
	turn_until(RELAY_CONNECTING);
	accept_as_backend();
	/* It listens, and never answers our hello. */
	ck_assert_int_gt(seen(client_of_backend), 0);
	ck_assert_int_eq(the_relay()->state, RELAY_CONNECTING);
}

static void reach_carrying(const struct address *to)
{
	connect_client(to);
	turn_until(RELAY_CARRYING);
	accept_as_backend();
	ck_assert_int_eq(write(client, "abc", 3), 3);
	ck_assert_int_eq(seen(client_of_backend), 3);
	ck_assert_int_eq(write(client_of_backend, "defg", 4), 4);
	ck_assert_int_eq(seen(client), 4);
}

static void reach_half_closed(const struct address *to)
{
	reach_carrying(to);
	ck_assert_int_eq(shutdown(client_of_backend, SHUT_WR), 0);
	ck_assert_int_eq(seen(client), 0);
}

static void reach_parting(const struct address *to)
{
	connect_client(to);
	/* Our alert waits to be read. */
	ck_assert_int_eq(write(client, "\x16\x03\x01\x00\x05hello", 10), 10);
	turn_until(RELAY_PARTING);
	ck_assert_int_eq(seen(client), 7);
	ck_assert_int_eq(seen(client), 0);
}

static const struct stop {
	void (*reach)(const struct address *to);
	enum listener_mode mode;
	bool backend_tls;
	bool client_was_told;   /* that our direction is over: no RST can follow */
	unsigned lines;         /* in the log, of a relay */
} stops[] = {
	{ reach_handshaking, LISTENER_TLS, false, false, 0 },
	{ reach_connecting, LISTENER_TCP, true, false, 1 },
	{ reach_carrying, LISTENER_TCP, false, false, 1 },
	{ reach_half_closed, LISTENER_TCP, false, true, 1 },
	{ reach_parting, LISTENER_TLS, false, true, 0 },
};

enum { STOPS = sizeof(stops) / sizeof(stops[0]) };

static void begin(const struct stop *stop)
{
	struct address to;

	open_log();
	listener.mode = stop->mode;
	backend.tls = stop->backend_tls;
	common = (struct common){ .max_connections = 10,
		                  .turned_fd = eventfd(0, 0),
		                  .ended_fd = -1 };
	listen_as_backend();
	to = make_worker();
	stop->reach(&to);
}

static void end(void)
{
	if (client_of_backend >= 0)
		(void)close(client_of_backend);
	(void)close(client);
	(void)close(backend_listens);
	(void)close(common.turned_fd);
	catalog_close(&catalog);
}

static void expect_aborted(const struct stop *stop)
{
	char byte;

	if (!stop->client_was_told) {
		ck_assert_int_eq(read(client, &byte, 1), -1);
		ck_assert_int_eq(errno, ECONNRESET);
	}
	if (client_of_backend >= 0) {
		ck_assert_int_eq(read(client_of_backend, &byte, 1), -1);
		ck_assert_int_eq(errno, ECONNRESET);
	}
	ck_assert_uint_eq(atomic_load(&common.n_connections), 0);
}

START_TEST(a_killed_relay_is_an_abort_for_everybody_and_leaves_nothing)
{
	const struct stop *stop = &stops[_i];
	unsigned before = count_descriptors();

	begin(stop);
	relay_kill(the_relay(), (struct ending){ .kind = ENDING_KILLED });
	ck_assert_ptr_null(the_relay());
	expect_aborted(stop);
	ck_assert_uint_eq(worker->counters.relays, stop->lines);
	ck_assert_uint_eq(worker->counters.clean, 0);
	worker_free(worker);
	ck_assert_uint_eq(count_log("event=relay"), stop->lines);
	ck_assert_uint_eq(count_log("client-end=killed"), stop->lines);
	end();
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

START_TEST(a_worker_that_ends_aborts_what_it_still_has)
{
	const struct stop *stop = &stops[_i];
	unsigned before = count_descriptors();

	begin(stop);
	worker_free(worker);
	expect_aborted(stop);
	ck_assert_uint_eq(count_log("event=relay"), stop->lines);
	end();
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

START_TEST(a_relay_that_ended_well_is_over_at_once)
{
	unsigned before = count_descriptors();

	begin(&stops[2]);
	ck_assert_int_eq(shutdown(client_of_backend, SHUT_WR), 0);
	ck_assert_int_eq(seen(client), 0);
	ck_assert_ptr_nonnull(the_relay());
	ck_assert_int_eq(write(client, "hijkl", 5), 5);
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0);
	ck_assert_int_eq(seen(client_of_backend), 5);
	ck_assert_int_eq(seen(client_of_backend), 0);
	/* Nothing to linger for: both have said their last. */
	ck_assert_ptr_null(the_relay());
	ck_assert_uint_eq(atomic_load(&common.n_connections), 0);
	ck_assert_uint_eq(worker->counters.clean, 1);
	worker_free(worker);
	ck_assert_uint_eq(count_log("event=relay"), 1);
	ck_assert_uint_eq(count_log("up=8 down=4 first=backend client-end=fin backend-end=fin"), 1);
	end();
	ck_assert_uint_eq(count_descriptors(), before);
}
END_TEST

static void say_to_backend(void)
{
	ck_assert_int_eq(write(client, "abc", 3), 3);
	ck_assert_int_eq(seen(client_of_backend), 3);
}

/* Of the relay's own connection to the backend. */
static int backend_option(int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(the_relay()->backend->fd, level, option, &value, &len), 0);
	return value;
}

START_TEST(a_backend_is_probed_once_the_visit_is_not_short)
{
	listener.keepalive = 77000;
	begin(&stops[2]);
	ck_assert_int_eq(backend_option(SOL_SOCKET, SO_KEEPALIVE), 0);
	for (int i = 0; i < 8; i++)
		say_to_backend();
	ck_assert_int_eq(backend_option(SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(backend_option(IPPROTO_TCP, TCP_KEEPIDLE), 77);
	worker_free(worker);
	log_close();
	end();
	listener.keepalive = 0;
}
END_TEST

/* Not every kernel lets tests/programs/service.py look at a running one. */
START_TEST(a_backend_is_given_up_as_soon_as_a_client)
{
	listener.user_timeout = 12500;
	begin(&stops[2]);
	ck_assert_int_eq(backend_option(IPPROTO_TCP, TCP_USER_TIMEOUT), 12500);
	worker_free(worker);
	log_close();
	end();
	listener.user_timeout = 0;
}
END_TEST

START_TEST(whoever_talks_on_is_no_short_visit)
{
	begin(&stops[2]);
	ck_assert_uint_eq(worker->n_lasting, 0);
	ck_assert(!worker_is_talked_to(worker));
	for (int i = 0; i < 8; i++)
		say_to_backend();
	ck_assert_uint_eq(worker->n_lasting, 1);
	say_to_backend();
	ck_assert(worker_is_talked_to(worker));
	/* It may have gone to sleep. */
	for (int i = 0; i < 1024; i++)
		worker_turn(worker, false);
	ck_assert(!worker_is_talked_to(worker));
	say_to_backend();
	ck_assert(worker_is_talked_to(worker));
	relay_kill(the_relay(), (struct ending){ .kind = ENDING_KILLED });
	ck_assert_uint_eq(worker->n_lasting, 0);
	ck_assert(!worker_is_talked_to(worker));
	worker_free(worker);
	log_close();
	end();
}
END_TEST

static void make_folder(void)
{
	FILE *file;

	folder_make(folder);
	(void)snprintf(log_path, sizeof(log_path), "%s/log", folder);
	(void)snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", folder);
	file = fopen(cert_path, "w");
	ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
	ck_assert(tls_certificate_make(file));
	(void)fclose(file);
}

static void remove_log(void)
{
	(void)unlink(log_path);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("relay");
	TCase *tcase = tcase_create("in every state");

	tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
	tcase_add_checked_fixture(tcase, remove_log, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_killed_relay_is_an_abort_for_everybody_and_leaves_nothing, 0,
	                    STOPS);
	tcase_add_loop_test(tcase, a_worker_that_ends_aborts_what_it_still_has, 0, STOPS);
	tcase_add_test(tcase, a_relay_that_ended_well_is_over_at_once);
	tcase_add_test(tcase, a_backend_is_probed_once_the_visit_is_not_short);
	tcase_add_test(tcase, a_backend_is_given_up_as_soon_as_a_client);
	tcase_add_test(tcase, whoever_talks_on_is_no_short_visit);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
