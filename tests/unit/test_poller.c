/* SPDX-License-Identifier: ISC */
#include "poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "suite.h"

enum { N = 3 };

/* Somebody who watches a descriptor and has an alarm. */
struct somebody {
	struct watch watch;
	struct alarm alarm;
	int fd;
	uint32_t told;          /* what, the last time */
	unsigned n_told;
	unsigned n_rung;
	unsigned rung_as;       /* the how many-th of all it was */
};

static struct poller poller;
static struct somebody all[N];
static unsigned n_rung;

static void on_told(void *owner, uint32_t what)
{
	struct somebody *one = owner;

	one->told = what;
	one->n_told++;
}

/* The first to be told sends all the others away. */
static void on_told_first(void *owner, uint32_t what)
{
	on_told(owner, what);
	for (int i = 0; i < N; i++)
		if (&all[i] != owner)
			poller_forget(&poller, &all[i].watch, all[i].fd);
}

static void on_rung(void *owner)
{
	struct somebody *one = owner;

	one->n_rung++;
	one->rung_as = ++n_rung;
}

static void on_rung_again(void *owner)
{
	on_rung(owner);
	poller_set(&poller, &((struct somebody *)owner)->alarm, 1);
}

static void set_up(void)
{
	ck_assert(poller_init(&poller));
	for (int i = 0; i < N; i++) {
		all[i] = (struct somebody){ .watch = { .tell = on_told, .owner = &all[i] },
			                    .alarm = { .ring = on_rung, .owner = &all[i] },
			                    .fd = eventfd(0, EFD_NONBLOCK) };
		ck_assert_int_ge(all[i].fd, 0);
		ck_assert(poller_watch(&poller, &all[i].watch, all[i].fd, EPOLLIN));
	}
}

static void tear_down(void)
{
	for (int i = 0; i < N; i++)
		(void)close(all[i].fd);
	poller_clear(&poller);
}

static void say(int i)
{
	ck_assert_int_eq(eventfd_write(all[i].fd, 1), 0);
}

static unsigned told(void)
{
	unsigned sum = 0;

	for (int i = 0; i < N; i++)
		sum += all[i].n_told;
	return sum;
}

START_TEST(who_has_news_is_told)
{
	poller_turn(&poller, false);
	ck_assert_uint_eq(told(), 0);
	say(1);
	poller_turn(&poller, true);
	ck_assert_uint_eq(told(), 1);
	ck_assert_uint_eq(all[1].told, EPOLLIN);
}
END_TEST

START_TEST(who_is_forgotten_meanwhile_is_told_nothing)
{
	for (int i = 0; i < N; i++) {
		all[i].watch.tell = on_told_first;
		say(i);
	}
	poller_turn(&poller, true);
	ck_assert_uint_eq(told(), 1);
	poller_turn(&poller, false);
	ck_assert_uint_eq(told(), 2); /* it did not read */
}
END_TEST

START_TEST(a_glance_is_for_who_is_brief)
{
	all[1].watch.brief = true;
	say(0);
	say(1);
	poller_glance(&poller);
	ck_assert_uint_eq(all[0].n_told, 0);
	ck_assert_uint_eq(all[1].n_told, 1);
	poller_turn(&poller, false);
	ck_assert_uint_eq(all[0].n_told, 1);
}
END_TEST

static void on_told_glance(void *owner, uint32_t what)
{
	on_told(owner, what);
	poller_glance(&poller);
}

START_TEST(there_is_no_glance_while_somebody_is_told)
{
	for (int i = 0; i < N; i++) {
		all[i].watch.tell = on_told_glance;
		all[i].watch.brief = true;
		say(i);
	}
	poller_turn(&poller, true);
	ck_assert_uint_eq(told(), N);
}
END_TEST

START_TEST(a_glance_rings_no_alarm)
{
	poller_set(&poller, &all[0].alarm, 1);
	poller_glance(&poller);
	ck_assert_uint_eq(all[0].n_rung, 0);
	poller_turn(&poller, false);
	ck_assert_uint_eq(all[0].n_rung, 1);
}
END_TEST

START_TEST(one_can_watch_for_more)
{
	ck_assert(poller_change(&poller, &all[0].watch, all[0].fd, EPOLLIN | EPOLLOUT));
	poller_turn(&poller, true);
	ck_assert_uint_eq(all[0].told, EPOLLOUT);
	ck_assert(!poller_change(&poller, &all[0].watch, -1, EPOLLIN));
	ck_assert(!poller_watch(&poller, &all[0].watch, all[0].fd, EPOLLIN));
}
END_TEST

START_TEST(alarms_ring_in_their_order_and_once)
{
	const uint64_t now = poller_now();

	poller_set(&poller, &all[2].alarm, now + 1);
	poller_set(&poller, &all[0].alarm, now + 2);
	poller_set(&poller, &all[1].alarm, now + 3);
	while (n_rung < N)
		poller_turn(&poller, true);
	ck_assert_uint_ge(poller_now(), now + 3);
	ck_assert_uint_eq(all[2].rung_as, 1);
	ck_assert_uint_eq(all[0].rung_as, 2);
	ck_assert_uint_eq(all[1].rung_as, 3);
	poller_turn(&poller, false);
	ck_assert_uint_eq(n_rung, N);
	ck_assert(!alarm_is_set(&all[0].alarm));
}
END_TEST

START_TEST(an_alarm_can_be_called_off)
{
	poller_set(&poller, &all[0].alarm, 1);
	poller_set(&poller, &all[1].alarm, 2);
	poller_unset(&poller, &all[0].alarm);
	poller_turn(&poller, true);
	ck_assert_uint_eq(all[0].n_rung, 0);
	ck_assert_uint_eq(all[1].n_rung, 1);
}
END_TEST

START_TEST(an_alarm_that_is_always_due_keeps_nobody_from_being_told)
{
	all[0].alarm.ring = on_rung_again;
	poller_set(&poller, &all[0].alarm, 1);
	say(1);
	poller_turn(&poller, true);
	poller_turn(&poller, true);
	ck_assert_uint_eq(all[1].n_told, 2);
	ck_assert_uint_ge(all[0].n_rung, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("poller");
	TCase *tcase = tcase_create("turns");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, who_has_news_is_told);
	tcase_add_test(tcase, who_is_forgotten_meanwhile_is_told_nothing);
	tcase_add_test(tcase, a_glance_is_for_who_is_brief);
	tcase_add_test(tcase, there_is_no_glance_while_somebody_is_told);
	tcase_add_test(tcase, a_glance_rings_no_alarm);
	tcase_add_test(tcase, one_can_watch_for_more);
	tcase_add_test(tcase, alarms_ring_in_their_order_and_once);
	tcase_add_test(tcase, an_alarm_can_be_called_off);
	tcase_add_test(tcase, an_alarm_that_is_always_due_keeps_nobody_from_being_told);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
