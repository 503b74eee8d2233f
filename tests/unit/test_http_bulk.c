#include "http/bulk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64 /* of a name that is shown: control characters need six bytes */

static struct http_bulk *bulk;

/* Read to the end, so many bytes at a time. */
static enum http_bulk_reading read_by(const char *text, size_t bytes, struct err *ret_err)
{
	struct str body = STR_INIT(1u << 20);
	enum http_bulk_reading reading;

	http_bulk_free(bulk);
	(void)str_append_text(&body, text);
	bulk = http_bulk_new(&body, NULL);
	ck_assert_ptr_nonnull(bulk);
	ck_assert_uint_eq(body.len, 0);
	do {
		reading = http_bulk_read(bulk, bytes, ret_err);
	} while (reading == HTTP_BULK_MORE);
	return reading;
}

static void reads(const char *text)
{
	struct err err;

	ck_assert_msg(read_by(text, 1u << 20, &err) == HTTP_BULK_READ, "%s: %s", text, err.text);
}

static struct message *item(unsigned index)
{
	char key[IDEMPOTENCY_KEY_BYTES];
	struct err err;
	struct message *m = http_bulk_item(bulk, index, key, &err);

	ck_assert_msg(m != NULL, "%s", m ? "" : err.text);
	return m;
}

static void is_wrong(unsigned index, const char *says)
{
	char key[IDEMPOTENCY_KEY_BYTES];
	struct err err;

	ck_assert_ptr_null(http_bulk_item(bulk, index, key, &err));
	ck_assert_msg(strncmp(err.text, says, strlen(says)) == 0, "%s", err.text);
}

#define HEAD "{\"tenant_id\":\"t\",\"defaults\":{\"outlet_id\":\"o\",\"message\":\"all\"},"

START_TEST(portions_make_no_difference)
{
	static const char text[] = HEAD "\"messages\":[{\"to\":\"+628111111111\"},"
					"{\"to\":\"+628222222222\",\"message\":\"own\"}]}";

	for (size_t bytes = 1; bytes <= sizeof(text); bytes++) {
		struct message *m;
		struct err err;
		size_t len;

		ck_assert_int_eq(read_by(text, bytes, &err), HTTP_BULK_READ);
		ck_assert_uint_eq(http_bulk_count(bulk), 2);
		ck_assert_str_eq(http_bulk_tenant(bulk), "t");
		(void)http_bulk_text(bulk, &len);
		ck_assert_uint_eq(len, sizeof(text) - 1);
		m = item(1);
		ck_assert_str_eq(m->recipient, "+628222222222");
		ck_assert_str_eq(m->payload, "{\"body\":\"own\"}");
		message_free(m);
	}
}
END_TEST

START_TEST(an_item_has_what_it_says_and_else_the_defaults)
{
	struct message *m;

	reads("{\"tenant_id\":\"t\",\"defaults\":{\"outlet_id\":\"o\",\"message\":\"all\","
	      "\"conversation_id\":\"c\"},\"messages\":[{\"to\":\"+628111111111\"},"
	      "{\"to\":\"+628111111111\",\"outlet_id\":\"p\",\"conversation_id\":null,"
	      "\"priority\":\"high\"}]}");
	m = item(0);
	ck_assert_str_eq(m->tenant_id, "t");
	ck_assert_str_eq(m->outlet_id, "o");
	ck_assert_str_eq(m->conversation_id, "c");
	ck_assert_str_eq(m->payload, "{\"body\":\"all\"}");
	ck_assert_int_eq(m->class, MESSAGE_BULK);
	message_free(m);
	m = item(1);
	ck_assert_str_eq(m->outlet_id, "p");
	ck_assert_str_eq(m->conversation_id, ""); /* null is no lack */
	ck_assert_int_eq(m->class, MESSAGE_HIGH);
	message_free(m);
	reads("{\"messages\":[{\"to\":\"+628111111111\",\"outlet_id\":\"o\",\"message\":\"x\"}],"
	      "\"defaults\":{\"priority\":\"normal\"},\"tenant_id\":\"t\"}");
	m = item(0);
	ck_assert_int_eq(m->class, MESSAGE_NORMAL);
	message_free(m);
	m = item(0); /* once more, the same */
	ck_assert_int_eq(m->class, MESSAGE_NORMAL);
	message_free(m);
}
END_TEST

