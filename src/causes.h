/* SPDX-License-Identifier: ISC */
/*
 * causes - why handshakes fail, and how often each of these whys was the case
 *
 * One list: the words of the log, what they mean (adieu.8 says the same; a test
 * compares), and the places that they are counted in. A word that has a colon
 * is one of a family. What OpenSSL complains about is mapped to them by
 * tls_fault.c; what has no word of its own is CAUSE_VIOLATION, and the log has
 * the library's own words beside it.
 */
#ifndef CAUSES_H
#define CAUSES_H

#include <stdbool.h>
#include <stdint.h>

#include "ending.h"

/* Whose fault it was, or who found fault with us. */
enum side {
	SIDE_CLIENT,
	SIDE_BACKEND,
	SIDES,
};

static inline const char *side_word(enum side side)
{
	return side == SIDE_CLIENT ? "client" : "backend";
}

/* The word of each side; NULL: on that side it cannot be. */
#define CAUSE_OF_CLIENT(word) { word, NULL }
#define CAUSE_OF_BACKEND(word) { NULL, word }
#define CAUSE_OF_BOTH(word) { word, word }
#define CAUSE_OF_CLIENT_CERT(fault) { "client_certificate:" fault, NULL }
#define CAUSE_OF_BACKEND_CERT(fault) { NULL, "backend_certificate:" fault }
#define CAUSE_OF_CERT(fault) { "client_certificate:" fault, "backend_certificate:" fault }
#define CAUSE_OF_REJECTION(alert) \
	{ "client_rejects_our_cert:" alert, "backend_rejects_our_cert:" alert }
#define CAUSE_OF_ALERT(alert) { "alert:" alert, "alert:" alert }

