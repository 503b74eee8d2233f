#include "pipeline_house.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define DEADLINE_MS 10000
#define FCGI_ID 7

/* -- delivery and FastCGI, played -- */

struct fake_delivery fake_delivery;

struct answer answer;

bool delivery_owns(const struct delivery *d, unsigned lane)
{
	(void)d;
	(void)lane;
	return fake_delivery.owns;
}

bool delivery_leaves(const struct delivery *d, unsigned lane)
{
	(void)d;
	(void)lane;
	return fake_delivery.leaves;
}

bool delivery_is_far(const struct delivery *d, unsigned lane)
{
	(void)d;
	(void)lane;
	return fake_delivery.far;
}

bool delivery_flows(const struct delivery *d, const char *number)
{
	(void)d;
	ck_assert(*number);
	return !fake_delivery.broken;
}

/* Its address is all that counts. */
struct delivery_place {
	char nothing;
};
static struct delivery_place a_place;

void delivery_look(struct delivery *d, unsigned lane, uint64_t queue, uint64_t seq)
{
	(void)d;
	(void)lane;
	fake_delivery.looks++;
	fake_delivery.look_queue = queue;
	fake_delivery.look_seq = seq;
}

struct delivery_place *delivery_reserve(struct delivery *d, const struct message *message,
					const char *number, bool waited)
{
	(void)number;
	(void)waited;
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

static unsigned hook_rounds;

static bool count_round(void *arg)
{
	(void)arg;
	hook_rounds++;
	return false;
}

unsigned rounds(void)
{
	return hook_rounds;
}

void delivery_take(struct delivery *d, const struct delivery_order *order)
{
	(void)d;
	fake_delivery.takes++;
	fake_delivery.hook_round = hook_rounds;
	fake_delivery.order = *order;
	fake_delivery.id = order->message->id;
	fake_delivery.seq = order->message->seq;
	fake_delivery.has_credentials = order->credentials != NULL;
	fake_delivery.reserved -= order->place != NULL;
}

void delivery_ring(struct delivery *d, const struct message *message,
		   const struct delivery_waiter *waiter)
{
	(void)d;
	ck_assert(message_id_equal(message->id, fake_delivery.id));
	fake_delivery.rings++;
	fake_delivery.rung = *waiter;
}

bool fcgi_server_answer(struct fcgi_server *server, uint64_t id,
			const struct http_response *response)
{
	size_t len = 0;

	(void)server;
	answer.count++;
	answer.hook_round = hook_rounds;
	answer.id = id;
	answer.status = response->status;
	answer.type = response->type;
	snprintf(answer.body, sizeof(answer.body), "%.*s", (int)response->body.len,
		 response->body.data);
	for (unsigned i = 0; i < response->header_count; i++)
		len += (size_t)snprintf(answer.headers + len, sizeof(answer.headers) - len,
					"%s: %s\n", response->headers[i].name,
					response->headers[i].value);
	return !answer.caller_left;
}

/* -- house -- */

struct pipeline *pipeline;
struct pipeline_settings settings;

static struct loop *loop;
static struct world *world;

static void open_with_settings(void)
{
	struct err err;

	memset(&fake_delivery, 0, sizeof(fake_delivery));
	memset(&answer, 0, sizeof(answer));
	fake_delivery.owns = fake_delivery.has_room = true;
	loop = loop_new(&err);
	loop_hook(loop, count_round, NULL);
	world = fake_world_new(loop, 50);
	fake.credentials = (struct credentials){ "100", "token-1", "" };
	pipeline = pipeline_new(world, &settings, &err);
	ck_assert_ptr_nonnull(pipeline);
	pipeline_attach(pipeline, (struct delivery *)&fake_delivery, (struct fcgi_server *)&answer);
}

void open_house(void)
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
		.app_secrets = "one,two",
		.verify_tokens = "word,other",
	};
	open_with_settings();
}

void close_house(void)
{
	pipeline_free(pipeline);
	ck_assert_uint_eq(fake_delivery.reserved, 0);
	world_free(world);
	loop_free(loop);
}

void reopen(void)
{
	close_house();
	open_with_settings();
}

