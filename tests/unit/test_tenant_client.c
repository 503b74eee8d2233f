#include "clients/tenant_client.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_server.h"
#include "slowness.h"
#include "transport/transport.h"

#define STEPS(...) ((const struct fake_step[]){ __VA_ARGS__ })
#define COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))
#define MAX_ENTRIES 3
#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
/* Of a look-up; longer on slow machines, yet waits for one in vain must end. */
#define TIMEOUT_MS (slowness() > 1 ? 1500 : 300)
#define ALLOWED "{\"can_send_message\":true,\"reason\":\"\"}"
#define OUTLET(token)                                                                           \
	"{\"id\":\"o-1\",\"waba_phone_number_id\":\"123456789\",\"waba_access_token\":\"" token \
	"\"}"

struct fixture {
	struct loop *loop;
	struct tenant_client *client;
	struct fake_server *server;
	struct tenant_client_settings settings;
	struct quota_answer quota;
	struct credentials_answer credentials;
	struct credentials lent;
	unsigned answers;
	unsigned wanted;
	uint64_t tags;
};

static struct fixture f;

static void count_answer(uint64_t tag)
{
	f.tags += tag;
	if (++f.answers == f.wanted)
		loop_stop(f.loop);
}

static void on_quota(void *arg UNUSED, uint64_t tag, const struct quota_answer *answer)
{
	f.quota = *answer;
	count_answer(tag);
}

static void keep_credentials(const struct credentials_answer *answer)
{
	f.credentials = *answer;
	if (answer->credentials != NULL)
		f.lent = *answer->credentials;
}

static void on_credentials(void *arg UNUSED, uint64_t tag, const struct credentials_answer *answer)
{
	keep_credentials(answer);
	count_answer(tag);
}

static void on_timeout(void *arg)
{
	loop_stop(arg);
}

static void setup(void)
{
	struct err err;

	memset(&f, 0, sizeof(f));
	f.settings = (struct tenant_client_settings){ .ca_file = "",
						      .quota_timeout_ms = TIMEOUT_MS,
						      .credentials_timeout_ms = TIMEOUT_MS,
						      .credentials_cache_ms = 60000,
						      .max_entries = MAX_ENTRIES,
						      .max_connections = 4 };
	ck_assert_int_eq(transport_global_init(&err), 0);
	f.loop = loop_new(&err);
	ck_assert_ptr_nonnull(f.loop);
}

static void teardown(void)
{
	tenant_client_free(f.client);
	loop_free(f.loop);
	if (f.server != NULL)
		fake_server_stop(f.server);
	transport_global_fini();
}

static void open_client(const struct fake_step *steps, size_t count)
{
	struct err err;

	f.server = fake_server_start(steps, count);
	f.settings.base_url = fake_server_url(f.server);
	f.client = tenant_client_new(f.loop, &f.settings, on_quota, on_credentials, &f, &err);
	ck_assert_ptr_nonnull(f.client);
}

/* Runs for so long at most; true when so many answers have come in all. */
static bool run(unsigned wanted, int64_t ms)
{
	uint64_t timer = loop_timer(f.loop, clock_boot_ms() + ms, on_timeout, f.loop);
	struct err err;

	f.wanted = wanted;
	if (f.answers < wanted)
		ck_assert_int_eq(loop_run(f.loop, &err), 0);
	loop_cancel(f.loop, timer);
	return f.answers == wanted;
}

/* Lets time and the loop go on. */
static void pass(int64_t ms)
{
	ck_assert(!run(UINT32_MAX, ms));
}

/* True: it came at once. */
static bool quota(const char *tenant)
{
	if (tenant_client_quota(f.client, tenant, TRACE, 1, &f.quota))
		return true;
	ck_assert(run(f.answers + 1, 5000));
	return false;
}

static bool credentials(const char *outlet, const char *refused)
{
	struct credentials_answer answer;

	if (tenant_client_credentials(f.client, "t-1", outlet, refused, TRACE, 1, &answer)) {
		keep_credentials(&answer);
		return true;
	}
	ck_assert(run(f.answers + 1, 5000));
	return false;
}

/* --- quota --- */

