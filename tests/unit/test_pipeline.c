/*
 * The steps of a request, as the table in src/pipeline/steps.c has them, in a world that the
 * test plays: fake_world.h, and here the delivery and the FastCGI side.
 */
#include "pipeline/pipeline.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "fake_world.h"

#define DEADLINE_MS 10000
#define SECOND_US INT64_C(1000000)
#define FCGI_ID 7

/* -- delivery and FastCGI, played -- */

static struct {
	bool owns;
	bool has_room;
	unsigned reserved; /* not given back and not taken */
	unsigned takes;
	struct delivery_order order; /* the last one; its pointers are not used */
	struct message_id id;
	uint64_t seq;
	bool has_credentials;
} fake_delivery;

static struct {
	unsigned count;
	bool caller_left;
	uint64_t id;
	int status;
	char body[4096];
	char headers[1024]; /* "Name: value\n"... */
} answer;

bool delivery_owns(const struct delivery *d, unsigned lane)
{
	(void)d;
	(void)lane;
	return fake_delivery.owns;
}

/* Its address is all that counts. */
struct delivery_place {
	char nothing;
};
static struct delivery_place a_place;

struct delivery_place *delivery_reserve(struct delivery *d, const struct message *message)
{
	(void)d;
	ck_assert(*message->recipient);
	fake_delivery.reserved += fake_delivery.has_room;
	return fake_delivery.has_room ? &a_place : NULL;
}

void delivery_give_back(struct delivery *d, struct delivery_place *place)
{
	(void)d;
	if (!place)
		return;
	ck_assert_uint_gt(fake_delivery.reserved, 0);
	fake_delivery.reserved--;
}

void delivery_take(struct delivery *d, const struct delivery_order *order)
{
	(void)d;
	fake_delivery.takes++;
	fake_delivery.order = *order;
	fake_delivery.id = order->message->id;
	fake_delivery.seq = order->message->seq;
	fake_delivery.has_credentials = order->credentials != NULL;
	fake_delivery.reserved -= order->place != NULL;
}

bool fcgi_server_answer(struct fcgi_server *server, uint64_t id,
			const struct http_response *response)
{
	size_t len = 0;

	(void)server;
	answer.count++;
	answer.id = id;
	answer.status = response->status;
	snprintf(answer.body, sizeof(answer.body), "%.*s", (int)response->body.len,
		 response->body.data);
	for (unsigned i = 0; i < response->header_count; i++)
		len += (size_t)snprintf(answer.headers + len, sizeof(answer.headers) - len,
					"%s: %s\n", response->headers[i].name,
					response->headers[i].value);
	return !answer.caller_left;
}

/* -- house -- */

static struct loop *loop;
static struct world *world;
static struct pipeline *pipeline;
static struct pipeline_settings settings;

static void open_with_settings(void)
{
	struct err err;

	memset(&fake_delivery, 0, sizeof(fake_delivery));
	memset(&answer, 0, sizeof(answer));
	fake_delivery.owns = fake_delivery.has_room = true;
	loop = loop_new(&err);
	world = fake_world_new(loop, 50);
	fake.credentials = (struct credentials){ "100", "token-1" };
	pipeline = pipeline_new(world, &settings, &err);
	ck_assert_ptr_nonnull(pipeline);
	pipeline_attach(pipeline, (struct delivery *)&fake_delivery, (struct fcgi_server *)&answer);
}

static void open_house(void)
{
	settings = (struct pipeline_settings){
		.slot = 3,
		.max_requests = 20,
		.sync_wait_ms = 60000,
		.accept_timeout_ms = 1500,
		.request_timeout_ms = 10000,
		.message_ttl_ms = 3600000,
		.version = "1.2.3",
		.environment = "test",
	};
	open_with_settings();
}

static void close_house(void)
{
	pipeline_free(pipeline);
	ck_assert_uint_eq(fake_delivery.reserved, 0);
	world_free(world);
	loop_free(loop);
}

static void reopen(void)
{
	close_house();
	open_with_settings();
}

static void on_turned(void *arg)
{
	loop_stop(arg);
}

static void turn(void)
{
	struct err err;

	loop_timer(loop, clock_boot_ms() + 1, on_turned, loop);
	ck_assert_int_eq(loop_run(loop, &err), 0);
}

static void turn_until(const unsigned *counter, unsigned n)
{
	const int64_t deadline_ms = clock_boot_ms() + DEADLINE_MS;

	while (*counter < n && clock_boot_ms() < deadline_ms)
		turn();
	ck_assert_uint_eq(*counter, n);
}

