/* SPDX-License-Identifier: ISC */
/* Which route a name is on; what comes of it is in scenario/test_routes.c. */
#include "tls_route.h"

#include <string.h>

#include "catalog.h"
#include "certificates.h"
#include "folder.h"
#include "suite.h"

enum { PATH_ROOM = FOLDER_ROOM + 32, ROUTES = 3 };

static char folder[FOLDER_ROOM];
static char cert[PATH_ROOM];
static char ca[PATH_ROOM];
static char *cert_text = cert;
static char *ca_text = ca;
static char *first_names[] = { (char *)"adieu.test", (char *)"exact.wild.test" };
static char *wild_names[] = { (char *)"*.wild.test" };
static char *word[] = { (char *)"localhost" };
static char *protocol[] = { (char *)"h2" };
static struct route_config configs[ROUTES];
static const struct route_config *routes[ROUTES];
static struct listener_config listener;
static struct catalog catalog;
static char reason[TLS_REASON_ROOM];

static void set_up(void)
{
	(void)snprintf(cert, sizeof(cert), "%s/adieu.pem", folder);
	(void)snprintf(ca, sizeof(ca), "%s/ca.pem", folder);
	configs[0] = (struct route_config){ .name = (char *)"first", .names = { first_names, 2 } };
	configs[1] = (struct route_config){ .name = (char *)"wild", .names = { wild_names, 1 } };
	configs[2] = (struct route_config){ .name = (char *)"word", .names = { word, 1 } };
	for (int i = 0; i < ROUTES; i++)
		routes[i] = &configs[i];
	listener = (struct listener_config){ .name = (char *)"l",
		                             .certs = { &cert_text, 1 },
		                             .routes = routes,
		                             .n_routes = ROUTES };
}

static void load(void)
{
	ck_assert_msg(catalog_open(&catalog, &listener, NULL, reason), "%s", reason);
}

static unsigned route_of(const char *name)
{
	return tls_routes_find(catalog.routes, name)->number;
}

START_TEST(a_name_is_found_as_it_is_and_then_by_a_star)
{
	load();
	ck_assert_uint_eq(route_of("adieu.test"), 1);
	ck_assert_uint_eq(route_of("ADIEU.test"), 1);
	ck_assert_uint_eq(route_of("exact.wild.test"), 1);
	ck_assert_uint_eq(route_of("Other.Wild.Test"), 2);
	ck_assert_uint_eq(route_of("localhost"), 3);
	ck_assert_uint_eq(route_of("a.b.wild.test"), 0);
	ck_assert_uint_eq(route_of("wild.test"), 0);
	ck_assert_uint_eq(route_of(".wild.test"), 0);
	ck_assert_uint_eq(route_of("adieu.test."), 0);
	ck_assert_uint_eq(route_of("xadieu.test"), 0);
	ck_assert_uint_eq(route_of(""), 0);
	catalog_close(&catalog);
	listener.n_routes = 0;
	load();
	ck_assert_uint_eq(route_of("adieu.test"), 0);
	catalog_close(&catalog);
}
END_TEST

START_TEST(names_without_a_certificate_are_told)
{
	load();
	ck_assert_ptr_nonnull(strstr(catalog.findings,
	                             "adieu.pem not_for_route: no certificate is for "
	                             "*.wild.test of [route:wild]: this one is "
	                             "shown\n"));
	ck_assert_ptr_null(strstr(catalog.findings, "adieu.test of"));
	ck_assert_ptr_null(strstr(catalog.findings, "localhost of"));
	catalog_close(&catalog);
	listener.unknown_sni = UNKNOWN_SNI_REJECT;
	load();
	ck_assert_ptr_nonnull(strstr(catalog.findings, "unknown-sni = reject refuses it\n"));
	catalog_close(&catalog);
}
END_TEST

