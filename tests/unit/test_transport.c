#include "transport/transport.h"

#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "fake_server.h"
#include "slowness.h"
#include "transport/slot.h"
#include "transport/wait_header.h"

#define ANSWERS_MAX 4096
#define STEPS(...) ((const struct fake_step[]){ __VA_ARGS__ })
#define COUNT(steps) (sizeof(steps) / sizeof((steps)[0]))

struct answer {
	struct transport_result result;
	char body[256];
};

struct fixture {
	struct loop *loop;
	struct transport *transport;
	struct fake_server *server;
	struct answer answers[ANSWERS_MAX];
	unsigned count;
	unsigned wanted;
	unsigned gate_asked;
	bool gate_open;
	bool timed_out;
};

static struct fixture f;

/* Takes the place of the C library's: one name hangs, as with a dead name server. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (name != NULL && strcmp(name, "hang.invalid") == 0) {
		poll(NULL, 0, 20000);
		return EAI_AGAIN;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, ret);
}

static void on_done(void *arg, const struct transport_result *result)
{
	struct fixture *fixture = arg;
	struct answer *answer = &fixture->answers[fixture->count++];

	answer->result = *result;
	snprintf(answer->body, sizeof(answer->body), "%s", result->body);
	if (fixture->count == fixture->wanted)
		loop_stop(fixture->loop);
}

static bool on_gate(void *arg, uint64_t tag UNUSED)
{
	struct fixture *fixture = arg;

	fixture->gate_asked++;
	return fixture->gate_open;
}

static void on_timeout(void *arg)
{
	struct fixture *fixture = arg;

	fixture->timed_out = true;
	loop_stop(fixture->loop);
}

static struct transport_settings settings(void)
{
	return (struct transport_settings){ .max_connections = 8,
					    .streams = 16,
					    .max_in_flight = 64,
					    .connect_timeout_ms = 2000,
					    .idle_max_ms = 30000,
					    .ca_file = "",
					    .user_agent = "test/1" };
}

static void open_transport(const struct transport_settings *with)
{
	struct err err;

	f.gate_open = true;
	ck_assert_int_eq(transport_global_init(&err), 0);
	f.loop = loop_new(&err);
	ck_assert_ptr_nonnull(f.loop);
	f.transport = transport_new(f.loop, with, on_done, on_gate, &f, &err);
	ck_assert_ptr_nonnull(f.transport);
}

static void setup(void)
{
	struct transport_settings with = settings();

	memset(&f, 0, sizeof(f));
	open_transport(&with);
}

static void teardown(void)
{
	transport_free(f.transport);
	loop_free(f.loop);
	if (f.server != NULL)
		fake_server_stop(f.server);
	transport_global_fini();
}

static void reopen(const struct transport_settings *with)
{
	transport_free(f.transport);
	loop_free(f.loop);
	open_transport(with);
}

static const char *const one_header[] = { "X-Test: yes" };

static struct transport_request a_post(const char *url)
{
	return (struct transport_request){ .tag = 7,
					   .url = url,
					   .post = true,
					   .headers = one_header,
					   .header_count = 1,
					   .body = "{\"n\":1}",
					   .body_len = 7,
					   .deadline_boot_ms = clock_boot_ms() + 3000,
					   .answer_max = 200,
					   .gated = true };
}

static void submit(const struct transport_request *request)
{
	struct err err = { 0 };

	ck_assert_msg(transport_submit(f.transport, request, &err) == 0, "%s", err.text);
}

/* Runs until so many answers have come in all. */
static void await(unsigned wanted)
{
	struct err err;
	uint64_t timer = loop_timer(f.loop, clock_boot_ms() + 15000, on_timeout, &f);

	f.wanted = wanted;
	if (f.count < wanted)
		ck_assert_int_eq(loop_run(f.loop, &err), 0);
	loop_cancel(f.loop, timer);
	ck_assert_msg(!f.timed_out, "%u of %u answers came", f.count, wanted);
	ck_assert_uint_eq(f.count, wanted);
}

static const struct transport_result *post_once(const char *url)
{
	struct transport_request request = a_post(url);

	submit(&request);
	await(f.count + 1);
	return &f.answers[f.count - 1].result;
}

