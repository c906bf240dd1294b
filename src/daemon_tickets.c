/* SPDX-License-Identifier: ISC */
/*
 * The keys that the process seals session tickets with: changed every so often,
 * and handed on to the next program, whose clients come with tickets of ours.
 */
#include <event2/event.h>

#include "daemon_impl.h"
#include "log.h"
#include "tls_tickets.h"
#include "upgrade.h"

_Static_assert((int)UPGRADE_SECRETS_ROOM >= (int)TLS_TICKETS_ROOM, "they fit");

/* Without memory for a timer the keys stay as they are, which is said. */
static void daemon_arm_rotation(struct daemon *daemon)
{
	const uint64_t now = poller_now();
	const uint64_t in = daemon->rotate_at > now ? daemon->rotate_at - now : 0;
	const struct timeval delay = {
		.tv_sec = (time_t)(in / 1000),
		.tv_usec = (suseconds_t)(in % 1000 * 1000),
	};
	struct log_line line;

	if (evtimer_add(&daemon->rotate_event, &delay) == 0)
		return;
	log_begin(&line, LEVEL_WARNING, "ticket-keys");
	log_text(&line, "problem", "out of memory; the old key stays in use");
	log_end(&line);
}

static void daemon_rotate(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	struct log_line line;

	(void)fd;
	(void)what;
	daemon->rotate_at = poller_now() + TLS_TICKETS_PERIOD * 1000;
	daemon_arm_rotation(daemon);
	if (tls_tickets_rotate(daemon->common.tickets))
		return;
	log_begin(&line, LEVEL_WARNING, "ticket-keys");
	log_text(&line, "problem", "no random numbers; the old key stays in use");
	log_end(&line);
}

bool daemon_make_tickets(struct daemon *daemon)
{
	daemon->common.tickets = tls_tickets_new();
	if (daemon->common.tickets == NULL ||
	    evtimer_assign(&daemon->rotate_event, daemon->base, daemon_rotate, daemon) != 0)
		return false;
	daemon->rotate_at = poller_now() + TLS_TICKETS_PERIOD * 1000;
	daemon_arm_rotation(daemon);
	return true;
}

void daemon_give_tickets(struct daemon *daemon, struct upgrade_answer *answer)
{
	/* A key that is made now is one that the heir does not know. */
	(void)event_del(&daemon->rotate_event); /* it is assigned */
	answer->rotate_at = daemon->rotate_at;
	answer->len = (uint32_t)tls_tickets_save(daemon->common.tickets, answer->secrets);
}

void daemon_take_tickets(struct daemon *daemon, const struct upgrade_answer *answer)
{
	const uint64_t latest = daemon->rotate_at;

	if (!tls_tickets_restore(daemon->common.tickets, answer->secrets, answer->len))
		return; /* its clients pay for a handshake */
	daemon->rotate_at = answer->rotate_at < latest ? answer->rotate_at : latest;
	daemon_arm_rotation(daemon);
}

void daemon_keep_tickets(struct daemon *daemon)
{
	daemon_arm_rotation(daemon);
}
