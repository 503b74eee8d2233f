#include "http/send.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TENANT "\"tenant_id\":\"123e4567-e89b-12d3-a456-426614174000\","
#define OUTLET "\"outlet_id\":\"outlet-uuid\","
#define CONVERSATION "\"conversation_id\":\"conv-uuid\","
#define TO "\"to\":\"+628123456789\","
#define MESSAGE "\"message\":\"Hello!\""

#define SECOND_US INT64_C(1000000)
#define NOW_US (INT64_C(1762252200) * SECOND_US) /* 2025-11-04T10:30:00Z, 17:30 in Jakarta */
#define DAY_S INT64_C(86400)

static struct zones *zones;

static struct message *read_body(const char *body, struct err *ret_err)
{
	struct http_request q = { .body = body, .body_len = strlen(body) };

	return http_send_read(&q, NULL, NOW_US, zones, ret_err);
}

static struct message *taken(const char *body)
{
	struct err err;
	struct message *m = read_body(body, &err);

	ck_assert_msg(m != NULL, "%s: %s", body, m == NULL ? err.text : "");
	return m;
}

static void is_refused(const char *body, const char *beginning)
{
	struct err err = { .class = ERR_NONE };

	ck_assert_msg(read_body(body, &err) == NULL, "%s", body);
	ck_assert_int_eq(err.class, ERR_INVALID);
	ck_assert_msg(strncmp(err.text, beginning, strlen(beginning)) == 0, "%s: %s", body,
		      err.text);
}

START_TEST(the_request_of_the_contract_is_taken)
{
	struct message *m = taken("{\"tenant_id\":\"123e4567-e89b-12d3-a456-426614174000\","
				  "\"outlet_id\":\"outlet-uuid\",\"conversation_id\":\"conv-uuid\","
				  "\"to\":\"+628123456789\",\"message\":\"Hello! Your order #12345 "
				  "has been shipped.\",\"message_type\":\"text\"}");

	ck_assert_str_eq(m->tenant_id, "123e4567-e89b-12d3-a456-426614174000");
	ck_assert_str_eq(m->outlet_id, "outlet-uuid");
	ck_assert_str_eq(m->conversation_id, "conv-uuid");
	ck_assert_str_eq(m->recipient, "+628123456789");
	ck_assert_str_eq(m->type, "text");
	ck_assert_str_eq(m->payload, "{\"body\":\"Hello! Your order #12345 has been shipped.\"}");
	ck_assert_str_eq(m->sender_type, "llm");
	ck_assert_uint_eq(m->lane, message_lane(m->tenant_id));
	ck_assert_int_eq(m->class, MESSAGE_NORMAL);
	ck_assert_uint_eq(m->seq, 0);
	message_free(m);
}
END_TEST

START_TEST(what_is_optional_may_be_absent_or_null)
{
	struct message *m = taken("{" TENANT OUTLET TO MESSAGE "}");

	ck_assert_str_eq(m->conversation_id, "");
	ck_assert_str_eq(m->type, "text");
	ck_assert_str_eq(m->sender_type, "llm");
	message_free(m);
	m = taken("{" TENANT OUTLET TO MESSAGE ",\"conversation_id\":null,\"message_type\":null,"
		  "\"sender_type\":null}");
	ck_assert_str_eq(m->conversation_id, "");
	message_free(m);
	m = taken("{" TENANT OUTLET TO MESSAGE ",\"sender_type\":\"agent\"}");
	ck_assert_str_eq(m->sender_type, "agent");
	message_free(m);
}
END_TEST

#define BODY "{" TENANT OUTLET TO MESSAGE ","

/* A body whose member `name` is a time, so long after now; `before` stands before that. */
static void at(char *text, size_t size, const char *before, const char *name, int64_t after_us)
{
	char time[CLOCK_RFC3339_BYTES];

	clock_rfc3339_us(NOW_US + after_us, time);
	(void)snprintf(text, size, BODY "%s\"%s\":\"%s\"}", before, name, time);
}

