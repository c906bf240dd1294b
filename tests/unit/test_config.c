/* SPDX-License-Identifier: ISC */
/*
 * Files good and bad. Every message is pinned here, since people search for
 * them; the sample configuration and the manual are held against the table.
 */
#include "config.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

enum { TEXT_ROOM = 1 << 17 };

static char said[TEXT_ROOM];

/* Reads text as a file; what was complained of is in said. */
static struct config *read_text(const char *text)
{
	FILE *file = fmemopen((char *)text, strlen(text), "r");
	FILE *errors = fmemopen(said, sizeof(said), "w");
	struct config *config;

	said[0] = '\0';
	ck_assert_ptr_nonnull(file);
	config = config_read(file, "f", errors);
	(void)fclose(file);
	(void)fclose(errors);
	return config;
}

static struct config *read_good(const char *text)
{
	struct config *config = read_text(text);

	ck_assert_msg(config != NULL, "refused: %s", said);
	ck_assert_str_eq(said, "");
	return config;
}

static void expect_errors(const char *text, const char *errors)
{
	struct config *config = read_text(text);

	ck_assert_msg(config == NULL, "taken: %s", text);
	ck_assert_str_eq(said, errors);
}

/* A listener that nothing is wrong with, and whatever comes before or in it. */
#define PLAIN "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n"

START_TEST(five_lines_are_a_proxy)
{
	struct config *config = read_good("[listener:https]\n"
	                                  "bind = :443\n"
	                                  "cert = /dev/null\n"
	                                  "key = /dev/null\n"
	                                  "backend = 127.0.0.1:8080\n");
	const struct listener_config *listener = config->listeners[0];

	ck_assert_str_eq(listener->name, "https");
	ck_assert_int_eq(listener->mode, LISTENER_TLS);
	ck_assert_uint_eq(listener->n_binds, 1);
	ck_assert_str_eq(listener->cert, "/dev/null");
	ck_assert_str_eq(listener->backend->name, "127.0.0.1:8080");
	ck_assert_uint_eq(listener->backend->n_servers, 1);
	config_free(config);
}
END_TEST

START_TEST(defaults_are_those_of_the_manual)
{
	struct config *config = read_good(PLAIN);
	const struct listener_config *listener = config->listeners[0];

	ck_assert_uint_eq(config->workers, 0);
	ck_assert_uint_eq(config->max_connections, 10000);
	ck_assert_uint_eq(config->drain_timeout, 60000);
	ck_assert_ptr_null(config->user);
	ck_assert_int_eq(config->log.target, LOG_TO_STDERR);
	ck_assert_int_eq(config->log.format, LOG_LOGFMT);
	ck_assert_int_eq(config->log.level, LEVEL_INFO);
	ck_assert_uint_eq(listener->timeouts.handshake, 10000);
	ck_assert_uint_eq(listener->timeouts.connect, 5000);
	ck_assert_uint_eq(listener->timeouts.idle, 3600000);
	ck_assert_uint_eq(listener->timeouts.half_close, 300000);
	ck_assert_uint_eq(listener->timeouts.close, 10000);
	ck_assert_int_eq(listener->close, CLOSE_WAIT);
	ck_assert_int_eq(listener->on_truncation, TRUNCATION_RESET);
	ck_assert_int_eq(listener->tls_min, TLS_1_2);
	ck_assert_int_eq(listener->tls_max, TLS_1_3);
	ck_assert_uint_eq(listener->buffer_size, 65536);
	config_free(config);
}
END_TEST

START_TEST(a_key_counts_before_defaults_wherever_they_stand)
{
	struct config *config = read_good(PLAIN "idle-timeout = 2s\n"
	                                        "[listener:b]\nmode = tcp\n"
	                                        "bind = 127.0.0.1:0\nbackend = b\n"
	                                        "[defaults]\nidle-timeout = 1s\nclose = fast\n"
	                                        "[backend:b]\nserver = 127.0.0.1:1\n");

	ck_assert_uint_eq(config->listeners[0]->timeouts.idle, 2000);
	ck_assert_uint_eq(config->listeners[1]->timeouts.idle, 1000);
	ck_assert_int_eq(config->listeners[0]->close, CLOSE_FAST);
	config_free(config);
}
END_TEST

