/* Webhooks: src/pipeline/webhook.c. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/text.h"
#include "crypto/hmac.h"
#include "pipeline/webhook.h"
#include "pipeline_house.h"

#define PATH "/api/v1/webhooks/whatsapp"
#define HEADER_BYTES (7 + 2 * HMAC_SHA256_BYTES + 1)
#define STATUS "{\"id\":\"w\",\"status\":\"delivered\",\"timestamp\":\"1795392010\"}"
#define ENVELOPE                                                                         \
	"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"changes\":[{\"field\":" \
	"\"messages\",\"value\":{\"statuses\":[%s]}}]}]}"

static void sign(const char *secret, const char *data, size_t len, char header[HEADER_BYTES])
{
	struct hmac *h = hmac_new(secret, strlen(secret));
	uint8_t mac[HMAC_SHA256_BYTES];

	ck_assert_int_eq(hmac_add(h, data, len), 0);
	ck_assert_int_eq(hmac_end(h, mac), 0);
	hmac_free(h);
	memcpy(header, "sha256=", 7);
	text_hex(header + 7, mac, sizeof(mac));
}

/* The body as it came, with this header. */
static void post_with(const char *header, const char *data, size_t len)
{
	struct http_request r = request_of("POST", PATH);
	struct str body = STR_INIT(64u << 20);

	(void)str_append(&body, data, len);
	ck_assert(str_ok(&body));
	r.large = &body;
	r.signature = header;
	ask(&r);
	str_fini(&body);
}

static void post(const char *secret, const char *data, size_t len)
{
	char header[HEADER_BYTES];

	sign(secret, data, len, header);
	post_with(header, data, len);
}

static void post_statuses(const char *secret, const char *statuses)
{
	char text[1024];

	post(secret, text, (size_t)snprintf(text, sizeof(text), ENVELOPE, statuses));
}

static const struct fake_webhook *stored(void)
{
	ck_assert_uint_gt(fake.webhook_count, 0);
	return &fake.webhooks[fake.webhook_count - 1];
}

static void received(enum store_verdict verdict)
{
	const struct store_received r = { .fresh = 1 };

	fake_received(stored()->tag, verdict, verdict == STORE_DONE ? &r : NULL);
	turn();
}

START_TEST(it_is_answered_when_it_is_committed)
{
	post_statuses("one", STATUS "," STATUS);
	turn_until(&fake.webhook_count, 1);
	ck_assert_uint_eq(answer.count, 0);
	ck_assert_uint_eq(stored()->receipts, 2);
	ck_assert_int_eq(stored()->first, RECEIPT_DELIVERED);
	ck_assert(strncmp(stored()->body, "{\"object\":", 10) == 0);
	received(STORE_DONE);
	expect(200, "{\"statuses\":2,\"changes\":0}");
	expect_over();
}
END_TEST

#define INBOUND                                                                             \
	"{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"9\",\"changes\":[{" \
	"\"field\":\"messages\",\"value\":{\"metadata\":{\"phone_number_id\":\"1\","        \
	"\"display_phone_number\":\"62\"},\"messages\":[{\"from\":\"628\",\"id\":\"w\","    \
	"\"type\":\"text\",\"timestamp\":\"1795392010\"},{\"from\":\"628\",\"id\":\"v\"}]}}]}]}"

/* One that has no time is none; the number is told of once. */
START_TEST(what_it_tells_besides_is_stored_with_it)
{
	for (unsigned i = 0; i < 2; i++) {
		post("one", INBOUND, strlen(INBOUND));
		turn_until(&fake.webhook_count, i + 1);
		ck_assert_uint_eq(stored()->receipts, 0);
		ck_assert_uint_eq(stored()->notices, i == 0 ? 2 : 1);
		received(STORE_DONE);
		expect(200, "{\"statuses\":0,\"changes\":2}");
	}
	expect_over();
}
END_TEST

