#include "transport/transport.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "h2_house.h"
#include "slowness.h"
#include "transport/h2_stream.h"

#define BODY_BYTES 50000

static char body[BODY_BYTES];

static struct transport_request a_long_post(size_t len)
{
	struct transport_request request = house_request();

	for (size_t i = 0; i < BODY_BYTES; i++)
		body[i] = (char)('a' + i % 26);
	request.body = body;
	request.body_len = len;
	return request;
}

/* --- answers --- */

START_TEST(an_answer_comes_by_http2)
{
	static const char *const lines[] = { "X-Test: yes", "Authorization: Bearer EAAG" };
	struct transport_request request;
	char *headers;

	house_open(STEPS({ .delay_ms = 30 }), 1);
	request = house_request();
	request.tag = 7;
	request.headers = lines;
	request.header_count = 2;
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(house.results[0].tag, 7);
	ck_assert_int_eq(house.results[0].status, 200);
	ck_assert_uint_eq(house.results[0].body_len, 2);
	ck_assert_str_eq(house.last_body, "ok");
	ck_assert_int_ge(house.results[0].took_ms, 29);
	headers = fake_h2_headers(house.server);
	ck_assert_ptr_nonnull(strstr(headers, ":method: POST\n:scheme: https\n:authority: 127.0"));
	ck_assert_ptr_nonnull(strstr(headers, "\n:path: /\n"));
	ck_assert_ptr_nonnull(strstr(headers, "\ncontent-length: 7\n"));
	ck_assert_ptr_nonnull(strstr(headers, "\nuser-agent: test/1\n"));
	ck_assert_ptr_nonnull(strstr(headers, "\nx-test: yes\n"));
	ck_assert_ptr_nonnull(strstr(headers, "\n!authorization: Bearer EAAG\n"));
	free(headers);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
	ck_assert_uint_eq(house.gate_asked, 2);
	ck_assert_uint_eq(transport_in_flight(house.transport), 0);
}
END_TEST

START_TEST(a_get_has_no_body_and_no_gate)
{
	struct transport_request request;
	char url[128];
	char *headers;

	house_open(STEPS({ 0 }), 1);
	snprintf(url, sizeof(url), "%sa/b?c=d", fake_h2_url(house.server));
	request = house_request();
	request.url = url;
	request.post = false;
	request.body_len = 0;
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_ANSWERED);
	headers = fake_h2_headers(house.server);
	ck_assert_ptr_nonnull(strstr(headers, ":method: GET\n"));
	ck_assert_ptr_nonnull(strstr(headers, "\n:path: /a/b?c=d\n"));
	ck_assert_ptr_null(strstr(headers, "content-length"));
	free(headers);
	ck_assert_uint_eq(house.gate_asked, 0);
	ck_assert_uint_eq(fake_h2_pieces(house.server), 0);
}
END_TEST

START_TEST(a_get_without_an_answer_is_lost)
{
	struct transport_request request;

	house_open(STEPS({ .act = FAKE_H2_CLOSE }), 1);
	request = house_request();
	request.post = false;
	request.body_len = 0;
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_LOST);
}
END_TEST

START_TEST(waits_are_read_from_an_answer_that_is_no_success)
{
	static const char usage[] = "{\"1\":[{\"estimated_time_to_regain_access\":3}]}";

	house_open(STEPS({ .status = 429, .retry_after = "12", .usage = usage },
			 { .status = 400, .usage = usage }, { .retry_after = "12" }),
		   3);
	ck_assert_int_eq(house_post()->status, 429);
	ck_assert_int_eq(house_post()->status, 400);
	ck_assert_int_eq(house_post()->status, 200);
	ck_assert_int_eq(house.results[0].retry_after_ms, 12000);
	ck_assert_int_eq(house.results[1].retry_after_ms, 180000);
	ck_assert_int_eq(house.results[2].retry_after_ms, 0);
}
END_TEST

