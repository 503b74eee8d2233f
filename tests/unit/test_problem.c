#include "http/problem.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "json/json_in.h"

static const char *header(const struct http_response *r, const char *name)
{
	for (unsigned i = 0; i < r->header_count; i++)
		if (strcmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return "";
}

START_TEST(every_problem_has_the_form_of_the_contract)
{
	static const struct {
		int status;
		const char *error;
		const char *code;
		const char *retry_after;
	} rows[PROBLEM_COUNT] = {
		[PROBLEM_INVALID_REQUEST] = { 400, "invalid_request", "INVALID_REQUEST", "" },
		[PROBLEM_UNAUTHORIZED] = { 401, "unauthorized", "UNAUTHORIZED", "" },
		[PROBLEM_BAD_SIGNATURE] = { 401, "bad_signature", "BAD_SIGNATURE", "" },
		[PROBLEM_FORBIDDEN] = { 403, "forbidden", "FORBIDDEN", "" },
		[PROBLEM_NOT_FOUND] = { 404, "not_found", "NOT_FOUND", "" },
		[PROBLEM_METHOD_NOT_ALLOWED] = { 405, "method_not_allowed", "METHOD_NOT_ALLOWED",
						 "" },
		[PROBLEM_BODY_TOO_LARGE] = { 413, "body_too_large", "BODY_TOO_LARGE", "" },
		[PROBLEM_UNSUPPORTED_TYPE] = { 415, "unsupported_media_type",
					       "UNSUPPORTED_MEDIA_TYPE", "" },
		[PROBLEM_HEAD_TOO_LARGE] = { 431, "headers_too_large", "HEADERS_TOO_LARGE", "" },
		[PROBLEM_KEY_IN_USE] = { 409, "idempotency_key_in_use", "IDEMPOTENCY_KEY_IN_USE",
					 "1" },
		[PROBLEM_KEY_REUSED] = { 422, "idempotency_key_reused", "IDEMPOTENCY_KEY_REUSED",
					 "" },
		[PROBLEM_NOT_CANCELLABLE] = { 409, "not_cancellable", "NOT_CANCELLABLE", "" },
		[PROBLEM_BATCH_CANCELLED] = { 409, "batch_cancelled", "BATCH_CANCELLED", "" },
		[PROBLEM_NOT_RESOLVABLE] = { 409, "not_resolvable", "NOT_RESOLVABLE", "" },
		[PROBLEM_HOLDS_FULL] = { 409, "too_many_holds", "TOO_MANY_HOLDS", "" },
		[PROBLEM_QUOTA_EXCEEDED] = { 429, "quota_exceeded", "QUOTA_EXCEEDED", "" },
		[PROBLEM_QUEUE_FULL] = { 429, "queue_full", "QUEUE_FULL", "" },
		[PROBLEM_SEND_FAILED] = { 500, "send_failed", "SEND_FAILED", "" },
		[PROBLEM_INTERNAL] = { 500, "internal_error", "INTERNAL_ERROR", "" },
		[PROBLEM_OVERLOADED] = { 503, "overloaded", "OVERLOADED", "1" },
		[PROBLEM_STORE_UNAVAILABLE] = { 503, "store_unavailable", "STORE_UNAVAILABLE",
						"2" },
		[PROBLEM_STORE_UNCERTAIN] = { 503, "store_unavailable", "STORE_UNAVAILABLE", "2" },
	};

	for (int i = 0; i < PROBLEM_COUNT; i++) {
		struct http_response r;
		struct json_doc *doc;
		const struct json_value *root;
		struct err err;

		http_problem(&r, (enum problem)i, NULL);
		ck_assert_int_eq(r.status, rows[i].status);
		ck_assert_str_ne(http_status_text(r.status), "");
		ck_assert_str_eq(r.type, "application/json");
		ck_assert_str_eq(header(&r, "Retry-After"), rows[i].retry_after);
		ck_assert_str_eq(header(&r, "WWW-Authenticate"),
				 i == PROBLEM_UNAUTHORIZED ? "Bearer" : "");
		doc = json_doc_parse(r.body.data, r.body.len, &err);
		ck_assert_ptr_nonnull(doc);
		root = json_doc_root(doc);
		ck_assert_str_eq(json_text(json_member(root, "error"), NULL), rows[i].error);
		ck_assert_str_eq(json_text(json_member(root, "code"), NULL), rows[i].code);
		ck_assert_str_ne(json_text(json_member(root, "message"), NULL), "");
		json_doc_free(doc);
		http_response_fini(&r);
	}
}
END_TEST

START_TEST(a_message_of_its_own_takes_the_place_of_the_rows)
{
	struct http_response r;

	http_problem(&r, PROBLEM_INVALID_REQUEST, "to: is \"wrong\"");
	ck_assert_str_eq(r.body.data, "{\"error\":\"invalid_request\",\"message\":\"to: is "
				      "\\\"wrong\\\"\",\"code\":\"INVALID_REQUEST\"}");
	http_response_fini(&r);
}
END_TEST

START_TEST(an_uncertain_commit_says_so_with_the_id)
{
	struct http_response r;

	http_problem_uncertain(&r, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", false);
	ck_assert_int_eq(r.status, 503);
	ck_assert_str_eq(header(&r, "Retry-After"), "2");
	ck_assert_ptr_nonnull(strstr(r.body.data,
				     "\"details\":{\"message_id\":\"017f22e2-79b0-7cc3-98c4-"
				     "dc0c0c07398f\",\"outcome\":\"may have been taken\"}}"));
	ck_assert_ptr_null(strstr(r.body.data, "Idempotency-Key"));
	http_response_fini(&r);
	http_problem_uncertain(&r, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", true);
	ck_assert_int_eq(r.status, 503);
	ck_assert_ptr_nonnull(strstr(r.body.data, "same Idempotency-Key"));
	http_response_fini(&r);
}
END_TEST

START_TEST(a_header_value_cannot_bring_a_header_of_its_own)
{
	static const char *const wrong[] = { "a\r\nX: y", "a\nb", "\x7f", "a\tb", "é" };
	struct http_response r;

	http_response_init(&r, 200);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		http_response_header(&r, "X-Request-Id", wrong[i]);
	ck_assert_uint_eq(r.header_count, 0);
	http_response_header(&r, "X-Request-Id", "a b~!");
	ck_assert_str_eq(header(&r, "X-Request-Id"), "a b~!");
	http_response_fini(&r);
}
END_TEST

START_TEST(header_values_and_headers_are_bounded)
{
	struct http_response r;
	char value[300];

	http_response_init(&r, 200);
	memset(value, 'x', sizeof(value));
	value[256] = '\0';
	http_response_header(&r, "A", value);
	ck_assert_uint_eq(r.header_count, 0);
	value[255] = '\0';
	http_response_header(&r, "A", value);
	ck_assert_uint_eq(r.header_count, 1);
	ck_assert_str_eq(r.headers[0].value, value);
	for (int i = 0; i < 10; i++)
		http_response_header(&r, "B", "b");
	ck_assert_uint_eq(r.header_count, HTTP_RESPONSE_HEADERS);
	http_response_fini(&r);
}
END_TEST

START_TEST(an_unknown_status_has_no_text)
{
	ck_assert_str_eq(http_status_text(200), "OK");
	ck_assert_str_eq(http_status_text(202), "Accepted");
	ck_assert_str_eq(http_status_text(299), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("problem");
	TCase *tcase = tcase_create("problem");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_problem_has_the_form_of_the_contract);
	tcase_add_test(tcase, a_message_of_its_own_takes_the_place_of_the_rows);
	tcase_add_test(tcase, an_uncertain_commit_says_so_with_the_id);
	tcase_add_test(tcase, a_header_value_cannot_bring_a_header_of_its_own);
	tcase_add_test(tcase, header_values_and_headers_are_bounded);
	tcase_add_test(tcase, an_unknown_status_has_no_text);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