static struct http_request request_of(const char *method, const char *path)
{
	return (struct http_request){
		.method = method,
		.path = path,
		.query = "",
		.content_type = "application/json",
		.request_id = "",
		.prefer = "",
		.idempotency_key = "",
		.traceparent = "",
		.authorization = "",
		.body = "",
	};
}

static void ask(const struct http_request *request)
{
	pipeline_on_request(pipeline, FCGI_ID, request);
	turn();
}

static void send_preferring(const char *prefer)
{
	struct http_request r = request_of("POST", "/api/v1/messages/send");

	r.body = "{\"tenant_id\":\"tenant\",\"outlet_id\":\"outlet\","
		 "\"conversation_id\":\"conversation\",\"to\":\"+628123456789\","
		 "\"message\":\"Halo\"}";
	r.body_len = strlen(r.body);
	r.prefer = prefer;
	ask(&r);
}

static void ask_status(const char *id)
{
	char path[128];
	struct http_request r;

	snprintf(path, sizeof(path), "/api/v1/messages/%s/status", id);
	r = request_of("GET", path);
	ask(&r);
}

static void answer_quota(enum quota_verdict verdict)
{
	fake.quota_verdict = verdict;
	fake_quota(fake.quota_tags[fake.quota_count - 1]);
	turn();
}

static void answer_lookup(enum credentials_verdict verdict)
{
	fake.credentials_verdict = verdict;
	fake_looked_up(fake.lookups[fake.lookup_count - 1].tag);
	turn();
}

static void commit(enum store_verdict verdict)
{
	fake_accepted(fake.accepts[fake.accept_count - 1].tag, verdict, 1234);
	turn();
}

/* A request up to its commit; to its delivery. */
static void send_to_commit(const char *prefer)
{
	const unsigned before = fake.accept_count;

	fake.quota_at_once = fake.answers_at_once = true;
	send_preferring(prefer);
	ck_assert_uint_eq(fake.accept_count, before + 1);
}

static void send_to_delivery(void)
{
	send_to_commit("");
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert_uint_eq(answer.count, 0);
}

static struct delivery_result result_of(enum delivery_end end)
{
	return (struct delivery_result){
		.id = fake_delivery.id,
		.end = end,
		.wamid = "wamid.1",
		.sent_wall_us = 1700000000 * SECOND_US,
		.code = 131026,
		.title = "Message undeliverable",
		.action = "Do this.",
		.detail = "retrying",
		.attempts = 2,
	};
}

static void deliver(enum delivery_end end)
{
	const struct delivery_result result = result_of(end);

	pipeline_on_result(pipeline, fake_delivery.order.waiter.id, &result);
	turn();
}

static void expect(int status, const char *text)
{
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_uint_eq(answer.id, FCGI_ID);
	ck_assert_int_eq(answer.status, status);
	ck_assert_msg(strstr(answer.body, text) != NULL, "%s is not in %s", text, answer.body);
	ck_assert_ptr_nonnull(strstr(answer.headers, "X-Request-Id: "));
	answer.count = 0;
}

static void expect_over(void)
{
	ck_assert_uint_eq(pipeline_busy(pipeline), 0);
	ck_assert_uint_eq(fake_delivery.reserved, 0);
}

/* -- 1 to 6 -- */

START_TEST(a_message_goes_through_the_steps)
{
	char id[MESSAGE_ID_TEXT_BYTES];

	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 1);
	ck_assert_uint_eq(fake.lookup_count, 0);
	answer_quota(QUOTA_ALLOWED);
	ck_assert_uint_eq(fake.lookup_count, 1);
	ck_assert_str_eq(fake.lookups[0].tenant, "tenant");
	ck_assert_uint_eq(fake.accept_count, 0);
	answer_lookup(CREDENTIALS_OK);
	ck_assert_uint_eq(fake.accept_count, 1);
	ck_assert(fake.accepts[0].begin);
	ck_assert(fake.accepts[0].caller_waits);
	ck_assert_str_eq(fake.accepts[0].number, "100");
	ck_assert_uint_eq(fake_delivery.takes, 0);
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert_ptr_nonnull(fake_delivery.order.place);
	ck_assert(fake_delivery.order.waiter.waits);
	ck_assert_uint_eq(fake_delivery.order.waiter.slot, 3);
	ck_assert_uint_eq(fake_delivery.seq, 1234);
	ck_assert(fake_delivery.has_credentials);
	ck_assert_int_eq(fake_delivery.order.deadline_wall_us, fake.accepts[0].deadline_wall_us);
	ck_assert_int_eq(fake_delivery.order.expires_wall_us, fake.accepts[0].expires_wall_us);
	ck_assert_uint_eq(answer.count, 0);
	deliver(DELIVERY_SENT);
	expect(200, "\"whatsapp_message_id\":\"wamid.1\"");
	message_id_text(fake.accepts[0].id, id);
	ck_assert_ptr_nonnull(strstr(answer.body, id));
	expect_over();
}
END_TEST

