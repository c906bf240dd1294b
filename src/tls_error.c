/* SPDX-License-Identifier: ISC */
#include "tls_error.h"

#include <stdbool.h>
#include <stdint.h>
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

struct tls_error tls_error_take(void)
{
	struct tls_error result = { .alert = -1 };
	unsigned long first = ERR_peek_error();
	/* Where another part of the library found the fault, what TLS calls it comes last. */
	unsigned long error = ERR_GET_LIB(first) == ERR_LIB_SSL ? first : ERR_peek_last_error();

	ERR_clear_error();
	if (error == 0)
		return result;
	result.text = ERR_reason_error_string(error);
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return result;
	result.reason = ERR_GET_REASON(error);
	/* Reasons from here on are the alerts that came in; far behind them are the common ones. */
	if (result.reason >= SSL_AD_REASON_OFFSET &&
	    result.reason <= SSL_AD_REASON_OFFSET + UINT8_MAX)
		result.alert = result.reason - SSL_AD_REASON_OFFSET;
	return result;
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
	if (tls_heap_was_short() || ERR_GET_REASON(error) == ERR_R_MALLOC_FAILURE) {
		reason = "out of memory";
		has_data = false;
	}
	(void)snprintf(room, len, "%s: %s%s%s%s", about, reason != NULL ? reason : "unknown error",
	               has_data ? " (" : "", has_data ? data : "", has_data ? ")" : "");
	ERR_clear_error();
	return room;
}
