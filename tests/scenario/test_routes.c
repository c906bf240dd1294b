/* SPDX-License-Identifier: ISC */
/*
 * Where a client comes out is decided by the name that it asks for, and by
 * nothing else; streams end there as they do anywhere.
 */
#include <stdio.h>

#include "crossing.h"

enum { VERSIONS = 2, ROUNDS = 4 };

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

/* ---- where it goes ---- */

START_TEST(a_name_goes_where_its_route_leads)
{
	const int version = versions[_i];
	struct door *rest = stage_plain_door();

	for (int i = 0; i < ROUNDS; i++) {
		crossing_leads(version, "names", "admin.test", crossing_admin_door(),
		               "route=admin");
		crossing_leads(version, "names", "ADMIN.Test", crossing_admin_door(),
		               "route=admin");
		crossing_leads(version, "names", "x.wild.test", crossing_wild_door(), "route=wild");
		crossing_leads(version, "names", "exact.wild.test", crossing_admin_door(),
		               "route=admin");
		crossing_leads(version, "names", "x.y.wild.test", rest, "!route");
		crossing_leads(version, "names", "wild.test", rest, "!route");
		crossing_leads(version, "names", "unknown.test", rest, "!route sni=unknown.test");
		crossing_leads(version, "names", NULL, rest, "!route !sni");
	}
	crossing_leads(version, "tls-plain", "admin.test", rest, "!route");
}
END_TEST

START_TEST(without_a_backend_names_without_a_route_are_refused)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);
	struct peer *client;

	crossing_leads(versions[_i], "only", "admin.test", crossing_admin_door(),
	               "listener=only route=admin");
	client = crossing_call(
		&(struct crossing_call){ .listener = "only", .name = "rest.test", .tls = tls });
	peer_fails_to_open(client);
	crossing_tells(client, "unrecognized_name",
	               "listener=only cause=unknown_name sni=rest.test !route");
	client = crossing_call(&(struct crossing_call){ .listener = "only", .tls = tls });
	peer_fails_to_open(client);
	crossing_tells(client,
	               versions[_i] == TLS1_3_VERSION ? "missing_extension" : "unrecognized_name",
	               "listener=only cause=unknown_name !sni !route");
}
END_TEST

START_TEST(names_without_a_certificate_may_still_be_rejected)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);
	struct peer *client;

	crossing_leads(versions[_i], "strict", "admin.test", crossing_admin_door(), "route=admin");
	crossing_leads(versions[_i], "strict", "rest.test", stage_plain_door(), "!route");
	crossing_leads(versions[_i], "strict", NULL, stage_plain_door(), "!route");
	client = crossing_call(&(struct crossing_call){
		.listener = "strict", .name = "unknown.test", .tls = tls });
	peer_fails_to_open(client);
	crossing_tells(client, "unrecognized_name", "listener=strict cause=unknown_name");
}
END_TEST

START_TEST(a_route_leads_to_tls_as_well)
{
	struct peer_setup setup = { .tls = stage_server_tls(versions[_i]) };

	door_set_setup(stage_tls_door(), &setup);
	crossing_leads(versions[_i], "names", "tls.test", stage_tls_door(),
	               "route=tls backend-tls=* backend-end=close_notify");
}
END_TEST

START_TEST(a_route_that_leads_nowhere_is_no_empty_answer)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);
	struct peer *client =
		crossing_call(&(struct crossing_call){ "names", "dead.test", NULL, tls });

	peer_open(client);
	peer_expect(client, "rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "level=warning event=relay client=%s route=dead "
	                        "backend-end=refused:connection_refused",
	                        peer_name(client));
}
END_TEST

START_TEST(a_route_speaks_its_own_protocols)
{
	static const unsigned char offer[] = "\x02h2\x08http/1.1";
	SSL_CTX *tls = peer_client_tls(versions[_i]);
	struct peer_setup setup = { .tls = stage_server_tls(versions[_i]) };

	ck_assert_int_eq(SSL_CTX_set_alpn_protos(tls, offer, sizeof(offer) - 1), 0);
	crossing_play(crossing_call(&(struct crossing_call){ "names", "rest.test", NULL, tls }),
	              stage_plain_door(), "!route alpn=h2");
	/* As the listener has it. */
	crossing_play(crossing_call(&(struct crossing_call){ "names", "admin.test", NULL, tls }),
	              crossing_admin_door(), "route=admin alpn=h2");
	door_set_setup(stage_tls_door(), &setup);
	crossing_play(crossing_call(&(struct crossing_call){ "names", "tls.test", NULL, tls }),
	              stage_tls_door(), "route=tls alpn=http/1.1");
	SSL_CTX_free(tls);
}
END_TEST