START_TEST(blanks_around_a_header_do_no_harm)
{
	house_open(STEPS({ .status = 429, .retry_after = " 12 " }), 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(house.results[0].retry_after_ms, 12000);
}
END_TEST

START_TEST(an_interim_answer_is_none)
{
	house_open(STEPS({ .act = FAKE_H2_INTERIM }), 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(house.results[0].status, 200);
	ck_assert_str_eq(house.last_body, "ok");
}
END_TEST

START_TEST(an_answer_may_come_before_the_body_went)
{
	house_open_with(&OPTIONS(.no_window = true),
			STEPS({ .when = FAKE_H2_AT_HEADERS, .status = 413 }), 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(house.results[0].status, 413);
	ck_assert_uint_eq(house.gate_asked, 0);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_ge(fake_h2_resets(house.server), 1); /* the second is on its way */
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
}
END_TEST

static enum transport_end end_with_answer_max(size_t max)
{
	struct transport_request request = house_request();

	request.answer_max = max;
	return house_send(&request)->end;
}

START_TEST(an_answer_may_be_as_long_as_allowed)
{
	house_open(STEPS({ .body_bytes = 300000 }), 1);
	ck_assert_int_eq(end_with_answer_max(299999), TRANSPORT_LOST);
	ck_assert_int_eq(end_with_answer_max(300000), TRANSPORT_ANSWERED);
	ck_assert_int_eq(end_with_answer_max(300001), TRANSPORT_ANSWERED);
	ck_assert_uint_eq(house.results[2].body_len, 300000);
	ck_assert_uint_eq(fake_h2_resets(house.server), 1);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
}
END_TEST

START_TEST(headers_may_be_as_long_as_allowed)
{
	/* :status, content-length, x-filler: names, values and 32 for each. */
	const size_t others = 7 + 3 + 14 + 1 + 8 + 3 * 32;
	const struct fake_h2_step steps[] = {
		{ .header_bytes = H2_STREAM_HEADERS_MAX - others + 1 },
		{ .header_bytes = H2_STREAM_HEADERS_MAX - others },
	};

	house_open(steps, 2);
	ck_assert_int_eq(house_post()->end, TRANSPORT_LOST);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
}
END_TEST

/* --- what is not sent and what is lost --- */

/* The body leaves once, whatever the other side does with it, on a new connection (before
 * false) as on a used one. */
static void expect_once(const struct fake_h2_step *step, enum transport_end end, bool before)
{
	const struct fake_h2_step steps[] = { before ? STEPS({ 0 })[0] : *step, *step, { 0 } };
	unsigned done = before ? 2 : 1;

	house_open(before ? steps : steps + 1, before ? 3 : 2);
	if (before)
		ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(house_post()->end, end);
	ck_assert(!house.results[done - 1].rewind_refused);
	ck_assert_int_eq(house.results[done - 1].err.class,
			 end == TRANSPORT_LOST ? ERR_UNCERTAIN : ERR_TEMPORARY);
	ck_assert_uint_eq(house.gate_asked, done);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED); /* the next one is well */
	ck_assert_uint_eq(house.gate_asked, done + 1);
	ck_assert_uint_le(fake_h2_requests(house.server), done + 1);
}

START_TEST(what_the_server_refuses_is_not_sent)
{
	static const struct fake_h2_step refusals[] = {
		{ .act = FAKE_H2_REFUSE },
		{ .act = FAKE_H2_GOAWAY },
		{ .act = FAKE_H2_GOAWAY_CUT },
	};

	expect_once(&refusals[_i / 2], TRANSPORT_NOT_SENT, _i % 2 == 1);
}
END_TEST

START_TEST(what_ends_without_an_answer_is_lost)
{
	static const struct fake_h2_step ends[] = {
		{ .act = FAKE_H2_RESET },
		{ .act = FAKE_H2_CLOSE },
		{ .act = FAKE_H2_HALF, .body_bytes = 50 },
		{ .act = FAKE_H2_HALF_REFUSE, .body_bytes = 50 },
		{ .act = FAKE_H2_SHORT },
	};

	expect_once(&ends[_i / 2], TRANSPORT_LOST, _i % 2 == 1);
}
END_TEST

START_TEST(a_cut_in_the_middle_of_the_body_is_lost)
{
	struct transport_request request;

	house_open_with(&OPTIONS(.window = 1000),
			STEPS({ .act = FAKE_H2_CLOSE, .when = FAKE_H2_AT_DATA }), 1);
	request = a_long_post(BODY_BYTES);
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_LOST);
	ck_assert_uint_eq(fake_h2_requests(house.server), 0);
	ck_assert_uint_eq(house.gate_asked, 1);
}
END_TEST

START_TEST(a_refusal_in_the_middle_of_the_body_is_not_sent)
{
	struct transport_request request;

	house_open_with(&OPTIONS(.window = 1000),
			STEPS({ .act = FAKE_H2_REFUSE, .when = FAKE_H2_AT_DATA }), 1);
	request = a_long_post(BODY_BYTES);
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_NOT_SENT);
	ck_assert_uint_eq(fake_h2_requests(house.server), 0);
}
END_TEST

