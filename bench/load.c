/* SPDX-License-Identifier: ISC */
/*
 * load - clients of a proxy, and what they and the proxy's account say
 *
 *   load --to 127.0.1.1:8443 --work churn --clients 32 --tls 1.3 --pid 4711
 *
 * Says "ready" as soon as all connections are open, if they are kept, and in the
 * end one line of JSON: what happened in the window (see run.h), times in
 * nanoseconds. Work "hold" only keeps the connections until its standard input
 * ends; "page" does, too, after loading 64 KiB through each.
 */
#include <getopt.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "run.h"

static const char load_usage[] =
	"usage: load --to HOST:PORT [option...]\n"
	"\n"
	"  --work WORK     churn, echo, down, up, hold or page (echo)\n"
	"  --clients N     connections (1)\n"
	"  --active N      echo: of which N ask at a time (all)\n"
	"  --rate N        echo: instead, N requests a second, answered or not\n"
	"  --tls VERSION   1.2 or 1.3; without it, plain TCP\n"
	"  --cipher NAME   offer no other\n"
	"  --resume        resume the session of the connection before\n"
	"  --warm MS       before the window (100)\n"
	"  --window MS     (500)\n"
	"  --patience MS   for the opening of the connections (60000)\n"
	"  --pid PID       measure the CPU time of this process; repeatable\n"
	"  --kernel PID    and of this one, reported apart\n";

static const struct option load_options[] = {
	{ "to", required_argument, NULL, 't' },       { "work", required_argument, NULL, 'w' },
	{ "clients", required_argument, NULL, 'n' },  { "active", required_argument, NULL, 'a' },
	{ "rate", required_argument, NULL, 'r' },     { "tls", required_argument, NULL, 'v' },
	{ "cipher", required_argument, NULL, 'c' },   { "resume", no_argument, NULL, 's' },
	{ "warm", required_argument, NULL, 'm' },     { "window", required_argument, NULL, 'd' },
	{ "patience", required_argument, NULL, 'x' }, { "pid", required_argument, NULL, 'p' },
	{ "kernel", required_argument, NULL, 'k' },   { NULL, 0, NULL, 0 },
};

static bool load_count(const char *text, unsigned *count)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*count = (unsigned)value;
	return *text != '\0' && *end == '\0' && value > 0 && value <= 10000000;
}

static bool load_pid(const char *text, struct account *account)
{
	unsigned pid;

	return load_count(text, &pid) && account_add(account, (pid_t)pid);
}

static bool load_work(const char *text, const struct work **work)
{
	const struct work *found = work_find(text);

	if (found != NULL)
		*work = found;
	return found != NULL;
}

static bool load_text(const char **member, const char *value)
{
	*member = value;
	return true;
}

static bool load_set(struct run_settings *settings, int option, const char *value)
{
	switch (option) {
	case 't': return endpoint_parse(value, &settings->address);
	case 'w': return load_work(value, &settings->work);
	case 'n': return load_count(value, &settings->n_clients);
	case 'a': return load_count(value, &settings->n_active);
	case 'r': return load_count(value, &settings->rate);
	case 'v': return load_text(&settings->tls, value);
	case 'c': return load_text(&settings->cipher, value);
	case 's': return settings->resume = true;
	case 'm': return load_count(value, &settings->warm_ms);
	case 'd': return load_count(value, &settings->window_ms);
	case 'x': return load_count(value, &settings->patience_ms);
	case 'p': return load_pid(value, &settings->measured);
	case 'k': return load_pid(value, &settings->kernel);
	default:  return false;
	}
}

static bool load_parse(struct run_settings *settings, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", load_options, NULL)) != -1) {
		if (!load_set(settings, option, optarg))
			return false;
	}
	if (settings->n_active == 0)
		settings->n_active = settings->n_clients;
	return optind == argc && settings->address.sin_port != 0;
}

static void load_print_latency(const struct histogram *latency)
{
	printf("\"latency\": {\"n\": %" PRIu64 ", \"p50\": %" PRIu64 ", \"p99\": %" PRIu64
	       ", \"p999\": %" PRIu64 ", \"most\": %" PRIu64 "}}\n",
	       latency->n, histogram_at(latency, 500), histogram_at(latency, 990),
	       histogram_at(latency, 999), latency->most);
}

static void load_print(const struct run *run)
{
	const struct tally *b = &run->begin;
	const struct tally *e = &run->end;

	printf("{\"time\": %" PRIu64 ", \"operations\": %" PRIu64 ", \"bytes\": %" PRIu64 ", ",
	       e->at - b->at, e->operations - b->operations, e->bytes - b->bytes);
	printf("\"cpu\": %" PRIu64 ", \"kernel\": %" PRIu64 ", ", e->measured - b->measured,
	       e->kernel - b->kernel);
	printf("\"handshakes\": %" PRIu64 ", \"resumed\": %" PRIu64 ", ",
	       e->handshakes - b->handshakes, e->resumed - b->resumed);
	printf("\"unclean\": %" PRIu64 ", \"failed\": %" PRIu64 ", ", e->unclean - b->unclean,
	       e->failed - b->failed);
	load_print_latency(&run->latency);
}

static bool load_open(struct run *run)
{
	if (!run_open(run))
		return false;
	puts("ready");
	(void)fflush(stdout);
	return true;
}

static void load_hold(void)
{
	while (getchar() != EOF) {
		/* whoever started us ends this */
	}
}

int main(int argc, char **argv)
{
	static struct run_settings settings = {
		.work = &work_echo,
		.n_clients = 1,
		.warm_ms = 100,
		.window_ms = 500,
		.patience_ms = 60000,
	};
	struct run *run;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!load_parse(&settings, argc, argv)) {
		(void)fputs(load_usage, stderr);
		return 2;
	}
	run = run_new(&settings);
	if (!settings.work->churns && !load_open(run))
		return EXIT_FAILURE;
	if (settings.work->step == NULL) {
		load_hold();
		return EXIT_SUCCESS;
	}
	if (!run_measure(run))
		return EXIT_FAILURE;
	load_print(run);
	return EXIT_SUCCESS;
}