/* ---- how it ends ---- */

START_TEST(a_truncation_reaches_the_routes_backend_as_an_abort)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);
	struct peer *client =
		crossing_call(&(struct crossing_call){ "names", "admin.test", NULL, tls });
	struct peer *backend;

	peer_open(client);
	backend = door_accept(crossing_admin_door());
	peer_send(client, 5000);
	peer_fin(client);
	peer_expect(backend, "data:5000 rst");
	peer_expect(client, "rst|fin ...");
	(void)daemon_expect_log(stage_daemon(),
	                        "level=warning event=truncation listener=names route=admin "
	                        "side=client peer=%s received=5000 action=reset",
	                        peer_name(client));
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s route=admin client-end=truncated",
	                        peer_name(client));
}
END_TEST

START_TEST(an_abort_of_the_routes_backend_is_no_end_to_the_client)
{
	SSL_CTX *tls = stage_client_tls(versions[_i]);
	struct peer *client =
		crossing_call(&(struct crossing_call){ "names", "x.wild.test", NULL, tls });
	struct peer *backend;

	peer_open(client);
	backend = door_accept(crossing_wild_door());
	peer_send(backend, 5000);
	peer_wait_data(client, 5000);
	peer_rst(backend);
	peer_expect(client, "data:5000 rst");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s route=wild backend-end=reset",
	                        peer_name(client));
}
END_TEST

/* ---- what a reload does to those who are there ---- */

START_TEST(a_relay_stays_on_its_way_when_its_route_moves)
{
	char to_admin[64];
	char to_wild[64];
	SSL_CTX *tls = stage_client_tls(versions[_i]);
	struct peer *client =
		crossing_call(&(struct crossing_call){ "names", "admin.test", NULL, tls });
	struct peer *backend;

	(void)snprintf(to_admin, sizeof(to_admin), "backend = %s",
	               door_address(crossing_admin_door()));
	(void)snprintf(to_wild, sizeof(to_wild), "backend = %s",
	               door_address(crossing_wild_door()));
	peer_open(client);
	backend = door_accept(crossing_admin_door());
	crossing_reload(to_admin, to_wild);
	crossing_leads(versions[_i], "names", "admin.test", crossing_wild_door(), "route=admin");
	peer_send(client, 100);
	peer_end(client);
	peer_expect(backend, "data:100 fin");
	peer_send(backend, 200);
	peer_end(backend);
	peer_expect(client, "data:200 end");
	(void)daemon_expect_log(stage_daemon(),
	                        "event=relay client=%s route=admin backend=%s "
	                        "client-end=close_notify backend-end=fin",
	                        peer_name(client), door_address(crossing_admin_door()));
	crossing_reload(to_wild, to_admin);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routes");
	TCase *tcase = scene_case(suite, "routes", crossing_open);

	tcase_add_unchecked_fixture(tcase, NULL, crossing_close);
	tcase_add_loop_test(tcase, a_name_goes_where_its_route_leads, 0, VERSIONS);
	tcase_add_loop_test(tcase, without_a_backend_names_without_a_route_are_refused, 0,
	                    VERSIONS);
	tcase_add_loop_test(tcase, names_without_a_certificate_may_still_be_rejected, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_route_leads_to_tls_as_well, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_route_that_leads_nowhere_is_no_empty_answer, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_route_speaks_its_own_protocols, 0, VERSIONS);
	tcase_add_loop_test(tcase, a_truncation_reaches_the_routes_backend_as_an_abort, 0,
	                    VERSIONS);
	tcase_add_loop_test(tcase, an_abort_of_the_routes_backend_is_no_end_to_the_client, 0,
	                    VERSIONS);
	tcase_add_loop_test(tcase, a_relay_stays_on_its_way_when_its_route_moves, 0, VERSIONS);
	scene_last(tcase);
	return scene_run(suite);
}
