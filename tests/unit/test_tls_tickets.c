/* SPDX-License-Identifier: ISC */
/* Which sessions can be resumed, as keys come and go. */
#include "tls_tickets.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "suite.h"
#include "tls_pair.h"

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
enum { BOTH = 2, PATH_ROOM = FOLDER_ROOM + 32, KEY_LEN = 80 };

static char folder[FOLDER_ROOM];
static char reason[TLS_REASON_ROOM];

static void make_folder(void)
{
	folder_make(folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

/* What the peer has of this connection, once it has heard from us. */
static SSL_SESSION *take_session(void)
{
	ck_assert_int_eq(socket_send(pair.sock, "abc", 3, true), IO_DONE);
	ck_assert_uint_eq(tls_pair_peer_receive(), 3);
	tls_pair_say_close_notify();
	return SSL_get1_session(pair.peer);
}

static SSL_SESSION *make_session(int version)
{
	tls_pair_meet(WIRE_UNIX, version);
	return take_session();
}

static bool is_resumed(int version, SSL_SESSION *session)
{
	tls_pair_join(WIRE_UNIX, version);
	ck_assert_int_eq(SSL_set_session(pair.peer, session), 1);
	ck_assert_int_eq(tls_pair_shake(), IO_DONE);
	return SSL_session_reused(pair.peer) == 1;
}

static void rotate(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		ck_assert(tls_tickets_rotate(tls_pair_tickets));
}

static void use(struct tls_tickets *tickets)
{
	tls_context_free(pair.context);
	pair.context = tls_pair_context(tickets);
}

/* ---- keys in memory ---- */

START_TEST(a_session_can_be_resumed_as_long_as_it_lives)
{
	SSL_SESSION *session = make_session(versions[_i]);

	ck_assert_int_eq(SSL_SESSION_get_timeout(session), TLS_SESSION_LIFETIME);
	rotate(TLS_SESSION_LIFETIME / TLS_TICKETS_PERIOD);
	ck_assert(is_resumed(versions[_i], session));
	rotate(1);
	ck_assert(!is_resumed(versions[_i], session));
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(one_that_is_resumed_gets_a_ticket_of_the_newest_key)
{
	SSL_SESSION *session = make_session(versions[_i]);
	SSL_SESSION *renewed;

	rotate(TLS_SESSION_LIFETIME / TLS_TICKETS_PERIOD);
	ck_assert(is_resumed(versions[_i], session));
	renewed = take_session();
	rotate(TLS_SESSION_LIFETIME / TLS_TICKETS_PERIOD);
	ck_assert(is_resumed(versions[_i], renewed));
	SSL_SESSION_free(session);
	SSL_SESSION_free(renewed);
}
END_TEST

START_TEST(keys_of_another_process_are_others)
{
	SSL_SESSION *session = make_session(versions[_i]);
	struct tls_tickets *others = tls_tickets_new();

	ck_assert_ptr_nonnull(others);
	use(others);
	ck_assert(!is_resumed(versions[_i], session));
	use(tls_pair_tickets);
	ck_assert(is_resumed(versions[_i], session));
	SSL_SESSION_free(session);
	tls_tickets_free(others);
}
END_TEST

START_TEST(keys_that_were_handed_on_open_what_was_sealed_before)
{
	unsigned char saved[TLS_TICKETS_ROOM];
	struct tls_tickets *others = tls_tickets_new();
	SSL_SESSION *session = make_session(versions[_i]);
	size_t len;

	rotate(1);
	len = tls_tickets_save(tls_pair_tickets, saved);
	ck_assert_uint_eq(len, 2 * KEY_LEN);
	ck_assert(tls_tickets_restore(others, saved, len));
	use(others);
	ck_assert(is_resumed(versions[_i], session));
	for (int i = 1; i < TLS_SESSION_LIFETIME / TLS_TICKETS_PERIOD; i++)
		ck_assert(tls_tickets_rotate(others));
	ck_assert(is_resumed(versions[_i], session));
	ck_assert(tls_tickets_rotate(others));
	ck_assert(!is_resumed(versions[_i], session));
	use(tls_pair_tickets);
	SSL_SESSION_free(session);
	tls_tickets_free(others);
}
END_TEST

START_TEST(what_are_no_keys_changes_nothing)
{
	unsigned char saved[TLS_TICKETS_ROOM + KEY_LEN] = { 0 };
	SSL_SESSION *session = make_session(TLS1_3_VERSION);

	ck_assert(!tls_tickets_restore(tls_pair_tickets, saved, 0));
	ck_assert(!tls_tickets_restore(tls_pair_tickets, saved, KEY_LEN - 1));
	ck_assert(!tls_tickets_restore(tls_pair_tickets, saved, sizeof(saved)));
	ck_assert(is_resumed(TLS1_3_VERSION, session));
	SSL_SESSION_free(session);
}
END_TEST

/* ---- keys from files ---- */

/* Its bytes are fill; returns the path, which is room. */
static char *write_key(char *room, const char *name, char fill, size_t len, mode_t mode)
{
	char bytes[KEY_LEN + 1];
	FILE *file;

	memset(bytes, fill, sizeof(bytes));
	(void)snprintf(room, PATH_ROOM, "%s/%s", folder, name);
	file = fopen(room, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(room, mode), 0);
	return room;
}

static struct tls_tickets *load(char *first, char *second)
{
	char *paths[] = { first, second };
	const struct text_list files = { paths, second != NULL ? 2 : 1 };

	return tls_tickets_load(&files, reason);
}

START_TEST(the_first_file_seals_and_all_of_them_open)
{
	char a[PATH_ROOM];
	char b[PATH_ROOM];
	struct tls_tickets *before;
	struct tls_tickets *after;
	struct tls_tickets *later;
	SSL_SESSION *session;

	(void)write_key(a, "a", 'a', KEY_LEN, 0600);
	(void)write_key(b, "b", 'b', KEY_LEN, 0600);
	before = load(a, NULL);
	after = load(b, a);
	later = load(b, NULL);
	ck_assert(before != NULL && after != NULL && later != NULL);
	use(before);
	session = make_session(versions[_i]);
	use(later);
	ck_assert(!is_resumed(versions[_i], session));
	use(after);
	ck_assert(is_resumed(versions[_i], session));
	SSL_SESSION_free(session);
	session = make_session(versions[_i]);
	use(later);
	ck_assert(is_resumed(versions[_i], session));
	use(before);
	ck_assert(!is_resumed(versions[_i], session));
	SSL_SESSION_free(session);
	use(tls_pair_tickets);
	tls_tickets_free(before);
	tls_tickets_free(after);
	tls_tickets_free(later);
}
END_TEST

static void expect_refusal(const char *path, const char *why)
{
	char expected[TLS_REASON_ROOM];

	(void)snprintf(expected, sizeof(expected), "%s: %s", path, why);
	ck_assert_str_eq(reason, expected);
}

START_TEST(a_file_that_is_no_key_is_refused)
{
	char good[PATH_ROOM];
	char bad[PATH_ROOM];

	(void)write_key(good, "good", 'g', KEY_LEN, 0600);
	ck_assert_ptr_null(load(good, write_key(bad, "short", 's', KEY_LEN - 1, 0600)));
	expect_refusal(bad,
	               "has 79 bytes, and a ticket key has 80, not in base64; openssl rand 80");
	ck_assert_ptr_null(load(write_key(bad, "long", 'l', KEY_LEN + 1, 0600), NULL));
	expect_refusal(bad,
	               "has 81 bytes, and a ticket key has 80, not in base64; openssl rand 80");
	ck_assert_ptr_null(load(write_key(bad, "empty", 'e', 0, 0600), NULL));
	expect_refusal(bad, "has 0 bytes, and a ticket key has 80, not in base64; openssl rand 80");
	ck_assert_ptr_null(load(write_key(bad, "public", 'p', KEY_LEN, 0604), NULL));
	expect_refusal(bad, "everybody may read this ticket key; chmod o-r");
	ck_assert_int_eq(unlink(bad), 0);
	ck_assert_ptr_null(load(bad, NULL));
	expect_refusal(bad, "No such file or directory");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_tickets");
	TCase *tcase = tcase_create("tls_tickets");

	tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
	tcase_add_checked_fixture(tcase, tls_pair_set_up, tls_pair_tear_down);
	tcase_add_loop_test(tcase, a_session_can_be_resumed_as_long_as_it_lives, 0, BOTH);
	tcase_add_loop_test(tcase, one_that_is_resumed_gets_a_ticket_of_the_newest_key, 0, BOTH);
	tcase_add_loop_test(tcase, keys_of_another_process_are_others, 0, BOTH);
	tcase_add_loop_test(tcase, keys_that_were_handed_on_open_what_was_sealed_before, 0, BOTH);
	tcase_add_test(tcase, what_are_no_keys_changes_nothing);
	tcase_add_loop_test(tcase, the_first_file_seals_and_all_of_them_open, 0, BOTH);
	tcase_add_test(tcase, a_file_that_is_no_key_is_refused);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