START_TEST(the_quota_call_is_the_contracts)
{
	const char *request;

	open_client(STEPS({ .body = ALLOWED }), 1);
	ck_assert(quota("te/na nt"));
	ck_assert_int_eq(f.quota.verdict, QUOTA_UNCHECKED); /* a blank is no visible character */
	ck_assert(!quota("te/nant?"));
	ck_assert_int_eq(f.quota.verdict, QUOTA_ALLOWED);
	request = fake_server_request(f.server, 0);
	ck_assert_int_eq(strncmp(request,
				 "GET /api/v1/tenants/te%2Fnant%3F/quota/check HTTP/1.1\r\n", 55),
			 0);
	ck_assert_ptr_nonnull(strstr(request, "\r\nX-Tenant-Id: te/nant?\r\n"));
	ck_assert_ptr_nonnull(strstr(request, "\r\ntraceparent: " TRACE "\r\n"));
}
END_TEST

START_TEST(an_exceeded_quota_brings_its_reason)
{
	open_client(STEPS({ .body = "{\"can_send_message\":false,\"reason\":\"plan used up\"}" }),
		    1);
	ck_assert(!quota("t-1"));
	ck_assert_int_eq(f.quota.verdict, QUOTA_EXCEEDED);
	ck_assert_str_eq(f.quota.reason, "plan used up");
}
END_TEST

static void expect_unchecked(const struct fake_step *step)
{
	open_client(step, 1);
	(void)quota("t-1");
	ck_assert_msg(f.quota.verdict == QUOTA_UNCHECKED, "%s", step->body);
	ck_assert_int_ne(f.quota.err.class, ERR_NONE);
	ck_assert_int_ne(f.quota.err.text[0], 0);
	teardown();
	setup();
}

START_TEST(a_check_that_fails_is_unchecked)
{
	expect_unchecked(&(struct fake_step){ .status = 500, .body = ALLOWED });
	expect_unchecked(&(struct fake_step){ .status = 404, .body = ALLOWED });
	expect_unchecked(&(struct fake_step){ .status = 302, .body = ALLOWED });
	expect_unchecked(&(struct fake_step){ .body = "" });
	expect_unchecked(&(struct fake_step){ .body = "{}" });
	expect_unchecked(&(struct fake_step){ .body = "true" });
	expect_unchecked(&(struct fake_step){ .body = "{\"can_send_message\":\"true\"}" });
	expect_unchecked(&(struct fake_step){ .body = "{\"can_send_message\":null}" });
	expect_unchecked(&(struct fake_step){ .body = ALLOWED "x" });
	expect_unchecked(&(struct fake_step){ .act = FAKE_HALF, .body = ALLOWED });
	expect_unchecked(&(struct fake_step){ .act = FAKE_CLOSE_READ });
	expect_unchecked(&(struct fake_step){ .act = FAKE_HANG });
}
END_TEST

START_TEST(the_same_check_is_one_call)
{
	struct quota_answer answer;

	open_client(STEPS({ .body = ALLOWED }), 1);
	for (uint64_t tag = 1; tag <= 10; tag++)
		ck_assert(!tenant_client_quota(f.client, "t-1", TRACE, tag, &answer));
	ck_assert(!tenant_client_quota(f.client, "t-2", TRACE, 100, &answer));
	ck_assert(run(11, 5000));
	ck_assert_uint_eq(f.tags, 155);
	ck_assert_uint_eq(fake_server_requests(f.server), 2);
	ck_assert(!quota("t-1")); /* not cached by default */
	ck_assert_uint_eq(fake_server_requests(f.server), 3);
}
END_TEST

START_TEST(an_answer_is_kept_as_long_as_set)
{
	f.settings.quota_cache_ms = 200;
	open_client(STEPS({ .body = ALLOWED }), 1);
	ck_assert(!quota("t-1"));
	ck_assert(quota("t-1"));
	pass(201);
	ck_assert(!quota("t-1"));
	ck_assert_uint_eq(fake_server_requests(f.server), 2);
}
END_TEST