START_TEST(send_at_is_1_second_to_365_days_ahead)
{
	static const int64_t good[] = { SECOND_US, SECOND_US + 1, 365 * DAY_S * SECOND_US - 1,
					365 * DAY_S * SECOND_US };
	static const int64_t bad[] = { SECOND_US - 1, 0, -SECOND_US, 365 * DAY_S * SECOND_US + 1 };
	char body[400];

	for (unsigned i = 0; i < 4; i++) {
		struct message *m;

		at(body, sizeof(body), "", "send_at", good[i]);
		m = taken(body);
		ck_assert_int_eq(m->send_at_wall_us, NOW_US + good[i]);
		ck_assert_int_eq(m->due_wall_us, NOW_US + good[i]);
		ck_assert_int_eq(m->valid_until_wall_us, 0);
		message_free(m);
		at(body, sizeof(body), "", "send_at", bad[i]);
		is_refused(body, "send_at: is not 1 second to 365 days ahead");
	}
	is_refused(BODY "\"send_at\":\"2025-11-04T10:30:00\"}", "send_at: is not a time");
	is_refused(BODY "\"send_at\":5}", "send_at: is a number");
	is_refused(BODY "\"send_at\":\"1970-01-01T00:00:00Z\"}",
		   "send_at: is not 1 second to 365 days ahead");
}
END_TEST

START_TEST(a_validity_is_1_second_to_30_days)
{
	static const int64_t good[] = { 1, 2, 30 * DAY_S - 1, 30 * DAY_S };
	static const int64_t bad[] = { 0, -1, 30 * DAY_S + 1 };
	char body[400];

	for (unsigned i = 0; i < 4; i++) {
		struct message *m;

		(void)snprintf(body, sizeof(body), BODY "\"ttl_seconds\":%lld}",
			       (long long)good[i]);
		m = taken(body);
		ck_assert_int_eq(m->valid_until_wall_us, NOW_US + good[i] * SECOND_US);
		ck_assert_int_eq(m->due_wall_us, 0);
		message_free(m);
		at(body, sizeof(body), "", "expires_at", good[i] * SECOND_US);
		m = taken(body);
		ck_assert_int_eq(m->valid_until_wall_us, NOW_US + good[i] * SECOND_US);
		message_free(m);
		(void)snprintf(body, sizeof(body),
			       BODY "\"send_at\":\"2025-11-04T11:30:00Z\",\"ttl_seconds\":%lld}",
			       (long long)good[i]);
		m = taken(body);
		ck_assert_int_eq(m->valid_until_wall_us, NOW_US + (3600 + good[i]) * SECOND_US);
		message_free(m);
	}
	for (unsigned i = 0; i < 3; i++) {
		(void)snprintf(body, sizeof(body), BODY "\"ttl_seconds\":%lld}", (long long)bad[i]);
		is_refused(body, "ttl_seconds: is no whole number from 1 to 2592000");
		at(body, sizeof(body), "", "expires_at", bad[i] * SECOND_US);
		is_refused(body, "expires_at: is not 1 second to 30 days after");
		at(body, sizeof(body), "\"send_at\":\"2025-11-04T11:30:00Z\",", "expires_at",
		   (3600 + bad[i]) * SECOND_US);
		is_refused(body, "expires_at: is not 1 second to 30 days after");
	}
	is_refused(BODY "\"expires_at\":\"1970-01-01T00:00:00Z\"}",
		   "expires_at: is not 1 second to 30 days after");
	is_refused(BODY "\"ttl_seconds\":1,\"expires_at\":\"1970-01-01T00:00:00Z\"}",
		   "ttl_seconds: is given beside expires_at");
	is_refused(BODY "\"ttl_seconds\":1.5}", "ttl_seconds: is no whole number");
	is_refused(BODY "\"ttl_seconds\":\"1\"}", "ttl_seconds: is no whole number");
	is_refused(BODY "\"ttl_seconds\":1,\"expires_at\":\"2025-11-04T11:30:00Z\"}",
		   "ttl_seconds: is given beside expires_at");
}
END_TEST

