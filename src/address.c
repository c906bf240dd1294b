/* SPDX-License-Identifier: ISC */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"

enum { ADDRESS_HOST_MAX = 255 };

static const char *address_one(const struct address *address, struct address **list, size_t *n)
{
	*list = malloc(sizeof(**list));
	if (*list == NULL)
		return "out of memory";
	**list = *address;
	*n = 1;
	return NULL;
}

static const char *address_parse_unix(const char *path, struct address **list, size_t *n)
{
	struct address address = { .un.sun_family = AF_UNIX };
	size_t len = strlen(path);

	if (*path != '/')
		return "needs an absolute path after \"unix:\"";
	if (len >= sizeof(address.un.sun_path))
		return "is too long a path for a Unix socket";
	memcpy(address.un.sun_path, path, len + 1);
	address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return address_one(&address, list, n);
}

static const char *address_parse_activated(const char *name, enum address_use use,
                                           struct address **list, size_t *n)
{
	struct address address = { .un.sun_family = AF_UNSPEC };
	size_t len = strlen(name);

	if (use != ADDRESS_TO_BIND)
		return "is a socket to listen on";
	if (len == 0)
		return "needs a name after \"systemd:\"";
	if (len >= sizeof(address.un.sun_path))
		return "has too long a name";
	memcpy(address.un.sun_path, name, len + 1);
	address.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return address_one(&address, list, n);
}

static const char *address_parse_port(const char *text, enum address_use use, uint16_t *port)
{
	uint32_t number = 0;

	if (use == ADDRESS_TO_BIND && strcmp(text, "0") == 0) {
		*port = 0;
		return NULL;
	}
	if (parse_count(text, &number) != NULL || number > UINT16_MAX)
		return "has no port between 1 and 65535";
	*port = (uint16_t)number;
	return NULL;
}

static const char *address_parse_any(uint16_t port, enum address_use use, struct address **list,
                                     size_t *n)
{
	struct address address = { .dual_stack = true };

	if (use == ADDRESS_TO_CONNECT)
		return "has no host";
	address.in6.sin6_family = AF_INET6;
	address.in6.sin6_addr = in6addr_any;
	address.in6.sin6_port = htons(port);
	address.len = sizeof(address.in6);
	return address_one(&address, list, n);
}

bool address_is_loopback(const struct address *address)
{
	if (address->any.sa_family == AF_INET)
		return ntohl(address->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->in6.sin6_addr);
}

bool address_equal(const struct address *a, const struct address *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port &&
		       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	if (a->any.sa_family == AF_INET6)
		return a->in6.sin6_port == b->in6.sin6_port &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
		       IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
	return strcmp(a->un.sun_path, b->un.sun_path) == 0;
}

static bool address_is_among(const struct address *address, const struct address *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (address_equal(address, &list[i]))
			return true;
	return false;
}

static const char *address_copy_found(const struct addrinfo *found, struct address **list,
                                      size_t *n)
{
	size_t room = 0;

	for (const struct addrinfo *info = found; info != NULL; info = info->ai_next)
		room++;
	*list = calloc(room, sizeof(**list));
	if (*list == NULL)
		return "out of memory";
	*n = 0;
	for (const struct addrinfo *info = found; info != NULL; info = info->ai_next) {
		struct address address = { .len = info->ai_addrlen };

		memcpy(&address.any, info->ai_addr, info->ai_addrlen);
		if (!address_is_among(&address, *list, *n))
			(*list)[(*n)++] = address;
	}
	return NULL;
}

static const char *address_unresolved(int error)
{
	static _Thread_local char reason[160];

	(void)snprintf(reason, sizeof(reason), "cannot be resolved: %s",
	               error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
	return reason;
}

/* What the kernel would only call an invalid argument. NULL: nothing is wrong with it. */
static const char *address_judge_in6(const struct sockaddr_in6 *in6, enum address_use use)
{
	if (use == ADDRESS_TO_BIND && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return "is an IPv4 address, and has to be written as one";
	if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) && in6->sin6_scope_id == 0)
		return "needs an interface, as in [fe80::1%eth0]:443";
	return NULL;
}

/* A name, or, between brackets, an IPv6 address, for the sake of its %scope. */
static const char *address_resolve(const char *host, uint16_t port, bool brackets,
                                   enum address_use use, struct address **list, size_t *n)
{
	const struct addrinfo hints = {
		.ai_family = brackets ? AF_INET6 : AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (brackets ? AI_NUMERICHOST : 0),
	};
	struct addrinfo *found;
	const char *reason;
	char service[8];
	int error;

	(void)snprintf(service, sizeof(service), "%u", port);
	error = getaddrinfo(host, service, &hints, &found);
	if (error != 0)
		return brackets ? "is not an IPv6 address" : address_unresolved(error);
	reason = brackets ? address_judge_in6(
				    (const struct sockaddr_in6 *)(const void *)found->ai_addr, use)
	                  : NULL;
	if (reason == NULL)
		reason = address_copy_found(found, list, n);
	freeaddrinfo(found);
	return reason;
}

