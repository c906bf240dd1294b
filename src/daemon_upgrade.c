/* SPDX-License-Identifier: ISC */
/* Another program in our place: what the daemon does about it, and says. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon_impl.h"
#include "log.h"
#include "notify.h"
#include "upgrade.h"

static void daemon_say_upgrade(enum log_level level, const char *result, const char *reason,
                               pid_t pid)
{
	struct log_line line;

	log_begin(&line, level, "upgrade");
	log_text(&line, "result", result);
	log_text(&line, "reason", reason);
	if (pid > 0)
		log_number(&line, "pid", (uint64_t)pid);
	log_end(&line);
}

static void daemon_let_go_of_heir(struct daemon *daemon)
{
	(void)event_del(&daemon->heir_event); /* it is assigned */
	(void)close(daemon->heir_fd);
	daemon->heir_fd = -1;
}

/* From here on it speaks to the service manager, and the sockets are its. */
static void daemon_make_way(struct daemon *daemon, pid_t heir)
{
	daemon_say_upgrade(LEVEL_INFO, "done", NULL, heir);
	notify("MAINPID=%ld", (long)heir);
	(void)unsetenv("NOTIFY_SOCKET"); /* cannot fail */
	generation_disown(daemon->generation);
	/* Somebody else may have asked us to end meanwhile. */
	daemon->replaced = daemon->told == WORKER_GO_ON;
	if (daemon->replaced)
		daemon_begin_drain(daemon);
}

static void daemon_on_heir(evutil_socket_t fd, short what, void *arg)
{
	struct daemon *daemon = arg;
	struct upgrade_word word = { .pid = 0 };
	bool spoken = upgrade_hear(fd, &word);

	(void)what;
	daemon_let_go_of_heir(daemon);
	if (spoken && word.error == 0)
		daemon_make_way(daemon, word.pid);
	else if (spoken)
		daemon_say_upgrade(LEVEL_ERROR, "failed", strerror(word.error), 0);
	else
		daemon_say_upgrade(LEVEL_ERROR, "failed", "the new process ended; its log says why",
		                   0);
}

void daemon_upgrade(struct daemon *daemon)
{
	if (daemon->path == NULL || daemon->told != WORKER_GO_ON || daemon->heir_fd >= 0 ||
	    daemon->generation == NULL || daemon->next != NULL) {
		daemon_say_upgrade(LEVEL_WARNING, "refused", "not now", 0);
		return;
	}
	daemon->heir_fd = upgrade_start(daemon->generation, daemon->path);
	if (daemon->heir_fd < 0) {
		daemon_say_upgrade(LEVEL_ERROR, "failed", strerror(errno), 0);
		return;
	}
	daemon_say_upgrade(LEVEL_INFO, "begun", NULL, 0);
	if (event_assign(&daemon->heir_event, daemon->base, daemon->heir_fd, EV_READ,
	                 daemon_on_heir, daemon) != 0 ||
	    event_add(&daemon->heir_event, NULL) != 0)
		daemon_on_heir(daemon->heir_fd, 0, daemon); /* waits for it, without memory */
}
