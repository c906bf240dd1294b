/* SPDX-License-Identifier: ISC */
/*
 * address - one place a socket can be bound or connected to
 *
 * Textual forms, everywhere in the configuration:
 *
 *	:443             every IPv4 and IPv6 address (one dual-stack socket)
 *	10.0.0.1:443     IPv4
 *	[::1]:443        IPv6, and only IPv6; [fe80::1%eth0]:443 where it needs a scope
 *	name:443         a host name; resolved once, when the file is loaded
 *	unix:/run/x.sock a Unix stream socket; the path is absolute
 *	systemd:NAME     to listen: a socket that the service manager passes by that
 *	                 name; its family is AF_UNSPEC, and sun_path holds the name
 *
 * A name may stand for several addresses, hence lists.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
	socklen_t len;
	bool dual_stack;        /* in6 any-address that also takes IPv4 */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* Room that the text of any address fits in, with its NUL. */
enum { ADDRESS_TEXT_ROOM = 128 };

enum address_use {
	ADDRESS_TO_BIND,        /* ":port" is allowed, port 0 too */
	ADDRESS_TO_CONNECT,     /* needs a host and a port that is not 0 */
};

/*
 * Parses text, resolving a host name with getaddrinfo(3) (which may block).
 * On success stores a malloc()ed array of at least one address, which the
 * caller frees, and returns NULL. Otherwise returns the reason in words; it
 * is static or lives until the next call in this thread, and *list is NULL.
 */
const char *address_parse(const char *text, enum address_use use, struct address **list, size_t *n);

/*
 * Writes the address as a person writes it: "192.0.2.7:51812", "[::1]:443",
 * "unix:/run/x.sock" ("unix" for an unnamed one). An IPv4-mapped IPv6 address
 * is written as IPv4. Always NUL-terminates; returns room, for use in a call.
 */
const char *address_text(const struct sockaddr *sa, socklen_t len,
                         char room[static ADDRESS_TEXT_ROOM]);

/* 127.0.0.0/8 or ::1. */
bool address_is_loopback(const struct address *address);

/* True when both name the same endpoint: family, address and port or path. */
bool address_equal(const struct address *a, const struct address *b);

#endif
