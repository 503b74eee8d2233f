#include "transport/transport.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "fake_h2.h"
#include "slowness.h"

#define STEPS(...) ((const struct fake_h2_step[]){ __VA_ARGS__ })
#define RESULTS_MAX 1024

struct fixture {
	struct loop *loop;
	struct transport *transport;
	struct fake_h2 *server;
	struct transport_result results[RESULTS_MAX];
	unsigned count;
	unsigned wanted;
	unsigned gate_asked;
};

static struct fixture f;

static void on_done(void *arg UNUSED, const struct transport_result *result)
{
	f.results[f.count++] = *result;
	if (f.count == f.wanted)
		loop_stop(f.loop);
}

static bool on_gate(void *arg UNUSED, uint64_t tag UNUSED)
{
	f.gate_asked++;
	return true;
}

static void on_timeout(void *arg UNUSED)
{
	loop_stop(f.loop);
}

static void open_transport(const char *ca_file)
{
	struct transport_settings settings = { .http2 = true,
					       .max_connections = 20,
					       .streams = 16,
					       .max_in_flight = RESULTS_MAX,
					       .connect_timeout_ms = 5000,
					       .idle_max_ms = 30000,
					       .ca_file = ca_file,
					       .user_agent = "test/1" };
	struct err err;

	f.transport = transport_new(f.loop, &settings, on_done, on_gate, &f, &err);
	ck_assert_ptr_nonnull(f.transport);
}

static void setup(void)
{
	struct err err;

	signal(SIGPIPE, SIG_IGN); /* for the server's threads */
	memset(&f, 0, sizeof(f));
	ck_assert_int_eq(transport_global_init(&err), 0);
	f.loop = loop_new(&err);
	ck_assert_ptr_nonnull(f.loop);
}

static void teardown(void)
{
	transport_free(f.transport);
	loop_free(f.loop);
	fake_h2_stop(f.server);
	transport_global_fini();
}

static void open_both(const struct fake_h2_step *steps, size_t count)
{
	f.server = fake_h2_start(steps, count);
	open_transport(fake_h2_ca_file(f.server));
}

static void submit(void)
{
	const struct transport_request request = { .url = fake_h2_url(f.server),
						   .post = true,
						   .body = "{\"n\":1}",
						   .body_len = 7,
						   .deadline_boot_ms =
							   clock_boot_ms() + 8000 * slowness(),
						   .answer_max = 100,
						   .gated = true };
	struct err err = { 0 };

	ck_assert_msg(transport_submit(f.transport, &request, &err) == 0, "%s", err.text);
}

static void await(unsigned wanted)
{
	uint64_t timer = loop_timer(f.loop, clock_boot_ms() + 15000 * slowness(), on_timeout, NULL);
	struct err err;

	f.wanted = wanted;
	if (f.count < wanted)
		ck_assert_int_eq(loop_run(f.loop, &err), 0);
	loop_cancel(f.loop, timer);
	ck_assert_uint_eq(f.count, wanted);
}

static const struct transport_result *post(void)
{
	submit();
	await(f.count + 1);
	return &f.results[f.count - 1];
}

START_TEST(an_answer_comes_by_http2)
{
	open_both(STEPS({ 0 }), 1);
	ck_assert_int_eq(post()->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(f.results[0].status, 200);
	ck_assert_uint_eq(f.results[0].body_len, 2);
	ck_assert_int_eq(post()->end, TRANSPORT_ANSWERED);
	ck_assert_uint_eq(fake_h2_connections(f.server), 1);
}
END_TEST

START_TEST(an_unknown_certificate_means_not_sent)
{
	f.server = fake_h2_start(STEPS({ 0 }), 1);
	open_transport("");
	ck_assert_int_eq(post()->end, TRANSPORT_NOT_SENT);
	ck_assert_int_eq(f.results[0].err.code, 60); /* CURLE_PEER_FAILED_VERIFICATION */
	ck_assert_uint_eq(f.gate_asked, 0);
	ck_assert_uint_eq(fake_h2_requests(f.server), 0);
}
END_TEST

/* The body leaves once, whatever the other side does with it, on a new connection (before 0)
 * as on a used one. */
static void expect_lost_once(enum fake_h2_act act, bool before)
{
	const struct fake_h2_step steps[] = { { before ? FAKE_H2_ANSWER : act, 0 },
					      { act, 0 },
					      { FAKE_H2_ANSWER, 0 } };
	unsigned sent = before ? 2 : 1;

	open_both(before ? steps : steps + 1, before ? 3 : 2);
	if (before)
		ck_assert_int_eq(post()->end, TRANSPORT_ANSWERED);
	ck_assert_int_eq(post()->end, TRANSPORT_LOST);
	ck_assert_uint_eq(f.gate_asked, sent);
	ck_assert_uint_eq(fake_h2_requests(f.server), sent);
	ck_assert_int_eq(post()->end, TRANSPORT_ANSWERED); /* the next one is well */
	ck_assert_uint_eq(fake_h2_requests(f.server), sent + 1);
}

START_TEST(nothing_is_sent_twice)
{
	static const enum fake_h2_act acts[] = { FAKE_H2_REFUSE, FAKE_H2_RESET, FAKE_H2_GOAWAY,
						 FAKE_H2_CLOSE };

	expect_lost_once(acts[_i / 2], _i % 2 == 1);
}
END_TEST

START_TEST(a_refused_stream_is_counted_apart)
{
	open_both(STEPS({ FAKE_H2_ANSWER, 0 }, { FAKE_H2_REFUSE, 0 }), 2);
	ck_assert(!post()->rewind_refused);
	ck_assert(post()->rewind_refused);
}
END_TEST

START_TEST(streams_spread_over_few_connections)
{
	open_both(STEPS({ FAKE_H2_ANSWER, 300 * (int)slowness() }), 1);
	for (int i = 0; i < 100; i++)
		submit();
	await(100);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(f.results[i].end, TRANSPORT_ANSWERED);
	ck_assert_uint_le(fake_h2_most_streams(f.server), 16);
	ck_assert_uint_ge(fake_h2_connections(f.server), 7);
	ck_assert_uint_le(fake_h2_connections(f.server), 9);
}
END_TEST

START_TEST(more_calls_than_streams_wait_their_turn)
{
	open_both(STEPS({ FAKE_H2_ANSWER, 50 }), 1);
	for (int i = 0; i < 700; i++)
		submit();
	await(700);
	for (unsigned i = 0; i < 700; i++)
		ck_assert_int_eq(f.results[i].end, TRANSPORT_ANSWERED);
	ck_assert_uint_le(fake_h2_most_streams(f.server), 16);
	ck_assert_uint_le(fake_h2_connections(f.server), 20);
	ck_assert_uint_eq(f.gate_asked, 700);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("transport_h2");
	TCase *tcase = tcase_create("http2");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_answer_comes_by_http2);
	tcase_add_test(tcase, an_unknown_certificate_means_not_sent);
	tcase_add_loop_test(tcase, nothing_is_sent_twice, 0, 8);
	tcase_add_test(tcase, a_refused_stream_is_counted_apart);
	tcase_add_test(tcase, streams_spread_over_few_connections);
	tcase_add_test(tcase, more_calls_than_streams_wait_their_turn);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
