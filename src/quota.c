/* SPDX-License-Identifier: ISC */
#include "quota.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <search.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct quota {
	char *name;
	atomic_uint references;
	atomic_uint n;
	_Atomic uint64_t due;   /* when as many have come as may; nanoseconds */
	pthread_mutex_t lock;
	void *places;           /* tsearch(3)'s tree of struct quota_place */
};

struct quota_place {
	uint64_t net;           /* IPv4 address, or upper half of an IPv6 one */
	bool is_v6;
	uint32_t n;
};

static int quota_compare(const void *a, const void *b)
{
	const struct quota_place *left = a;
	const struct quota_place *right = b;

	if (left->is_v6 != right->is_v6)
		return left->is_v6 ? 1 : -1;
	return (left->net > right->net) - (left->net < right->net);
}

struct quota *quota_new(const char *name)
{
	struct quota *quota = calloc(1, sizeof(*quota));

	if (quota == NULL)
		return NULL;
	quota->name = strdup(name);
	if (quota->name == NULL || pthread_mutex_init(&quota->lock, NULL) != 0) {
		free(quota->name);
		free(quota);
		return NULL;
	}
	atomic_init(&quota->references, 1);
	return quota;
}

bool quota_is_for(const struct quota *quota, const char *name)
{
	return strcmp(quota->name, name) == 0;
}

struct quota *quota_hold(struct quota *quota)
{
	(void)atomic_fetch_add(&quota->references, 1);
	return quota;
}

void quota_release(struct quota *quota)
{
	if (quota == NULL || atomic_fetch_sub(&quota->references, 1) > 1)
		return;
	tdestroy(quota->places, free);
	(void)pthread_mutex_destroy(&quota->lock); /* nobody holds it */
	free(quota->name);
	free(quota);
}

/* False: it has none, being a Unix socket's. */
static bool quota_place_of(const struct sockaddr *peer, struct quota_place *place)
{
	const struct in6_addr *address =
		&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
	uint32_t words[4];

	*place = (struct quota_place){ .n = 0 };
	if (peer->sa_family == AF_INET) {
		place->net =
			ntohl(((const struct sockaddr_in *)(const void *)peer)->sin_addr.s_addr);
		return true;
	}
	if (peer->sa_family != AF_INET6)
		return false;
	memcpy(words, address, sizeof(words));
	place->is_v6 = !IN6_IS_ADDR_V4MAPPED(address);
	place->net =
		place->is_v6 ? (uint64_t)ntohl(words[0]) << 32 | ntohl(words[1]) : ntohl(words[3]);
	return true;
}

/* Under the lock; NULL: out of memory. */
static struct quota_place *quota_find(struct quota *quota, const struct quota_place *wanted)
{
	struct quota_place **found = tfind(wanted, &quota->places, quota_compare);
	struct quota_place *place;

	if (found != NULL)
		return *found;
	place = malloc(sizeof(*place));
	if (place == NULL)
		return NULL;
	*place = *wanted;
	if (tsearch(place, &quota->places, quota_compare) != NULL)
		return place;
	free(place);
	return NULL;
}

static const char *quota_enter_place(struct quota *quota, const struct quota_place *wanted,
                                     uint32_t most)
{
	const char *reason = NULL;
	struct quota_place *place;

	(void)pthread_mutex_lock(&quota->lock); /* a plain one: cannot fail */
	place = quota_find(quota, wanted);
	if (place == NULL)
		reason = "out_of_memory";
	else if (place->n >= most)
		reason = "max_per_ip";
	else
		place->n++;
	(void)pthread_mutex_unlock(&quota->lock);
	return reason;
}

static void quota_leave_place(struct quota *quota, const struct quota_place *wanted)
{
	struct quota_place **found;
	struct quota_place *place;

	(void)pthread_mutex_lock(&quota->lock);
	found = tfind(wanted, &quota->places, quota_compare);
	place = *found; /* it was entered */
	if (--place->n == 0) {
		(void)tdelete(place, &quota->places, quota_compare);
		free(place);
	}
	(void)pthread_mutex_unlock(&quota->lock);
}

const char *quota_enter(struct quota *quota, const struct sockaddr *peer, uint32_t most,
                        uint32_t most_per_ip, bool *counted)
{
	const char *reason = NULL;
	struct quota_place place;

	*counted = false;
	if (atomic_fetch_add(&quota->n, 1) >= most && most > 0) {
		(void)atomic_fetch_sub(&quota->n, 1);
		return "max_connections";
	}
	if (most_per_ip > 0 && quota_place_of(peer, &place)) {
		reason = quota_enter_place(quota, &place, most_per_ip);
		*counted = reason == NULL;
	}
	if (reason != NULL)
		(void)atomic_fetch_sub(&quota->n, 1);
	return reason;
}

void quota_leave(struct quota *quota, const struct sockaddr *peer, bool counted)
{
	struct quota_place place;

	(void)atomic_fetch_sub(&quota->n, 1);
	if (counted && quota_place_of(peer, &place))
		quota_leave_place(quota, &place);
}

/*
 * The generic cell rate algorithm (ITU-T I.371, annex A): each who comes moves
 * due on by its share of a second, and due may be a second ahead.
 */
bool quota_may_come(struct quota *quota, uint32_t rate, uint64_t now)
{
	const uint64_t second = 1000000000;
	const uint64_t start = now * (second / 1000);
	uint64_t due = atomic_load(&quota->due);
	uint64_t next;

	do {
		next = (due > start ? due : start) + second / rate;
		if (next > start + second)
			return false;
	} while (!atomic_compare_exchange_weak(&quota->due, &due, next));
	return true;
}