#define HOURS(from, to, zone)                                                                     \
	BODY "\"deliver_between\":{\"time_zone\":\"" zone "\",\"from\":\"" from "\",\"to\":\"" to \
	     "\"}"

START_TEST(hours_say_when_a_message_is_due)
{
	struct message *m = taken(HOURS("08:00", "17:31", "Asia/Jakarta") "}"); /* until 17:31 */

	ck_assert_int_eq(m->due_wall_us, 0);
	ck_assert_str_eq(m->deliver_between,
			 "{\"from\":\"08:00\",\"to\":\"17:31\",\"time_zone\":\"Asia/Jakarta\"}");
	message_free(m);
	m = taken(HOURS("08:00", "17:30", "Asia/Jakarta") "}"); /* tomorrow at 8 */
	ck_assert_int_eq(m->due_wall_us, NOW_US + (14 * 3600 + 1800) * SECOND_US);
	message_free(m);
	m = taken(HOURS("08:00", "20:00", "UTC") ",\"send_at\":\"2025-11-04T20:00:00Z\"}");
	ck_assert_int_eq(m->send_at_wall_us, NOW_US + (9 * 3600 + 1800) * SECOND_US);
	ck_assert_int_eq(m->due_wall_us, m->send_at_wall_us + 12 * 3600 * SECOND_US);
	message_free(m);
	is_refused(HOURS("08:00", "17:30", "Asia/Jakarta") ",\"ttl_seconds\":52200}",
		   "deliver_between: begins after the validity");
	message_free(taken(HOURS("08:00", "17:30", "Asia/Jakarta") ",\"ttl_seconds\":52201}"));
}
END_TEST

START_TEST(hours_that_cannot_be_are_refused)
{
	is_refused(BODY "\"deliver_between\":\"08:00\"}", "deliver_between: is not as it should");
	is_refused(BODY "\"deliver_between\":{\"x\":1}}", "deliver_between: is not as it should");
	is_refused(BODY "\"deliver_between\":{}}", "deliver_between.from: is no time of the day");
	is_refused(HOURS("08:00", "24:00", "UTC") "}", "deliver_between.to: is no time of the day");
	is_refused(HOURS("8:00", "20:00", "UTC") "}",
		   "deliver_between.from: is no time of the day");
	is_refused(HOURS("08:00", "08:00", "UTC") "}", "deliver_between.to: is the same as from");
	is_refused(HOURS("08:00", "20:00", "Asia/Atlantis") "}",
		   "deliver_between.time_zone: is no");
	is_refused(HOURS("08:00", "20:00", "+07:00") "}", "deliver_between.time_zone: is no");
	is_refused(HOURS("08:00", "20:00", "AAA3BBB") "}", "deliver_between.time_zone: is no");
	is_refused(HOURS("08:00", "20:00", "right/Asia/Jakarta") "}",
		   "deliver_between.time_zone: is no");
	is_refused(HOURS("08:00", "20:00", "Asia/../Asia/Jakarta") "}",
		   "deliver_between.time_zone: is no");
}
END_TEST

START_TEST(each_priority_is_taken)
{
	static const char *const bodies[] = {
		[MESSAGE_HIGH] = "{" TENANT OUTLET TO MESSAGE ",\"priority\":\"high\"}",
		[MESSAGE_NORMAL] = "{" TENANT OUTLET TO MESSAGE ",\"priority\":null}",
		[MESSAGE_BULK] = "{" TENANT OUTLET TO MESSAGE ",\"priority\":\"bulk\"}",
	};

	for (int class = 0; class < MESSAGE_CLASSES; class ++) {
		struct message *m = taken(bodies[class]);

		ck_assert_int_eq(m->class, class);
		ck_assert_uint_eq(m->queue, message_queue(m->tenant_id, m->outlet_id, m->class));
		message_free(m);
	}
}
END_TEST

