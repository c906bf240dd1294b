/* SPDX-License-Identifier: ISC */
#include "tls_inspect.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "tls_loader.h"
#include "tls_staple.h"

enum { TLS_INSPECT_WARNING = 14 * 24 * 3600 };

const char *tls_date(time_t date, char text[TLS_DATE_ROOM])
{
	struct tm tm;

	*text = '\0';
	if (gmtime_r(&date, &tm) != NULL)
		(void)strftime(text, TLS_DATE_ROOM, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

static void tls_inspect_report_date(const char *file, const char *problem, time_t date,
                                    tls_report *report, void *arg)
{
	char text[TLS_DATE_ROOM];

	report(arg, &(struct tls_finding){ file, problem, tls_date(date, text) });
}

static void tls_inspect_dates(const struct tls_credential *credential, time_t now,
                              tls_report *report, void *arg)
{
	const char *problem = NULL;
	time_t date = credential->not_after;

	if (credential->not_before > now) {
		problem = "not_yet_valid";
		date = credential->not_before;
	} else if (credential->not_after <= now) {
		problem = "expired";
	} else if (credential->not_after - now < TLS_INSPECT_WARNING) {
		problem = "expires";
	}
	if (problem != NULL)
		tls_inspect_report_date(credential->cert_file.path, problem, date, report, arg);
}

/* The last certificate of the chain that is linked to the one before, from the leaf on. */
static X509 *tls_inspect_last(const struct tls_credential *credential, bool *in_order)
{
	X509 *last = credential->certificate;

	*in_order = true;
	for (int i = 0; i < sk_X509_num(credential->chain); i++) {
		X509 *next = sk_X509_value(credential->chain, i);

		if (X509_check_issued(next, last) != X509_V_OK) {
			*in_order = false;
			break;
		}
		last = next;
	}
	return last;
}

static bool tls_inspect_is_trusted(X509 *certificate, struct tls_loader *loader)
{
	X509 *issuer = tls_loader_find_issuer(loader, certificate);

	X509_free(issuer);
	return issuer != NULL;
}

/* It names a place where its issuer's certificate is to be had: authorities that all know do. */
static bool tls_inspect_has_elders(X509 *certificate)
{
	AUTHORITY_INFO_ACCESS *places = X509_get_ext_d2i(certificate, NID_info_access, NULL, NULL);
	bool named = false;

	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(places); i++) {
		const ACCESS_DESCRIPTION *place = sk_ACCESS_DESCRIPTION_value(places, i);

		named = named || OBJ_obj2nid(place->method) == NID_ad_ca_issuers;
	}
	AUTHORITY_INFO_ACCESS_free(places);
	return named;
}

/*
 * Who issued the last one may be an authority that clients have been given, so
 * a chain is only said to be incomplete if it tells itself where to go on.
 */
static void tls_inspect_chain(const struct tls_credential *credential, struct tls_loader *loader,
                              tls_report *report, void *arg)
{
	bool in_order;
	X509 *last = tls_inspect_last(credential, &in_order);
	struct tls_finding finding = { credential->cert_file.path, NULL, NULL };

	if (!in_order) {
		finding.problem = "chain_out_of_order";
		finding.detail = "a certificate is not followed by that of its issuer";
	} else if ((X509_get_extension_flags(last) & EXFLAG_SI) == 0 &&
	           tls_inspect_has_elders(last) && !tls_inspect_is_trusted(last, loader)) {
		finding.problem = "chain_incomplete";
		finding.detail = "the certificate of the last one's issuer is missing";
	}
	if (finding.problem != NULL)
		report(arg, &finding);
}

/* ---- what clients may refuse ---- */

/* One for this machine alone is made to try things out with. */
static bool tls_inspect_is_local(const struct tls_credential *credential)
{
	return credential->n_names == 1 && strcmp(credential->names, "localhost") == 0;
}

static void tls_inspect_usage(const struct tls_credential *credential, tls_report *report,
                              void *arg)
{
	X509 *certificate = credential->certificate;
	struct tls_finding finding = { credential->cert_file.path, NULL, NULL };

	/* All bits are set where there is no such extension. */
	if ((X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0) {
		finding.problem = "key_usage";
		finding.detail = "its key is not for signatures, and a server has to sign";
		report(arg, &finding);
	}
	if ((X509_get_extended_key_usage(certificate) & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0) {
		finding.problem = "extended_key_usage";
		finding.detail = "it is not for TLS servers";
		report(arg, &finding);
	}
	if ((X509_get_extension_flags(certificate) & EXFLAG_SS) != 0 &&
	    !tls_inspect_is_local(credential)) {
		finding.problem = "self_signed";
		finding.detail = "clients trust it only if they were given it";
		report(arg, &finding);
	}
}

/* ---- staple ---- */

static void tls_inspect_one_staple(const struct tls_staple *staple, time_t now, tls_report *report,
                                   void *arg)
{
	const char *file = staple->file.path;
	struct tls_finding finding = { file, "staple_unusable", staple->flaw };

	if (staple->error != 0)
		finding.detail = strerror(staple->error);
	if (staple->flaw != NULL)
		report(arg, &finding);
	else if (staple->revoked)
		report(arg,
		       &(struct tls_finding){ file, "revoked", "that is what its authority says" });
	if (staple->der != NULL && staple->until <= now)
		tls_inspect_report_date(file, "staple_expired", staple->until, report, arg);
	if (staple->der != NULL && staple->from > now)
		tls_inspect_report_date(file, "staple_not_yet_valid", staple->from, report, arg);
}

static void tls_inspect_staple(const struct tls_credential *credential, time_t now,
                               tls_report *report, void *arg)
{
	if (credential->staple != NULL)
		tls_inspect_one_staple(credential->staple, now, report, arg);
	if (!tls_staple_holds(credential->staple, now) &&
	    tls_staple_is_a_must(credential->certificate))
		report(arg, &(struct tls_finding){ credential->cert_file.path, "staple_missing",
		                                   "it tells clients to insist on one" });
}

void tls_inspect(const struct tls_credential *credential, struct tls_loader *loader,
                 tls_report *report, void *arg)
{
	const time_t now = time(NULL);

	tls_inspect_dates(credential, now, report, arg);
	tls_inspect_chain(credential, loader, report, arg);
	tls_inspect_usage(credential, report, arg);
	tls_inspect_staple(credential, now, report, arg);
}
