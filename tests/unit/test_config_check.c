/* SPDX-License-Identifier: ISC */
/*
 * Files that something is wrong with. Every message is pinned here, since
 * people search for them; lines that are none are test_ini_file.c's business.
 */
#include "config.h"

#include <string.h>

#include "suite.h"

/* A listener that nothing is wrong with, and whatever comes before or in it. */
#define PLAIN "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n"
#define CRYPT "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /dev/null\n"

/* One that may have no backend, and a route that nothing is wrong with. */
#define BARE "[listener:a]\nbind = 127.0.0.1:0\ncert = /dev/null\n"
#define ROUTE "[route:r]\nlistener = a\nsni = a.test\n"

static void expect_errors(const char *text, const char *expected)
{
	FILE *file =
		*text != '\0' ? fmemopen((char *)text, strlen(text), "r") : fopen("/dev/null", "r");
	char *said;
	size_t len;
	FILE *errors = open_memstream(&said, &len);
	struct config *config;

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(errors);
	config = config_read(file, "f", errors);
	(void)fclose(file);
	(void)fclose(errors);
	ck_assert_msg(config == NULL, "taken: %s", text);
	ck_assert_str_eq(said, expected);
	free(said);
}

static const struct {
	const char *text;
	const char *errors;
} bad[] = {
	{ "", "f: there is no [listener:NAME]\n" },
	{ "# nothing\n", "f: there is no [listener:NAME]\n" },
	{ "[global]\nworkers\n" PLAIN,
	  "f:2: a line is \"key = value\", \"[section]\" or a comment\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:9\nbackend = 127.0.0.1:9\n",
	  "f:1: [listener:a]: is its own backend: each connection would make another\n" },
	{ "[listener:a]\nmode = tcp\nbind = :9\nbackend = [::1]:9\n",
	  "f:1: [listener:a]: is its own backend: each connection would make another\n" },
	{ "[listener:a]\nmode = tcp\nbind = [::]:9\nbackend = [::1]:9\n",
	  "f:1: [listener:a]: is its own backend: each connection would make another\n" },
	{ "[listener:a]\nmode = tcp\nbind = :9\nbackend = b\n"
	  "[backend:b]\nserver = 127.0.0.2:8, 127.0.0.2:9\n",
	  "f:1: [listener:a]: is its own backend: each connection would make another\n" },
	{ "[listener:a]\nmode = tcp\nbind = 0.0.0.0:9\nbackend = 127.0.0.1:9\n",
	  "f:1: [listener:a]: is its own backend: each connection would make another\n" },
	{ "[listener:a]\nmode = tcp\nbind = unix:/a\nbackend = unix:/a\n",
	  "f:1: [listener:a]: is its own backend: each connection would make another\n" },
	{ "[golbal]\n" PLAIN, "f:1: [golbal]: unknown section; is [global] meant?\n" },
	{ "[frontend:x]\n" PLAIN,
	  "f:1: [frontend:x]: unknown section; there are [global], [defaults], [listener:NAME], "
	  "[route:NAME] and [backend:NAME]\n" },
	{ "[global:x]\n" PLAIN, "f:1: [global:x]: takes no name\n" },
	{ "[backend]\n" PLAIN, "f:1: [backend]: needs a name, as in [backend:NAME]\n" },
	{ "[backend:a b]\nserver = 127.0.0.1:1\n" PLAIN,
	  "f:1: [backend:a b]: a name is made of letters, digits, \".\", \"_\" and \"-\"\n" },
	{ "[global]\n[global]\n" PLAIN, "f:2: [global]: the same section as in line 1\n" },
	{ "[global]\nworker = 1\n" PLAIN,
	  "f:2: [global] worker: unknown key; is \"workers\" meant?\n" },
	{ "[backend:]\nserver = 127.0.0.1:1\n" PLAIN,
	  "f:1: [backend:]: a name is made of letters, digits, \".\", \"_\" and \"-\"\n" },
	{ "[listener]\n", "f:1: [listener]: needs a name, as in [listener:NAME]\n" },
	{ "[global]\nidle_timeout = 1s\n" PLAIN, "f:2: [global] idle_timeout: unknown key\n" },
	{ "[defaults]\nidle_timeout = 1s\n" PLAIN,
	  "f:2: [defaults] idle_timeout: unknown key; is \"idle-timeout\" meant?\n" },
	{ "[global]\nuserids = 1\n" PLAIN,
	  "f:2: [global] userids: unknown key; is \"user\" meant?\n" },
	{ "[global]\nzzz = 1\n" PLAIN, "f:2: [global] zzz: unknown key\n" },
	{ "[defaults]\nbind = 127.0.0.1:1\n" PLAIN,
	  "f:2: [defaults] bind: belongs in [listener:NAME]\n" },
	{ "[global]\nworkers = 1\nworkers = 2\n" PLAIN,
	  "f:3: [global] workers: is set in line 2 already\n" },
	{ "[global]\nworkers = many\n" PLAIN, "f:2: [global] workers: \"many\" is not a number\n" },
	{ "[global]\nworkers = 1025\n" PLAIN,
	  "f:2: [global] workers: \"1025\" is more than 1024\n" },
	{ "[global]\nmax-connections = 0\n" PLAIN,
	  "f:2: [global] max-connections: \"0\" must be more than 0\n" },
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
	{ "[defaults]\ntls-max = 1.2\ntls-min = 1.3\n" PLAIN,
	  "f:3: [defaults] tls-min: is above tls-max\n" },
	{ "[defaults]\ntls-min = 1.3\n[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n"
	  "cert = /dev/null\ntls-max = 1.2\n",
	  "f:7: [listener:a] tls-max: is below tls-min\n" },
	{ PLAIN "buffer-size = 17m\n",
	  "f:5: [listener:a] buffer-size: \"17m\" is not between 16k and 16m\n" },
	{ PLAIN "buffer-size = 1k\n",
	  "f:5: [listener:a] buffer-size: \"1k\" is not between 16k and 16m\n" },
	{ PLAIN "ocsp = /a\n", "f:5: [listener:a] ocsp: is of no use with mode = tcp\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /dev/null\n"
	  "ocsp = /a, /b\n",
	  "f:5: [listener:a] ocsp: there are 2 for 1 of cert: one for each, in their order, or "
	  "none\n" },
	{ PLAIN "cert-dir = /\n", "f:5: [listener:a] cert-dir: is of no use with mode = tcp\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert-dir = /,/no/such\n",
	  "f:4: [listener:a] cert-dir: /no/such: No such file or directory\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /dev/null\n"
	  "cert = /dev/zero\nkey = /dev/null\n",
	  "f:6: [listener:a] key: there are 1 for 2 of cert: one for each, in their order, or "
	  "none\n" },
	{ PLAIN "cert = /dev/null\n", "f:5: [listener:a] cert: is of no use with mode = tcp\n" },
	{ "[listener:a]\n", "f:1: [listener:a] backend: is missing\n"
	                    "f:1: [listener:a] bind: is missing\n"
	                    "f:1: [listener:a] cert: is missing; without TLS say mode = tcp\n" },
	{ "[listener:a]\nmode = udp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\n",
	  "f:2: [listener:a] mode: \"udp\" is neither tls nor tcp\n" },
	{ PLAIN "mode = tls\nkey = /no/such\n",
	  "f:5: [listener:a] mode: is set in line 2 already\n"
	  "f:6: [listener:a] key: is of no use with mode = tcp\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /no/such\n",
	  "f:4: [listener:a] cert: /no/such: No such file or directory\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /dev/null\nkey = /\n",
	  "f:5: [listener:a] key: /: Is a directory\n" },
	{ "[listener:a]\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1\ncert = /dev/null\n"
	  "tls-min = 1.3\ntls-max = 1.2\n",
	  "f:5: [listener:a] tls-min: is above tls-max\n" },
	{ CRYPT "tls-policy = old\n",
	  "f:5: [listener:a] tls-policy: \"old\" is none of intermediate, modern, custom\n" },
	{ CRYPT "tls-policy = intermediate\nciphers = A\nciphersuites = B\ngroups = C\n"
	        "tls-min = 1.3\n",
	  "f:6: [listener:a] ciphers: is what tls-policy = intermediate decides; say tls-policy = "
	  "custom\n"
	  "f:7: [listener:a] ciphersuites: is what tls-policy = intermediate decides; say "
	  "tls-policy = custom\n"
	  "f:8: [listener:a] groups: is what tls-policy = intermediate decides; say tls-policy = "
	  "custom\n" },
	{ CRYPT "tls-max = 1.2\n[defaults]\ntls-policy = modern\n",
	  "f:5: [listener:a] tls-max: is what tls-policy = modern decides; say tls-policy = "
	  "custom\n" },
	{ "[defaults]\ntls-policy = modern\ntls-min = 1.2\n" PLAIN,
	  "f:3: [defaults] tls-min: is what tls-policy = modern decides; say tls-policy = "
	  "custom\n" },
	{ PLAIN "tls-policy = modern\n",
	  "f:5: [listener:a] tls-policy: is of no use with mode = tcp\n" },
	{ CRYPT "alpn = h2, h2\n", "f:5: [listener:a] alpn: \"h2\" is there already\n" },
	{ CRYPT "alpn-mismatch = reject\n",
	  "f:5: [listener:a] alpn-mismatch: is of no use without alpn\n" },
	{ CRYPT "client-auth = maybe\nclient-allow = cn:a\n",
	  "f:5: [listener:a] client-auth: \"maybe\" is none of no, optional, require\n" },
	{ CRYPT "client-auth = require\n",
	  "f:1: [listener:a] client-ca: is missing: client-auth needs to know who issues "
	  "certificates\n" },
	{ CRYPT "[defaults]\nclient-auth = require\n",
	  "f:1: [listener:a] client-ca: is missing: client-auth needs to know who issues "
	  "certificates\n" },
	{ CRYPT "client-auth = no\nclient-ca = /dev/null\nclient-crl = /dev/null\n"
	        "client-allow = cn:a\nclient-depth = 1\n[defaults]\nclient-auth = require\n",
	  "f:6: [listener:a] client-ca: is of no use without client-auth = require, or optional\n"
	  "f:7: [listener:a] client-crl: is of no use without client-auth = require, or optional\n"
	  "f:8: [listener:a] client-allow: is of no use without client-auth = require, or "
	  "optional\n"
	  "f:9: [listener:a] client-depth: is of no use without client-auth = require, or "
	  "optional\n" },
	{ CRYPT "client-auth = optional\nclient-ca = /no/such\nclient-crl = /dev/null, /\n",
	  "f:6: [listener:a] client-ca: /no/such: No such file or directory\n"
	  "f:7: [listener:a] client-crl: /: Is a directory\n" },
	{ CRYPT "client-auth = require\nclient-ca = /dev/null\nclient-allow = dns:a, me\n",
	  "f:7: [listener:a] client-allow: \"me\" is none of dns:NAME, uri:URI, email:ADDR, "
	  "cn:NAME, spki:sha256:HEX\n" },
	{ CRYPT "client-auth = require\nclient-ca = /dev/null\nclient-depth = 101\n",
	  "f:7: [listener:a] client-depth: \"101\" is more than 100\n" },
	{ PLAIN "client-auth = require\nclient-ca = /dev/null\nclient-depth = 2\n",
	  "f:5: [listener:a] client-auth: is of no use with mode = tcp\n"
	  "f:6: [listener:a] client-ca: is of no use with mode = tcp\n"
	  "f:7: [listener:a] client-depth: is of no use with mode = tcp\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:5, 127.0.0.1:5\nbackend = 127.0.0.1:1\n",
	  "f:3: [listener:a] bind: 127.0.0.1:5 is bound by [listener:a] already\n" },
	{ PLAIN "bind = :5\nbind = 127.0.0.1:5\n[listener:b]\nmode = tcp\nbackend = 127.0.0.1:1\n"
	        "bind = :6\nbind = 0.0.0.0:5, [::]:5\n",
	  "f:6: [listener:a] bind: 127.0.0.1:5 cannot be bound beside [::]:5 of [listener:a]\n"
	  "f:11: [listener:b] bind: 0.0.0.0:5 cannot be bound beside [::]:5 of [listener:a]\n"
	  "f:11: [listener:b] bind: [::]:5 is bound by [listener:a] already\n" },
	{ PLAIN "bind = 127.0.0.1:5, :5\nbind = 0.0.0.0:6, :6\n",
	  "f:5: [listener:a] bind: [::]:5 cannot be bound beside 127.0.0.1:5 of [listener:a]\n"
	  "f:6: [listener:a] bind: [::]:6 cannot be bound beside 0.0.0.0:6 of [listener:a]\n" },
	{ "[listener:a]\nmode = tcp\nbind = unix:/x\nbind = unix:/x\nbackend = 127.0.0.1:1\n",
	  "f:4: [listener:a] bind: unix:/x is bound by [listener:a] already\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:5 127.0.0.1:6\nbackend = 127.0.0.1:1\n",
	  "f:3: [listener:a] bind: \"127.0.0.1:5 127.0.0.1:6\" has a space in it\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:5,\nbackend = 127.0.0.1:1\n",
	  "f:3: [listener:a] bind: has nothing where a value should be\n" },
	{ "[listener:a]\nmode = tcp\nbind = x\nbackend = 127.0.0.1:1\n",
	  "f:3: [listener:a] bind: \"x\" is no address: it needs a port, as in host:port\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = web\n"
	  "[backend:wab]\nserver = 127.0.0.1:1\n",
	  "f:4: [listener:a] backend: there is no [backend:web]; is \"wab\" meant?\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = web\n",
	  "f:4: [listener:a] backend: there is no [backend:web], and an address needs a port, as "
	  "in host:port\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:0\n",
	  "f:4: [listener:a] backend: \"127.0.0.1:0\" has no port between 1 and 65535\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend = 127.0.0.1:1, 127.0.0.1:2\n",
	  "f:4: [listener:a] backend: \"127.0.0.1:1, 127.0.0.1:2\" is a list; put it into a "
	  "[backend:NAME]\n" },
	{ "[listener:a]\nmode = tcp\nbind = 127.0.0.1:0\nbackend =\n",
	  "f:4: [listener:a] backend: \"\" is empty\n" },
	{ CRYPT "[rout:r]\n", "f:5: [rout:r]: unknown section; is [route] meant?\n" },
	{ CRYPT "[route]\n", "f:5: [route]: needs a name, as in [route:NAME]\n" },
	{ CRYPT "[route:r]\n", "f:5: [route:r] listener: is missing\n"
	                       "f:5: [route:r] sni: is missing\n" },
	{ CRYPT ROUTE "snl = b.test\nclose = fast\n",
	  "f:8: [route:r] snl: unknown key; is \"sni\" meant?\n"
	  "f:9: [route:r] close: belongs in [defaults] or [listener:NAME]\n" },
	{ CRYPT ROUTE "clientca = /dev/null\n",
	  "f:8: [route:r] clientca: unknown key; is \"client-ca\" meant?\n" },
	{ CRYPT "[route:r]\nlistener = b\nlistener = other\nsni = a.test\n",
	  "f:6: [route:r] listener: there is no [listener:b]; is \"a\" meant?\n"
	  "f:7: [route:r] listener: there is no [listener:other]\n" },
	{ BARE "[route:r]\nlistener = b\nsni = a.test\nbackend = 127.0.0.1:1\n",
	  "f:5: [route:r] listener: there is no [listener:b]; is \"a\" meant?\n" },
	{ CRYPT "[route:r]\nlistener = a, a\nsni = a.test\n",
	  "f:6: [route:r] listener: \"a\" is there already\n" },
	{ PLAIN ROUTE, "f:6: [route:r] listener: [listener:a] has mode = tcp: nobody asks for a "
	               "name there\n" },
	{ BARE ROUTE, "f:4: [route:r] backend: is missing, and [listener:a] has none either\n" },
	{ BARE, "f:1: [listener:a] backend: is missing\n" },
	{ BARE ROUTE "backend = app\n", "f:7: [route:r] backend: there is no [backend:app], and an "
	                                "address needs a port, as in host:port\n" },
	{ BARE "backend = app\n" ROUTE, "f:4: [listener:a] backend: there is no [backend:app], and "
	                                "an address needs a port, as in host:port\n" },
	{ CRYPT ROUTE "sni = b.test\n[route:s]\nlistener = a\nsni = *.test, B.Test\nsni = A.test\n",
	  "f:11: [route:s] sni: \"b.test\" is in [route:r] already\n"
	  "f:12: [route:s] sni: \"a.test\" is in [route:r] already\n" },
	{ CRYPT ROUTE "sni = A.Test, *.b.test, *.B.test\n",
	  "f:8: [route:r] sni: \"*.B.test\" is there already\n"
	  "f:8: [route:r] sni: \"A.Test\" is there already\n" },
	{ CRYPT ROUTE "sni = .x, x..y, x.\n",
	  "f:8: [route:r] sni: \".x\" has nothing before a dot, or behind one\n"
	  "f:8: [route:r] sni: \"x.\" has nothing before a dot, or behind one\n"
	  "f:8: [route:r] sni: \"x..y\" has nothing before a dot, or behind one\n" },
	{ CRYPT ROUTE "sni = *, a.*.test, w*.test, b\xc3\xbc.test, a:1\n",
#define NO_NAME                                                                                 \
	" is no host name: letters, digits, \"-\" and \"_\" between dots, or \"*\" before the " \
	"first dot\n"
	  "f:8: [route:r] sni: \"*\"" NO_NAME "f:8: [route:r] sni: \"a.*.test\"" NO_NAME
	  "f:8: [route:r] sni: \"a:1\"" NO_NAME "f:8: [route:r] sni: \"b\xc3\xbc.test\"" NO_NAME
	  "f:8: [route:r] sni: \"w*.test\"" NO_NAME },
	{ CRYPT ROUTE "sni = 192.0.2.1\n",
	  "f:8: [route:r] sni: \"192.0.2.1\" is an address, and clients ask for names only\n" },
	{ CRYPT ROUTE "client-auth = require\n",
	  "f:5: [route:r] client-ca: is missing: client-auth needs to know who issues "
	  "certificates\n" },
	/* A listener that asks for one does not make a route's half complete. */
	{ CRYPT "client-auth = require\nclient-ca = /dev/null\n" ROUTE "client-allow = cn:a\n"
	        "client-depth = 2\nclient-ca = /no/such\n",
	  "f:10: [route:r] client-allow: is of no use without client-auth = require, or "
	  "optional\n"
	  "f:11: [route:r] client-depth: is of no use without client-auth = require, or "
	  "optional\n"
	  "f:12: [route:r] client-ca: /no/such: No such file or directory\n"
	  "f:12: [route:r] client-ca: is of no use without client-auth = require, or optional\n" },
	{ CRYPT "[defaults]\nalpn-mismatch = reject\nsni = x\n",
	  "f:7: [defaults] sni: belongs in [route:NAME]\n" },
	{ "[backend:b]\n" PLAIN, "f:1: [backend:b] server: is missing\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\nverify = no\nca = /dev/null\n"
	  "server-name = x\n" PLAIN,
	  "f:3: [backend:b] verify: is of no use without tls = yes\n"
	  "f:4: [backend:b] ca: is of no use without tls = yes\n"
	  "f:5: [backend:b] server-name: is of no use without tls = yes\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\ntls = yes\nverify = no\nca = /dev/null\n" PLAIN,
	  "f:5: [backend:b] ca: is of no use with verify = no\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\ntls = yes\nca = /no/such\n" PLAIN,
	  "f:4: [backend:b] ca: /no/such: No such file or directory\n" },
	{ "[backend:b]\ntls = yes\nserver = 127.0.0.1:1\nserver = unix:/x\n" PLAIN,
	  "f:4: [backend:b] server: unix:/x has no host name to verify; set server-name\n" },
	{ "[backend:b]\nserver = 127.0.0.1:1\ntls = maybe\nserver-name = x\n" PLAIN,
	  "f:3: [backend:b] tls: \"maybe\" is neither yes nor no, on nor off, true nor false\n" },
	{ "[backend:b]\nserver = unix:/x\ntls = yes\nverify = never\n" PLAIN,
	  "f:4: [backend:b] verify: \"never\" is neither yes nor no, on nor off, true nor "
	  "false\n" },
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
	              "f:8: [listener:a] backend: there is no [backend:nowhere], and an address "
	              "needs a port, as in host:port\n");
}
END_TEST

