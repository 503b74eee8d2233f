#include "http/status.h"

#include <check.h>
#include <stdlib.h>

START_TEST(health_is_the_contracts_to_the_letter)
{
	struct http_response r;

	http_health(&r, "1.0.0", "development");
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.body.data, "{\"status\":\"healthy\",\"service\":\"message-sender-"
				      "service\",\"version\":\"1.0.0\",\"environment\":"
				      "\"development\"}");
	http_response_fini(&r);
}
END_TEST

START_TEST(a_sent_message_is_the_contracts_to_the_letter)
{
	struct message_status status = {
		.message_id = "msg-uuid",
		.state = STATE_SENT,
		.wamid = "wamid.xxx",
		.delivered_wall_us = INT64_C(1762252205000000),
	};
	struct http_response r;

	http_status(&r, &status);
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.body.data,
			 "{\"message_id\":\"msg-uuid\",\"whatsapp_message_id\":\"wamid.xxx\","
			 "\"status\":\"sent\",\"delivered_at\":\"2025-11-04T10:30:05Z\","
			 "\"read_at\":null,\"failure_reason\":\"\",\"state_detail\":\"sent\"}");
	http_response_fini(&r);
}
END_TEST

START_TEST(what_is_not_known_is_null)
{
	struct message_status status = { .message_id = "m", .state = STATE_UNKNOWN };
	struct http_response r;

	http_status(&r, &status);
	ck_assert_str_eq(
		r.body.data,
		"{\"message_id\":\"m\",\"whatsapp_message_id\":null,\"status\":"
		"\"queued\",\"delivered_at\":null,\"read_at\":null,\"failure_reason\":\"\","
		"\"state_detail\":\"outcome_unknown\"}");
	http_response_fini(&r);
}
END_TEST

START_TEST(a_failed_message_says_why)
{
	struct message_status status = { .message_id = "m",
					 .state = STATE_FAILED,
					 .failure_reason = "131026 \"x\"",
					 .read_wall_us = 1000000 };
	struct http_response r;

	http_status(&r, &status);
	ck_assert_str_eq(r.body.data,
			 "{\"message_id\":\"m\",\"whatsapp_message_id\":null,\"status\":"
			 "\"failed\",\"delivered_at\":null,\"read_at\":\"1970-01-01T00:00:01Z\","
			 "\"failure_reason\":\"131026 \\\"x\\\"\",\"state_detail\":\"failed\"}");
	http_response_fini(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_status");
	TCase *tcase = tcase_create("http_status");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, health_is_the_contracts_to_the_letter);
	tcase_add_test(tcase, a_sent_message_is_the_contracts_to_the_letter);
	tcase_add_test(tcase, what_is_not_known_is_null);
	tcase_add_test(tcase, a_failed_message_says_why);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