START_TEST(what_a_route_does_not_say_is_the_listeners)
{
	const struct tls_route *rest;

	listener.client =
		(struct client_config){ .auth = CLIENT_AUTH_REQUIRE, .ca = { &ca_text, 1 } };
	listener.alpn = (struct text_list){ protocol, 1 };
	configs[1].has_client = true; /* no */
	configs[2].has_client = true;
	configs[2].client = listener.client;
	configs[2].alpn = (struct text_list){ word, 1 };
	load();
	rest = tls_routes_rest(catalog.routes);
	ck_assert_ptr_nonnull(rest->client);
	ck_assert_ptr_nonnull(rest->alpn);
	ck_assert_ptr_eq(tls_routes_find(catalog.routes, "adieu.test")->client, rest->client);
	ck_assert_ptr_eq(tls_routes_find(catalog.routes, "adieu.test")->alpn, rest->alpn);
	ck_assert_ptr_null(tls_routes_find(catalog.routes, "a.wild.test")->client);
	ck_assert_ptr_ne(tls_routes_find(catalog.routes, "localhost")->client, rest->client);
	ck_assert_ptr_ne(tls_routes_find(catalog.routes, "localhost")->alpn, rest->alpn);
	catalog_close(&catalog);
}
END_TEST

START_TEST(a_file_of_a_route_that_is_of_no_use_is_named)
{
	configs[2].has_client = true;
	configs[2].client =
		(struct client_config){ .auth = CLIENT_AUTH_REQUIRE, .ca = { &cert_text, 1 } };
	ck_assert(!catalog_open(&catalog, &listener, NULL, reason));
	ck_assert_msg(strncmp(reason, cert, strlen(cert)) == 0, "it says: %s", reason);
}
END_TEST

static void take_ids(unsigned char ids[ROUTES + 1][TLS_ROUTE_ID])
{
	static const char *const names[] = { "", "adieu.test", "a.wild.test", "localhost" };

	load();
	for (int i = 0; i <= ROUTES; i++)
		memcpy(ids[i], tls_routes_find(catalog.routes, names[i])->id, TLS_ROUTE_ID);
	catalog_close(&catalog);
}

/* Which of them are what they were: "=" or "!" for each. */
static void expect_ids(unsigned char before[ROUTES + 1][TLS_ROUTE_ID], const char *same)
{
	unsigned char now[ROUTES + 1][TLS_ROUTE_ID];

	take_ids(now);
	for (int i = 0; i <= ROUTES; i++) {
		ck_assert_int_eq(memcmp(before[i], now[i], TLS_ROUTE_ID) == 0, same[i] == '=');
		for (int k = 0; k < i; k++)
			ck_assert_int_ne(memcmp(now[i], now[k], TLS_ROUTE_ID), 0);
	}
	memcpy(before, now, sizeof(now));
}

START_TEST(what_decides_about_clients_is_in_the_sessions_context)
{
	unsigned char ids[ROUTES + 1][TLS_ROUTE_ID];

	take_ids(ids);
	expect_ids(ids, "====");
	configs[0].has_client = true;
	expect_ids(ids, "====");
	configs[0].client =
		(struct client_config){ .auth = CLIENT_AUTH_OPTIONAL, .ca = { &ca_text, 1 } };
	expect_ids(ids, "=!==");
	configs[0].client.auth = CLIENT_AUTH_REQUIRE;
	expect_ids(ids, "=!==");
	configs[1].name = (char *)"other";
	expect_ids(ids, "==!=");
	listener.client = configs[0].client;
	expect_ids(ids, "!=!!");
	configs[0].alpn = (struct text_list){ protocol, 1 };
	expect_ids(ids, "====");
	listener.name = (char *)"m";
	expect_ids(ids, "!!!!");
}
END_TEST

static void make_folder(void)
{
	folder_make(folder);
	certificates_write(folder);
}

static void remove_folder(void)
{
	folder_remove(folder);
}

int main(void)
{
	Suite *suite = suite_create("tls_route");
	TCase *tcase = tcase_create("routes");

	tcase_add_unchecked_fixture(tcase, make_folder, remove_folder);
	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, a_name_is_found_as_it_is_and_then_by_a_star);
	tcase_add_test(tcase, names_without_a_certificate_are_told);
	tcase_add_test(tcase, what_a_route_does_not_say_is_the_listeners);
	tcase_add_test(tcase, a_file_of_a_route_that_is_of_no_use_is_named);
	tcase_add_test(tcase, what_decides_about_clients_is_in_the_sessions_context);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