START_TEST(a_cut_before_the_body_is_not_sent)
{
	static const enum fake_h2_act acts[] = { FAKE_H2_CLOSE, FAKE_H2_RESET, FAKE_H2_REFUSE,
						 FAKE_H2_GOAWAY };

	house_open_with(&OPTIONS(.no_window = true),
			STEPS({ .act = acts[_i], .when = FAKE_H2_AT_HEADERS }), 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_NOT_SENT);
	ck_assert_uint_eq(house.gate_asked, 0);
	ck_assert_uint_eq(fake_h2_pieces(house.server), 0);
}
END_TEST

START_TEST(a_body_that_finds_no_window_is_not_sent)
{
	struct transport_request request;

	house_open_with(&OPTIONS(.no_window = true), STEPS({ 0 }), 1);
	request = house_request();
	request.deadline_boot_ms = clock_boot_ms() + house_ms(400);
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_NOT_SENT);
	ck_assert_int_ge(house.results[0].took_ms, 390);
	ck_assert_uint_eq(house.gate_asked, 0);
}
END_TEST

START_TEST(a_body_goes_out_in_parts_when_the_window_is_small)
{
	struct transport_request request;
	size_t len;
	char *came;

	house_open_with(&OPTIONS(.window = 1000), STEPS({ 0 }), 1);
	request = a_long_post(BODY_BYTES);
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_ANSWERED);
	came = fake_h2_bodies(house.server, &len);
	ck_assert_uint_eq(len, BODY_BYTES);
	ck_assert_mem_eq(came, body, BODY_BYTES);
	free(came);
	ck_assert_uint_ge(fake_h2_pieces(house.server), 50);
	ck_assert_uint_eq(house.gate_asked, 1);
}
END_TEST

START_TEST(no_answer_is_lost_at_the_deadline)
{
	struct transport_request request;

	house_open(STEPS({ .act = FAKE_H2_HANG }, { 0 }), 2);
	request = house_request();
	request.deadline_boot_ms = clock_boot_ms() + house_ms(500);
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_LOST);
	ck_assert_int_ge(house.results[0].took_ms, 490);
	ck_assert_int_le(house.results[0].took_ms, 900 * slowness());
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_resets(house.server), 1);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
}
END_TEST

START_TEST(deadlines_are_kept_one_by_one)
{
	struct transport_request request;

	house_open(STEPS({ .act = FAKE_H2_HANG }), 1);
	for (int i = 0; i < 40; i++) {
		request = house_request();
		request.tag = (uint64_t)(house_ms(400 + 50 * (i % 8)));
		request.deadline_boot_ms = clock_boot_ms() + (int64_t)request.tag;
		house_submit(&request);
	}
	house_await(40);
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(house.results[i].end, TRANSPORT_LOST);
		ck_assert_int_ge(house.results[i].took_ms, (int64_t)house.results[i].tag - 1);
		ck_assert_int_le(house.results[i].took_ms,
				 (int64_t)house.results[i].tag + 300 * slowness());
	}
}
END_TEST