START_TEST(when_it_is_not_committed_meta_keeps_it)
{
	post_statuses("one", STATUS);
	turn_until(&fake.webhook_count, 1);
	received(STORE_AWAY);
	expect(503, "STORE_UNAVAILABLE");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: 2"));
	fake.store_full = true;
	post_statuses("one", STATUS);
	turn_until(&answer.count, 1);
	expect(503, "OVERLOADED");
	ck_assert_uint_eq(fake.webhook_count, 1);
	expect_over();
}
END_TEST

START_TEST(any_of_the_secrets_will_do_and_no_other)
{
	post_statuses("two", STATUS);
	turn_until(&fake.webhook_count, 1);
	received(STORE_DONE);
	expect(200, "statuses");
	post_statuses("three", STATUS);
	turn_until(&answer.count, 1);
	expect(401, "BAD_SIGNATURE");
	post_with("", "{}", 2);
	turn_until(&answer.count, 1);
	expect(401, "BAD_SIGNATURE");
	post_with("sha256=00", "{}", 2);
	turn_until(&answer.count, 1);
	expect(401, "X-Hub-Signature-256");
	ck_assert_uint_eq(fake.webhook_count, 1);
	expect_over();
}
END_TEST

START_TEST(what_cannot_be_read_is_kept)
{
	post("one", "no json", 7);
	turn_until(&fake.webhook_count, 1);
	ck_assert_uint_eq(stored()->receipts, 0);
	ck_assert_str_eq(stored()->body, "no json");
	received(STORE_DONE);
	expect(200, "{\"statuses\":0,\"changes\":0}");
	post("one", "", 0);
	turn_until(&fake.webhook_count, 2);
	ck_assert_uint_eq(stored()->body_len, 0);
	received(STORE_DONE);
	expect(200, "statuses");
	/* A receipt that cannot be kept as one is in the body that is. */
	post_statuses("one", "{\"id\":\"w\",\"status\":\"sent\",\"timestamp\":\"1\"}");
	turn_until(&fake.webhook_count, 3);
	ck_assert_uint_eq(stored()->receipts, 0);
	received(STORE_DONE);
	expect(200, "{\"statuses\":1,");
}
END_TEST

START_TEST(without_a_secret_they_are_refused_unless_that_is_allowed)
{
	settings.app_secrets = "";
	reopen();
	post_statuses("one", STATUS);
	expect(403, "WHATSAPP_APP_SECRET");
	settings.unsigned_webhooks = true;
	reopen();
	post_with("", "{}", 2);
	turn_until(&fake.webhook_count, 1);
	received(STORE_DONE);
	expect(200, "statuses");
	/* With one they are checked, whatever is allowed. */
	settings.app_secrets = "one";
	reopen();
	post_with("", "{}", 2);
	turn_until(&answer.count, 1);
	expect(401, "BAD_SIGNATURE");
}
END_TEST

static char *long_body(size_t *ret_len)
{
	struct str text = STR_INIT(8u << 20);

	(void)str_append_text(&text,
			      "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"changes\":"
			      "[{\"field\":\"messages\",\"value\":{\"statuses\":[" STATUS);
	while (text.len < 3000000)
		(void)str_append_text(&text, "," STATUS);
	(void)str_append_text(&text, "]}}]}]}");
	*ret_len = text.len;
	return str_detach(&text);
}

/* Beside a body of 3 MB others have their turns in between: its signature and reading take many
 * rounds of the loop. */
START_TEST(a_long_one_does_not_hold_the_loop)
{
	size_t len;
	char *text = long_body(&len);
	const unsigned before = rounds();
	unsigned count = 0;

	post("one", text, len);
	turn_until(&fake.webhook_count, 1);
	ck_assert_uint_ge(rounds() - before, 8);
	/* In parts, and the body with the last one. */
	for (unsigned parts = 1; stored()->body_len == 0; parts++) {
		ck_assert_uint_ge(stored()->receipts, 10000);
		ck_assert_uint_eq(answer.count, 0);
		count += stored()->receipts;
		received(STORE_DONE);
		turn_until(&fake.webhook_count, parts + 1);
	}
	ck_assert_uint_eq(count + stored()->receipts, (len - 100) / sizeof(STATUS));
	ck_assert_uint_eq(stored()->body_len, len);
	received(STORE_DONE);
	expect(200, "statuses");
	free(text);
}
END_TEST

