#include "http/message.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void expect_whole(const struct message_whole *whole, const char *wanted)
{
	struct http_response r;

	http_message(&r, whole);
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.type, "application/json");
	ck_assert_str_eq(r.body.data, wanted);
	http_response_fini(&r);
}

START_TEST(a_message_that_did_not_fail_has_no_failure)
{
	const struct message_whole whole = { .json = "{\"message_id\" : \"m\"}",
					     .payload = "{\"body\":\"x\"}",
					     .failure_code = 131026 };

	expect_whole(&whole, "{\"message_id\":\"m\",\"payload\":{\"body\":\"x\"},"
			     "\"failure\":null}");
}
END_TEST

static void expect_failure(int code, int subcode, const char *begin, const char *part)
{
	const struct message_whole whole = { .json = "{\"a\":1}",
					     .payload = "{}",
					     .failed = true,
					     .failure_code = code,
					     .failure_subcode = subcode };
	struct http_response r;

	http_message(&r, &whole);
	ck_assert_msg(strncmp(r.body.data, begin, strlen(begin)) == 0, "%s", r.body.data);
	ck_assert_msg(strstr(r.body.data, part) != NULL, "%s", r.body.data);
	http_response_fini(&r);
}

START_TEST(a_failure_has_code_title_and_action)
{
	const struct graph_error *known = explain_error(131026, 0);

	expect_failure(131026, 0,
		       "{\"a\":1,\"payload\":{},\"failure\":{\"code\":131026,\"title\":\"",
		       known->action);
	expect_failure(100, 33, "{\"a\":1,\"payload\":{},\"failure\":{\"code\":100,\"title\":\"",
		       explain_error(100, 33)->action);
	/* A case of ours has no code of Meta's. */
	expect_failure(GRAPH_CASE_CREDENTIALS, 0,
		       "{\"a\":1,\"payload\":{},\"failure\":{\"code\":null,\"title\":\"",
		       explain_error(GRAPH_CASE_CREDENTIALS, 0)->action);
	expect_failure(0, 0, "{\"a\":1,\"payload\":{},\"failure\":{\"code\":null,\"title\":null,",
		       "\"action\":null");
	/* Meta may invent codes. */
	expect_failure(999999, 0,
		       "{\"a\":1,\"payload\":{},\"failure\":{\"code\":999999,\"title\":\"",
		       explain_error(GRAPH_CASE_UNKNOWN_4XX, 0)->action);
}
END_TEST

START_TEST(a_document_goes_through)
{
	struct http_response r;

	http_document(&r, "{\"events\" : []}");
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.body.data, "{\"events\":[]}");
	http_response_fini(&r);
}
END_TEST

START_TEST(a_document_beyond_the_bound_is_seen)
{
	struct http_response r;
	char *json = malloc(HTTP_RESPONSE_BODY_MAX + 2);

	memset(json, '1', HTTP_RESPONSE_BODY_MAX + 1);
	json[HTTP_RESPONSE_BODY_MAX] = '\0';
	http_document(&r, json);
	ck_assert(str_ok(&r.body));
	http_response_fini(&r);
	json[HTTP_RESPONSE_BODY_MAX] = '1';
	json[HTTP_RESPONSE_BODY_MAX + 1] = '\0';
	http_document(&r, json);
	ck_assert(!str_ok(&r.body));
	http_response_fini(&r);
	free(json);
}
END_TEST

static struct message_facts facts_of(enum state state)
{
	return (struct message_facts){ .state = state,
				       .wamid = "",
				       .failure_reason = "",
				       .incarnation = "",
				       .worker = "",
				       .node = "",
				       .last_title = "",
				       .decision = "",
				       .decided_by = "",
				       .why = "" };
}

static const struct estimate_rates rates = { .number = 0 };

START_TEST(an_explanation_has_all_its_members)
{
	struct message_facts f = facts_of(STATE_QUEUED);
	struct http_response r;

	f.accepted_wall_us = 1000000;
	f.expires_wall_us = 2000000;
	f.placed = true;
	f.ahead = 4;
	http_explanation(&r, "m", &f, &rates, 1500000);
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(
		r.body.data,
		"{\"message_id\":\"m\",\"status\":\"queued\",\"state_detail\":\"queued\","
		"\"summary\":\"It waits to be sent; 4 earlier messages of its queue are on the "
		"way.\",\"next\":\"Attempt 1 begins as soon as the worker that owns its lane has "
		"a place for it and the limits of its number (NUMBER_RATE, outlet set), its "
		"tenant (TENANT_RATE, tenant set) and its recipient (PAIR_SECONDS) allow it.\","
		"\"since\":\"1970-01-01T00:00:01Z\",\"until\":null,"
		"\"estimated_at\":null,\"expires_at\":\"1970-01-01T00:00:02Z\",\"position\":5,"
		"\"ahead_to_recipient\":0,\"attempt\":null,\"code\":null,\"title\":null,"
		"\"action\":null}");
	http_response_fini(&r);
}
END_TEST

START_TEST(what_does_not_wait_has_no_position)
{
	struct message_facts f = facts_of(STATE_SENT);
	struct http_response r;

	f.last_attempt = 2;
	f.sent_wall_us = 1000000;
	http_explanation(&r, "m", &f, &rates, 1500000);
	ck_assert_ptr_nonnull(strstr(r.body.data, "\"position\":null,"
						  "\"ahead_to_recipient\":null,\"attempt\":2,"));
	ck_assert_ptr_nonnull(strstr(r.body.data, "\"expires_at\":null"));
	http_response_fini(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_message");
	TCase *tcase = tcase_create("http_message");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_message_that_did_not_fail_has_no_failure);
	tcase_add_test(tcase, a_failure_has_code_title_and_action);
	tcase_add_test(tcase, a_document_goes_through);
	tcase_add_test(tcase, a_document_beyond_the_bound_is_seen);
	tcase_add_test(tcase, an_explanation_has_all_its_members);
	tcase_add_test(tcase, what_does_not_wait_has_no_position);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