START_TEST(the_recipient_is_normalised)
{
	struct message *m = taken("{" TENANT OUTLET MESSAGE ",\"to\":\"62 812-3456 (789)\"}");

	ck_assert_str_eq(m->recipient, "+628123456789");
	message_free(m);
}
END_TEST

START_TEST(what_is_required_is_named)
{
	is_refused("{" OUTLET TO MESSAGE "}",
		   "tenant_id: is missing; write 1 to 128 visible ASCII");
	is_refused("{" TENANT TO MESSAGE "}",
		   "outlet_id: is missing; write 1 to 128 visible ASCII");
	is_refused("{" TENANT OUTLET MESSAGE "}", "to: is missing; write + and 8 to 15 digits");
	is_refused("{" TENANT OUTLET TO "\"message_type\":\"text\"}", "message: is missing; write");
	is_refused("{" OUTLET TO MESSAGE ",\"tenant_id\":null}", "tenant_id: is missing; write");
	is_refused("{" TENANT OUTLET MESSAGE ",\"to\":null}", "to: is missing; write");
	is_refused("{}", "tenant_id: is missing; write");
}
END_TEST

START_TEST(the_first_fault_in_the_order_of_the_contract_is_told)
{
	is_refused("{\"x\":1,\"sender_type\":1,\"message\":1,\"to\":1,\"conversation_id\":1,"
		   "\"outlet_id\":1,\"tenant_id\":1}",
		   "tenant_id: is a number; write a string");
	is_refused("{" TENANT "\"x\":1,\"sender_type\":1,\"message\":1,\"to\":1,"
		   "\"conversation_id\":1,\"outlet_id\":1}",
		   "outlet_id: is a number");
	is_refused("{" TENANT OUTLET "\"x\":1,\"sender_type\":1,\"message\":1,\"to\":1,"
		   "\"conversation_id\":1}",
		   "conversation_id: is a number");
	is_refused("{" TENANT OUTLET "\"x\":1,\"sender_type\":1,\"message\":1,\"to\":1}",
		   "to: is a number");
	is_refused("{" TENANT OUTLET TO "\"x\":1,\"sender_type\":1,\"message\":1}",
		   "message: is a number");
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"x\":1,\"sender_type\":1}",
		   "sender_type: is a number");
}
END_TEST

START_TEST(ids_are_1_to_128_visible_ascii_characters)
{
	static const char *const fields[] = { "tenant_id", "outlet_id", "conversation_id" };
	static const char *const wrong[] = { "", "a b", "a\\n", "é", "\\u0000" };

	for (size_t f = 0; f < 3; f++) {
		char body[1024];
		char id[130];
		char beginning[40];
		const char *others = f == 0 ? OUTLET : f == 1 ? TENANT : TENANT OUTLET;

		(void)snprintf(beginning, sizeof(beginning), "%s: ", fields[f]);
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			(void)snprintf(body, sizeof(body), "{%s%s%s,\"%s\":\"%s\"}", others, TO,
				       MESSAGE, fields[f], wrong[i]);
			is_refused(body, beginning);
		}
		for (int len = 127; len <= 129; len++) {
			memset(id, '~', (size_t)len);
			id[len] = '\0';
			(void)snprintf(body, sizeof(body), "{%s%s%s,\"%s\":\"%s\"}", others, TO,
				       MESSAGE, fields[f], id);
			if (len <= MESSAGE_TOKEN_MAX) {
				message_free(taken(body));
				continue;
			}
			(void)snprintf(beginning, sizeof(beginning), "%s: is too long; ",
				       fields[f]);
			is_refused(body, beginning);
		}
		(void)snprintf(body, sizeof(body), "{%s%s%s,\"%s\":\"!\"}", others, TO, MESSAGE,
			       fields[f]);
		message_free(taken(body));
	}
}
END_TEST

