/* SPDX-License-Identifier: ISC */
/* endpoint - IPv4 addresses, and sockets that listen on or connect to them */
#ifndef BENCH_ENDPOINT_H
#define BENCH_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>

/* From "127.0.0.1:7000". */
bool endpoint_parse(const char *text, struct sockaddr_in *address);
/* Both are nonblocking with TCP_NODELAY; -1 and errno if it cannot be had. */
int endpoint_listen(const struct sockaddr_in *address);
/* Not yet connected when this returns: wait until it is writable. */
int endpoint_connect(const struct sockaddr_in *address);

#endif
