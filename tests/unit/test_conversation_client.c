#include "clients/conversation_client.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_server.h"
#include "slowness.h"
#include "transport/transport.h"

struct fixture {
	struct loop *loop;
	struct conversation_client *client;
	struct fake_server *server;
	unsigned answers;
	bool stored;
	struct err err;
};

static struct fixture f;

static void on_done(void *arg, uint64_t tag, bool stored, const struct err *err)
{
	struct fixture *fixture = arg;

	ck_assert_uint_eq(tag, 9);
	fixture->stored = stored;
	fixture->err = *err;
	fixture->answers++;
	loop_stop(fixture->loop);
}

static void on_timeout(void *arg)
{
	loop_stop(arg);
}

static void setup(void)
{
	struct err err;

	memset(&f, 0, sizeof(f));
	ck_assert_int_eq(transport_global_init(&err), 0);
	f.loop = loop_new(&err);
	ck_assert_ptr_nonnull(f.loop);
}

static void teardown(void)
{
	conversation_client_free(f.client);
	loop_free(f.loop);
	if (f.server != NULL)
		fake_server_stop(f.server);
	transport_global_fini();
}

static void open_client(const struct fake_step *step)
{
	struct conversation_client_settings settings = {
		.ca_file = "", .timeout_ms = 500, .max_connections = 2, .max_in_flight = 2
	};
	struct err err;

	f.server = fake_server_start(step, 1);
	settings.base_url = fake_server_url(f.server);
	f.client = conversation_client_new(f.loop, &settings, on_done, &f, &err);
	ck_assert_ptr_nonnull(f.client);
}

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static struct message a_message(void)
{
	struct message m = { .tenant_id = "tenant/1",
			     .outlet_id = "o-1",
			     .conversation_id = "conv-uuid",
			     .recipient = "+628123456789",
			     .type = "text",
			     .payload = "{\"body\":\"Hello!\\n\\u00e9\"}",
			     .sender_type = "llm",
			     .traceparent = TRACE };

	ck_assert(message_id_parse("0192f0c1-2345-7abc-8def-0123456789ab", &m.id));
	return m;
}

static bool stored_by(const struct fake_step *step)
{
	struct message m = a_message();
	uint64_t timer = loop_timer(f.loop, clock_boot_ms() + 10000, on_timeout, f.loop);
	struct err err = { 0 };

	open_client(step);
	ck_assert_msg(conversation_client_store(f.client, 9, &m, "wamid.xxx", &err) == 0, "%s",
		      err.text);
	ck_assert_int_eq(loop_run(f.loop, &err), 0);
	loop_cancel(f.loop, timer);
	ck_assert_uint_eq(f.answers, 1);
	return f.stored;
}

START_TEST(the_call_is_the_contracts)
{
	const char *request;

	ck_assert(stored_by(&(struct fake_step){ .status = 201 }));
	request = fake_server_request(f.server, 0);
	ck_assert_int_eq(strncmp(request, "POST /api/v1/messages HTTP/1.1\r\n", 32), 0);
	ck_assert_ptr_nonnull(strstr(request, "\r\nX-Tenant-Id: tenant/1\r\n"));
	ck_assert_ptr_nonnull(
		strstr(request, "\r\nIdempotency-Key: 0192f0c1-2345-7abc-8def-0123456789ab\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\nContent-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\ntraceparent: " TRACE "\r\n"));
	ck_assert_str_eq(
		fake_server_body(f.server, 0),
		"{\"conversation_id\":\"conv-uuid\",\"sender_type\":\"llm\","
		"\"content\":\"Hello!\\n\xc3\xa9\",\"whatsapp_message_id\":\"wamid.xxx\"}");
}
END_TEST

static void expect_status(int status, bool stored, enum err_class class)
{
	ck_assert_msg(stored_by(&(struct fake_step){ .status = status }) == stored, "%d", status);
	ck_assert_msg(f.err.class == class, "%d: %s", status, err_class_name(f.err.class));
	teardown();
	setup();
}

START_TEST(only_a_2xx_is_success)
{
	expect_status(200, true, ERR_NONE);
	expect_status(299, true, ERR_NONE);
	expect_status(300, false, ERR_TEMPORARY);
	expect_status(400, false, ERR_PERMANENT);
	expect_status(408, false, ERR_TEMPORARY);
	expect_status(425, false, ERR_TEMPORARY);
	expect_status(429, false, ERR_TEMPORARY);
	expect_status(499, false, ERR_PERMANENT);
	expect_status(500, false, ERR_TEMPORARY);
	expect_status(503, false, ERR_TEMPORARY);
}
END_TEST

START_TEST(a_dropped_reply_is_not_stored_and_not_repeated)
{
	ck_assert(!stored_by(&(struct fake_step){ .act = FAKE_CLOSE_READ }));
	ck_assert_int_eq(f.err.class, ERR_UNCERTAIN);
	ck_assert_uint_eq(fake_server_requests(f.server), 1);
}
END_TEST

START_TEST(a_service_that_hangs_is_given_up)
{
	int64_t began = clock_boot_ms();

	ck_assert(!stored_by(&(struct fake_step){ .act = FAKE_HANG }));
	ck_assert_int_le(clock_boot_ms() - began, 1500 * slowness());
	ck_assert_int_ne(f.err.text[0], 0);
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused_at_once)
{
	struct message m = a_message();
	struct err err = { 0 };

	open_client(&(struct fake_step){ 0 });
	m.tenant_id = "t\r\nX-Evil: 1";
	ck_assert_int_eq(conversation_client_store(f.client, 9, &m, "wamid.x", &err), -1);
	ck_assert_int_eq(err.class, ERR_INVALID);
	m = a_message();
	m.payload = "{}";
	ck_assert_int_eq(conversation_client_store(f.client, 9, &m, "wamid.x", &err), -1);
	ck_assert_int_eq(err.class, ERR_INTERNAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conversation_client");
	TCase *tcase = tcase_create("conversation_client");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_call_is_the_contracts);
	tcase_add_test(tcase, only_a_2xx_is_success);
	tcase_add_test(tcase, a_dropped_reply_is_not_stored_and_not_repeated);
	tcase_add_test(tcase, a_service_that_hangs_is_given_up);
	tcase_add_test(tcase, what_cannot_be_sent_is_refused_at_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