static const struct transport_result *post_to(const struct fake_step *steps, size_t count)
{
	f.server = fake_server_start(steps, count);
	return post_once(fake_server_url(f.server));
}

START_TEST(an_answer_comes_back_whole)
{
	const struct transport_result *r = post_to(
		STEPS({ .status = 429, .headers = "Retry-After: 12\r\n", .body = "slow" }), 1);

	ck_assert_int_eq(r->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(r->tag, 7);
	ck_assert_int_eq(r->status, 429);
	ck_assert_str_eq(f.answers[0].body, "slow");
	ck_assert_uint_eq(r->body_len, 4);
	ck_assert_int_eq(r->retry_after_ms, 12000);
	ck_assert_uint_eq(f.gate_asked, 1);
	ck_assert_str_eq(fake_server_body(f.server, 0), "{\"n\":1}");
	ck_assert_ptr_nonnull(strstr(fake_server_request(f.server, 0), "\r\nX-Test: yes\r\n"));
	ck_assert_ptr_null(strcasestr(fake_server_request(f.server, 0), "Expect"));
	ck_assert_uint_eq(transport_in_flight(f.transport), 0);
}
END_TEST

START_TEST(a_get_needs_no_body_and_no_gate)
{
	struct transport_request request;

	f.server = fake_server_start(STEPS({ .body = "hi" }), 1);
	request = a_post(fake_server_url(f.server));
	request.post = false;
	request.body_len = 0;
	submit(&request);
	await(1);
	ck_assert_int_eq(f.answers[0].result.end, TRANSPORT_ANSWERED);
	ck_assert_str_eq(f.answers[0].body, "hi");
	ck_assert_int_eq(strncmp(fake_server_request(f.server, 0), "GET / HTTP/1.1\r\n", 16), 0);
	ck_assert_uint_eq(f.gate_asked, 0);
}
END_TEST

START_TEST(a_refused_connection_is_not_sent)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char url[64];

	/* Bound, not listening: the port is ours and refuses. */
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", ntohs(address.sin_port));
	ck_assert_int_eq(post_once(url)->end, TRANSPORT_NOT_SENT);
	ck_assert_int_eq(f.answers[0].result.err.class, ERR_TEMPORARY);
	ck_assert_uint_eq(f.gate_asked, 0);
	close(fd);
}
END_TEST

START_TEST(an_unknown_name_is_not_sent)
{
	ck_assert_int_eq(post_once("http://no.such.name.invalid/")->end, TRANSPORT_NOT_SENT);
}
END_TEST

START_TEST(a_cut_after_the_body_is_lost)
{
	const struct transport_result *r = post_to(STEPS({ .act = FAKE_CLOSE_READ }), 1);

	ck_assert_int_eq(r->end, TRANSPORT_LOST);
	ck_assert_int_eq(r->err.class, ERR_UNCERTAIN);
	ck_assert_uint_eq(fake_server_requests(f.server), 1);
}
END_TEST

/* libcurl 7.88 sends a POST again when a connection it used before ends without an answer. */
START_TEST(a_cut_on_a_used_connection_is_lost_and_not_sent_again)
{
	const struct fake_step steps[] = { { .body = "1" },
					   { .act = FAKE_CLOSE_READ },
					   { .body = "3" } };
	const struct transport_result *r;

	ck_assert_int_eq(post_to(steps, COUNT(steps))->end, TRANSPORT_ANSWERED);
	r = post_once(fake_server_url(f.server));
	ck_assert_int_eq(r->end, TRANSPORT_LOST);
	ck_assert(r->rewind_refused);
	ck_assert_int_eq(post_once(fake_server_url(f.server))->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_server_requests(f.server), 3);
}
END_TEST

static const struct transport_result *post_ungated(const char *body)
{
	struct transport_request request = a_post(fake_server_url(f.server));

	request.gated = false;
	request.body = body;
	request.body_len = strlen(body);
	submit(&request);
	await(f.count + 1);
	return &f.answers[f.count - 1].result;
}