START_TEST(lists_are_repeated_or_separated_by_commas)
{
	struct config *config = read_good("[listener:a]\nmode = tcp\nbackend = b\n"
	                                  "bind = 127.0.0.1:0, [::1]:0\nbind = unix:/x\n"
	                                  "[backend:b]\nserver = 127.0.0.1:1,127.0.0.1:2\n"
	                                  "server = unix:/y\nbalance = first\n");

	ck_assert_uint_eq(config->listeners[0]->n_binds, 3);
	ck_assert_uint_eq(config->backends[0]->n_servers, 3);
	ck_assert_int_eq(config->backends[0]->balance, BALANCE_FIRST);
	config_free(config);
}
END_TEST

START_TEST(comments_indentation_and_foreign_newlines_do_not_matter)
{
	struct config *config = read_good("\xef\xbb\xbf; first\r\n"
	                                  "  [listener:a]   # here\r\n"
	                                  "\tmode = tcp ; there\r\n"
	                                  "  bind = 127.0.0.1:0\r\n"
	                                  "# none\r\n"
	                                  "\t backend=127.0.0.1:1");

	ck_assert_int_eq(config->listeners[0]->mode, LISTENER_TCP);
	config_free(config);
}
END_TEST

START_TEST(a_long_value_is_taken_whole)
{
	static char text[TEXT_ROOM];
	char *ciphers = malloc(60001);
	struct config *config;

	memset(ciphers, 'A', 60000);
	ciphers[60000] = '\0';
	(void)snprintf(text, sizeof(text),
	               "[listener:a]\nbind = 127.0.0.1:0\ncert = /dev/null\n"
	               "backend = 127.0.0.1:1\nciphers = %s\n",
	               ciphers);
	config = read_good(text);
	ck_assert_str_eq(config->listeners[0]->ciphers, ciphers);
	config_free(config);
	free(ciphers);
}
END_TEST

START_TEST(a_long_section_name_is_taken_whole)
{
	struct config *config =
		read_good("[listener:a-name-that-is-a-good-deal-longer-than-fifty-characters-are]\n"
	                  "mode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n");

	ck_assert_str_eq(config->listeners[0]->name,
	                 "a-name-that-is-a-good-deal-longer-than-fifty-characters-are");
	config_free(config);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_an_error)
{
	static char text[TEXT_ROOM];

	memset(text, 'x', 70000);
	text[70000] = '\0';
	ck_assert_ptr_null(read_text(text));
	ck_assert_ptr_nonnull(strstr(said, "f:1: the line is longer than 65536 bytes\n"));
}
END_TEST

/* ---- what is told ---- */