START_TEST(after_five_failures_checks_are_skipped_and_probed)
{
	const struct fake_step steps[] = { { .status = 500 },  { .status = 500 }, { .status = 500 },
					   { .status = 500 },  { .status = 500 }, { .status = 500 },
					   { .body = ALLOWED } };

	open_client(steps, COUNT(steps));
	for (int i = 0; i < 5; i++)
		ck_assert(!quota("t-1"));
	for (int i = 0; i < 20; i++)
		ck_assert(quota("t-1"));
	ck_assert_int_eq(f.quota.verdict, QUOTA_UNCHECKED);
	ck_assert_uint_eq(fake_server_requests(f.server), 5);
	pass(1001);
	ck_assert(!quota("t-1")); /* the probe fails */
	ck_assert(quota("t-2"));
	ck_assert_uint_eq(fake_server_requests(f.server), 6);
	pass(1001);
	ck_assert(!quota("t-1"));
	ck_assert_int_eq(f.quota.verdict, QUOTA_ALLOWED);
	ck_assert(!quota("t-1"));
	ck_assert_uint_eq(fake_server_requests(f.server), 8);
}
END_TEST

START_TEST(checks_at_once_have_a_limit)
{
	struct quota_answer answer;

	open_client(STEPS({ .body = ALLOWED }), 1);
	ck_assert(!tenant_client_quota(f.client, "t-1", TRACE, 1, &answer));
	ck_assert(!tenant_client_quota(f.client, "t-2", TRACE, 1, &answer));
	ck_assert(!tenant_client_quota(f.client, "t-3", TRACE, 1, &answer));
	ck_assert(tenant_client_quota(f.client, "t-4", TRACE, 1, &answer));
	ck_assert_int_eq(answer.verdict, QUOTA_UNCHECKED);
	ck_assert_int_eq(answer.err.class, ERR_LIMIT);
	ck_assert(run(3, 5000));
	ck_assert(!quota("t-4")); /* takes the place of the one used longest ago */
}
END_TEST

/* --- credentials --- */

START_TEST(the_outlet_call_is_the_contracts)
{
	const char *request;

	open_client(STEPS({ .body = OUTLET("EAAG-1") }), 1);
	ck_assert(!credentials("o/1", NULL));
	ck_assert_int_eq(f.credentials.verdict, CREDENTIALS_OK);
	ck_assert(!f.credentials.stale);
	ck_assert_str_eq(f.lent.number, "123456789");
	ck_assert_str_eq(f.lent.token, "EAAG-1");
	request = fake_server_request(f.server, 0);
	ck_assert_int_eq(strncmp(request, "GET /api/v1/outlets/o%2F1 HTTP/1.1\r\n", 36), 0);
	ck_assert_ptr_nonnull(strstr(request, "\r\nX-Tenant-Id: t-1\r\n"));
	ck_assert(credentials("o/1", NULL));
	ck_assert_str_eq(f.lent.token, "EAAG-1");
	ck_assert_uint_eq(fake_server_requests(f.server), 1);
}
END_TEST

static void expect_outlet(const struct fake_step *step, enum credentials_verdict verdict)
{
	open_client(step, 1);
	ck_assert(!credentials("o-1", NULL));
	ck_assert_msg(f.credentials.verdict == verdict, "%s: %d", step->body,
		      (int)f.credentials.verdict);
	ck_assert_ptr_null(f.credentials.credentials);
	ck_assert_int_ne(f.credentials.err.text[0], 0);
	teardown();
	setup();
}

START_TEST(a_bad_outlet_answer_is_away_or_unknown)
{
	const char *number = "{\"waba_phone_number_id\":\"12a\",\"waba_access_token\":\"E\"}";

	expect_outlet(&(struct fake_step){ .status = 404 }, CREDENTIALS_UNKNOWN);
	expect_outlet(&(struct fake_step){ .body = OUTLET("") }, CREDENTIALS_UNKNOWN);
	expect_outlet(&(struct fake_step){ .body = "{\"waba_phone_number_id\":null,"
						   "\"waba_access_token\":\"E\"}" },
		      CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .status = 500 }, CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .status = 401 }, CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .body = "{}" }, CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .body = "<html>" }, CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .body = number }, CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .body = OUTLET("a b") }, CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .body = "{\"waba_phone_number_id\":1,"
						   "\"waba_access_token\":\"E\"}" },
		      CREDENTIALS_AWAY);
	expect_outlet(&(struct fake_step){ .act = FAKE_HANG }, CREDENTIALS_AWAY);
}
END_TEST