START_TEST(what_is_held_has_a_bound)
{
	const size_t len = WEBHOOK_HELD_BYTES / 4;
	char *text = calloc(1, len + 1);
	char header[HEADER_BYTES];
	struct http_request r = request_of("POST", PATH);

	sign("another", text, 1, header);
	r.signature = header;
	for (unsigned i = 0; i < 5; i++) {
		struct str body = STR_INIT(64u << 20);

		(void)str_append(&body, text, len + (i == 4));
		r.large = &body;
		pipeline_on_request(pipeline, 7, &r);
		str_fini(&body);
	}
	/* All but the last are held now. */
	ck_assert_uint_eq(answer.count, 1);
	expect(503, "OVERLOADED");
	turn_until(&answer.count, 4);
	answer.count = 0;
	expect_over();
	/* And there is room again, for as much as that, and not for a byte more. */
	post_with(header, text, len);
	turn_until(&answer.count, 1);
	expect(401, "BAD_SIGNATURE");
	free(text);
}
END_TEST

static void set_up(const char *query)
{
	struct http_request r = request_of("GET", PATH);

	r.query = query;
	r.content_type = "";
	ask(&r);
}

START_TEST(metas_handshake_is_answered_bare)
{
	set_up("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=word");
	expect(200, "");
	ck_assert_str_eq(answer.body, "1158201444");
	ck_assert_str_eq(answer.type, "text/plain");
	ck_assert_ptr_nonnull(strstr(answer.headers, "X-Content-Type-Options: nosniff"));
	/* In any order, encoded, with something else; the other token; though the store is away. */
	fake.store_away = true;
	set_up("tenant=7&hub.verify_token=%6fther&hub%2echallenge=a%2Bb&hub.mode=subscribe");
	expect(200, "");
	ck_assert_str_eq(answer.body, "a+b");
}
END_TEST

START_TEST(any_other_handshake_is_refused)
{
	static const char *const queries[] = {
		"",
		"hub.mode=subscribe&hub.challenge=1&hub.verify_token=wrong",
		"hub.mode=subscribe&hub.challenge=1&hub.verify_token=word,other",
		"hub.mode=subscribe&hub.challenge=1&hub.verify_token=",
		"hub.mode=subscribe&hub.challenge=1",
		"hub.mode=subscribe&hub.verify_token=word",
		"hub.mode=subscribe&hub.challenge=&hub.verify_token=word",
		"hub.mode=subscribe&hub.challenge=%3Cb%20x%3E&hub.verify_token=word",
		"hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=word",
		"hub.challenge=1&hub.verify_token=word",
		"hub_mode=subscribe&hub_challenge=1&hub_verify_token=word",
		"hub.mode=subscribe&hub.challenge=1%&hub.verify_token=word",
	};

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		set_up(queries[i]);
		expect(403, "FORBIDDEN");
	}
	settings.verify_tokens = "";
	reopen();
	set_up("hub.mode=subscribe&hub.challenge=1&hub.verify_token=");
	expect(403, "WHATSAPP_VERIFY_TOKEN");
	set_up("hub.mode=subscribe&hub.challenge=1&hub.verify_token=word");
	expect(403, "WHATSAPP_VERIFY_TOKEN");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("webhook");
	TCase *tcase = tcase_create("webhook");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, it_is_answered_when_it_is_committed);
	tcase_add_test(tcase, what_it_tells_besides_is_stored_with_it);
	tcase_add_test(tcase, when_it_is_not_committed_meta_keeps_it);
	tcase_add_test(tcase, any_of_the_secrets_will_do_and_no_other);
	tcase_add_test(tcase, what_cannot_be_read_is_kept);
	tcase_add_test(tcase, without_a_secret_they_are_refused_unless_that_is_allowed);
	tcase_add_test(tcase, a_long_one_does_not_hold_the_loop);
	tcase_add_test(tcase, what_is_held_has_a_bound);
	tcase_add_test(tcase, metas_handshake_is_answered_bare);
	tcase_add_test(tcase, any_other_handshake_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