/* clang-format off */
#define CAUSES(CAUSE) \
	CAUSE(PLAIN_HTTP, CAUSE_OF_CLIENT("plain_http"), \
	      "it speaks HTTP without TLS") \
	CAUSE(NOT_TLS, CAUSE_OF_BOTH("not_tls"), \
	      "it speaks something else that is no TLS") \
	CAUSE(VERSION_TOO_LOW, CAUSE_OF_BOTH("version_too_low"), \
	      "it speaks older versions of TLS only") \
	CAUSE(VERSION_TOO_HIGH, CAUSE_OF_CLIENT("version_too_high"), \
	      "it speaks newer versions of TLS only") \
	CAUSE(INAPPROPRIATE_FALLBACK, CAUSE_OF_CLIENT("inappropriate_fallback"), \
	      "it says that it fell back to an older version, without need") \
	CAUSE(NO_SHARED_CIPHER, CAUSE_OF_CLIENT("no_shared_cipher"), \
	      "it has no cipher that is allowed here and fits a certificate") \
	CAUSE(NO_SHARED_GROUP, CAUSE_OF_CLIENT("no_shared_group"), \
	      "it has no group for the key exchange that is allowed here") \
	CAUSE(NO_SHARED_SIGNATURE_ALGORITHM, CAUSE_OF_CLIENT("no_shared_signature_algorithm"), \
	      "it can verify none of the signatures that are made here") \
	CAUSE(NO_SHARED_PROTOCOL, CAUSE_OF_CLIENT("no_shared_protocol"), \
	      "it offers other protocols than alpn, and alpn-mismatch = reject") \
	CAUSE(UNKNOWN_NAME, CAUSE_OF_CLIENT("unknown_name"), \
	      "it asks for a name that nothing is for, by unknown-sni = reject or by routes") \
	CAUSE(CERT_NONE, CAUSE_OF_CLIENT_CERT("none"), \
	      "it has shown none") \
	CAUSE(CERT_UNKNOWN_CA, CAUSE_OF_CERT("unknown_ca"), \
	      "nobody who is trusted vouches for it") \
	CAUSE(CERT_EXPIRED, CAUSE_OF_CERT("expired"), \
	      "it, or one above it, has expired") \
	CAUSE(CERT_NOT_YET_VALID, CAUSE_OF_CERT("not_yet_valid"), \
	      "it, or one above it, is not valid yet") \
	CAUSE(CERT_REVOKED, CAUSE_OF_CERT("revoked"), \
	      "a list says so") \
	CAUSE(CERT_CRL_MISSING, CAUSE_OF_CERT("crl_missing"), \
	      "there are lists of what was revoked, and none of its issuer's") \
	CAUSE(CERT_CRL_EXPIRED, CAUSE_OF_CERT("crl_expired"), \
	      "the list of its issuer is out of date") \
	CAUSE(CERT_CRL_NOT_YET_VALID, CAUSE_OF_CERT("crl_not_yet_valid"), \
	      "the list of its issuer is not valid yet") \
	CAUSE(CERT_CRL_SIGNATURE, CAUSE_OF_CERT("crl_signature"), \
	      "the list of its issuer was signed by somebody else") \
	CAUSE(CERT_WRONG_NAME, CAUSE_OF_BACKEND_CERT("wrong_name"), \
	      "it is somebody else's than verify-name, or server-name, says") \
	CAUSE(CERT_PURPOSE, CAUSE_OF_CERT("purpose"), \
	      "it is for something else, as its extended key usage says") \
	CAUSE(CERT_INVALID_CA, CAUSE_OF_CERT("invalid_ca"), \
	      "one above it is no authority's") \
	CAUSE(CERT_DEPTH, CAUSE_OF_CERT("depth"), \
	      "there are more authorities above it than one of them, or client-depth, allows") \
	CAUSE(CERT_NAME_CONSTRAINTS, CAUSE_OF_CERT("name_constraints"), \
	      "one above it may not vouch for such a name") \
	CAUSE(CERT_TOO_WEAK, CAUSE_OF_CERT("too_weak"), \
	      "its key, or one above it, is too short, or its digest too old") \
	CAUSE(CERT_SIGNATURE, CAUSE_OF_CERT("signature"), \
	      "its issuer has not signed it, or whoever shows it has not its key") \
	CAUSE(CERT_NOT_ALLOWED, CAUSE_OF_CLIENT_CERT("not_allowed"), \
	      "it is good, and not on the list of client-allow") \
	CAUSE(CERT_INVALID, CAUSE_OF_CERT("invalid"), \
	      "something else, which the field reason tells") \
	CAUSE(REJECTED_BAD, CAUSE_OF_REJECTION("bad_certificate"), NULL) \
	CAUSE(REJECTED_UNSUPPORTED, CAUSE_OF_REJECTION("unsupported_certificate"), NULL) \
	CAUSE(REJECTED_REVOKED, CAUSE_OF_REJECTION("certificate_revoked"), NULL) \
	CAUSE(REJECTED_EXPIRED, CAUSE_OF_REJECTION("certificate_expired"), NULL) \
	CAUSE(REJECTED_UNKNOWN, CAUSE_OF_REJECTION("certificate_unknown"), NULL) \
	CAUSE(REJECTED_UNKNOWN_CA, CAUSE_OF_REJECTION("unknown_ca"), NULL) \
	CAUSE(REJECTED_NONE, CAUSE_OF_REJECTION("certificate_required"), NULL) \
	CAUSE(REJECTED_DENIED, CAUSE_OF_REJECTION("access_denied"), NULL) \
	CAUSE(ALERT_UNEXPECTED_MESSAGE, CAUSE_OF_ALERT("unexpected_message"), NULL) \
	CAUSE(ALERT_BAD_RECORD_MAC, CAUSE_OF_ALERT("bad_record_mac"), NULL) \
	CAUSE(ALERT_RECORD_OVERFLOW, CAUSE_OF_ALERT("record_overflow"), NULL) \
	CAUSE(ALERT_HANDSHAKE_FAILURE, CAUSE_OF_ALERT("handshake_failure"), NULL) \
	CAUSE(ALERT_ILLEGAL_PARAMETER, CAUSE_OF_ALERT("illegal_parameter"), NULL) \
	CAUSE(ALERT_DECODE_ERROR, CAUSE_OF_ALERT("decode_error"), NULL) \
	CAUSE(ALERT_DECRYPT_ERROR, CAUSE_OF_ALERT("decrypt_error"), NULL) \
	CAUSE(ALERT_PROTOCOL_VERSION, CAUSE_OF_ALERT("protocol_version"), NULL) \
	CAUSE(ALERT_INSUFFICIENT_SECURITY, CAUSE_OF_ALERT("insufficient_security"), NULL) \
	CAUSE(ALERT_INTERNAL_ERROR, CAUSE_OF_ALERT("internal_error"), NULL) \
	CAUSE(ALERT_INAPPROPRIATE_FALLBACK, CAUSE_OF_ALERT("inappropriate_fallback"), NULL) \
	CAUSE(ALERT_USER_CANCELED, CAUSE_OF_ALERT("user_canceled"), NULL) \
	CAUSE(ALERT_MISSING_EXTENSION, CAUSE_OF_ALERT("missing_extension"), NULL) \
	CAUSE(ALERT_UNSUPPORTED_EXTENSION, CAUSE_OF_ALERT("unsupported_extension"), NULL) \
	CAUSE(ALERT_UNRECOGNIZED_NAME, CAUSE_OF_ALERT("unrecognized_name"), NULL) \
	CAUSE(ALERT_BAD_STAPLE, CAUSE_OF_ALERT("bad_certificate_status_response"), NULL) \
	CAUSE(ALERT_UNKNOWN_PSK, CAUSE_OF_ALERT("unknown_psk_identity"), NULL) \
	CAUSE(ALERT_NO_PROTOCOL, CAUSE_OF_ALERT("no_application_protocol"), NULL) \
	CAUSE(ALERT_OTHER, CAUSE_OF_ALERT("other"), NULL) \
	CAUSE(CLOSED, CAUSE_OF_BOTH("closed"), \
	      "it went away, in order, before the handshake was over") \
	CAUSE(RESET, CAUSE_OF_BOTH("reset"), \
	      "it has reset the connection") \
	CAUSE(LOST, CAUSE_OF_BOTH("lost"), \
	      "the network does not reach it any more") \
	CAUSE(TIMEOUT, CAUSE_OF_BOTH("timeout:handshake"), \
	      "it was silent, or slow, for longer than handshake-timeout") \
	CAUSE(VIOLATION, CAUSE_OF_BOTH("violation"), \
	      "it broke the protocol in a way that the field reason tells") \
	CAUSE(INTERNAL_ERROR, CAUSE_OF_BOTH("internal_error"), \
	      "it is not to blame: the library has failed") \
	CAUSE(OUT_OF_MEMORY, CAUSE_OF_BOTH("out_of_memory"), \
	      "it is not to blame: memory has run out here")
/* clang-format on */

enum cause {
	CAUSE_UNKNOWN,          /* not yet: the ending tells, cause_of_ending() */
#define X(name, words, meaning) CAUSE_##name,
	CAUSES(X)
#undef X
		CAUSES_END
};

/* As it stands in the log; NULL: there is no such cause on that side. */
const char *cause_word(enum cause cause, enum side side);

/* For a handshake that ended like this, unless OpenSSL has said more. */
enum cause cause_of_ending(struct ending ending);

/* True when it says that a peer, which may say so late, will have none of our certificate. */
bool cause_is_rejection(enum cause cause);

/* Embedded, zeroed, of one worker. */
struct causes {
	uint64_t n[CAUSES_END][SIDES];
};

#endif