START_TEST(the_attempt_has_its_time_from_the_accept)
{
	const int64_t before_us = clock_wall_us();

	send_to_commit("");
	ck_assert_int_ge(fake.accepts[0].deadline_wall_us, before_us + 11500000);
	ck_assert_int_le(fake.accepts[0].deadline_wall_us, clock_wall_us() + 11500000);
	ck_assert_int_ge(fake.accepts[0].expires_wall_us, before_us + 3600 * SECOND_US);
	commit(STORE_AWAY);
}
END_TEST

START_TEST(an_attempt_begins_with_the_accept_only_when_it_may)
{
	for (int owns = 0; owns < 2; owns++) {
		for (int room = 0; room < 2; room++) {
			fake_delivery.owns = owns;
			fake_delivery.has_room = room;
			send_to_commit("");
			ck_assert_int_eq(fake.accepts[fake.accept_count - 1].begin, owns && room);
			commit(STORE_DONE);
			ck_assert_int_eq(fake_delivery.order.place != NULL, owns && room);
		}
	}
}
END_TEST

START_TEST(asynchronous_is_answered_after_the_commit)
{
	send_to_commit("respond-async");
	ck_assert(!fake.accepts[0].caller_waits);
	ck_assert_uint_eq(answer.count, 0);
	commit(STORE_DONE);
	expect(202, "\"state_detail\":\"queued\"");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Location: /api/v1/messages/"));
	ck_assert_ptr_nonnull(strstr(answer.headers, "Preference-Applied: respond-async"));
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert(!fake_delivery.order.waiter.waits);
	expect_over();
}
END_TEST

START_TEST(an_exceeded_quota_stores_nothing)
{
	send_preferring("");
	answer_quota(QUOTA_EXCEEDED);
	expect(429, "QUOTA_EXCEEDED");
	ck_assert_ptr_nonnull(strstr(answer.body, "used up"));
	ck_assert_uint_eq(fake.lookup_count + fake.accept_count, 0);
	expect_over();
}
END_TEST

START_TEST(an_unchecked_quota_allows)
{
	send_preferring("");
	answer_quota(QUOTA_UNCHECKED);
	ck_assert_uint_eq(fake.lookup_count, 1);
}
END_TEST

START_TEST(an_outlet_without_credentials_is_stored_as_failed)
{
	fake.quota_at_once = true;
	send_preferring("");
	answer_lookup(CREDENTIALS_UNKNOWN);
	ck_assert(fake.accepts[0].failed);
	ck_assert(!fake.accepts[0].begin);
	ck_assert_int_eq(fake.accepts[0].failure_code, GRAPH_CASE_CREDENTIALS);
	ck_assert_str_ne(fake.accepts[0].failure_reason, "");
	ck_assert_uint_eq(answer.count, 0);
	commit(STORE_DONE);
	expect(500, "\"error\":\"send_failed\"");
	ck_assert_ptr_nonnull(strstr(answer.body, "\"message_id\""));
	ck_assert_uint_eq(fake_delivery.takes, 0);
	expect_over();
}
END_TEST

START_TEST(credentials_away_are_left_to_the_delivery)
{
	fake.quota_at_once = true;
	send_preferring("");
	answer_lookup(CREDENTIALS_AWAY);
	ck_assert(!fake.accepts[0].begin);
	ck_assert(!fake.accepts[0].failed);
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert(!fake_delivery.has_credentials);
	ck_assert_ptr_null(fake_delivery.order.place);
	ck_assert(fake_delivery.order.waiter.waits);
}
END_TEST