/* The resolver would take "10.1" for 10.0.0.1, "010.0.0.1" for 8.0.0.1 and "80" for 0.0.0.80. */
static bool address_is_numeric(const char *host)
{
	struct in_addr in;

	return host[strspn(host, "0123456789.")] == '\0' || inet_aton(host, &in) == 1;
}

static const char *address_parse_in(const char *host, uint16_t port, struct address **list,
                                    size_t *n)
{
	struct address address = { .len = sizeof(address.in) };

	address.in.sin_family = AF_INET;
	address.in.sin_port = htons(port);
	if (inet_pton(AF_INET, host, &address.in.sin_addr) != 1)
		return "is not an IPv4 address";
	return address_one(&address, list, n);
}

/* Cuts host. */
static const char *address_parse_host(char *host, uint16_t port, enum address_use use,
                                      struct address **list, size_t *n)
{
	size_t len = strlen(host);

	if (strcmp(host, "*") == 0 || strcmp(host, "[*]") == 0)
		return "has a \"*\": every address is just \":PORT\"";
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		return address_resolve(host + 1, port, true, use, list, n);
	}
	if (strchr(host, ':') != NULL)
		return "needs brackets around its IPv6 address, as in [::1]:443";
	if (address_is_numeric(host))
		return address_parse_in(host, port, list, n);
	return address_resolve(host, port, false, use, list, n);
}

const char *address_parse(const char *text, enum address_use use, struct address **list, size_t *n)
{
	const char *colon = strrchr(text, ':');
	char host[ADDRESS_HOST_MAX + 1];
	const char *reason;
	uint16_t port = 0;
	size_t len;

	*list = NULL;
	*n = 0;
	if (strncmp(text, "unix:", 5) == 0)
		return address_parse_unix(text + 5, list, n);
	if (strncmp(text, "systemd:", 8) == 0)
		return address_parse_activated(text + 8, use, list, n);
	if (strstr(text, "://") != NULL)
		return "is a URL: an address is only host:port";
	if (colon == NULL)
		return "is no address: it needs a port, as in host:port";
	if (strpbrk(text, " \t") != NULL)
		return "has a space in it";
	reason = address_parse_port(colon + 1, use, &port);
	if (reason != NULL)
		return reason;
	len = (size_t)(colon - text);
	if (len == 0)
		return address_parse_any(port, use, list, n);
	if (len > ADDRESS_HOST_MAX)
		return "has too long a host name";
	memcpy(host, text, len);
	host[len] = '\0';
	return address_parse_host(host, port, use, list, n);
}

static const char *address_text_in6(const struct sockaddr_in6 *in6, char *room)
{
	const unsigned port = ntohs(in6->sin6_port);
	char host[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		(void)inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], host, sizeof(host));
		(void)snprintf(room, ADDRESS_TEXT_ROOM, "%s:%u", host, port);
		return room;
	}
	(void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)); /* it has room */
	if (in6->sin6_scope_id != 0)
		(void)snprintf(room, ADDRESS_TEXT_ROOM, "[%s%%%u]:%u", host, in6->sin6_scope_id,
		               port);
	else
		(void)snprintf(room, ADDRESS_TEXT_ROOM, "[%s]:%u", host, port);
	return room;
}

const char *address_text(const struct sockaddr *sa, socklen_t len,
                         char room[static ADDRESS_TEXT_ROOM])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
	const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)sa;
	const size_t path_at = offsetof(struct sockaddr_un, sun_path);
	char host[INET_ADDRSTRLEN];

	switch (sa->sa_family) {
	case AF_INET:
		(void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)); /* it has room */
		(void)snprintf(room, ADDRESS_TEXT_ROOM, "%s:%u", host, ntohs(in->sin_port));
		return room;
	case AF_INET6: return address_text_in6((const struct sockaddr_in6 *)(const void *)sa, room);
	case AF_UNIX:
		if (len > path_at && un->sun_path[0] != '\0')
			(void)snprintf(room, ADDRESS_TEXT_ROOM, "unix:%.*s", (int)(len - path_at),
			               un->sun_path);
		else
			(void)snprintf(room, ADDRESS_TEXT_ROOM, "unix");
		return room;
	case AF_UNSPEC:
		if (len > path_at && un->sun_path[0] != '\0')
			(void)snprintf(room, ADDRESS_TEXT_ROOM, "systemd:%.*s",
			               (int)(len - path_at), un->sun_path);
		else
			(void)snprintf(room, ADDRESS_TEXT_ROOM, "unknown");
		return room;
	default: (void)snprintf(room, ADDRESS_TEXT_ROOM, "unknown"); return room;
	}
}
