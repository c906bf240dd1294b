/* SPDX-License-Identifier: ISC */
#include "tls_fault.h"

#include <openssl/x509v3.h>

#include "socket_tls.h"
#include "tls_client.h"

enum cause tls_fault_of_certificate(long verdict)
{
	switch (verdict) {
	case X509_V_ERR_APPLICATION_VERIFICATION:          return CAUSE_CERT_NOT_ALLOWED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:                    return CAUSE_CERT_UNKNOWN_CA;
	case X509_V_ERR_CERT_HAS_EXPIRED:                  return CAUSE_CERT_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:                return CAUSE_CERT_NOT_YET_VALID;
	case X509_V_ERR_CERT_REVOKED:                      return CAUSE_CERT_REVOKED;
	case X509_V_ERR_CRL_HAS_EXPIRED:                   return CAUSE_CERT_CRL_EXPIRED;
	case X509_V_ERR_CRL_NOT_YET_VALID:                 return CAUSE_CERT_CRL_NOT_YET_VALID;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
	case X509_V_ERR_DIFFERENT_CRL_SCOPE:               return CAUSE_CERT_CRL_MISSING;
	case X509_V_ERR_CRL_SIGNATURE_FAILURE:             return CAUSE_CERT_CRL_SIGNATURE;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:               return CAUSE_CERT_WRONG_NAME;
	case X509_V_ERR_INVALID_PURPOSE:                   return CAUSE_CERT_PURPOSE;
	case X509_V_ERR_INVALID_CA:
	case X509_V_ERR_INVALID_NON_CA:
	case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:              return CAUSE_CERT_INVALID_CA;
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
	case X509_V_ERR_PATH_LENGTH_EXCEEDED:              return CAUSE_CERT_DEPTH;
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:            return CAUSE_CERT_SIGNATURE;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:                    return CAUSE_CERT_TOO_WEAK;
	case X509_V_ERR_PERMITTED_VIOLATION:
	case X509_V_ERR_EXCLUDED_VIOLATION:                return CAUSE_CERT_NAME_CONSTRAINTS;
	case X509_V_ERR_OUT_OF_MEM:                        return CAUSE_OUT_OF_MEMORY;
	default:                                           return CAUSE_CERT_INVALID;
	}
}

/* What a client has said of itself, and what a server has chosen. */
static enum cause tls_fault_of_version(const SSL *ssl)
{
	if (!SSL_is_server(ssl))
		return CAUSE_VERSION_TOO_LOW;
	/* One that knows TLS 1.3 says 1.2 here, and the rest elsewhere (RFC 8446, 4.2.1). */
	return SSL_client_version(ssl) < SSL_get_min_proto_version((SSL *)ssl)
	               ? CAUSE_VERSION_TOO_LOW
	               : CAUSE_VERSION_TOO_HIGH;
}

/* The rest: whether we have failed, or the peer has, is told by the alert. */
static enum cause tls_fault_of_alert(const struct socket_tls *tls)
{
	if (!tls->base.alerted)
		return CAUSE_VIOLATION;
	switch (tls->alert_sent) {
	case SSL_AD_UNRECOGNIZED_NAME: return CAUSE_UNKNOWN_NAME;
	case SSL_AD_INTERNAL_ERROR:    return CAUSE_INTERNAL_ERROR;
	default:                       return CAUSE_VIOLATION;
	}
}

/* Nothing came before what it complains about. */
static bool tls_fault_is_at_first(const SSL *ssl)
{
	const OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);

	return state == TLS_ST_BEFORE || state == TLS_ST_CW_CLNT_HELLO;
}

/* Ours, which has looked at the name, and found it missing perhaps (tls_hello.c). */
static enum cause tls_fault_of_callback(const struct socket_tls *tls)
{
	return tls->base.alerted && tls->alert_sent == SSL_AD_MISSING_EXTENSION
	               ? CAUSE_UNKNOWN_NAME
	               : tls_fault_of_alert(tls);
}

static enum cause tls_fault_of_reason(const struct socket_tls *tls, int reason)
{
	switch (reason) {
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST: return CAUSE_PLAIN_HTTP;
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_BAD_RECORD_TYPE:
		return tls_fault_is_at_first(tls->ssl) ? CAUSE_NOT_TLS : tls_fault_of_alert(tls);
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:                   return tls_fault_of_version(tls->ssl);
	case SSL_R_NO_SHARED_CIPHER:                  return CAUSE_NO_SHARED_CIPHER;
	case SSL_R_NO_SUITABLE_KEY_SHARE:             return CAUSE_NO_SHARED_GROUP;
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:   return CAUSE_NO_SHARED_SIGNATURE_ALGORITHM;
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return CAUSE_CERT_NONE;
	case SSL_R_BAD_SIGNATURE:                     return CAUSE_CERT_SIGNATURE;
	case SSL_R_NO_APPLICATION_PROTOCOL:           return CAUSE_NO_SHARED_PROTOCOL;
	case SSL_R_INAPPROPRIATE_FALLBACK:            return CAUSE_INAPPROPRIATE_FALLBACK;
	case SSL_R_CALLBACK_FAILED:                   return tls_fault_of_callback(tls);
	default:                                      return tls_fault_of_alert(tls);
	}
}

/* Of the peer, or of its certificate. */
static enum cause tls_fault_find(const struct socket_tls *tls, int reason, long verdict)
{
	const enum side side = SSL_is_server(tls->ssl) ? SIDE_CLIENT : SIDE_BACKEND;
	enum cause cause = verdict != X509_V_OK ? tls_fault_of_certificate(verdict)
	                                        : tls_fault_of_reason(tls, reason);

	/* What is strange enough to have no word on this side is none of the known cases. */
	return cause_word(cause, side) != NULL ? cause : CAUSE_VIOLATION;
}

void tls_fault_learn(struct socket_tls *tls, const struct tls_error *error)
{
	const bool judges = SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE;
	const long verdict = judges ? SSL_get_verify_result(tls->ssl) : X509_V_OK;
	struct tls_facts *facts = &tls->facts;

	if (error->alert >= 0)
		return; /* it is the peer that found fault, and the ending says which */
	if (tls->base.alerted)
		facts->alert = tls_alert_name(tls->alert_sent);
	facts->cause = tls_fault_find(tls, error->reason, verdict);
	if (facts->cause == CAUSE_CERT_NOT_ALLOWED)
		return; /* the word says it all */
	if (verdict != X509_V_OK)
		facts->reason = X509_verify_cert_error_string(verdict);
	else if (facts->cause == CAUSE_VIOLATION || facts->cause == CAUSE_INTERNAL_ERROR)
		facts->reason = error->text;
	else if (facts->cause == CAUSE_CERT_SIGNATURE)
		tls_client_note(tls); /* it is somebody else's */
}