START_TEST(a_commit_that_failed_is_answered_and_never_delivered)
{
	static const struct {
		enum store_verdict verdict;
		int status;
		const char *text;
	} cases[] = {
		{ STORE_AWAY, 503, "STORE_UNAVAILABLE" },
		{ STORE_UNCERTAIN, 503, "\"message_id\"" },
		{ STORE_REJECTED, 500, "INTERNAL" },
	};

	send_to_commit(_i % 2 ? "respond-async" : "");
	commit(cases[_i / 2].verdict);
	expect(cases[_i / 2].status, cases[_i / 2].text);
	ck_assert_uint_eq(fake_delivery.takes, 0);
	expect_over();
}
END_TEST

START_TEST(a_full_store_is_overloaded)
{
	fake.quota_at_once = fake.answers_at_once = fake.store_full = true;
	send_preferring("");
	expect(503, "OVERLOADED");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: "));
	expect_over();
}
END_TEST

/* -- how the delivery ends -- */

START_TEST(each_end_has_its_answer)
{
	static const struct {
		enum delivery_end end;
		int status;
		const char *text;
	} cases[] = {
		{ DELIVERY_SENT, 200, "\"status\":\"sent\"" },
		{ DELIVERY_FAILED, 500, "131026" },
		{ DELIVERY_UNKNOWN, 202, "\"state_detail\":\"outcome_unknown\"" },
		{ DELIVERY_RELEASED, 202, "\"state_detail\":\"retrying\"" },
	};

	send_to_delivery();
	deliver(cases[_i].end);
	expect(cases[_i].status, cases[_i].text);
	expect_over();
}
END_TEST

START_TEST(a_result_of_another_message_is_not_ours)
{
	struct delivery_result result;

	send_to_delivery();
	result = result_of(DELIVERY_SENT);
	result.id.bytes[15] ^= 1;
	pipeline_on_result(pipeline, fake_delivery.order.waiter.id, &result);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	result = result_of(DELIVERY_SENT);
	pipeline_on_result(pipeline, fake_delivery.order.waiter.id + 1, &result);
	pipeline_on_result(pipeline, 0, &result);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	deliver(DELIVERY_SENT); /* once more: nobody is there */
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(a_caller_who_left_hurts_nobody)
{
	send_to_delivery();
	answer.caller_left = true;
	deliver(DELIVERY_SENT);
	ck_assert_uint_eq(answer.count, 1);
	expect_over();
}
END_TEST

/* -- the wait runs out -- */

static void let_the_wait_run_out(void)
{
	settings.sync_wait_ms = 60;
	reopen();
	send_to_delivery();
	turn_until(&fake.status_count, 1);
	ck_assert_uint_eq(answer.count, 0);
}

START_TEST(when_the_wait_runs_out_the_store_knows)
{
	static const struct {
		enum state state;
		int status;
		const char *text;
	} cases[] = {
		{ STATE_QUEUED, 202, "\"queued\"" },
		{ STATE_SENDING, 202, "\"status\":\"queued\"" },
		{ STATE_RETRYING, 202, "\"state_detail\":\"retrying\"" },
		{ STATE_UNKNOWN, 202, "\"state_detail\":\"outcome_unknown\"" },
		{ STATE_SENT, 200, "wamid.9" },
		{ STATE_DELIVERED, 200, "wamid.9" },
		{ STATE_FAILED, 500, "send_failed" },
	};
	const struct store_status status = { .found = true,
					     .state = cases[_i].state,
					     .wamid = "wamid.9" };

	let_the_wait_run_out();
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	expect(cases[_i].status, cases[_i].text);
	expect_over();
}
END_TEST

START_TEST(a_store_that_does_not_say_is_not_waited_for)
{
	let_the_wait_run_out();
	turn_until(&answer.count, 1);
	expect(202, "\"status\":\"queued\"");
	expect_over();
}
END_TEST

/* A sibling's bell was lost: the store is looked at every two seconds. */
START_TEST(a_lost_result_is_found_in_the_store)
{
	struct store_status status = { .found = true, .state = STATE_SENDING };

	fake_delivery.owns = false;
	send_to_delivery();
	turn_until(&fake.status_count, 1);
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	turn_until(&fake.status_count, 2);
	status.state = STATE_SENT;
	text_copy_cut(status.wamid, sizeof(status.wamid), "wamid.8");
	fake_status(fake.status_tags[1], STORE_DONE, &status);
	turn();
	expect(200, "wamid.8");
	expect_over();
}
END_TEST

/* -- admission -- */

START_TEST(the_house_has_a_bound)
{
	settings.max_requests = 3;
	reopen();
	for (unsigned n = 1; n <= 3; n++) {
		send_preferring("");
		ck_assert_uint_eq(answer.count, 0);
		ck_assert_uint_eq(fake.quota_count, n);
	}
	send_preferring("");
	expect(503, "OVERLOADED");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: 1"));
	ck_assert_uint_eq(fake.quota_count, 3);
	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	expect(503, "OVERLOADED");
	answer_quota(QUOTA_EXCEEDED);
	expect(429, "");
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 4);
}
END_TEST

