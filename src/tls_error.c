/* SPDX-License-Identifier: ISC */
#include "tls_error.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls_heap.h"

const char *tls_alert_name(int description)
{
	switch (description) {
	case 0:   return "close_notify";
	case 10:  return "unexpected_message";
	case 20:  return "bad_record_mac";
	case 21:  return "decryption_failed";
	case 22:  return "record_overflow";
	case 30:  return "decompression_failure";
	case 40:  return "handshake_failure";
	case 41:  return "no_certificate";
	case 42:  return "bad_certificate";
	case 43:  return "unsupported_certificate";
	case 44:  return "certificate_revoked";
	case 45:  return "certificate_expired";
	case 46:  return "certificate_unknown";
	case 47:  return "illegal_parameter";
	case 48:  return "unknown_ca";
	case 49:  return "access_denied";
	case 50:  return "decode_error";
	case 51:  return "decrypt_error";
	case 60:  return "export_restriction";
	case 70:  return "protocol_version";
	case 71:  return "insufficient_security";
	case 80:  return "internal_error";
	case 86:  return "inappropriate_fallback";
	case 90:  return "user_canceled";
	case 100: return "no_renegotiation";
	case 109: return "missing_extension";
	case 110: return "unsupported_extension";
	case 111: return "certificate_unobtainable";
	case 112: return "unrecognized_name";
	case 113: return "bad_certificate_status_response";
	case 114: return "bad_certificate_hash_value";
	case 115: return "unknown_psk_identity";
	case 116: return "certificate_required";
	case 120: return "no_application_protocol";
	default:  return "unknown";
	}
}

/* Our word for a reason of OpenSSL's; NULL: none, the alert tells enough. */
static const char *tls_error_word(int reason)
{
	switch (reason) {
	case SSL_R_HTTP_REQUEST:
	case SSL_R_HTTPS_PROXY_REQUEST:               return "plain_http";
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_RECORD_LENGTH_MISMATCH:
	case SSL_R_BAD_RECORD_TYPE:                   return "not_tls";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:                   return "version_too_low";
	case SSL_R_VERSION_TOO_HIGH:                  return "version_too_high";
	case SSL_R_NO_SHARED_CIPHER:                  return "no_shared_cipher";
	case SSL_R_NO_SUITABLE_KEY_SHARE:
	case SSL_R_NO_SHARED_GROUPS:
	case SSL_R_NO_SUITABLE_GROUPS:                return "no_shared_group";
	case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
	case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:   return "no_shared_signature_algorithm";
	case SSL_R_CERTIFICATE_VERIFY_FAILED:         return "certificate";
	case SSL_R_BAD_SIGNATURE:                     return "bad_signature";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "client_certificate:none";
	case SSL_R_NO_APPLICATION_PROTOCOL:           return "no_shared_protocol";
	case SSL_R_CALLBACK_FAILED:                   return "unknown_name";
	case SSL_R_INAPPROPRIATE_FALLBACK:            return "inappropriate_fallback";
	default:                                      return NULL;
	}
}

const char *tls_error_take(const char **alert)
{
	unsigned long first = ERR_peek_error();
	/* Where another part of the library found the fault, what TLS calls it comes last. */
	unsigned long error = ERR_GET_LIB(first) == ERR_LIB_SSL ? first : ERR_peek_last_error();
	int reason = ERR_GET_REASON(error);
	int description = reason - SSL_AD_REASON_OFFSET;
	bool ours = ERR_GET_LIB(error) == ERR_LIB_SSL;

	ERR_clear_error();
	*alert = NULL;
	if (!ours)
		return NULL;
	/* So many reasons are the alerts that came in; beyond are those of all parts (err.h). */
	if (description >= 0 && description <= UINT8_MAX)
		*alert = tls_alert_name(description);
	return tls_error_word(reason);
}

/* The alerts by which a peer says that it does not like our certificate. */
static bool tls_error_is_about_certificate(const char *alert)
{
	static const char *const names[] = {
		"bad_certificate",     "unsupported_certificate", "certificate_revoked",
		"certificate_expired", "certificate_unknown",     "unknown_ca",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(alert, names[i]) == 0)
			return true;
	return false;
}

const char *tls_error_cause(struct ending ending, const char *side, char *room, size_t len)
{
	char text[ENDING_TEXT_ROOM];

	if (ending.kind == ENDING_ALERT && tls_error_is_about_certificate(ending.detail))
		(void)snprintf(room, len, "%s_rejects_our_cert:%s", side, ending.detail);
	else if (ending.kind == ENDING_TRUNCATED)
		(void)snprintf(room, len, "closed");
	else if (ending_is_ours(ending))
		(void)snprintf(room, len, "%s", ending.detail);
	else
		(void)snprintf(room, len, "%s", ending_text(ending, text));
	return room;
}

const char *tls_error_sentence(const char *about, char *room, size_t len)
{
	const char *data = NULL;
	int flags = 0;
	/* The first entry is the cause; what follows it are calls that gave up. */
	unsigned long error = ERR_peek_error_data(&data, &flags);
	bool is_errno = ERR_SYSTEM_ERROR(error);
	const char *reason =
		is_errno ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
	/* Of a system call OpenSSL tells the arguments, and about says enough. */
	bool has_data = !is_errno && data != NULL && *data != '\0' && (flags & ERR_TXT_STRING) != 0;

	/* Whatever OpenSSL makes of that. */
	if (tls_heap_was_short()) {
		reason = "out of memory";
		has_data = false;
	}
	(void)snprintf(room, len, "%s: %s%s%s%s", about, reason != NULL ? reason : "unknown error",
	               has_data ? " (" : "", has_data ? data : "", has_data ? ")" : "");
	ERR_clear_error();
	return room;
}