START_TEST(what_only_openssl_can_judge_is_told_with_the_rest)
{
	expect_errors(
		CRYPT "ciphers = ROT13:AESGCM\n"
		      "ciphersuites = TLS_ROT13\n"
		      "groups = X25519:P-1\n"
		      "sigalgs = ed25519:rot13\n"
		      "idle-timeout = 5\n"
		      "[defaults]\n"
		      "ciphers = ECDHE+AESGCM:@SECLEVEL=1\n"
		      "ciphersuites = ROT13:\n"
		      "groups = X25519::P-256\n",
		"f:6: [listener:a] ciphersuites: \"TLS_ROT13\" is no "
		"cipher of TLS 1.3 that OpenSSL knows\n"
		"f:7: [listener:a] groups: \"X25519:P-1\" has \"P-1\", which is no group that "
		"OpenSSL knows\n"
		"f:8: [listener:a] sigalgs: \"ed25519:rot13\" has \"rot13\", which is no "
		"kind of signature that OpenSSL knows\n"
		"f:9: [listener:a] idle-timeout: \"5\" needs a unit: ms, s, m, h or d\n"
		"f:11: [defaults] ciphers: \"ECDHE+AESGCM:@SECLEVEL=1\" lowers the level of "
		"security below 2\n"
		"f:12: [defaults] ciphersuites: \"ROT13:\" has \"ROT13\", which is no cipher "
		"of TLS 1.3 that OpenSSL knows\n"
		"f:13: [defaults] groups: \"X25519::P-256\" is no list that OpenSSL takes\n");
	expect_errors(CRYPT "ciphers = ROT13\n",
	              "f:5: [listener:a] ciphers: \"ROT13\" is no cipher of "
	              "TLS 1.2 that OpenSSL knows\n");
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_told)
{
	char *said;
	size_t len;
	FILE *errors = open_memstream(&said, &len);

	ck_assert_ptr_null(config_load("/no/such/file", errors));
	ck_assert_ptr_null(config_load("/", errors));
	(void)fclose(errors);
	ck_assert_str_eq(said, "/no/such/file: No such file or directory\n/: Is a directory\n");
	free(said);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_check");
	TCase *tcase = tcase_create("messages");

	tcase_add_loop_test(tcase, what_is_wrong_is_told_with_its_line, 0,
	                    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, all_errors_are_told_at_once_in_the_order_of_the_file);
	tcase_add_test(tcase, what_only_openssl_can_judge_is_told_with_the_rest);
	tcase_add_test(tcase, a_file_that_cannot_be_read_is_told);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