START_TEST(faults_of_items_are_told_with_their_place)
{
	reads(HEAD "\"messages\":[{\"to\":\"812\"},7,{\"tenant_id\":null},"
		   "{\"to\":\"+628111111111\",\"to\":\"+628111111111\"},"
		   "{\"idempotency_key\":\"with space\"},{\"to\":\"+628111111111\",\"x\":1}]}");
	is_wrong(0, "messages[0].to: ");
	is_wrong(1, "messages[1]: is a number; send a JSON object");
	is_wrong(2, "messages[2].tenant_id: stands beside messages");
	is_wrong(3, "messages[3].to: is given twice");
	is_wrong(4, "messages[4].idempotency_key: is not a key");
	is_wrong(5, "messages[5].x: is not a member");
}
END_TEST

START_TEST(what_every_item_would_have_is_checked_once)
{
	static const struct {
		const char *defaults;
		const char *says;
	} rows[] = {
		{ "{\"foo\":1}", "defaults.foo: is not a member; known are outlet_id, " },
		{ "{\"tenant_id\":\"t\"}", "defaults.tenant_id: stands beside messages" },
		{ "{\"idempotency_key\":\"k\"}", "defaults.idempotency_key: is of one message" },
		{ "{\"to\":\"a\",\"to\":\"b\"}", "defaults.to: is given twice" },
		{ "7", "defaults: is a number; send a JSON object" },
	};
	char text[200];
	struct err err;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)snprintf(text, sizeof(text),
			       "{\"tenant_id\":\"t\",\"defaults\":%s,\"messages\":[{}]}",
			       rows[i].defaults);
		ck_assert_int_eq(read_by(text, sizeof(text), &err), HTTP_BULK_WRONG);
		ck_assert_msg(strncmp(err.text, rows[i].says, strlen(rows[i].says)) == 0, "%s",
			      err.text);
	}
	reads("{\"tenant_id\":\"t\",\"defaults\":{\"outlet_id\":\"o\",\"conversation_id\":\"c\","
	      "\"to\":\"+628111111111\",\"message\":\"m\",\"message_type\":\"text\","
	      "\"sender_type\":\"llm\",\"priority\":\"low\",\"send_at\":null,"
	      "\"deliver_between\":null,\"expires_at\":null,\"ttl_seconds\":null},"
	      "\"messages\":[{}]}");
}
END_TEST

/* The last one and the longest name: all that is known is told. */
START_TEST(an_items_unknown_member_is_told_whole)
{
	char text[400 + 10 * 4];
	char name[64];
	char key[IDEMPOTENCY_KEY_BYTES];
	struct str body = STR_INIT(1u << 20);
	struct err err;

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)str_append_text(&body, HEAD "\"messages\":[");
	for (unsigned i = 0; i < HTTP_BULK_ITEMS_MAX - 1; i++)
		(void)str_append_text(&body, "{},");
	(void)snprintf(text, sizeof(text), "{\"to\":\"+628111111111\",\"%s\":1}]}", name);
	(void)str_append_text(&body, text);
	reads(body.data);
	str_fini(&body);
	ck_assert_ptr_null(http_bulk_item(bulk, HTTP_BULK_ITEMS_MAX - 1, key, &err));
	ck_assert_msg(strstr(err.text, "known are idempotency_key, outlet_id, ") != NULL, "%s",
		      err.text);
	ck_assert_ptr_null(strstr(err.text, "tenant_id"));
	ck_assert_str_eq(err.text + strlen(err.text) - strlen(", ttl_seconds"), ", ttl_seconds");
}
END_TEST