START_TEST(a_wrong_recipient_is_told_what_would_be_right)
{
	is_refused("{" TENANT OUTLET MESSAGE ",\"to\":\"08123456789\"}",
		   "to: begins with 0; write +62…");
	is_refused("{" TENANT OUTLET MESSAGE ",\"to\":\"abc\"}",
		   "to: is not a phone number; write");
	is_refused("{" TENANT OUTLET MESSAGE ",\"to\":628123456789}",
		   "to: is a number; write a string");
}
END_TEST

START_TEST(other_types_are_refused_by_name)
{
	is_refused("{" TENANT OUTLET TO "\"message_type\":\"image\",\"image\":{}}",
		   "message_type: \"image\" is not supported yet; write one of: text");
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"message_type\":\"\"}",
		   "message_type: \"\" is not supported yet");
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"message_type\":7}",
		   "message_type: is a number; write a string");
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"priority\":\"High\"}",
		   "priority: is none of high, normal and bulk");
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"priority\":0}", "priority: is a number");
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"sender_type\":\"bot\"}",
		   "sender_type: is neither llm nor agent");
}
END_TEST

START_TEST(unknown_and_repeated_members_are_named)
{
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"foo\":1}",
		   "foo: is not a member of this request; known are tenant_id, outlet_id, "
		   "conversation_id, to, message, message_type, sender_type, priority, send_at, "
		   "deliver_between, expires_at, ttl_seconds");
	is_refused("{" TENANT OUTLET TO MESSAGE ",\"Message\":null}", "Message: is not a member");
	is_refused("{" TENANT OUTLET TO TO MESSAGE "}", "to: is given twice; give it once");
}
END_TEST

START_TEST(a_body_that_is_no_object_is_named)
{
	is_refused("", "body: is empty; send a JSON object");
	is_refused("   ", "body: not valid JSON: ");
	is_refused("hello", "body: not valid JSON: a value is expected at byte 0");
	is_refused("[]", "body: is an array; send a JSON object");
	is_refused("null", "body: is null; send a JSON object");
	is_refused("\"x\"", "body: is a string; send a JSON object");
}
END_TEST

static const struct message sample = {
	.id = { .bytes = { 0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4, 0xdc, 0x0c,
			   0x0c, 0x07, 0x39, 0x8f } },
	.conversation_id = "conv-uuid",
};

START_TEST(the_200_is_the_contracts_to_the_letter)
{
	struct http_response r;

	http_send_sent(&r, &sample, "wamid.HBgN", INT64_C(1762252200999999));
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(r.body.data, "{\"message_id\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\","
				      "\"whatsapp_message_id\":\"wamid.HBgN\",\"status\":\"sent\","
				      "\"sent_at\":\"2025-11-04T10:30:00Z\",\"conversation_id\":"
				      "\"conv-uuid\"}");
	ck_assert_uint_eq(r.header_count, 0);
	http_response_fini(&r);
}
END_TEST

START_TEST(an_answer_is_given_again_byte_for_byte)
{
	struct http_response first;
	struct http_response again;

	http_send_pending(&first, &sample, "retrying");
	http_send_again(&again, &sample, first.status, first.body.data);
	ck_assert_int_eq(again.status, 202);
	ck_assert_str_eq(again.type, first.type);
	ck_assert_str_eq(again.body.data, first.body.data);
	ck_assert_uint_eq(again.header_count, 1);
	ck_assert_str_eq(again.headers[0].name, "Location");
	ck_assert_str_eq(again.headers[0].value, first.headers[0].value);
	http_response_fini(&again);
	http_response_fini(&first);
	http_send_again(&again, &sample, 500, "{\"error\":\"send_failed\"}");
	ck_assert_int_eq(again.status, 500);
	ck_assert_str_eq(again.body.data, "{\"error\":\"send_failed\"}");
	ck_assert_uint_eq(again.header_count, 0);
	http_response_fini(&again);
}
END_TEST

