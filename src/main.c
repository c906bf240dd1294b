/* SPDX-License-Identifier: ISC */
/* Arguments, wiring, exit status; no policy. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "complaint.h"
#include "config.h"
#include "daemon.h"
#include "demo.h"
#include "explain.h"
#include "generation.h"
#include "generation_blame.h"
#include "inherited.h"
#include "log.h"
#include "tls_heap.h"

static const char usage[] =
	"usage: adieu -c FILE [--check | --explain]\n"
	"       adieu --demo | --version | --help\n"
	"\n"
	"  -c, --config FILE  run in the foreground with this configuration\n"
	"      --check        only say what is wrong with it; status 1 if anything is\n"
	"      --explain      what it comes to: values, certificates, names, a grade\n"
	"      --demo         no file: a proxy to play with, on loopback\n"
	"      --version      say which adieu this is\n"
	"      --help         say this\n"
	"\n"
	"SIGTERM and SIGINT drain, a second one cuts; SIGHUP reloads; SIGUSR1 opens the\n"
	"log file again; SIGUSR2 lets a new program take over. See adieu(8), adieu.ini(5).\n";

enum command {
	COMMAND_RUN,
	COMMAND_CHECK,
	COMMAND_EXPLAIN,
	COMMAND_DEMO,
	COMMAND_VERSION,
	COMMAND_HELP,
	COMMAND_NONE,
};

static const char *const command_names[] = {
	[COMMAND_CHECK] = "--check",     [COMMAND_EXPLAIN] = "--explain", [COMMAND_DEMO] = "--demo",
	[COMMAND_VERSION] = "--version", [COMMAND_HELP] = "--help",
};

struct arguments {
	enum command command;
	const char *config;
};

/* What would do nothing beside the other is refused, lest anybody count on it. */
static void main_refuse(struct arguments *arguments, const char *one, const char *other)
{
	(void)fprintf(stderr, "adieu: %s and %s exclude each other\n", one, other);
	arguments->command = COMMAND_NONE;
}

static void main_fault(struct arguments *arguments, const char *what, const char *which)
{
	(void)fprintf(stderr, "adieu: %s: %s\n", what, which);
	arguments->command = COMMAND_NONE;
}

static void main_take_command(struct arguments *arguments, enum command command)
{
	if (arguments->command == COMMAND_RUN || command == COMMAND_HELP)
		arguments->command = command;
	else if (arguments->command != command)
		main_refuse(arguments, command_names[arguments->command], command_names[command]);
}

static void main_take_config(struct arguments *arguments, const char *path)
{
	if (arguments->config != NULL)
		main_refuse(arguments, arguments->config, path);
	arguments->config = path;
}

/* Once all of them are known. */
static void main_judge(struct arguments *arguments, const char *more)
{
	const bool has_config = arguments->config != NULL;
	const bool wants_config = arguments->command <= COMMAND_EXPLAIN;

	if (has_config && !wants_config)
		main_refuse(arguments, command_names[arguments->command], "-c");
	else if (more != NULL)
		main_fault(arguments, "unexpected argument", more);
	else if (wants_config && !has_config)
		main_fault(arguments, "no configuration", "-c FILE is missing");
}

static struct arguments main_parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "demo", no_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },
		{ "explain", no_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments arguments = { .command = COMMAND_RUN };
	int option;

	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (option) {
		case 'c': main_take_config(&arguments, optarg); break;
		case 'k': main_take_command(&arguments, COMMAND_CHECK); break;
		case 'e': main_take_command(&arguments, COMMAND_EXPLAIN); break;
		case 'd': main_take_command(&arguments, COMMAND_DEMO); break;
		case 'v': main_take_command(&arguments, COMMAND_VERSION); break;
		case 'h': main_take_command(&arguments, COMMAND_HELP); return arguments;
		default:  arguments.command = COMMAND_NONE; break;
		}
		if (arguments.command == COMMAND_NONE)
			return arguments;
	}
	main_judge(&arguments, argv[optind]); /* ended by NULL */
	return arguments;
}

/* An empty reason has been told already. */
static int main_complain(const char *about, const char *reason)
{
	if (*reason != '\0')
		(void)fprintf(complaints(), "%s: %s\n", about, reason);
	return EXIT_FAILURE;
}

/* Takes config. */
static int main_run(struct config *config, const char *path)
{
	char reason[TLS_REASON_ROOM];
	struct daemon *daemon = daemon_new(path, config, NULL, reason);
	bool ran;

	if (daemon == NULL)
		return main_complain(path, reason);
	ran = daemon_run(daemon, reason);
	daemon_free(daemon);
	return ran ? EXIT_SUCCESS : main_complain(path, reason);
}

/* Takes config. */
static int main_with_log(struct config *config, const char *path)
{
	const char *reason = log_open(&config->log);
	int status;

	if (reason != NULL) {
		generation_tell_key(config, "log", reason, complaints());
		config_free(config);
		return EXIT_FAILURE;
	}
	status = main_run(config, path);
	log_close();
	return status;
}

/* Takes config. */
static int main_with_inherited(struct config *config, const char *path)
{
	int status;

	if (!inherited_load()) {
		config_free(config);
		return main_complain(path, "out of memory");
	}
	status = main_with_log(config, path);
	inherited_free();
	return status;
}

static int main_with_config(enum command command, const char *path)
{
	struct config *config = config_load(path, complaints());
	int status = EXIT_SUCCESS;

	if (config == NULL)
		return EXIT_FAILURE;
	if (command == COMMAND_RUN)
		return main_with_inherited(config, path);
	if (!generation_check(config, stderr))
		status = EXIT_FAILURE;
	config_free(config);
	return status;
}

/* What was said to stdout has to have got there. */
static int main_end(bool fine)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return main_complain("adieu", "cannot write to stdout");
	return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What is not open would become a descriptor of ours, and the log write to it. */
static bool main_fill_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	const struct arguments arguments = main_parse(argc, argv);

	if (!main_fill_standard())
		return EXIT_FAILURE; /* and there may be nowhere to say so */
	tls_heap_watch();
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for a signal that exists */
	switch (arguments.command) {
	case COMMAND_RUN:
	case COMMAND_CHECK:   return main_with_config(arguments.command, arguments.config);
	case COMMAND_EXPLAIN: return main_end(explain(arguments.config, stdout, stderr));
	case COMMAND_DEMO:    return demo_run();
	case COMMAND_VERSION: return main_end(puts("adieu " ADIEU_VERSION) >= 0);
	case COMMAND_HELP:    return main_end(fputs(usage, stdout) >= 0);
	case COMMAND_NONE:    (void)fputs(usage, stderr); return 2;
	}
	abort();
}
