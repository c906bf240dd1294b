/* SPDX-License-Identifier: ISC */
/*
 * Of those who have a good certificate only who is on the list of client-allow
 * comes in; the others hear access_denied.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "certificates.h"
#include "visitor.h"

enum { VERSIONS = 2 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

#define SPIFFE "spiffe://example.org/ns/prod/sa/web"

#define CA "client-ca = FOLDER/ca.pem\n"
#define REQUIRED "client-auth = require\n"

static const struct visitor_listener listeners[] = {
	{ "allow-uri",
	  REQUIRED CA "client-allow = dns:no.test, uri:spiffe://example.org/ns/*/sa/web\n" },
	{ "allow-dns", REQUIRED CA "client-allow = dns:WEB.test\n" },
	{ "allow-email", REQUIRED CA "client-allow = email:web@Example.org\n" },
	{ "allow-cn", REQUIRED CA "client-allow = cn:web\n" },
	{ "no-tickets", REQUIRED CA "client-allow = cn:web\ntickets = no\n" },
	{ "allow-spki", REQUIRED CA },
};

static char *sections;

/* Its key's digest becomes the rule of the last listener. */
static void allow_key_of(const char *folder, const char *file)
{
	EVP_PKEY *key = visitor_key(folder, file);
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	char *end = sections + strlen(sections);

	(void)SHA256(der, (size_t)len, digest);
	end += sprintf(end, "client-allow = spki:sha256:");
	for (size_t i = 0; i < sizeof(digest); i++)
		end += sprintf(end, "%02x", digest[i]);
	(void)sprintf(end, "\n");
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}

static void prepare(const char *folder)
{
	certificates_issue(folder, &(struct certificate){ .file = "good.pem",
	                                                  .cn = "web",
	                                                  .usage = "clientAuth",
	                                                  .names = "URI:" SPIFFE ",DNS:web.test,"
	                                                           "email:web@example.org" });
	certificates_issue(folder, &(struct certificate){ .file = "other.pem" });
	certificates_issue(folder, &(struct certificate){ .file = "unlisted.pem" });
	allow_key_of(folder, "good.pem");
}

static void open_stage(void)
{
	sections = visitor_sections(listeners, sizeof(listeners) / sizeof(listeners[0]));
	stage_open(&(struct stage_config){
		.global = "log-level = debug\nworkers = 2",
		.defaults = "close-timeout = 5s",
		.more = sections,
		.prepare = prepare,
	});
}

START_TEST(who_is_on_the_list_comes_in)
{
	static const struct {
		const char *listener;
		const char *words;
	} kinds[] = {
		{ "allow-uri", "client-cert=CN=web client-name=uri:" SPIFFE },
		{ "allow-dns", "client-cert=CN=web client-name=dns:web.test" },
		{ "allow-email", "client-cert=CN=web client-name=email:web@example.org" },
		{ "allow-cn", "client-cert=CN=web client-name=cn:web" },
		{ "no-tickets", "client-cert=CN=web client-name=cn:web" },
		{ "allow-spki", "client-cert=CN=web client-name=spki:sha256:*" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		visitor_comes_in(visitor_tls(versions[_i], "good.pem", NULL), kinds[i].listener,
		                 kinds[i].words);
		visitor_is_refused(
			visitor_tls(versions[_i], "unlisted.pem", NULL), kinds[i].listener,
			"access_denied",
			"cause=client_certificate:not_allowed client-cert=CN=unlisted.pem");
	}
}
END_TEST

START_TEST(being_on_the_list_is_not_enough)
{
	visitor_is_refused(visitor_impostor(versions[_i], "good.pem", "other.pem"), "allow-uri",
	                   "decrypt_error", "cause=client_certificate:signature");
	visitor_is_refused(visitor_tls(versions[_i], NULL, NULL), "allow-uri",
	                   versions[_i] == TLS1_3_VERSION ? "certificate_required"
	                                                  : "handshake_failure",
	                   "cause=client_certificate:none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_allow");
	TCase *tcase = scene_case(suite, "client-allow", open_stage);

	tcase_add_loop_test(tcase, who_is_on_the_list_comes_in, 0, VERSIONS);
	tcase_add_loop_test(tcase, being_on_the_list_is_not_enough, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
