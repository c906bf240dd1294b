/* SPDX-License-Identifier: ISC */
#include "notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* 0: there is no such address. */
static socklen_t notify_address(struct sockaddr_un *address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path != NULL ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(address->sun_path) || (*path != '/' && *path != '@'))
		return 0;
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, len);
	if (*path == '@')
		address->sun_path[0] = '\0'; /* an abstract one */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void notify(const char *format, ...)
{
	struct sockaddr_un address;
	socklen_t address_len = notify_address(&address);
	char text[1024];
	va_list arguments;
	int len;
	int fd;

	if (address_len == 0)
		return;
	va_start(arguments, format);
	len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	(void)sendto(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT,
	             (const struct sockaddr *)&address, address_len);
	(void)close(fd);
}

void notify_reloading(const char *status)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail on Linux */
	notify("RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=%s",
	       (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000,
	       status);
}

void notify_extend_timeout(uint64_t milliseconds)
{
	const uint64_t most = INT64_MAX;
	const uint64_t usec = milliseconds <= most / 1000 ? milliseconds * 1000 : most;

	notify("EXTEND_TIMEOUT_USEC=%llu", (unsigned long long)usec);
}

void notify_stretch_watchdog(uint64_t milliseconds)
{
	if (notify_watchdog() > 0)
		notify("WATCHDOG_USEC=%llu", (unsigned long long)milliseconds * 1000);
}

uint64_t notify_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoull(usec, NULL, 10) / 1000;
}
