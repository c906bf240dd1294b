/* SPDX-License-Identifier: ISC */
#include "tls_error.h"

#include <errno.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "suite.h"

START_TEST(alerts_have_the_names_of_the_rfc)
{
	ck_assert_str_eq(tls_alert_name(SSL_AD_BAD_RECORD_MAC), "bad_record_mac");
	ck_assert_str_eq(tls_alert_name(SSL_AD_UNKNOWN_CA), "unknown_ca");
	ck_assert_str_eq(tls_alert_name(SSL_AD_NO_APPLICATION_PROTOCOL), "no_application_protocol");
	ck_assert_str_eq(tls_alert_name(255), "unknown");
}
END_TEST

START_TEST(the_queue_is_taken_and_left_empty)
{
	struct tls_error error;

	ERR_raise(ERR_LIB_SSL, SSL_R_HTTP_REQUEST);
	error = tls_error_take();
	ck_assert_int_eq(error.reason, SSL_R_HTTP_REQUEST);
	ck_assert_int_eq(error.alert, -1);
	ck_assert_str_eq(error.text, "http request");
	ck_assert_uint_eq(ERR_peek_error(), 0);
	error = tls_error_take();
	ck_assert_int_eq(error.reason, 0);
	ck_assert_int_eq(error.alert, -1);
	ck_assert_ptr_null(error.text);
}
END_TEST

START_TEST(what_another_part_of_the_library_found_has_tlss_word)
{
	struct tls_error error;

	ERR_raise(ERR_LIB_RSA, ERR_R_PASSED_INVALID_ARGUMENT);
	ERR_raise(ERR_LIB_SSL, SSL_R_BAD_SIGNATURE);
	ck_assert_int_eq(tls_error_take().reason, SSL_R_BAD_SIGNATURE);
	ERR_raise(ERR_LIB_RSA, ERR_R_PASSED_INVALID_ARGUMENT);
	error = tls_error_take();
	ck_assert_int_eq(error.reason, 0);
	ck_assert_ptr_nonnull(error.text);
	ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

START_TEST(an_alert_that_came_in_is_told)
{
	ERR_raise(ERR_LIB_SSL, ERR_R_INTERNAL_ERROR);
	ck_assert_int_eq(tls_error_take().alert, -1);
	ERR_raise(ERR_LIB_SSL, SSL_AD_REASON_OFFSET + SSL_AD_INTERNAL_ERROR);
	ck_assert_int_eq(tls_error_take().alert, SSL_AD_INTERNAL_ERROR);
}
END_TEST

START_TEST(a_sentence_names_the_file_and_the_first_cause)
{
	char room[256];

	ERR_raise_data(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER, "why");
	ERR_raise(ERR_LIB_SSL, ERR_R_PEM_LIB);
	ck_assert_str_eq(tls_error_sentence("file.pem", room, sizeof(room)),
	                 "file.pem: no shared cipher (why)");
	ck_assert_uint_eq(ERR_peek_error(), 0);
	ck_assert_str_eq(tls_error_sentence("file.pem", room, sizeof(room)),
	                 "file.pem: unknown error");
}
END_TEST

START_TEST(a_sentence_has_the_systems_words_for_its_errors)
{
	char room[256];

	ERR_raise_data(ERR_LIB_SYS, ENOENT, "calling fopen(file.pem, r)");
	ERR_raise(ERR_LIB_SSL, ERR_R_SYS_LIB);
	ck_assert_str_eq(tls_error_sentence("file.pem", room, sizeof(room)),
	                 "file.pem: No such file or directory");
}
END_TEST

START_TEST(a_sentence_fits_its_room)
{
	char room[8];

	ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
	ck_assert_str_eq(tls_error_sentence("file.pem", room, sizeof(room)), "file.pe");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls_error");
	TCase *tcase = tcase_create("words");

	(void)OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL); /* its words are part of it */
	tcase_add_test(tcase, alerts_have_the_names_of_the_rfc);
	tcase_add_test(tcase, the_queue_is_taken_and_left_empty);
	tcase_add_test(tcase, what_another_part_of_the_library_found_has_tlss_word);
	tcase_add_test(tcase, an_alert_that_came_in_is_told);
	tcase_add_test(tcase, a_sentence_names_the_file_and_the_first_cause);
	tcase_add_test(tcase, a_sentence_has_the_systems_words_for_its_errors);
	tcase_add_test(tcase, a_sentence_fits_its_room);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
