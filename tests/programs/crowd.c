/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into adieu it is a crowd: behind each client that is let in there
 * comes another one, at once, so that there is always one who waits.
 */
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void crowd_come(int listening)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (getsockname(listening, (struct sockaddr *)&address, &len) == 0)
		(void)connect(fd, (struct sockaddr *)&address, len);
	(void)close(fd);
}

int accept4(int fd, __SOCKADDR_ARG peer, socklen_t *len, int flags)
{
	int (*call)(int, __SOCKADDR_ARG, socklen_t *, int);
	int client;

	*(void **)&call = dlsym(RTLD_NEXT, "accept4");
	client = call(fd, peer, len, flags);
	if (client >= 0)
		crowd_come(fd);
	return client;
}