static const struct {
	const char *text;
	const char *errors;
} bad[] = {
	{ "", "f: there is no [listener:NAME]\n" },
	{ "# nothing\n", "f: there is no [listener:NAME]\n" },
	{ "x = 1\n" PLAIN, "f:1: a key needs a [section] above it\n" },
	{ "[global]\nworkers\n" PLAIN,
	  "f:2: a line is \"key = value\", \"[section]\" or a comment\n" },
	{ "[global]\n= 1\n" PLAIN, "f:2: a key is missing before \"=\"\n" },
	{ "[global\n" PLAIN, "f:1: a section needs a \"]\"\n" },
	{ "[global] workers = 1\n" PLAIN, "f:1: something follows the \"]\"\n" },
	{ "[global]\nuser = a\x01"
	  "b\n" PLAIN,
	  "f:2: the line has a control character in it\n" },
	{ "[golbal]\n" PLAIN, "f:1: [golbal]: unknown section; is [global] meant?\n" },
	{ "[frontend:x]\n" PLAIN, "f:1: [frontend:x]: unknown section\n" },
	{ "[global:x]\n" PLAIN, "f:1: [global:x]: takes no name\n" },
	{ "[backend]\n" PLAIN, "f:1: [backend]: needs a name, as in [backend:NAME]\n" },
	{ "[backend:a b]\nserver = 127.0.0.1:1\n" PLAIN,
	  "f:1: [backend:a b]: a name is made of letters, digits, \".\", \"_\" and \"-\"\n" },
	{ "[global]\n[global]\n" PLAIN, "f:2: [global]: the same section as in line 1\n" },
	{ "[global]\nworker = 1\n" PLAIN,
	  "f:2: [global] worker: unknown key; is \"workers\" meant?\n" },
	{ "[global]\nzzz = 1\n" PLAIN, "f:2: [global] zzz: unknown key\n" },
	{ "[defaults]\nbind = 127.0.0.1:1\n" PLAIN, "f:2: [defaults] bind: unknown key\n" },
	{ "[global]\nworkers = 1\nworkers = 2\n" PLAIN,
	  "f:3: [global] workers: is set in line 2 already\n" },
	{ "[global]\nworkers = many\n" PLAIN, "f:2: [global] workers: \"many\" is not a number\n" },
	{ "[global]\nworkers = 1025\n" PLAIN,
	  "f:2: [global] workers: \"1025\" is more than 1024\n" },
	{ "[global]\nlog = here\n" PLAIN,
	  "f:2: [global] log: \"here\" is none of stderr, journal, syslog, file:PATH\n" },
	{ "[global]\nlog = file:x\n" PLAIN,
	  "f:2: [global] log: \"file:x\" needs an absolute path after \"file:\"\n" },
	{ "[global]\nlog-format = xml\n" PLAIN,
	  "f:2: [global] log-format: \"xml\" is neither logfmt nor json\n" },
	{ "[global]\nlog-level = loud\n" PLAIN,
	  "f:2: [global] log-level: \"loud\" is none of debug, info, warning, error\n" },
	{ "[global]\nuser =\n" PLAIN, "f:2: [global] user: \"\" is empty\n" },
	{ "[defaults]\nidle-timeout = 30\n" PLAIN,
	  "f:2: [defaults] idle-timeout: \"30\" needs a unit: ms, s, m, h or d\n" },
	{ "[defaults]\nclose = slow\n" PLAIN,
	  "f:2: [defaults] close: \"slow\" is neither wait nor fast\n" },
	{ "[defaults]\non-truncation = ignore\n" PLAIN,
	  "f:2: [defaults] on-truncation: \"ignore\" is neither reset nor fin\n" },
	{ "[defaults]\ntls-min = 1.1\n" PLAIN,
	  "f:2: [defaults] tls-min: \"1.1\" is neither 1.2 nor 1.3\n" },
	{ PLAIN "buffer-size = 1k\n",
	  "f:5: [listener:a] buffer-size: \"1k\" is not between 4k and 16m\n" },
	{ PLAIN "cert = /dev/null\n", "f:5: [listener:a] cert: is of no use with mode = tcp\n" },
	{ "[listener:a]\n", "f:1: [listener:a] backend: is missing\n"
	                    "f:1: [listener:a] bind: is missing\n"
	                    "f:1: [listener:a] cert: is missing; without TLS say mode = tcp\n" },
	{ "[listener:a]\nmode = udp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n"
	  "cert = /dev/null\n",
	  "f:2: [listener:a] mode: \"udp\" is neither tls nor tcp\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /no/such\n",
	  "f:4: [listener:a] cert: /no/such: No such file or directory\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /dev/null\n"
	  "tls-min = 1.3\ntls-max = 1.2\n",
	  "f:5: [listener:a] tls-min: is above tls-max\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:5, 127.0.0.1:5\nbackend = 127.0.0.1:1\n",
	  "f:3: [listener:a] bind: 127.0.0.1:5 is bound by [listener:a] already\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:5,\nbackend = 127.0.0.1:1\n",
	  "f:3: [listener:a] bind: has nothing where an address should be\n" },
	{ "[listener:a]\nmode = tcp\nbind = x\nbackend = 127.0.0.1:1\n",
	  "f:3: [listener:a] bind: \"x\" is no address: it needs a port, as in host:port\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = web\n"
	  "[backend:wab]\nserver = 127.0.0.1:1\n",
	  "f:4: [listener:a] backend: there is no [backend:web]; is \"wab\" meant?\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = web\n",
	  "f:4: [listener:a] backend: there is no [backend:web]\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:0\n",
	  "f:4: [listener:a] backend: \"127.0.0.1:0\" has no port between 1 and 65535\n" },
	{ "[backend:b]\n" PLAIN, "f:1: [backend:b] server: is missing\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\nverify = no\nca = /dev/null\n"
	  "server-name = x\n" PLAIN,
	  "f:3: [backend:b] verify: is of no use without tls = yes\n"
	  "f:4: [backend:b] ca: is of no use without tls = yes\n"
	  "f:5: [backend:b] server-name: is of no use without tls = yes\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\ntls = yes\nverify = no\nca = /dev/null\n" PLAIN,
	  "f:5: [backend:b] ca: is of no use with verify = no\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\ntls = maybe\n" PLAIN,
	  "f:3: [backend:b] tls: \"maybe\" is neither yes nor no\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\nbalance = random\n" PLAIN,
	  "f:3: [backend:b] balance: \"random\" is neither round-robin nor first\n" },
};