START_TEST(a_token_may_be_as_long_as_its_place)
{
	static char body[1200];
	static const char *const format =
		"{\"waba_phone_number_id\":\"1\",\"waba_access_token\":\"%0*d\"}";

	for (int len = CREDENTIALS_TOKEN_BYTES - 2; len <= CREDENTIALS_TOKEN_BYTES; len++) {
		snprintf(body, sizeof(body), format, len, 7);
		open_client(&(struct fake_step){ .body = body }, 1);
		ck_assert(!credentials("o-1", NULL));
		ck_assert_int_eq(f.credentials.verdict,
				 len < CREDENTIALS_TOKEN_BYTES ? CREDENTIALS_OK : CREDENTIALS_AWAY);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(no_such_outlet_is_believed_for_a_second)
{
	open_client(STEPS({ .status = 404 }, { .body = OUTLET("EAAG-1") }), 2);
	ck_assert(!credentials("o-1", NULL));
	ck_assert(credentials("o-1", NULL));
	ck_assert_int_eq(f.credentials.verdict, CREDENTIALS_UNKNOWN);
	ck_assert_int_eq(f.credentials.err.code, 404);
	pass(1001);
	ck_assert(!credentials("o-1", NULL));
	ck_assert_int_eq(f.credentials.verdict, CREDENTIALS_OK);
}
END_TEST

START_TEST(stale_credentials_serve_while_the_service_is_away)
{
	const struct fake_step steps[] = { { .body = OUTLET("EAAG-1") },
					   { .status = 503 },
					   { .status = 503 },
					   { .body = OUTLET("EAAG-2") } };

	f.settings.credentials_cache_ms = 100;
	open_client(steps, COUNT(steps));
	ck_assert(!credentials("o-1", NULL));
	pass(101);
	ck_assert(!credentials("o-1", NULL)); /* asked for, in vain */
	ck_assert(f.credentials.stale);
	ck_assert_str_eq(f.lent.token, "EAAG-1");
	for (int i = 0; i < 10; i++)
		ck_assert(credentials("o-1", NULL));
	ck_assert(f.credentials.stale);
	ck_assert_uint_eq(fake_server_requests(f.server), 2);
	for (int i = 0; i < 2; i++) { /* looked for in passing, once a second */
		pass(1001);
		ck_assert(credentials("o-1", NULL));
		ck_assert_str_eq(f.lent.token, "EAAG-1");
	}
	pass(50);
	ck_assert_uint_eq(fake_server_requests(f.server), 4);
	ck_assert(credentials("o-1", NULL));
	ck_assert(!f.credentials.stale);
	ck_assert_str_eq(f.lent.token, "EAAG-2");
}
END_TEST

START_TEST(a_refused_token_is_asked_for_again)
{
	open_client(STEPS({ .body = OUTLET("EAAG-1") }, { .body = OUTLET("EAAG-2") },
			  { .status = 500 }),
		    3);
	ck_assert(!credentials("o-1", NULL));
	ck_assert(!credentials("o-1", "EAAG-1"));
	ck_assert_str_eq(f.lent.token, "EAAG-2");
	ck_assert(credentials("o-1", "EAAG-1")); /* somebody was faster */
	ck_assert_str_eq(f.lent.token, "EAAG-2");
	ck_assert(!credentials("o-1", "EAAG-2"));
	ck_assert_int_eq(f.credentials.verdict, CREDENTIALS_AWAY); /* never the refused one */
}
END_TEST

START_TEST(the_same_look_up_is_one_call)
{
	struct credentials_answer answer;

	open_client(STEPS({ .body = OUTLET("EAAG-1") }), 1);
	for (uint64_t tag = 1; tag <= 4; tag++)
		ck_assert(!tenant_client_credentials(f.client, "t-1", "o-1", NULL, TRACE, tag,
						     &answer));
	ck_assert(!tenant_client_credentials(f.client, "t-2", "o-1", NULL, TRACE, 90, &answer));
	ck_assert(run(5, 5000));
	ck_assert_uint_eq(f.tags, 100);
	ck_assert_uint_eq(fake_server_requests(f.server), 2);
}
END_TEST

START_TEST(look_ups_at_once_have_a_limit)
{
	struct credentials_answer answer;
	char outlet[16];

	open_client(STEPS({ .body = OUTLET("EAAG-1") }), 1);
	for (int i = 0; i < MAX_ENTRIES; i++) {
		snprintf(outlet, sizeof(outlet), "o-%d", i);
		ck_assert(!tenant_client_credentials(f.client, "t-1", outlet, NULL, TRACE, 1,
						     &answer));
	}
	ck_assert(tenant_client_credentials(f.client, "t-1", "o-x", NULL, TRACE, 1, &answer));
	ck_assert_int_eq(answer.verdict, CREDENTIALS_AWAY);
	ck_assert_int_eq(answer.err.class, ERR_LIMIT);
	ck_assert(run(3, 5000));
	ck_assert(credentials("o-0", NULL));
	ck_assert(!credentials("o-x", NULL));
	ck_assert(credentials("o-0", NULL)); /* used since: o-1 had to go */
	ck_assert(!credentials("o-1", NULL));
}
END_TEST

START_TEST(what_a_sibling_knew_is_used)
{
	struct credentials known = { .number = "55", .token = "EAAG-sibling" };
	struct credentials found;

	open_client(STEPS({ .status = 500 }), 1);
	ck_assert(!credentials("o-1", NULL));
	ck_assert_int_eq(f.credentials.verdict, CREDENTIALS_AWAY);
	ck_assert(!tenant_client_known(f.client, "t-1", "o-1", &found));
	tenant_client_learn(f.client, "t-1", "o-1", &known);
	ck_assert(tenant_client_known(f.client, "t-1", "o-1", &found));
	ck_assert_str_eq(found.token, "EAAG-sibling");
	ck_assert_str_eq(found.number, "55");
	ck_assert(!tenant_client_known(f.client, "t-2", "o-1", &found));
	ck_assert(credentials("o-1", NULL));
	ck_assert_str_eq(f.lent.token, "EAAG-sibling");
	ck_assert_str_eq(f.lent.number, "55");
}
END_TEST

START_TEST(an_id_is_never_a_way_to_another_resource)
{
	open_client(STEPS({ .body = OUTLET("EAAG-1") }, { .body = OUTLET("EAAG-1") }), 2);
	ck_assert(!credentials("..", NULL));
	ck_assert_int_eq(f.credentials.verdict, CREDENTIALS_OK);
	ck_assert_int_eq(
		strncmp(fake_server_request(f.server, 0), "GET /api/v1/outlets/%2E%2E ", 27), 0);
	ck_assert(!credentials("...", NULL));
	ck_assert_int_eq(f.credentials.verdict, CREDENTIALS_OK);
	ck_assert_int_eq(strncmp(fake_server_request(f.server, 1), "GET /api/v1/outlets/... ", 24),
			 0);
}
END_TEST

static TCase *quota_tests(void)
{
	TCase *tcase = tcase_create("quota");

	tcase_add_test(tcase, the_quota_call_is_the_contracts);
	tcase_add_test(tcase, an_exceeded_quota_brings_its_reason);
	tcase_add_test(tcase, a_check_that_fails_is_unchecked);
	tcase_add_test(tcase, the_same_check_is_one_call);
	tcase_add_test(tcase, an_answer_is_kept_as_long_as_set);
	tcase_add_test(tcase, after_five_failures_checks_are_skipped_and_probed);
	tcase_add_test(tcase, checks_at_once_have_a_limit);
	return tcase;
}

static TCase *credentials_tests(void)
{
	TCase *tcase = tcase_create("credentials");

	tcase_add_test(tcase, the_outlet_call_is_the_contracts);
	tcase_add_test(tcase, a_bad_outlet_answer_is_away_or_unknown);
	tcase_add_test(tcase, a_token_may_be_as_long_as_its_place);
	tcase_add_test(tcase, no_such_outlet_is_believed_for_a_second);
	tcase_add_test(tcase, stale_credentials_serve_while_the_service_is_away);
	tcase_add_test(tcase, a_refused_token_is_asked_for_again);
	tcase_add_test(tcase, the_same_look_up_is_one_call);
	tcase_add_test(tcase, look_ups_at_once_have_a_limit);
	tcase_add_test(tcase, what_a_sibling_knew_is_used);
	tcase_add_test(tcase, an_id_is_never_a_way_to_another_resource);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("tenant_client");
	TCase *tcases[] = { quota_tests(), credentials_tests() };
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < COUNT(tcases); i++) {
		tcase_set_timeout(tcases[i], 30);
		tcase_add_checked_fixture(tcases[i], setup, teardown);
		suite_add_tcase(suite, tcases[i]);
	}
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