START_TEST(a_slow_store_lets_nobody_in)
{
	fake.store_oldest_ms = 1000;
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 1);
	fake.store_oldest_ms = 1001;
	send_preferring("");
	expect(503, "OVERLOADED");
	ck_assert_uint_eq(fake.quota_count, 1);
}
END_TEST

START_TEST(a_store_away_for_long_lets_nobody_in)
{
	const int64_t begun_ms = clock_boot_ms();

	settings.accept_timeout_ms = 100;
	reopen();
	fake.store_away = true;
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 1);
	while (clock_boot_ms() - begun_ms < 150)
		turn();
	send_preferring("");
	expect(503, "STORE_UNAVAILABLE");
	ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: 2"));
	fake.store_away = false;
	send_preferring("");
	ck_assert_uint_eq(fake.quota_count, 2);
}
END_TEST

START_TEST(health_needs_nobody)
{
	const struct http_request r = request_of("GET", "/health");

	settings.max_requests = 1;
	reopen();
	send_preferring("");
	fake.store_away = true;
	fake.store_oldest_ms = 100000;
	ask(&r);
	expect(200, "\"version\":\"1.2.3\"");
}
END_TEST

START_TEST(a_wrong_request_costs_nothing)
{
	struct http_request r = request_of("POST", "/api/v1/messages/send");

	r.body = "{}";
	r.body_len = 2;
	ask(&r);
	expect(400, "tenant_id");
	r.method = "GET";
	ask(&r);
	expect(405, "\"error\"");
	ck_assert_uint_eq(fake.quota_count + fake.accept_count, 0);
	expect_over();
}
END_TEST

START_TEST(the_request_keeps_its_id)
{
	static const char *const bad[] = { "", "two words", "caf\xc3\xa9" };
	struct http_request r = request_of("GET", "/health");

	r.request_id = "abc-123";
	ask(&r);
	ck_assert_ptr_nonnull(strstr(answer.headers, "X-Request-Id: abc-123\n"));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r.request_id = bad[i];
		ask(&r);
		ck_assert_ptr_nonnull(strstr(answer.headers, "X-Request-Id: "));
		ck_assert_ptr_null(strstr(answer.headers, "X-Request-Id: \n"));
		ck_assert_ptr_null(strstr(answer.headers, "words"));
	}
}
END_TEST

/* -- status -- */

START_TEST(a_status_is_what_the_store_says)
{
	struct store_status status = { .found = true, .state = STATE_SENT, .wamid = "wamid.4" };

	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	ck_assert_uint_eq(fake.status_count, 1);
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	expect(200, "\"whatsapp_message_id\":\"wamid.4\"");
	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	status.found = false;
	fake_status(fake.status_tags[1], STORE_DONE, &status);
	turn();
	expect(404, "NOT_FOUND");
	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	fake_status(fake.status_tags[2], STORE_AWAY, NULL);
	turn();
	expect(503, "STORE_UNAVAILABLE");
	ask_status("not-an-id");
	expect(404, "NOT_FOUND");
	ck_assert_uint_eq(fake.status_count, 3);
	expect_over();
}
END_TEST

START_TEST(a_status_that_does_not_come_is_not_waited_for)
{
	const int64_t begun_ms = clock_boot_ms();

	ask_status("01890a5d-ac96-774b-bcce-b302099a8057");
	turn_until(&answer.count, 1);
	expect(503, "STORE_UNAVAILABLE");
	ck_assert_int_ge(clock_boot_ms() - begun_ms, 995);
	ck_assert_int_le(clock_boot_ms() - begun_ms, 1900);
	expect_over();
}
END_TEST

/* -- drain -- */

START_TEST(a_drain_waits_for_the_attempts_end)
{
	send_to_delivery();
	pipeline_drain(pipeline);
	turn();
	ck_assert_uint_eq(answer.count, 0);
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	expect_over();
}
END_TEST

START_TEST(a_drain_waits_no_longer_than_an_attempt)
{
	settings.request_timeout_ms = 10;
	reopen();
	send_to_delivery();
	pipeline_drain(pipeline);
	turn_until(&fake.status_count, 1); /* two seconds more than an attempt may take */
	ck_assert_uint_eq(answer.count, 0);
}
END_TEST