START_TEST(an_ungated_post_asks_no_gate)
{
	f.gate_open = false;
	f.server = fake_server_start(STEPS({ .body = "1" }), 1);
	ck_assert_int_eq(post_ungated("{\"first\":1}")->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(post_ungated("{\"n\":2}")->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(f.gate_asked, 0);
	ck_assert_str_eq(fake_server_body(f.server, 0), "{\"first\":1}");
	ck_assert_str_eq(fake_server_body(f.server, 1), "{\"n\":2}");
	ck_assert_ptr_null(strcasestr(fake_server_request(f.server, 0), "Expect"));
}
END_TEST

/* Slots are used again: what an ungated call left in one must not open the gate. */
START_TEST(the_gate_is_asked_behind_an_ungated_post)
{
	f.gate_open = false;
	f.server = fake_server_start(STEPS({ .body = "1" }), 1);
	ck_assert_int_eq(post_ungated("{}")->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(post_once(fake_server_url(f.server))->end, TRANSPORT_NOT_SENT);
	ck_assert(f.answers[1].result.gate_refused);
	ck_assert_uint_eq(f.gate_asked, 1);
}
END_TEST

START_TEST(an_ungated_post_without_an_answer_is_lost)
{
	f.server = fake_server_start(STEPS({ .act = FAKE_CLOSE_READ }), 1);
	ck_assert_int_eq(post_ungated("{}")->end, TRANSPORT_LOST);
	ck_assert_int_eq(f.answers[0].result.err.class, ERR_UNCERTAIN);
	ck_assert_uint_eq(fake_server_requests(f.server), 1);
}
END_TEST

/* It may be repeated, and libcurl does: transport.h says so to who submits one. */
START_TEST(an_ungated_post_is_repeated_when_a_used_connection_is_cut)
{
	const struct fake_step steps[] = { { .body = "1" },
					   { .act = FAKE_CLOSE_READ },
					   { .body = "3" } };

	f.server = fake_server_start(steps, COUNT(steps));
	ck_assert_int_eq(post_ungated("{}")->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(post_ungated("{\"n\":2}")->end, TRANSPORT_ANSWERED);
	ck_assert_str_eq(f.answers[1].body, "3");
	ck_assert_uint_eq(fake_server_requests(f.server), 3);
	ck_assert_str_eq(fake_server_body(f.server, 2), "{\"n\":2}");
}
END_TEST

START_TEST(a_cut_before_reading_is_never_answered)
{
	const struct transport_result *r = post_to(STEPS({ .act = FAKE_CLOSE_UNREAD }), 1);

	ck_assert_int_ne(r->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(r->end, f.gate_asked > 0 ? TRANSPORT_LOST : TRANSPORT_NOT_SENT);
}
END_TEST

START_TEST(half_an_answer_is_lost)
{
	ck_assert_int_eq(post_to(STEPS({ .act = FAKE_HALF, .body = "0123456789" }), 1)->end,
			 TRANSPORT_LOST);
}
END_TEST

START_TEST(a_slow_answer_is_lost_at_the_deadline)
{
	struct transport_request request;

	f.server = fake_server_start(STEPS({ .act = FAKE_TRICKLE, .body = "0123456789" }), 1);
	request = a_post(fake_server_url(f.server));
	request.deadline_boot_ms = clock_boot_ms() + 1500;
	submit(&request);
	await(1);
	ck_assert_int_eq(f.answers[0].result.end, TRANSPORT_LOST);
	ck_assert_int_ge(f.answers[0].result.took_ms, 1400);
	ck_assert_int_le(f.answers[0].result.took_ms, 2500);
}
END_TEST

static enum transport_end end_with_answer_max(size_t max)
{
	struct transport_request request = a_post(fake_server_url(f.server));

	request.answer_max = max;
	submit(&request);
	await(f.count + 1);
	return f.answers[f.count - 1].result.end;
}

START_TEST(an_answer_may_be_as_long_as_allowed)
{
	f.server = fake_server_start(STEPS({ .body = "0123456789" }), 1);
	ck_assert_int_eq(end_with_answer_max(9), TRANSPORT_LOST);
	ck_assert_int_eq(end_with_answer_max(10), TRANSPORT_ANSWERED);
	ck_assert_int_eq(end_with_answer_max(11), TRANSPORT_ANSWERED);
	ck_assert_str_eq(f.answers[2].body, "0123456789");
}
END_TEST

#define SHORT_HEADERS "HTTP/1.1 200 Fake\r\nX-Long: \r\nContent-Length: 2\r\n\r\n"

/* In all, as many bytes as the limit, and one less or more. */
START_TEST(an_answers_headers_may_be_as_long_as_allowed)
{
	static char headers[SLOT_HEADERS_MAX + 64];
	const int length = (int)(SLOT_HEADERS_MAX - strlen(SHORT_HEADERS)) + _i;
	const struct transport_result *r;

	snprintf(headers, sizeof(headers), "X-Long: %0*d\r\n", length, 0);
	r = post_to(STEPS({ .headers = headers, .body = "ok" }), 1);
	ck_assert_int_eq(r->end, _i <= 0 ? TRANSPORT_ANSWERED : TRANSPORT_LOST);
	if (_i > 0)
		ck_assert_str_eq(r->err.text, "headers longer than 16384 bytes");
}
END_TEST

START_TEST(the_gate_keeps_the_body_back)
{
	const struct transport_result *r;

	f.gate_open = false;
	r = post_to(STEPS({ .body = "x" }), 1);
	ck_assert_int_eq(r->end, TRANSPORT_NOT_SENT);
	ck_assert(r->gate_refused);
	ck_assert_uint_eq(f.gate_asked, 1);
	ck_assert_uint_eq(fake_server_requests(f.server), 0);
}
END_TEST

START_TEST(a_wait_in_the_queue_ends_at_the_deadline)
{
	struct transport_settings with = settings();
	struct transport_request request;

	with.max_connections = 1;
	reopen(&with);
	f.server = fake_server_start(STEPS({ .act = FAKE_HANG }), 1);
	request = a_post(fake_server_url(f.server));
	submit(&request);
	request.tag = 8;
	request.deadline_boot_ms = clock_boot_ms() + 300;
	submit(&request);
	await(1);
	ck_assert_uint_eq(f.answers[0].result.tag, 8);
	ck_assert_int_eq(f.answers[0].result.end, TRANSPORT_NOT_SENT);
	ck_assert_int_ge(f.answers[0].result.took_ms, 299);
	ck_assert_int_le(f.answers[0].result.took_ms, 1000);
	ck_assert_uint_eq(f.gate_asked, 1);
	await(2);
	ck_assert_int_eq(f.answers[1].result.end, TRANSPORT_LOST);
}
END_TEST

START_TEST(in_flight_has_a_limit)
{
	struct transport_settings with = settings();
	struct transport_request request;
	struct err err = { 0 };

	with.max_in_flight = 3;
	reopen(&with);
	f.server = fake_server_start(STEPS({ .body = "x" }), 1);
	request = a_post(fake_server_url(f.server));
	submit(&request);
	submit(&request);
	ck_assert_uint_eq(transport_room(f.transport), 1);
	submit(&request);
	ck_assert_uint_eq(transport_room(f.transport), 0);
	ck_assert_int_eq(transport_submit(f.transport, &request, &err), -1);
	ck_assert_int_eq(err.class, ERR_LIMIT);
	await(3);
	ck_assert_uint_eq(transport_room(f.transport), 3);
	submit(&request);
	await(4);
}
END_TEST

START_TEST(connections_have_a_limit)
{
	struct transport_settings with = settings();
	struct transport_request request;

	with.max_connections = 3;
	reopen(&with);
	f.server = fake_server_start(STEPS({ .body = "x" }), 1);
	request = a_post(fake_server_url(f.server));
	for (int i = 0; i < 60; i++)
		submit(&request);
	await(60);
	for (int i = 0; i < 60; i++)
		ck_assert_int_eq(f.answers[i].result.end, TRANSPORT_ANSWERED);
	ck_assert_uint_le(fake_server_connections(f.server), 3);
	ck_assert_uint_eq(fake_server_requests(f.server), 60);
}
END_TEST

START_TEST(a_connection_idle_for_too_long_is_not_used_again)
{
	struct transport_settings with = settings();
	struct err err;

	with.idle_max_ms = 1000;
	reopen(&with);
	f.server = fake_server_start(STEPS({ .body = "x" }), 1);
	post_once(fake_server_url(f.server));
	post_once(fake_server_url(f.server));
	ck_assert_uint_eq(fake_server_connections(f.server), 1);
	loop_timer(f.loop, clock_boot_ms() + 2100, on_timeout, &f);
	ck_assert_int_eq(loop_run(f.loop, &err), 0);
	f.timed_out = false;
	ck_assert_int_eq(post_once(fake_server_url(f.server))->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_server_connections(f.server), 2);
}
END_TEST

static enum err_class refusal(const struct transport_request *request)
{
	struct err err = { 0 };

	ck_assert_int_eq(transport_submit(f.transport, request, &err), -1);
	return err.class;
}

START_TEST(bad_requests_are_refused)
{
	const char *const broken[] = { "X-A: b\r\nX-C: d" };
	struct transport_request request = a_post("file:///etc/passwd");

	ck_assert_int_eq(refusal(&request), ERR_INVALID);
	request.url = "http://127.0.0.1/a b";
	ck_assert_int_eq(refusal(&request), ERR_INVALID);
	request.url = "http://127.0.0.1/";
	request.headers = broken;
	ck_assert_int_eq(refusal(&request), ERR_INVALID);
	request.headers = one_header;
	request.header_count = 9;
	ck_assert_int_eq(refusal(&request), ERR_INVALID);
	request.header_count = 1;
	request.body_len = 0;
	ck_assert_int_eq(refusal(&request), ERR_INVALID);
	ck_assert_uint_eq(transport_in_flight(f.transport), 0);
}
END_TEST

START_TEST(a_long_body_arrives_whole)
{
	static char body[50000];
	struct transport_request request;

	memset(body, 'a', sizeof(body));
	body[0] = '<';
	body[sizeof(body) - 1] = '>';
	f.server = fake_server_start(STEPS({ .body = "x" }), 1);
	request = a_post(fake_server_url(f.server));
	request.body = body;
	request.body_len = sizeof(body);
	submit(&request);
	await(1);
	ck_assert_int_eq(f.answers[0].result.end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(strlen(fake_server_body(f.server, 0)), sizeof(body));
	ck_assert_mem_eq(fake_server_body(f.server, 0), body, sizeof(body));
	ck_assert_uint_eq(f.gate_asked, 1);
}
END_TEST

struct ticks {
	int64_t last;
	int64_t longest;
};

static void on_tick(void *arg)
{
	struct ticks *ticks = arg;
	int64_t now = clock_boot_ms();

	if (now - ticks->last > ticks->longest)
		ticks->longest = now - ticks->last;
	ticks->last = now;
	loop_timer(f.loop, now + 1, on_tick, ticks);
}

START_TEST(a_resolver_that_hangs_delays_nobody_else)
{
	const int64_t hardly = 50 * slowness(); /* the resolver hangs for 20 s */
	struct ticks ticks = { .last = clock_boot_ms() };
	struct transport_request request;
	int64_t began;

	f.server = fake_server_start(STEPS({ .body = "x" }), 1);
	request = a_post(fake_server_url(f.server));
	for (int i = 0; i < 6; i++)
		submit(&request);
	await(6);
	request = a_post("http://hang.invalid/");
	request.tag = 1;
	request.deadline_boot_ms = clock_boot_ms() + 700;
	submit(&request);
	request.tag = 2;
	request.deadline_boot_ms = clock_boot_ms() + 10000;
	submit(&request);
	on_tick(&ticks);
	for (unsigned i = 6; i < 20; i++) {
		ck_assert_int_eq(post_once(fake_server_url(f.server))->end, TRANSPORT_ANSWERED);
		ck_assert_int_lt(f.answers[i].result.took_ms, hardly);
	}
	await(21);
	ck_assert_uint_eq(f.answers[20].result.tag, 1);
	ck_assert_int_eq(f.answers[20].result.end, TRANSPORT_NOT_SENT);
	ck_assert_int_lt(f.answers[20].result.took_ms, 700 + 6 * hardly);
	ck_assert_int_lt(ticks.longest, hardly);
	began = clock_boot_ms();
	transport_free(f.transport); /* call 2 still hangs */
	f.transport = NULL;
	ck_assert_int_lt(clock_boot_ms() - began, hardly);
}
END_TEST

START_TEST(freeing_with_calls_in_flight_is_clean)
{
	struct transport_request request;

	f.server = fake_server_start(STEPS({ .body = "x" }, { .act = FAKE_HANG }), 2);
	request = a_post(fake_server_url(f.server));
	for (int i = 0; i < 20; i++)
		submit(&request);
	await(1);
	ck_assert_uint_eq(transport_in_flight(f.transport), 19);
}
END_TEST

START_TEST(waits_are_read_from_headers)
{
	const char *usage =
		"{\"1\":[{\"type\":\"whatsapp\",\"estimated_time_to_regain_access\":3}],"
		"\"2\":[{\"estimated_time_to_regain_access\": 20}]}";

	ck_assert_int_eq(wait_header_read(NULL, NULL), 0);
	ck_assert_int_eq(wait_header_read("0", NULL), 0);
	ck_assert_int_eq(wait_header_read(" 30 ", usage), 30000);
	ck_assert_int_eq(wait_header_read("Wed, 21 Oct 2026 07:28:00 GMT", NULL), 0);
	ck_assert_int_eq(wait_header_read("-5", NULL), 0);
	ck_assert_int_eq(wait_header_read("86399", NULL), 86399000);
	ck_assert_int_eq(wait_header_read("86400", NULL), 86400000);
	ck_assert_int_eq(wait_header_read("86401", NULL), 86400000);
	ck_assert_int_eq(wait_header_read("99999999999999999999999", NULL), 86400000);
	ck_assert_int_eq(wait_header_read(NULL, usage), 20 * 60000);
	ck_assert_int_eq(wait_header_read(NULL, "{\"estimated_time_to_regain_access\""), 0);
	ck_assert_int_eq(wait_header_read(NULL, "{\"estimated_time_to_regain_access\":99999}"),
			 86400000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport");
	TCase *tcase = tcase_create("http1");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_answer_comes_back_whole);
	tcase_add_test(tcase, a_get_needs_no_body_and_no_gate);
	tcase_add_test(tcase, a_refused_connection_is_not_sent);
	tcase_add_test(tcase, an_unknown_name_is_not_sent);
	tcase_add_test(tcase, a_cut_after_the_body_is_lost);
	tcase_add_test(tcase, a_cut_on_a_used_connection_is_lost_and_not_sent_again);
	tcase_add_test(tcase, an_ungated_post_asks_no_gate);
	tcase_add_test(tcase, the_gate_is_asked_behind_an_ungated_post);
	tcase_add_test(tcase, an_ungated_post_without_an_answer_is_lost);
	tcase_add_test(tcase, an_ungated_post_is_repeated_when_a_used_connection_is_cut);
	tcase_add_test(tcase, a_cut_before_reading_is_never_answered);
	tcase_add_test(tcase, half_an_answer_is_lost);
	tcase_add_test(tcase, a_slow_answer_is_lost_at_the_deadline);
	tcase_add_test(tcase, an_answer_may_be_as_long_as_allowed);
	tcase_add_loop_test(tcase, an_answers_headers_may_be_as_long_as_allowed, -1, 2);
	tcase_add_test(tcase, the_gate_keeps_the_body_back);
	tcase_add_test(tcase, a_wait_in_the_queue_ends_at_the_deadline);
	tcase_add_test(tcase, in_flight_has_a_limit);
	tcase_add_test(tcase, connections_have_a_limit);
	tcase_add_test(tcase, a_connection_idle_for_too_long_is_not_used_again);
	tcase_add_test(tcase, bad_requests_are_refused);
	tcase_add_test(tcase, a_long_body_arrives_whole);
	tcase_add_test(tcase, a_resolver_that_hangs_delays_nobody_else);
	tcase_add_test(tcase, freeing_with_calls_in_flight_is_clean);
	tcase_add_test(tcase, waits_are_read_from_headers);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