START_TEST(what_is_wrong_is_told_with_its_line)
{
	expect_errors(bad[_i].text, bad[_i].errors);
}
END_TEST

START_TEST(all_errors_are_told_at_once_in_the_order_of_the_file)
{
	expect_errors("[global]\n"
	              "worker = 2\n"
	              "[listener:a]\n"
	              "bind = 127.0.0.1\n"
	              "mode = tcp\n"
	              "mode = tls\n"
	              "idle-timeout = 5\n"
	              "backend = nowhere\n",
	              "f:2: [global] worker: unknown key; is \"workers\" meant?\n"
	              "f:4: [listener:a] bind: \"127.0.0.1\" is no address: it needs a port, as in "
	              "host:port\n"
	              "f:6: [listener:a] mode: is set in line 5 already\n"
	              "f:7: [listener:a] idle-timeout: \"5\" needs a unit: ms, s, m, h or d\n"
	              "f:8: [listener:a] backend: there is no [backend:nowhere]\n");
}
END_TEST

START_TEST(a_file_that_is_not_there_is_told)
{
	FILE *errors = fmemopen(said, sizeof(said), "w");

	ck_assert_ptr_null(config_load("/no/such/file", errors));
	(void)fclose(errors);
	ck_assert_str_eq(said, "/no/such/file: No such file or directory\n");
}
END_TEST

/* ---- the table against the documents ---- */

static char *read_whole(const char *path)
{
	char *text = calloc(1, TEXT_ROOM);
	FILE *file = fopen(path, "r");

	ck_assert_msg(file != NULL, "%s", path);
	ck_assert_uint_lt(fread(text, 1, TEXT_ROOM - 1, file), TEXT_ROOM - 1);
	(void)fclose(file);
	return text;
}

START_TEST(the_sample_names_every_key_with_its_default)
{
	char *text = read_whole(ADIEU_SOURCE_ROOT "/conf/adieu.ini");

	for (const struct config_key *key = config_keys(); key->section != NULL; key++) {
		char line[256];

		(void)snprintf(line, sizeof(line), "%s = %s", key->key,
		               key->fallback != NULL ? key->fallback : "");
		ck_assert_msg(strstr(text, line) != NULL, "conf/adieu.ini lacks \"%s\"", line);
	}
	free(text);
}
END_TEST

START_TEST(the_manual_names_every_key_with_its_default)
{
	char *text = read_whole(ADIEU_SOURCE_ROOT "/man/adieu.ini.5");

	for (const struct config_key *key = config_keys(); key->section != NULL; key++) {
		char item[128];
		char value[128];
		const char *at;
		const char *next;

		(void)snprintf(item, sizeof(item), ".It Ic %s Ns", key->key);
		at = strstr(text, item);
		ck_assert_msg(at != NULL, "adieu.ini(5) lacks \"%s\"", item);
		if (key->fallback == NULL)
			continue;
		next = strstr(at + 1, ".It Ic");
		(void)snprintf(value, sizeof(value), "Default: %s.", key->fallback);
		at = strstr(at, value);
		ck_assert_msg(at != NULL && (next == NULL || at < next),
		              "adieu.ini(5) lacks \"%s\" at %s", value, key->key);
	}
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("files");

	tcase_add_test(tcase, five_lines_are_a_proxy);
	tcase_add_test(tcase, defaults_are_those_of_the_manual);
	tcase_add_test(tcase, a_key_counts_before_defaults_wherever_they_stand);
	tcase_add_test(tcase, lists_are_repeated_or_separated_by_commas);
	tcase_add_test(tcase, comments_indentation_and_foreign_newlines_do_not_matter);
	tcase_add_test(tcase, a_long_value_is_taken_whole);
	tcase_add_test(tcase, a_long_section_name_is_taken_whole);
	tcase_add_test(tcase, a_line_that_is_too_long_is_an_error);
	tcase_add_loop_test(tcase, what_is_wrong_is_told_with_its_line, 0,
	                    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, all_errors_are_told_at_once_in_the_order_of_the_file);
	tcase_add_test(tcase, a_file_that_is_not_there_is_told);
	tcase_add_test(tcase, the_sample_names_every_key_with_its_default);
	tcase_add_test(tcase, the_manual_names_every_key_with_its_default);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
