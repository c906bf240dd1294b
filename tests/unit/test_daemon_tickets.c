/* SPDX-License-Identifier: ISC */
/* When the keys of tickets are changed: by one process, and by the next. */
#include <string.h>

#include <event2/event.h>

#include "daemon_impl.h"
#include "suite.h"
#include "tls_tickets.h"

enum {
	SOON = 30,
	PERIOD = TLS_TICKETS_PERIOD * 1000,
};

static struct daemon old;
static struct daemon heir;
static struct upgrade_answer answer;

static void make(struct daemon *daemon)
{
	memset(daemon, 0, sizeof(*daemon));
	daemon->base = event_base_new();
	ck_assert_ptr_nonnull(daemon->base);
	ck_assert(daemon_make_tickets(daemon));
}

static void setup(void)
{
	make(&old);
	make(&heir);
	memset(&answer, 0, sizeof(answer));
}

static void clear(struct daemon *daemon)
{
	(void)event_del(&daemon->rotate_event);
	event_base_free(daemon->base);
	tls_tickets_free(daemon->common.tickets);
}

static void teardown(void)
{
	clear(&old);
	clear(&heir);
}

static unsigned count_keys(const struct daemon *daemon)
{
	unsigned char room[TLS_TICKETS_ROOM];

	return (unsigned)(tls_tickets_save(daemon->common.tickets, room) / 80);
}

static bool is_due(const struct daemon *daemon)
{
	return event_pending(&daemon->rotate_event, EV_TIMEOUT, NULL) != 0;
}

static void hand_on(void)
{
	daemon_give_tickets(&old, &answer);
	daemon_take_tickets(&heir, &answer);
}

START_TEST(an_heir_has_the_same_keys_and_changes_them_when_the_old_one_would_have)
{
	unsigned char room[TLS_TICKETS_ROOM];

	old.rotate_at = poller_now() + SOON;
	hand_on();
	ck_assert_uint_eq(tls_tickets_save(heir.common.tickets, room), answer.len);
	ck_assert_mem_eq(room, answer.secrets, answer.len);
	ck_assert_int_eq(event_base_loop(heir.base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(count_keys(&heir), 2);
	ck_assert_uint_ge(poller_now(), old.rotate_at);
}
END_TEST

START_TEST(and_then_every_period)
{
	old.rotate_at = poller_now();
	hand_on();
	ck_assert_int_eq(event_base_loop(heir.base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(count_keys(&heir), 2);
	ck_assert(is_due(&heir));
	ck_assert_uint_gt(heir.rotate_at, poller_now() + PERIOD - 10000);
	ck_assert_uint_le(heir.rotate_at, poller_now() + PERIOD);
}
END_TEST

START_TEST(who_has_handed_them_on_makes_no_key_that_the_heir_does_not_know)
{
	hand_on();
	ck_assert(!is_due(&old));
}
END_TEST

START_TEST(if_the_heir_fails_they_are_changed_as_before)
{
	old.rotate_at = poller_now() + SOON;
	daemon_give_tickets(&old, &answer);
	daemon_keep_tickets(&old);
	ck_assert_int_eq(event_base_loop(old.base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(count_keys(&old), 2);
}
END_TEST

START_TEST(a_time_that_never_comes_is_not_waited_for)
{
	const uint64_t latest = heir.rotate_at;

	old.rotate_at = UINT64_MAX;
	hand_on();
	ck_assert_uint_eq(heir.rotate_at, latest);
	ck_assert(is_due(&heir));
}
END_TEST

START_TEST(what_are_no_keys_is_left)
{
	unsigned char before[TLS_TICKETS_ROOM];
	unsigned char after[TLS_TICKETS_ROOM];
	const size_t len = tls_tickets_save(heir.common.tickets, before);

	answer.len = 81;
	daemon_take_tickets(&heir, &answer);
	ck_assert_uint_eq(tls_tickets_save(heir.common.tickets, after), len);
	ck_assert_mem_eq(before, after, len);
	ck_assert(is_due(&heir));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon_tickets");
	TCase *tcase = tcase_create("keys");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase,
	               an_heir_has_the_same_keys_and_changes_them_when_the_old_one_would_have);
	tcase_add_test(tcase, and_then_every_period);
	tcase_add_test(tcase, who_has_handed_them_on_makes_no_key_that_the_heir_does_not_know);
	tcase_add_test(tcase, if_the_heir_fails_they_are_changed_as_before);
	tcase_add_test(tcase, a_time_that_never_comes_is_not_waited_for);
	tcase_add_test(tcase, what_are_no_keys_is_left);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