START_TEST(giving_up_a_drain_answers_as_things_stand)
{
	const struct store_status status = { .found = true, .state = STATE_RETRYING };

	send_to_delivery();
	pipeline_drain(pipeline);
	pipeline_give_up(pipeline);
	turn_until(&fake.status_count, 1);
	fake_status(fake.status_tags[0], STORE_DONE, &status);
	turn();
	expect(202, "\"retrying\"");
	expect_over();
}
END_TEST

START_TEST(in_a_drain_what_has_not_begun_is_answered_at_once)
{
	send_to_commit("");
	ck_assert(fake.accepts[0].begin);
	fake_delivery.has_room = false;
	send_to_commit("");
	pipeline_drain(pipeline);
	commit(STORE_DONE); /* the second one, without an attempt */
	expect(202, "\"queued\"");
	fake_accepted(fake.accepts[0].tag, STORE_DONE, 1);
	turn();
	ck_assert_uint_eq(answer.count, 0); /* the first one is inside its attempt */
	deliver(DELIVERY_SENT);
	expect(200, "wamid.1");
	expect_over();
}
END_TEST

START_TEST(in_a_drain_nothing_begins_with_its_accept)
{
	send_preferring("");
	fake.answers_at_once = true;
	pipeline_drain(pipeline);
	answer_quota(QUOTA_ALLOWED);
	ck_assert_uint_eq(fake.accept_count, 1);
	ck_assert(!fake.accepts[0].begin);
}
END_TEST

/* Flows that are left, with and without a place, end with the pipeline. */
START_TEST(the_end_of_the_pipeline_gives_places_back)
{
	send_to_commit("");
	ck_assert_uint_eq(fake_delivery.reserved, 1);
}
END_TEST

static void add_ends(TCase *tcase)
{
	tcase_add_loop_test(tcase, each_end_has_its_answer, 0, 4);
	tcase_add_test(tcase, a_result_of_another_message_is_not_ours);
	tcase_add_test(tcase, a_caller_who_left_hurts_nobody);
	tcase_add_loop_test(tcase, when_the_wait_runs_out_the_store_knows, 0, 7);
	tcase_add_test(tcase, a_store_that_does_not_say_is_not_waited_for);
	tcase_add_test(tcase, a_lost_result_is_found_in_the_store);
	tcase_add_test(tcase, a_drain_waits_for_the_attempts_end);
	tcase_add_test(tcase, a_drain_waits_no_longer_than_an_attempt);
	tcase_add_test(tcase, giving_up_a_drain_answers_as_things_stand);
	tcase_add_test(tcase, in_a_drain_what_has_not_begun_is_answered_at_once);
	tcase_add_test(tcase, in_a_drain_nothing_begins_with_its_accept);
	tcase_add_test(tcase, the_end_of_the_pipeline_gives_places_back);
}

int main(void)
{
	Suite *suite = suite_create("pipeline");
	TCase *tcase = tcase_create("pipeline");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, a_message_goes_through_the_steps);
	tcase_add_test(tcase, the_attempt_has_its_time_from_the_accept);
	tcase_add_test(tcase, an_attempt_begins_with_the_accept_only_when_it_may);
	tcase_add_test(tcase, asynchronous_is_answered_after_the_commit);
	tcase_add_test(tcase, an_exceeded_quota_stores_nothing);
	tcase_add_test(tcase, an_unchecked_quota_allows);
	tcase_add_test(tcase, an_outlet_without_credentials_is_stored_as_failed);
	tcase_add_test(tcase, credentials_away_are_left_to_the_delivery);
	tcase_add_loop_test(tcase, a_commit_that_failed_is_answered_and_never_delivered, 0, 6);
	tcase_add_test(tcase, a_full_store_is_overloaded);
	tcase_add_test(tcase, the_house_has_a_bound);
	tcase_add_test(tcase, a_slow_store_lets_nobody_in);
	tcase_add_test(tcase, a_store_away_for_long_lets_nobody_in);
	tcase_add_test(tcase, health_needs_nobody);
	tcase_add_test(tcase, a_wrong_request_costs_nothing);
	tcase_add_test(tcase, the_request_keeps_its_id);
	tcase_add_test(tcase, a_status_is_what_the_store_says);
	tcase_add_test(tcase, a_status_that_does_not_come_is_not_waited_for);
	add_ends(tcase);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
