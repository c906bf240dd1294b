/* SPDX-License-Identifier: ISC */
#include "poller.h"

#include "socket_impl.h"

static const struct timeval poller_interval = { .tv_usec = POLLER_LOOK_MS * 1000 };

static void poller_look(struct poller *poller)
{
	struct socket *sock;

	while ((sock = TAILQ_FIRST(&poller->stale)) != NULL) {
		poller_spare(sock);
		sock->readable = true;
		sock->wake(sock->owner);
	}
}

static void poller_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct poller *poller = arg;
	struct socket *sock;

	(void)fd;
	(void)what;
	poller_look(poller);
	while ((sock = TAILQ_FIRST(&poller->fresh)) != NULL) {
		TAILQ_REMOVE(&poller->fresh, sock, look_link);
		TAILQ_INSERT_TAIL(&poller->stale, sock, look_link);
		sock->look = LOOK_NEXT;
	}
	/* Without memory for that, now: nobody else would look. */
	if (!TAILQ_EMPTY(&poller->stale) && evtimer_add(&poller->tick, &poller_interval) != 0)
		poller_look(poller);
}

struct event_base *poller_new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (config == NULL)
		return NULL;
	(void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	(void)event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

bool poller_init(struct poller *poller, struct event_base *base)
{
	poller->base = base;
	TAILQ_INIT(&poller->fresh);
	TAILQ_INIT(&poller->stale);
	return evtimer_assign(&poller->tick, base, poller_on_tick, poller) == 0;
}

void poller_clear(struct poller *poller)
{
	if (event_initialized(&poller->tick))
		(void)event_del(&poller->tick); /* it is assigned */
}

bool poller_look_later(struct poller *poller, struct socket *sock)
{
	if (!evtimer_pending(&poller->tick, NULL) &&
	    evtimer_add(&poller->tick, &poller_interval) != 0)
		return false;
	poller_spare(sock);
	TAILQ_INSERT_TAIL(&poller->fresh, sock, look_link);
	sock->look = LOOK_LATER;
	return true;
}

void poller_spare(struct socket *sock)
{
	switch (sock->look) {
	case LOOK_NEVER: return;
	case LOOK_LATER: TAILQ_REMOVE(&sock->poller->fresh, sock, look_link); break;
	case LOOK_NEXT:  TAILQ_REMOVE(&sock->poller->stale, sock, look_link); break;
	}
	sock->look = LOOK_NEVER;
}
