/* A message, its timeline, its explanation, a tenant's list: what is asked and answered. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "domain/graph_error.h"
#include "pipeline_house.h"

#define ID "01890a5d-ac96-774b-bcce-b302099a8057"

static void get(const char *path, const char *query)
{
	struct http_request r = request_of("GET", path);

	r.query = query;
	ask(&r);
}

START_TEST(each_read_asks_for_its_own)
{
	static const struct {
		const char *path;
		enum store_read_kind kind;
	} cases[] = {
		{ "/api/v1/messages/" ID, STORE_READ_WHOLE },
		{ "/api/v1/messages/" ID "/events", STORE_READ_EVENTS },
		{ "/api/v1/messages/" ID "/explain", STORE_READ_FACTS },
	};
	struct store_found found = { .found = true,
				     .json = "{\"a\":1}",
				     .payload = "{}",
				     .facts = { .state = STATE_SENT,
						.wamid = "",
						.failure_reason = "",
						.incarnation = "",
						.worker = "",
						.node = "",
						.last_title = "",
						.decision = "",
						.decided_by = "",
						.why = "" } };
	static const char *const parts[] = { "\"payload\":{}", "{\"a\":1}", "\"summary\":" };

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char id[MESSAGE_ID_TEXT_BYTES];

		get(cases[i].path, "");
		ck_assert_uint_eq(fake.read_count, i + 1);
		ck_assert_int_eq(fake.reads[i].request.kind, cases[i].kind);
		message_id_text(fake.reads[i].request.id, id);
		ck_assert_str_eq(id, ID);
		fake_found(fake.reads[i].tag, STORE_DONE, &found);
		turn();
		expect(200, parts[i]);
	}
}
END_TEST

/* Asked to cancel message ID; its write has come to this. */
static void cancel(enum store_verdict verdict)
{
	const struct http_request r = request_of("DELETE", "/api/v1/messages/" ID);
	const unsigned count = fake.call_off_count;
	char id[MESSAGE_ID_TEXT_BYTES];

	ask(&r);
	ck_assert_uint_eq(fake.call_off_count, count + 1);
	message_id_text(fake.call_offs[count].id, id);
	ck_assert_str_eq(id, ID);
	ck_assert_uint_eq(fake.status_count, count);
	fake_written(fake.call_offs[count].tag, verdict);
	turn();
}

static void stands(enum state state, int code)
{
	const struct store_status status = { .found = true, .state = state, .failure_code = code };

	fake_status(fake.status_tags[fake.status_count - 1], STORE_DONE, &status);
	turn();
}

START_TEST(a_cancellation_is_answered_as_the_message_stands_then)
{
	const struct store_status none = { .found = false };

	cancel(STORE_DONE);
	stands(STATE_CANCELLED, GRAPH_CASE_CANCELLED);
	expect(200, "\"status\":\"cancelled\"");
	cancel(STORE_DONE);
	stands(STATE_CANCELLED, 0); /* its caller was told 503 */
	expect(409, "\"code\":\"NOT_CANCELLABLE\",\"details\":{\"message_id\":\"" ID
		    "\",\"status\":\"failed\",\"state_detail\":\"cancelled\"}");
	cancel(STORE_DONE);
	stands(STATE_SENDING, 0);
	expect(409, "\"status\":\"queued\",\"state_detail\":\"sending\"");
	cancel(STORE_DONE);
	fake_status(fake.status_tags[fake.status_count - 1], STORE_DONE, &none);
	turn();
	expect(404, "\"code\":\"NOT_FOUND\"");
}
END_TEST

START_TEST(a_cancellation_that_is_not_known_of_says_so)
{
	const struct http_request r = request_of("DELETE", "/api/v1/messages/" ID);

	cancel(STORE_DONE);
	fake_status(fake.status_tags[0], STORE_AWAY, NULL);
	turn();
	expect(503, "may have been cancelled: please ask again");
	ask(&r);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	turn_until(&answer.count, 1); /* in the time of an accept */
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: "));
	expect(503, "may have been cancelled: please ask again");
	fake_written(fake.call_offs[1].tag, STORE_DONE); /* late: nobody is there any more */
	turn();
	ck_assert_uint_eq(answer.count, 0);
	ck_assert_uint_eq(fake.status_count, 1);
}
END_TEST

START_TEST(a_list_asks_for_what_its_parameters_say)
{
	struct store_found found = { .found = true, .json = "{\"messages\":[]}" };

	get("/api/v1/messages", "tenant_id=a%2Fb&limit=3&status=sent");
	ck_assert_uint_eq(fake.read_count, 1);
	ck_assert_int_eq(fake.reads[0].request.kind, STORE_READ_LIST);
	ck_assert_str_eq(fake.reads[0].request.filter.tenant_id, "a/b");
	ck_assert_str_eq(fake.reads[0].request.filter.status, "sent");
	ck_assert_uint_eq(fake.reads[0].request.filter.limit, 3);
	fake_found(fake.reads[0].tag, STORE_DONE, &found);
	turn();
	expect(200, "{\"messages\":[]}");
	get("/api/v1/messages", "limit=3");
	expect(400, "tenant_id: is missing");
	ck_assert_uint_eq(fake.read_count, 1);
}
END_TEST

START_TEST(a_read_that_finds_nothing)
{
	struct store_found found = { .found = false };

	get("/api/v1/messages/" ID, "");
	fake_found(fake.reads[0].tag, STORE_DONE, &found);
	turn();
	expect(404, "No message has this id");
	get("/api/v1/messages/" ID "/explain", "");
	fake_found(fake.reads[1].tag, STORE_AWAY, &found);
	turn();
	expect(503, "STORE_UNAVAILABLE");
	get("/api/v1/messages/not-an-id/events", "");
	expect(404, "No message has this id");
	ck_assert_uint_eq(fake.read_count, 2);
	fake.store_full = true;
	get("/api/v1/messages/" ID, "");
	expect(503, "STORE_UNAVAILABLE");
}
END_TEST

START_TEST(a_read_that_is_too_long_is_a_fault_of_ours)
{
	char *json = malloc(HTTP_RESPONSE_BODY_MAX + 2);
	struct store_found found = { .found = true, .json = json };

	memset(json, 'x', HTTP_RESPONSE_BODY_MAX + 1);
	json[HTTP_RESPONSE_BODY_MAX + 1] = '\0';
	get("/api/v1/messages/" ID "/events", "");
	fake_found(fake.reads[0].tag, STORE_DONE, &found);
	turn();
	expect(500, "INTERNAL_ERROR");
	free(json);
}
END_TEST

START_TEST(a_read_that_does_not_come_is_not_waited_for)
{
	get("/api/v1/messages/" ID, "");
	turn_until(&answer.count, 1);
	expect(503, "STORE_UNAVAILABLE");
	/* Its answer comes to nobody. */
	fake_found(fake.reads[0].tag, STORE_DONE, &(struct store_found){ .found = false });
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reading");
	TCase *tcase = tcase_create("reading");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, each_read_asks_for_its_own);
	tcase_add_test(tcase, a_cancellation_is_answered_as_the_message_stands_then);
	tcase_add_test(tcase, a_cancellation_that_is_not_known_of_says_so);
	tcase_add_test(tcase, a_list_asks_for_what_its_parameters_say);
	tcase_add_test(tcase, a_read_that_finds_nothing);
	tcase_add_test(tcase, a_read_that_is_too_long_is_a_fault_of_ours);
	tcase_add_test(tcase, a_read_that_does_not_come_is_not_waited_for);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
