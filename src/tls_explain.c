/* SPDX-License-Identifier: ISC */
#include "tls_explain.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/objects.h>

#include "table.h"
#include "tls_catalog.h"
#include "tls_context.h"
#include "tls_explain_names.h"
#include "tls_grade.h"
#include "tls_inspect.h"
#include "tls_staple.h"
#include "tls_supply.h"

/* A heading's text stands in a column of its own. */
#define EXPLAIN_HEAD "  %-12s"
#define EXPLAIN_INDENT "              "

/* What is served, each once, in the order of its files. */
struct explain_list {
	const struct tls_credential **credentials;
	size_t n;
};

/* What the loading finds notable. */
struct explain_findings {
	FILE *stream;
	char *text;
	size_t len;
};

static void explain_on_finding(void *arg, const struct tls_finding *finding)
{
	const struct explain_findings *findings = arg;

	(void)fprintf(findings->stream, EXPLAIN_INDENT "%s\n" EXPLAIN_INDENT "  %s: %s\n",
	              finding->file, finding->problem, finding->detail);
}

/* ---- lists ---- */

static int explain_compare(const void *a, const void *b)
{
	const struct tls_credential *left = *(const struct tls_credential *const *)a;
	const struct tls_credential *right = *(const struct tls_credential *const *)b;

	return strcmp(left->cert_file.path, right->cert_file.path);
}

static void explain_take(struct explain_list *list, const struct tls_set *set)
{
	for (int i = 0; i < TLS_KINDS; i++)
		if (set->of[i] != NULL)
			list->credentials[list->n++] = set->of[i];
}

static bool explain_gather(struct explain_list *list, const struct tls_catalog *catalog)
{
	const struct table *names = tls_catalog_names(catalog);
	size_t kept = 0;

	list->credentials = calloc((names->n + 1) * TLS_KINDS, sizeof(struct tls_credential *));
	if (list->credentials == NULL)
		return false;
	explain_take(list, tls_catalog_default(catalog));
	for (size_t i = 0; i < names->n_slots; i++)
		if (names->slots[i].name != NULL)
			explain_take(list, names->slots[i].thing);
	qsort(list->credentials, list->n, sizeof(struct tls_credential *), explain_compare);
	for (size_t i = 0; i < list->n; i++)
		if (kept == 0 || list->credentials[kept - 1] != list->credentials[i])
			list->credentials[kept++] = list->credentials[i];
	list->n = kept;
	return true;
}

/* ---- protocols ---- */