START_TEST(keys_of_items_have_a_bound)
{
	for (int len = 0; len <= 256; len++) {
		char text[512];
		char key[IDEMPOTENCY_KEY_BYTES];
		struct message *m;
		struct err err;

		(void)snprintf(text, sizeof(text),
			       HEAD "\"messages\":[{\"to\":\"+628111111111\","
				    "\"idempotency_key\":\"%.*s\"}]}",
			       len,
			       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
			       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
			       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
			       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk");
		reads(text);
		m = http_bulk_item(bulk, 0, key, &err);
		ck_assert_int_eq(m != NULL, len >= 1 && len <= 255);
		if (m)
			ck_assert_int_eq((int)strlen(key), len);
		message_free(m);
	}
}
END_TEST

START_TEST(results_and_their_answer)
{
	struct str results = STR_INIT(4096);
	const struct http_bulk_counts counts = { .accepted = 1, .refused = 1 };
	struct message_id id;
	struct http_response r;

	ck_assert(message_id_parse("01900000-0000-7000-8000-000000000001", &id));
	http_bulk_taken(&results, 0, id, "queued", true);
	http_bulk_refused(&results, 1, PROBLEM_INVALID_REQUEST, "messages[1].to: \"x\"");
	http_bulk_answer(&r, id, &counts, &results);
	ck_assert_int_eq(r.status, 202);
	ck_assert_str_eq(
		r.body.data,
		"{\"batch_id\":\"01900000-0000-7000-8000-000000000001\",\"accepted\":1,"
		"\"refused\":1,\"results\":[{\"index\":0,\"message_id\":"
		"\"01900000-0000-7000-8000-000000000001\",\"status\":\"queued\","
		"\"replayed\":true},{\"index\":1,\"error\":\"invalid_request\","
		"\"message\":\"messages[1].to: \\\"x\\\"\",\"code\":\"INVALID_REQUEST\"}]}");
	ck_assert_str_eq(r.headers[0].value,
			 "/api/v1/batches/01900000-0000-7000-8000-000000000001");
	http_response_fini(&r);
	str_fini(&results);
}
END_TEST

/* However long its results are, the answer to a full call has room. */
START_TEST(the_longest_answer_has_room)
{
	struct str results = STR_INIT(HTTP_RESPONSE_BODY_MAX);
	char why[ERR_TEXT_BYTES];
	struct http_response r;
	const struct http_bulk_counts counts = { 0, HTTP_BULK_ITEMS_MAX };
	const struct message_id id = { { 0 } };

	memset(why, '"', sizeof(why) - 1);
	memset(why, '\x01', NAME_BYTES);
	why[sizeof(why) - 1] = '\0';
	for (unsigned i = 0; i < HTTP_BULK_ITEMS_MAX; i++)
		http_bulk_refused(&results, i, PROBLEM_INVALID_REQUEST, why);
	ck_assert(str_ok(&results));
	http_bulk_answer(&r, id, &counts, &results);
	ck_assert(str_ok(&r.body));
	http_response_fini(&r);
	str_fini(&results);
}
END_TEST

START_TEST(without_all_results_there_is_no_answer)
{
	struct str results = STR_INIT(20);
	struct http_response r;
	const struct http_bulk_counts counts = { 1, 0 };
	const struct message_id id = { { 0 } };

	http_bulk_taken(&results, 0, id, "queued", false);
	ck_assert(!str_ok(&results));
	http_bulk_answer(&r, id, &counts, &results);
	ck_assert(!str_ok(&r.body));
	http_response_fini(&r);
	str_fini(&results);
}
END_TEST

static void close_bulk(void)
{
	http_bulk_free(bulk);
	bulk = NULL;
}

int main(void)
{
	Suite *suite = suite_create("bulk");
	TCase *tcase = tcase_create("bulk");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, NULL, close_bulk);
	tcase_add_test(tcase, portions_make_no_difference);
	tcase_add_test(tcase, an_item_has_what_it_says_and_else_the_defaults);
	tcase_add_test(tcase, faults_of_items_are_told_with_their_place);
	tcase_add_test(tcase, what_every_item_would_have_is_checked_once);
	tcase_add_test(tcase, an_items_unknown_member_is_told_whole);
	tcase_add_test(tcase, keys_of_items_have_a_bound);
	tcase_add_test(tcase, results_and_their_answer);
	tcase_add_test(tcase, the_longest_answer_has_room);
	tcase_add_test(tcase, without_all_results_there_is_no_answer);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
