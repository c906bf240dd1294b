/* SPDX-License-Identifier: ISC */
/*
 * daemon_run - the real adieu as a child process, and what it says and holds
 *
 * The program is $ADIEU. Its log comes through a pipe, line by line, as long
 * as the test is waiting for anything. A mark separates what was logged before
 * a test from what was logged in it.
 */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct daemon_run;

/*
 * Writes config to folder/adieu.conf and starts adieu with it. Waits until it
 * is ready, and notes what it holds then.
 */
struct daemon_run *daemon_start(const char *folder, const char *config);
/* Kills it if it still runs. NULL is fine. */
void daemon_free(struct daemon_run *daemon);

/* Where a listener listens. */
struct sockaddr_in daemon_address(struct daemon_run *daemon, const char *listener);

/* Lines from before are not looked at any more. */
void daemon_mark(struct daemon_run *daemon);
/*
 * Waits until a line says these words (see log_reader.h) and returns it; fails
 * the test if none comes. It lives as long as the daemon.
 */
const char *daemon_expect_log(struct daemon_run *daemon, const char *words, ...)
	__attribute__((format(printf, 2, 3)));
/* How many lines say so since the mark. */
unsigned daemon_count_log(const struct daemon_run *daemon, const char *words);
/* The i-th line since the mark that does; NULL: there are not so many. */
const char *daemon_log_line(const struct daemon_run *daemon, const char *words, unsigned i);
/* Line i since the start, whatever it says; NULL: not yet. */
const char *daemon_any_line(const struct daemon_run *daemon, size_t i);
/* The lines since the mark, for a person. */
void daemon_tell(const struct daemon_run *daemon);

/* Waits until it has the descriptors and threads that it had when it was ready. */
void daemon_expect_settled(struct daemon_run *daemon);
/* Open descriptors now, and when it was ready. */
unsigned daemon_descriptors(const struct daemon_run *daemon);
unsigned daemon_descriptors_at_first(const struct daemon_run *daemon);
/* Waits until it has this many descriptors more than when it was ready. */
void daemon_expect_descriptors(struct daemon_run *daemon, unsigned more);
/* prlimit(RLIMIT_NOFILE), the soft limit. */
void daemon_limit_descriptors(struct daemon_run *daemon, unsigned n);
/* CPU time used so far, in milliseconds. */
unsigned long daemon_cpu(const struct daemon_run *daemon);
/*
 * Makes the kernel give up soon on the daemon's end of a TCP connection, whose
 * other end is fd: TCP_USER_TIMEOUT, set through the daemon's own descriptor.
 */
void daemon_lose_patience(struct daemon_run *daemon, int fd);

void daemon_signal(struct daemon_run *daemon, int number);
/*
 * After an upgrade: pid is the daemon from now on. The one before ends by
 * itself; our own end it must not survive, so it has become our child.
 */
void daemon_follow(struct daemon_run *daemon, pid_t pid);
/* It has ended, and all it had to say is there. */
bool daemon_is_gone(struct daemon_run *daemon);
/* Waits until it has ended and returns its wait status. */
int daemon_wait(struct daemon_run *daemon);
/* SIGTERM; it must end with status 0 and say so. */
void daemon_stop(struct daemon_run *daemon);
bool daemon_is_running(struct daemon_run *daemon);

#endif