static void explain_protocols(SSL *ssl, FILE *out)
{
	STACK_OF(SSL_CIPHER) *ciphers = SSL_get1_supported_ciphers(ssl);
	const bool both = SSL_get_min_proto_version(ssl) != SSL_get_max_proto_version(ssl);

	(void)fprintf(out, EXPLAIN_HEAD "%s\n", "protocols",
	              both                                               ? "TLS 1.2, TLS 1.3"
	              : SSL_get_min_proto_version(ssl) == TLS1_3_VERSION ? "TLS 1.3"
	                                                                 : "TLS 1.2");
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
		(void)fprintf(out, EXPLAIN_HEAD "%s\n", i == 0 ? "ciphers" : "",
		              SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
	sk_SSL_CIPHER_free(ciphers);
}

/* ---- certificates ---- */

static void explain_key(const struct tls_credential *credential, FILE *out)
{
	static const char *const kinds[] = { "RSA", "RSA-PSS", "ECDSA", "Ed25519", "Ed448" };
	char group[64] = "";

	(void)EVP_PKEY_get_group_name(credential->key, group, sizeof(group), NULL);
	(void)fprintf(out, EXPLAIN_INDENT "  key      %s, %d bits%s%s; signed with %s\n",
	              kinds[credential->kind], EVP_PKEY_get_bits(credential->key),
	              *group != '\0' ? ", " : "", group,
	              OBJ_nid2ln(X509_get_signature_nid(credential->certificate)));
}

static void explain_staple(const struct tls_credential *credential, time_t now, FILE *out)
{
	const struct tls_staple *staple = credential->staple;
	char date[TLS_DATE_ROOM];

	(void)fprintf(out, EXPLAIN_INDENT "  staple   ");
	if (staple == NULL)
		(void)fprintf(out, "none\n");
	else if (staple->flaw != NULL)
		(void)fprintf(out, "of no use: %s\n", staple->flaw);
	else
		(void)fprintf(out, "%s, %s %s\n", staple->revoked ? "revoked" : "good",
		              now < staple->until ? "until" : "stale since",
		              tls_date(staple->until, date));
}

static void explain_credential(const struct tls_credential *credential, time_t now, FILE *out)
{
	const long long days = (long long)(credential->not_after - now) / (24 * 3600);
	char date[TLS_DATE_ROOM];

	(void)fprintf(out, EXPLAIN_INDENT "%s\n", credential->cert_file.path);
	for (const char *name = credential->names; *name != '\0'; name += strlen(name) + 1)
		(void)fprintf(out, EXPLAIN_INDENT "  %-8s %s\n",
		              name == credential->names ? "for" : "", name);
	explain_key(credential, out);
	(void)fprintf(out, EXPLAIN_INDENT "  expires  %s (%lld day%s)\n",
	              tls_date(credential->not_after, date), days, days == 1 ? "" : "s");
	(void)fprintf(out, EXPLAIN_INDENT "  chain    %d certificate%s\n",
	              sk_X509_num(credential->chain) < 0 ? 1 : 1 + sk_X509_num(credential->chain),
	              sk_X509_num(credential->chain) > 0 ? "s" : "");
	explain_staple(credential, now, out);
}

/* ---- all of it ---- */

static bool explain_write(const struct listener_config *listener, const struct tls_supply *supply,
                          SSL *ssl, const char *findings, const struct tls_origin *origin,
                          FILE *out)
{
	const time_t now = time(NULL);
	struct explain_list list = { NULL, 0 };
	bool fine = explain_gather(&list, supply->catalog);

	if (fine) {
		explain_protocols(ssl, out);
		(void)fprintf(out, "  certificates\n");
		for (size_t i = 0; i < list.n; i++)
			explain_credential(list.credentials[i], now, out);
		if (*findings != '\0')
			(void)fprintf(out, "  warnings\n%s", findings);
		fine = tls_explain_names(listener, supply, origin, EXPLAIN_INDENT, out);
		(void)fprintf(out, "  grade, by Mozilla's profiles\n");
		tls_grade_print(out, EXPLAIN_INDENT, ssl, listener, list.credentials, list.n);
	}
	free(list.credentials);
	return fine;
}

static bool explain_supply(const struct listener_config *listener, const struct tls_supply *supply,
                           const char *findings, const struct tls_origin *origin, FILE *out,
                           char *reason)
{
	struct tls_context *context = tls_context_server(listener, supply, NULL, reason);
	SSL *ssl = context != NULL ? tls_context_new_ssl(context) : NULL;
	bool fine = ssl != NULL && explain_write(listener, supply, ssl, findings, origin, out);

	if (context != NULL && !fine)
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
	SSL_free(ssl);
	tls_context_free(context);
	return fine;
}

bool tls_explain(const struct listener_config *listener, struct tls_store *store,
                 const struct tls_origin *origin, FILE *out, char *reason)
{
	struct explain_findings findings = { NULL, NULL, 0 };
	struct tls_supply supply;
	bool fine;

	findings.stream = open_memstream(&findings.text, &findings.len);
	if (findings.stream == NULL) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		return false;
	}
	fine = tls_supply_load(&supply, listener, store, explain_on_finding, &findings, reason);
	if (fine && (fflush(findings.stream) != 0 || findings.text == NULL)) {
		(void)snprintf(reason, TLS_REASON_ROOM, "out of memory");
		tls_supply_clear(&supply);
		fine = false;
	}
	if (fine) {
		fine = explain_supply(listener, &supply, findings.text, origin, out, reason);
		tls_supply_clear(&supply);
	}
	(void)fclose(findings.stream);
	free(findings.text);
	return fine;
}
