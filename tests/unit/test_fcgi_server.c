#include "fcgi/server.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "fcgi_house.h"
#include "fcgi_wire.h"
#include "slowness.h"

START_TEST(a_request_is_answered_and_the_connection_closed)
{
	int fd = ask(1, 0, "/later?x", "hello");

	turn_until_requests(1);
	ck_assert_str_eq(house.path, "/later");
	ck_assert_uint_eq(house.body_len, 5);
	ck_assert_uint_eq(fcgi_server_busy(house.server), 1);
	ck_assert(answer(house.ids[0], "done"));
	ck_assert_uint_eq(fcgi_server_busy(house.server), 0);
	expect(fd, 1, "done");
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

START_TEST(an_answer_from_within_the_call_goes_out)
{
	int fd = ask(77, 0, "/now", "echo");

	expect(fd, 77, "echo");
	ck_assert(is_closed(fd));
	ck_assert_uint_eq(fcgi_server_busy(house.server), 0);
	close(fd);
	fd = ask(78, WIRE_KEEP, "/now", "echo");
	expect(fd, 78, "echo");
	close(fd);
}
END_TEST

START_TEST(a_kept_connection_serves_one_request_after_the_other)
{
	int fd = dial();

	for (unsigned id = 1; id <= 3; id++) {
		struct wire w = { 0 };

		wire_request(&w, id, WIRE_KEEP, "POST", id == 2 ? "/now" : "/later", "b", 1);
		push(fd, w.data, w.len);
		turn_until_requests(id);
		if (id != 2)
			ck_assert(answer(house.ids[id - 1], "b"));
		expect(fd, id, "b");
		wire_fini(&w);
	}
	close(fd);
}
END_TEST

START_TEST(bytes_behind_a_request_are_kept_for_the_next)
{
	struct wire w = { 0 };
	int fd = dial();

	wire_request(&w, 1, WIRE_KEEP, "POST", "/later", "1", 1);
	wire_request(&w, 1, WIRE_KEEP, "POST", "/now", "2", 1);
	wire_request(&w, 2, 0, "POST", "/later", "3", 1);
	push(fd, w.data, w.len);
	turn_until_requests(1);
	turn();
	ck_assert_uint_eq(house.count, 1);
	ck_assert(answer(house.ids[0], "first"));
	ck_assert_uint_eq(house.count, 1); /* never from inside an answer */
	expect(fd, 1, "first");
	expect(fd, 1, "2");
	turn_until_requests(3);
	ck_assert(answer(house.ids[2], "third"));
	expect(fd, 2, "third");
	ck_assert(is_closed(fd));
	close(fd);
	wire_fini(&w);
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
	struct wire w = { 0 };
	int fd = dial();

	wire_request(&w, 1, WIRE_KEEP, "POST", "/now", "one", 3);
	wire_request(&w, 2, 0, "POST", "/now", "two", 3);
	for (size_t i = 0; i < w.len; i++) {
		push(fd, w.data + i, 1);
		turn();
		if (i == w.len / 2)
			expect(fd, 1, "one");
	}
	expect(fd, 2, "two");
	ck_assert(is_closed(fd));
	close(fd);
	wire_fini(&w);
}
END_TEST

START_TEST(an_abort_while_waiting_drops_the_answer)
{
	struct wire w = { 0 };
	int fd = ask(5, WIRE_KEEP, "/later", "x");

	turn_until_requests(1);
	wire_record(&w, WIRE_ABORT, 5, NULL, 0, 0);
	push(fd, w.data, w.len);
	expect_end(fd, 5, 0);
	ck_assert_uint_eq(fcgi_server_busy(house.server), 1);
	ck_assert(!answer(house.ids[0], "too late"));
	ck_assert_uint_eq(fcgi_server_busy(house.server), 0);
	w.len = 0;
	wire_request(&w, 5, 0, "POST", "/now", "next", 4);
	push(fd, w.data, w.len);
	expect(fd, 5, "next");
	ck_assert(is_closed(fd));
	close(fd);
	wire_fini(&w);
}
END_TEST

START_TEST(an_abort_before_the_end_is_never_handed_over)
{
	struct wire w = { 0 };
	int fd = dial();

	wire_begin(&w, 5, WIRE_RESPONDER, 0);
	wire_record(&w, WIRE_PARAMS, 5, "ab", 2, 0);
	wire_record(&w, WIRE_ABORT, 5, NULL, 0, 0);
	push(fd, w.data, w.len);
	expect_end(fd, 5, 0);
	ck_assert(is_closed(fd));
	ck_assert_uint_eq(house.count, 0);
	close(fd);
	wire_fini(&w);
}
END_TEST

START_TEST(another_request_and_another_role_are_refused)
{
	struct wire w = { 0 };
	int fd = dial();

	wire_begin(&w, 1, WIRE_AUTHORIZER, WIRE_KEEP);
	push(fd, w.data, w.len);
	expect_end(fd, 1, 3);
	w.len = 0;
	wire_begin(&w, 2, WIRE_RESPONDER, WIRE_KEEP);
	wire_begin(&w, 3, WIRE_RESPONDER, WIRE_KEEP);
	push(fd, w.data, w.len);
	expect_end(fd, 3, 1);
	close(fd);
	fd = dial();
	w.len = 0;
	wire_begin(&w, 1, WIRE_AUTHORIZER, 0);
	push(fd, w.data, w.len);
	expect_end(fd, 1, 3);
	ck_assert(is_closed(fd));
	close(fd);
	wire_fini(&w);
}
END_TEST

START_TEST(management_is_answered_before_and_while_waiting)
{
	struct wire w = { 0 }, got = { 0 };
	int fd = dial();

	wire_record(&w, 99, 0, NULL, 0, 0);
	push(fd, w.data, w.len);
	ck_assert(pull(fd, &got, 16));
	ck_assert_uint_eq(got.data[1], WIRE_UNKNOWN_TYPE);
	ck_assert_uint_eq(got.data[8], 99);
	w.len = got.len = 0;
	wire_request(&w, 1, 0, "POST", "/later", "", 0);
	wire_record(&w, WIRE_GET_VALUES, 0, NULL, 0, 0);
	push(fd, w.data, w.len);
	ck_assert(pull(fd, &got, 8));
	ck_assert_uint_eq(got.data[1], WIRE_GET_VALUES_RESULT);
	turn_until_requests(1);
	ck_assert(answer(house.ids[0], "ok"));
	expect(fd, 1, "ok");
	close(fd);
	wire_fini(&w);
	wire_fini(&got);
}
END_TEST

START_TEST(body_bounds_are_told_to_the_handler)
{
	char *body = malloc(HOUSE_BODY_MAX + 2);

	memset(body, 'x', HOUSE_BODY_MAX + 1);
	body[HOUSE_BODY_MAX + 1] = '\0';
	for (unsigned n = 0; n < 3; n++) {
		int fd = ask(1, 0, "/later", body + 2 - n);

		turn_until_requests(n + 1);
		ck_assert_int_eq(house.fault, n == 2 ? HTTP_FAULT_BODY_TOO_LARGE : HTTP_FAULT_NONE);
		ck_assert_uint_eq(house.body_len, n == 2 ? 0 : HOUSE_BODY_MAX - 1 + n);
		ck_assert(answer(house.ids[n], "seen"));
		expect(fd, 1, "seen");
		close(fd);
	}
	free(body);
}
END_TEST

START_TEST(half_requests_do_not_fill_the_memory)
{
	char body[901] = { 0 };
	struct wire half = { 0 };
	int holder, fd;

	memset(body, 'x', sizeof(body) - 1);
	house_settings.max_held_bytes = 1000;
	house_reopen();
	wire_request(&half, 1, 0, "POST", "/later", body, strlen(body));
	holder = dial();
	push(holder, half.data, half.len - 8); /* all but the end */
	turn_until_busy(1);
	fd = ask(1, 0, "/later", body);
	turn_until_requests(1);
	ck_assert_int_eq(house.fault, HTTP_FAULT_OVERLOADED);
	ck_assert(answer(house.ids[0], "try later"));
	expect(fd, 1, "try later");
	close(fd);
	push(holder, half.data + half.len - 8, 8);
	turn_until_requests(2);
	ck_assert_int_eq(house.fault, HTTP_FAULT_NONE);
	fd = ask(1, 0, "/later", body); /* the holder's is handed over: there is room again */
	turn_until_requests(3);
	ck_assert_int_eq(house.fault, HTTP_FAULT_NONE);
	close(fd);
	close(holder);
	wire_fini(&half);
}
END_TEST

START_TEST(a_peer_that_went_away_makes_the_answer_false)
{
	int fd = ask(1, 0, "/later", "x"), other = ask(1, 0, "/later", "y");

	turn_until_requests(2);
	close(fd);
	turn();
	ck_assert_uint_eq(fcgi_server_busy(house.server), 2);
	ck_assert(!answer(house.ids[0], "nobody"));
	close(other); /* not even noticed by the loop */
	ck_assert(!answer(house.ids[1], "nobody"));
	ck_assert_uint_eq(fcgi_server_busy(house.server), 0);
}
END_TEST

START_TEST(a_peer_that_only_stops_sending_gets_its_answer)
{
	int fd = ask(1, WIRE_KEEP, "/later", "x");

	shutdown(fd, SHUT_WR);
	turn_until_requests(1);
	turn();
	turn();
	ck_assert(answer(house.ids[0], "still there"));
	expect(fd, 1, "still there");
	ck_assert(is_closed(fd));
	close(fd);
	fd = dial();
	push(fd, "\1\1\0", 3);
	shutdown(fd, SHUT_WR);
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

START_TEST(nonsense_costs_only_its_connection)
{
	int good = ask(1, 0, "/later", "x"), bad = dial();

	push(bad, "GET / HTTP/1.0\r\n\r\n", 18);
	ck_assert(is_closed(bad));
	turn_until_requests(1);
	ck_assert(answer(house.ids[0], "ok"));
	expect(good, 1, "ok");
	close(good);
	close(bad);
}
END_TEST

START_TEST(silent_and_halfway_peers_delay_nobody_and_are_closed_in_time)
{
	enum { PEERS = 60 };
	struct wire w = { 0 };
	int fds[PEERS], fd;
	int64_t begin, waited;

	house_settings.read_timeout_ms = 300;
	house_settings.idle_timeout_ms = 400;
	house_reopen();
	wire_request(&w, 1, 0, "POST", "/now", "0123456789", 10);
	for (size_t i = 0; i < PEERS; i++) {
		fds[i] = dial();
		push(fds[i], w.data, i % 3 == 0 ? 0 : i % 3 == 1 ? 5 : w.len - 12);
	}
	begin = clock_boot_ms();
	fd = ask(1, 0, "/now", "quick");
	expect(fd, 1, "quick");
	ck_assert_int_lt(clock_boot_ms() - begin, 50 * slowness());
	ck_assert_uint_eq(fcgi_server_busy(house.server), PEERS - PEERS / 3);
	close(fd);
	/* A waiting request has no time limit here. */
	fd = ask(1, 0, "/later", "x");
	turn_until_requests(2);
	for (size_t i = 0; i < PEERS; i++) {
		ck_assert(is_closed(fds[i]));
		close(fds[i]);
	}
	waited = clock_boot_ms() - begin;
	ck_assert_int_ge(waited, 390);
	ck_assert_int_lt(waited, 2000);
	ck_assert(answer(house.ids[1], "late"));
	expect(fd, 1, "late");
	close(fd);
	wire_fini(&w);
}
END_TEST

START_TEST(an_answer_not_taken_is_dropped_in_time)
{
	enum { LONG_ANSWER = 1024 * 1024 };
	char *text = malloc(LONG_ANSWER);
	int fd;

	memset(text, 'x', LONG_ANSWER - 1);
	text[LONG_ANSWER - 1] = '\0';
	house_settings.read_timeout_ms = 200;
	house_reopen();
	fd = ask(1, WIRE_KEEP, "/later", "x");
	turn_until_requests(1);
	ck_assert(answer(house.ids[0], text));
	ck_assert_uint_eq(fcgi_server_busy(house.server), 1);
	turn_until_busy(0);
	close(fd);
	/* One that is taken slowly arrives whole. */
	fd = ask(1, WIRE_KEEP, "/later", "x");
	turn_until_requests(2);
	ck_assert(answer(house.ids[1], text));
	expect(fd, 1, text);
	turn_until_busy(0);
	close(fd);
	free(text);
}
END_TEST

START_TEST(two_thousand_requests_wait_at_once)
{
	enum { PEERS = 2000 };
	static int fds[PEERS];

	ck_assert_int_gt(fd_raise_limit(), 2 * PEERS + 50);
	for (unsigned i = 0; i < PEERS; i++) {
		fds[i] = ask(i + 1, i % 2, "/later", "x");
		if (i % 100 == 99)
			turn_until_requests(i + 1);
	}
	ck_assert_uint_eq(fcgi_server_busy(house.server), PEERS);
	for (unsigned i = 0; i < PEERS; i++)
		ck_assert(answer(house.ids[i], "one of many"));
	ck_assert_uint_eq(fcgi_server_busy(house.server), 0);
	for (unsigned i = 0; i < PEERS; i++) {
		expect(fds[i], i + 1, "one of many");
		close(fds[i]);
	}
}
END_TEST

START_TEST(connections_beyond_the_bound_wait_in_the_backlog)
{
	int a, b, c;

	house_settings.max_connections = 2;
	house_reopen();
	a = ask(1, 0, "/later", "a");
	b = ask(1, 0, "/later", "b");
	c = ask(1, 0, "/now", "c");
	turn_until_requests(2);
	for (int i = 0; i < 30; i++)
		turn();
	ck_assert_uint_eq(house.count, 2);
	ck_assert(answer(house.ids[0], "a"));
	expect(c, 1, "c");
	close(a);
	close(b);
	close(c);
}
END_TEST

START_TEST(no_descriptor_left_is_a_pause_not_a_busy_loop)
{
	struct rlimit old, low;
	struct rusage before, after;
	int fd = dial(), probe = dup(fd);

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	close(probe);
	low = old;
	low.rlim_cur = (rlim_t)probe;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	getrusage(RUSAGE_SELF, &before);
	for (int64_t end = clock_boot_ms() + 300; clock_boot_ms() < end;) {
		turn();
	}
	getrusage(RUSAGE_SELF, &after);
	ck_assert_int_lt((after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
				 after.ru_utime.tv_usec - before.ru_utime.tv_usec +
				 (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
				 after.ru_stime.tv_usec - before.ru_stime.tv_usec,
			 100000);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	close(fd);
	fd = ask(1, 0, "/now", "again");
	expect(fd, 1, "again");
	close(fd);
}
END_TEST

static unsigned of_first_round;

static bool after_each_round(void *arg)
{
	(void)arg;
	if (of_first_round == 0)
		of_first_round = house.count;
	return false;
}

/* A worker with long rounds must not let the listening socket's queue fill. */
START_TEST(a_round_takes_what_waits_but_not_for_ever)
{
	enum { BATCH = 256 };
	static int fds[BATCH + 1];

	of_first_round = 0;
	for (unsigned i = 0; i <= BATCH; i++)
		fds[i] = ask(1, 0, "/later", "x");
	ck_assert_uint_eq(house.count, 0);
	loop_hook(house.loop, after_each_round, NULL);
	turn_until_requests(BATCH + 1);
	ck_assert_uint_eq(of_first_round, BATCH);
	for (unsigned i = 0; i <= BATCH; i++) {
		ck_assert(answer(house.ids[i], "x"));
		close(fds[i]);
	}
}
END_TEST

/* With too much to refuse it goes on with what it has. */
START_TEST(a_round_answers_few_at_once)
{
	enum { BATCH = 16 };
	static int fds[BATCH + 1];

	for (unsigned i = 0; i <= BATCH; i++)
		fds[i] = ask(1, 0, "/now", "x");
	of_first_round = 0;
	loop_hook(house.loop, after_each_round, NULL);
	for (unsigned i = 0; i <= BATCH; i++) {
		expect(fds[i], 1, "x");
		close(fds[i]);
	}
	ck_assert_uint_eq(of_first_round, BATCH);
}
END_TEST

START_TEST(closing_takes_the_backlog_and_lets_requests_end)
{
	struct wire w = { 0 };
	int kept = ask(1, WIRE_KEEP, "/now", "idle soon");
	int waiting = ask(1, WIRE_KEEP, "/later", "w");
	int late, raced, silent;

	expect(kept, 1, "idle soon");
	turn_until_requests(2);
	raced = ask(1, WIRE_KEEP, "/now", "used");
	expect(raced, 1, "used");
	wire_request(&w, 2, WIRE_KEEP, "POST", "/now", "raced", 5);
	push(raced, w.data, w.len);
	late = ask(1, WIRE_KEEP, "/later", "late");
	silent = dial();
	fcgi_server_close(house.server, true);
	ck_assert(is_closed(kept));
	expect(raced, 2, "raced");
	ck_assert(is_closed(raced));
	turn_until_requests(5);
	/* The two waiting, and the one that has not said anything yet. */
	ck_assert_uint_eq(fcgi_server_busy(house.server), 3);
	ck_assert(answer(house.ids[1], "w"));
	expect(waiting, 1, "w");
	ck_assert(is_closed(waiting));
	ck_assert(answer(house.ids[3], "l")); /* the backlog comes before idle connections */
	expect(late, 1, "l");
	turn_until_busy(0); /* the silent one has a second */
	ck_assert(is_closed(silent));
	close(kept);
	close(waiting);
	close(late);
	close(raced);
	close(silent);
	wire_fini(&w);
}
END_TEST

START_TEST(closing_without_the_backlog_leaves_it_to_others)
{
	int fd = ask(1, 0, "/now", "x");
	struct wire w = { 0 };

	fcgi_server_close(house.server, false);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(house.count, 0);
	ck_assert_int_eq(recv(fd, &w, 1, 0), -1);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fcgi_server");
	TCase *tcase = tcase_create("fcgi_server");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, house_open, house_close);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_request_is_answered_and_the_connection_closed);
	tcase_add_test(tcase, an_answer_from_within_the_call_goes_out);
	tcase_add_test(tcase, a_kept_connection_serves_one_request_after_the_other);
	tcase_add_test(tcase, bytes_behind_a_request_are_kept_for_the_next);
	tcase_add_test(tcase, a_request_may_come_byte_by_byte);
	tcase_add_test(tcase, an_abort_while_waiting_drops_the_answer);
	tcase_add_test(tcase, an_abort_before_the_end_is_never_handed_over);
	tcase_add_test(tcase, another_request_and_another_role_are_refused);
	tcase_add_test(tcase, management_is_answered_before_and_while_waiting);
	tcase_add_test(tcase, body_bounds_are_told_to_the_handler);
	tcase_add_test(tcase, half_requests_do_not_fill_the_memory);
	tcase_add_test(tcase, a_peer_that_went_away_makes_the_answer_false);
	tcase_add_test(tcase, a_peer_that_only_stops_sending_gets_its_answer);
	tcase_add_test(tcase, nonsense_costs_only_its_connection);
	tcase_add_test(tcase, silent_and_halfway_peers_delay_nobody_and_are_closed_in_time);
	tcase_add_test(tcase, an_answer_not_taken_is_dropped_in_time);
	tcase_add_test(tcase, two_thousand_requests_wait_at_once);
	tcase_add_test(tcase, connections_beyond_the_bound_wait_in_the_backlog);
	tcase_add_test(tcase, no_descriptor_left_is_a_pause_not_a_busy_loop);
	tcase_add_test(tcase, a_round_takes_what_waits_but_not_for_ever);
	tcase_add_test(tcase, a_round_answers_few_at_once);
	tcase_add_test(tcase, closing_takes_the_backlog_and_lets_requests_end);
	tcase_add_test(tcase, closing_without_the_backlog_leaves_it_to_others);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