START_TEST(the_gate_keeps_the_body_back)
{
	house_open(STEPS({ 0 }), 1);
	house.gate_closed = true;
	ck_assert_int_eq(house_post()->end, TRANSPORT_NOT_SENT);
	ck_assert(house.results[0].gate_refused);
	ck_assert_int_eq(house.results[0].err.class, ERR_TEMPORARY);
	ck_assert_uint_eq(house.gate_asked, 1);
	house.gate_closed = false;
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_requests(house.server), 1);
	ck_assert_uint_eq(fake_h2_pieces(house.server), 1);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
}
END_TEST

START_TEST(a_call_without_gate_leaves_unasked)
{
	struct transport_request request;

	house_open(STEPS({ 0 }), 1);
	house.gate_closed = true;
	request = house_request();
	request.gated = false;
	ck_assert_int_eq(house_send(&request)->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(house.gate_asked, 0);
}
END_TEST

START_TEST(the_last_stream_before_a_goaway_is_answered)
{
	struct transport_request request;

	house_open(STEPS({ 0 }, { .act = FAKE_H2_GOAWAY_LAST, .delay_ms = (int)house_ms(300) },
			 { 0 }),
		   3);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	request = house_request();
	request.tag = 1;
	house_submit(&request);
	house_run(house_ms(100));
	request.tag = 2;
	house_submit(&request); /* on a new connection */
	house_await(3);
	ck_assert_uint_eq(house.results[1].tag, 2);
	ck_assert_uint_eq(house.results[2].tag, 1);
	ck_assert_uint_eq(house_ended(TRANSPORT_ANSWERED), 3);
	ck_assert_uint_eq(fake_h2_connections(house.server), 2);
}
END_TEST

/* A peer that reads no more: what its kernel took of the body is lost, the rest is not sent,
 * and neither stops the others. */
START_TEST(a_stalled_connection_stops_nobody_else)
{
	static char long_body[1 << 20];
	struct transport_request request;

	memset(long_body, 'x', sizeof(long_body));
	house.settings.idle_max_ms =
		house_ms(3000); /* a ping after 200 of silence, its answer within 300 */
	house_open_with(&OPTIONS(.window = 1 << 22, .wide = true),
			STEPS({ .act = FAKE_H2_STALL, .when = FAKE_H2_AT_HEADERS }, { 0 }), 2);
	request = house_request();
	request.body = long_body;
	request.body_len = sizeof(long_body);
	request.deadline_boot_ms = clock_boot_ms() + house_ms(1000);
	for (int i = 0; i < 16; i++)
		house_submit(&request);
	house_run(house_ms(500));
	ck_assert_uint_eq(house.count, 0);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(house.server), 2);
	house_await(17);
	for (int i = 1; i < 17; i++)
		ck_assert_int_ne(house.results[i].end, TRANSPORT_ANSWERED);
	ck_assert_uint_ge(house_ended(TRANSPORT_LOST), 1);
	ck_assert_uint_eq(house_ended(TRANSPORT_LOST), house.gate_asked - 1);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
}
END_TEST

/* --- many at once --- */

START_TEST(streams_spread_over_few_connections)
{
	struct transport_request request;

	house_open(STEPS({ .delay_ms = (int)house_ms(300) }), 1);
	request = house_request();
	for (int i = 0; i < 100; i++)
		house_submit(&request);
	house_await(100);
	ck_assert_uint_eq(house_ended(TRANSPORT_ANSWERED), 100);
	ck_assert_uint_le(fake_h2_most_streams(house.server), 16);
	ck_assert_uint_ge(fake_h2_connections(house.server), 7);
	ck_assert_uint_le(fake_h2_connections(house.server), 9);
}
END_TEST