START_TEST(the_202_is_the_contracts_to_the_letter)
{
	struct http_response r;

	http_send_pending(&r, &sample, "outcome_unknown");
	ck_assert_int_eq(r.status, 202);
	ck_assert_str_eq(r.body.data, "{\"message_id\":\"017f22e2-79b0-7cc3-98c4-dc0c0c07398f\","
				      "\"whatsapp_message_id\":null,\"status\":\"queued\","
				      "\"sent_at\":null,\"conversation_id\":\"conv-uuid\","
				      "\"state_detail\":\"outcome_unknown\"}");
	ck_assert_uint_eq(r.header_count, 1);
	ck_assert_str_eq(r.headers[0].name, "Location");
	ck_assert_str_eq(r.headers[0].value,
			 "/api/v1/messages/017f22e2-79b0-7cc3-98c4-dc0c0c07398f/status");
	http_response_fini(&r);
}
END_TEST

START_TEST(the_429_is_the_contracts_to_the_letter)
{
	struct http_response r;

	http_send_quota(&r, "monthly limit");
	ck_assert_int_eq(r.status, 429);
	ck_assert_str_eq(r.body.data,
			 "{\"error\":\"quota_exceeded\",\"message\":\"Message quota "
			 "exceeded. Please upgrade your plan or wait for quota reset.\","
			 "\"code\":\"QUOTA_EXCEEDED\",\"details\":{\"reason\":\"monthly "
			 "limit\"}}");
	http_response_fini(&r);
}
END_TEST

START_TEST(the_500_is_the_contracts_to_the_letter)
{
	struct http_response r;

	http_send_failed(&r, "m-1", 131026, "Message undeliverable", "Check it.", 2);
	ck_assert_int_eq(r.status, 500);
	ck_assert_str_eq(r.body.data, "{\"error\":\"send_failed\",\"message\":\"Failed to send "
				      "message\",\"code\":\"SEND_FAILED\",\"message_id\":\"m-1\","
				      "\"details\":{\"code\":131026,\"title\":\"Message "
				      "undeliverable\",\"action\":\"Check it.\",\"attempts\":2}}");
	http_response_fini(&r);
	http_send_failed(&r, "m-1", 0, "", "", 4);
	ck_assert_ptr_nonnull(strstr(
		r.body.data, "\"details\":{\"title\":\"\",\"action\":\"\",\"attempts\":4}}"));
	http_response_fini(&r);
}
END_TEST

static void setup(void)
{
	zones = zones_new();
	ck_assert_ptr_nonnull(zones);
}

static void teardown(void)
{
	zones_free(zones);
}

int main(void)
{
	Suite *suite = suite_create("http_send");
	TCase *tcase = tcase_create("http_send");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, the_request_of_the_contract_is_taken);
	tcase_add_test(tcase, what_is_optional_may_be_absent_or_null);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, send_at_is_1_second_to_365_days_ahead);
	tcase_add_test(tcase, a_validity_is_1_second_to_30_days);
	tcase_add_test(tcase, hours_say_when_a_message_is_due);
	tcase_add_test(tcase, hours_that_cannot_be_are_refused);
	tcase_add_test(tcase, each_priority_is_taken);
	tcase_add_test(tcase, the_recipient_is_normalised);
	tcase_add_test(tcase, what_is_required_is_named);
	tcase_add_test(tcase, the_first_fault_in_the_order_of_the_contract_is_told);
	tcase_add_test(tcase, ids_are_1_to_128_visible_ascii_characters);
	tcase_add_test(tcase, a_wrong_recipient_is_told_what_would_be_right);
	tcase_add_test(tcase, other_types_are_refused_by_name);
	tcase_add_test(tcase, unknown_and_repeated_members_are_named);
	tcase_add_test(tcase, a_body_that_is_no_object_is_named);
	tcase_add_test(tcase, the_200_is_the_contracts_to_the_letter);
	tcase_add_test(tcase, the_202_is_the_contracts_to_the_letter);
	tcase_add_test(tcase, an_answer_is_given_again_byte_for_byte);
	tcase_add_test(tcase, the_429_is_the_contracts_to_the_letter);
	tcase_add_test(tcase, the_500_is_the_contracts_to_the_letter);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