/* A millisecond at least, and so many rounds: what goes on from a hook to a bell and to a hook
 * again takes some, for which a busy machine may not leave the time. */
#define TURN_ROUNDS 8

static void on_turned(void *arg)
{
	unsigned *rounds = arg;

	if (++*rounds < TURN_ROUNDS)
		loop_timer(loop, clock_boot_ms(), on_turned, rounds);
	else
		loop_stop(loop);
}

void turn(void)
{
	unsigned rounds = 0;
	struct err err;

	loop_timer(loop, clock_boot_ms() + 1, on_turned, &rounds);
	ck_assert_int_eq(loop_run(loop, &err), 0);
}

void turn_until(const unsigned *counter, unsigned n)
{
	const int64_t deadline_ms = clock_boot_ms() + DEADLINE_MS;

	while (*counter < n && clock_boot_ms() < deadline_ms)
		turn();
	ck_assert_uint_eq(*counter, n);
}

struct http_request request_of(const char *method, const char *path)
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
		.signature = "",
		.body = "",
	};
}

void ask(const struct http_request *request)
{
	pipeline_on_request(pipeline, FCGI_ID, request);
	turn();
}

void send_keyed(const char *prefer, const char *key)
{
	struct http_request r = request_of("POST", "/api/v1/messages/send");

	r.body = "{\"tenant_id\":\"tenant\",\"outlet_id\":\"outlet\","
		 "\"conversation_id\":\"conversation\",\"to\":\"+628123456789\","
		 "\"message\":\"Halo\"}";
	r.body_len = strlen(r.body);
	r.prefer = prefer;
	r.idempotency_key = key;
	ask(&r);
}

void send_preferring(const char *prefer)
{
	send_keyed(prefer, "");
}

void ask_status(const char *id)
{
	char path[128];
	struct http_request r;

	snprintf(path, sizeof(path), "/api/v1/messages/%s/status", id);
	r = request_of("GET", path);
	ask(&r);
}

void answer_quota(enum quota_verdict verdict)
{
	fake.quota_verdict = verdict;
	fake_quota(fake.quota_tags[fake.quota_count - 1]);
	turn();
}

void answer_lookup(enum credentials_verdict verdict)
{
	fake.credentials_verdict = verdict;
	fake_looked_up(fake.lookups[fake.lookup_count - 1].tag);
	turn();
}

void commit(enum store_verdict verdict)
{
	fake_accepted(fake.accepts[fake.accept_count - 1].tag, verdict, 1234);
	turn();
}

void send_to_commit(const char *prefer)
{
	const unsigned before = fake.accept_count;

	fake.quota_at_once = fake.answers_at_once = true;
	send_preferring(prefer);
	ck_assert_uint_eq(fake.accept_count, before + 1);
}

void send_to_delivery(void)
{
	send_to_commit("");
	commit(STORE_DONE);
	ck_assert_uint_eq(fake_delivery.takes, 1);
	ck_assert_uint_eq(answer.count, 0);
}

struct delivery_result result_of(enum delivery_end end)
{
	return (struct delivery_result){
		.id = fake_delivery.id,
		.end = end,
		.wamid = "wamid.1",
		.sent_wall_us = INT64_C(1700000000000000),
		.code = 131026,
		.title = "Message undeliverable",
		.action = "Do this.",
		.detail = "retrying",
		.attempts = 2,
	};
}

void deliver(enum delivery_end end)
{
	const struct delivery_result result = result_of(end);

	pipeline_on_result(pipeline, fake_delivery.order.waiter.id, &result);
	turn();
}

void expect(int status, const char *text)
{
	ck_assert_uint_eq(answer.count, 1);
	ck_assert_uint_eq(answer.id, FCGI_ID);
	ck_assert_int_eq(answer.status, status);
	ck_assert_msg(strstr(answer.body, text) != NULL, "%s is not in %s", text, answer.body);
	ck_assert_ptr_nonnull(strstr(answer.headers, "X-Request-Id: "));
	answer.count = 0;
}

void expect_over(void)
{
	ck_assert_uint_eq(pipeline_busy(pipeline), 0);
	ck_assert_uint_eq(fake_delivery.reserved, 0);
}