START_TEST(two_thousand_at_once)
{
	struct transport_request request;

	house_open(STEPS({ .delay_ms = 50 }), 1);
	request = house_request();
	for (int i = 0; i < 2000; i++)
		house_submit(&request);
	ck_assert_uint_eq(transport_room(house.transport), RESULTS_MAX - 2000);
	house_await(2000);
	ck_assert_uint_eq(house_ended(TRANSPORT_ANSWERED), 2000);
	ck_assert_uint_eq(fake_h2_requests(house.server), 2000);
	ck_assert_uint_le(fake_h2_most_streams(house.server), 16);
	ck_assert_uint_le(fake_h2_connections(house.server), 20);
	ck_assert_uint_eq(house.gate_asked, 2000);
}
END_TEST

START_TEST(the_server_says_how_many_streams)
{
	struct transport_request request;

	house_open_with(&OPTIONS(.streams = 3), STEPS({ .delay_ms = 50 }), 1);
	request = house_request();
	for (int i = 0; i < 100; i++)
		house_submit(&request);
	house_await(100);
	ck_assert_uint_eq(house_ended(TRANSPORT_ANSWERED), 100);
	ck_assert_uint_eq(fake_h2_most_streams(house.server), 3);
}
END_TEST

START_TEST(the_server_may_lower_them_later)
{
	struct transport_request request;

	house.settings.max_connections = 1;
	house_open(STEPS({ .act = FAKE_H2_LOWER }, { .delay_ms = 20 }), 2);
	ck_assert_int_eq(house_post()->end, TRANSPORT_ANSWERED);
	request = house_request();
	for (int i = 0; i < 20; i++)
		house_submit(&request);
	house_await(21);
	ck_assert_uint_eq(house_ended(TRANSPORT_ANSWERED), 21);
	ck_assert_uint_eq(fake_h2_most_streams(house.server), 2);
	ck_assert_uint_eq(fake_h2_connections(house.server), 1);
}
END_TEST

START_TEST(a_wait_in_the_queue_ends_at_the_deadline)
{
	struct transport_request request;

	house.settings.max_connections = 1;
	house.settings.streams = 1;
	house_open(STEPS({ .act = FAKE_H2_HANG }), 1);
	request = house_request();
	request.deadline_boot_ms = clock_boot_ms() + house_ms(900);
	request.tag = 1;
	house_submit(&request);
	request.tag = 2;
	request.deadline_boot_ms = clock_boot_ms() + house_ms(300);
	house_submit(&request);
	house_await(2);
	ck_assert_uint_eq(house.results[0].tag, 2);
	ck_assert_int_eq(house.results[0].end, TRANSPORT_NOT_SENT);
	ck_assert_int_ge(house.results[0].took_ms, 299);
	ck_assert_int_le(house.results[0].took_ms, 700 * slowness());
	ck_assert_int_eq(house.results[1].end, TRANSPORT_LOST);
	ck_assert_uint_eq(house.gate_asked, 1);
}
END_TEST

