/* SPDX-License-Identifier: ISC */
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENDPOINT_BACKLOG = 4096 };

bool endpoint_parse(const char *text, struct sockaddr_in *address)
{
	char host[INET_ADDRSTRLEN];
	const char *colon = strchr(text, ':');
	char *end;
	unsigned long port;

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtoul(colon + 1, &end, 10);
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	return *end == '\0' && port > 0 && port <= UINT16_MAX &&
	       inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static int endpoint_socket(void)
{
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* What is accepted inherits it from its listener. */
	if (fd >= 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int endpoint_listen(const struct sockaddr_in *address)
{
	int one = 1;
	int fd = endpoint_socket();

	if (fd < 0)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
	    listen(fd, ENDPOINT_BACKLOG) == 0)
		return fd;
	close(fd);
	return -1;
}

int endpoint_connect(const struct sockaddr_in *address)
{
	int fd = endpoint_socket();

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	close(fd);
	return -1;
}