/* Begun late it would be lost at its deadline, and so would be all that wait behind it. */
START_TEST(a_call_that_has_waited_for_half_of_its_time_is_not_begun)
{
	struct transport_request request;

	house.settings.max_connections = 1;
	house.settings.streams = 1;
	house_open(STEPS({ .delay_ms = (int)house_ms(600) }, { 0 }), 2);
	request = house_request();
	house_submit(&request);
	request.tag = 1;
	request.deadline_boot_ms = clock_boot_ms() + house_ms(1000);
	house_submit(&request);
	request.tag = 2;
	request.gated = false;
	house_submit(&request);
	request.tag = 3;
	request.gated = true;
	request.deadline_boot_ms = clock_boot_ms() + house_ms(5000);
	house_submit(&request);
	house_await(4);
	ck_assert_int_eq(house.results[0].end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(house.results[1].tag, 1);
	ck_assert_int_eq(house.results[1].end, TRANSPORT_NOT_SENT);
	ck_assert_int_eq(house.results[2].end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(house.results[3].end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(house.gate_asked, 2);
	ck_assert_uint_eq(fake_h2_requests(house.server), 3);
}
END_TEST

START_TEST(in_flight_has_a_limit)
{
	struct transport_request request;
	struct err err = { 0 };

	house.settings.max_in_flight = 3;
	house_open(STEPS({ 0 }), 1);
	request = house_request();
	house_submit(&request);
	house_submit(&request);
	ck_assert_uint_eq(transport_room(house.transport), 1);
	house_submit(&request);
	ck_assert_uint_eq(transport_room(house.transport), 0);
	ck_assert_int_eq(transport_submit(house.transport, &request, &err), -1);
	ck_assert_int_eq(err.class, ERR_LIMIT);
	house_await(3);
	ck_assert_uint_eq(transport_room(house.transport), 3);
	house_submit(&request);
	house_await(4);
}
END_TEST

START_TEST(freeing_with_calls_in_flight_is_clean)
{
	struct transport_request request;

	house.settings.max_connections = 1;
	house_open(STEPS({ 0 }, { .act = FAKE_H2_HANG }), 2);
	request = house_request();
	for (int i = 0; i < 40; i++)
		house_submit(&request);
	house_await(1);
	ck_assert_uint_eq(transport_in_flight(house.transport), 39);
}
END_TEST

static TCase *a_case(Suite *suite, const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_setup, house_teardown);
	suite_add_tcase(suite, tcase);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("transport_h2");
	TCase *tcase = a_case(suite, "answers");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, an_answer_comes_by_http2);
	tcase_add_test(tcase, a_get_has_no_body_and_no_gate);
	tcase_add_test(tcase, a_get_without_an_answer_is_lost);
	tcase_add_test(tcase, waits_are_read_from_an_answer_that_is_no_success);
	tcase_add_test(tcase, blanks_around_a_header_do_no_harm);
	tcase_add_test(tcase, an_interim_answer_is_none);
	tcase_add_test(tcase, an_answer_may_come_before_the_body_went);
	tcase_add_test(tcase, an_answer_may_be_as_long_as_allowed);
	tcase_add_test(tcase, headers_may_be_as_long_as_allowed);
	tcase = a_case(suite, "outcomes");
	tcase_add_loop_test(tcase, what_the_server_refuses_is_not_sent, 0, 6);
	tcase_add_loop_test(tcase, what_ends_without_an_answer_is_lost, 0, 10);
	tcase_add_test(tcase, a_cut_in_the_middle_of_the_body_is_lost);
	tcase_add_test(tcase, a_refusal_in_the_middle_of_the_body_is_not_sent);
	tcase_add_loop_test(tcase, a_cut_before_the_body_is_not_sent, 0, 4);
	tcase_add_test(tcase, a_body_that_finds_no_window_is_not_sent);
	tcase_add_test(tcase, a_body_goes_out_in_parts_when_the_window_is_small);
	tcase_add_test(tcase, no_answer_is_lost_at_the_deadline);
	tcase_add_test(tcase, deadlines_are_kept_one_by_one);
	tcase_add_test(tcase, the_gate_keeps_the_body_back);
	tcase_add_test(tcase, a_call_without_gate_leaves_unasked);
	tcase_add_test(tcase, the_last_stream_before_a_goaway_is_answered);
	tcase_add_test(tcase, a_stalled_connection_stops_nobody_else);
	tcase = a_case(suite, "many");
	tcase_add_test(tcase, streams_spread_over_few_connections);
	tcase_add_test(tcase, two_thousand_at_once);
	tcase_add_test(tcase, the_server_says_how_many_streams);
	tcase_add_test(tcase, the_server_may_lower_them_later);
	tcase_add_test(tcase, a_wait_in_the_queue_ends_at_the_deadline);
	tcase_add_test(tcase, a_call_that_has_waited_for_half_of_its_time_is_not_begun);
	tcase_add_test(tcase, in_flight_has_a_limit);
	tcase_add_test(tcase, freeing_with_calls_in_flight_is_clean);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
