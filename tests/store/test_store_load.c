/*
 * Loading work: each kind in its order, by lanes, by what is due, page by page, in turns with
 * writes.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness.h"

static struct harness h;
static int64_t clock_ahead_s; /* this process's wall clock, of the server's */

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *t)
{
	int rc = (int)syscall(SYS_clock_gettime, id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec += clock_ahead_s;
	return rc;
}

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

START_TEST(load_gives_the_work_of_lanes_in_order)
{
	uint64_t lanes = 0;
	unsigned expected = 0;

	for (unsigned i = 0; i < 40; i++)
		harness_accept(&h, i, i == 3);
	harness_until_done(&h, 40, 3000);
	for (unsigned i = 0; i < 5; i++)
		lanes |= UINT64_C(1) << harness_message(&h, i)->lane;
	for (unsigned i = 0; i < 40; i++)
		expected += (unsigned)(lanes >> harness_message(&h, i)->lane & 1);
	harness_load(&h, 40, lanes, clock_wall_us() + 1000000);
	ck_assert_uint_eq(h.loaded_count, expected);
	for (unsigned i = 0; i < expected; i++) {
		const struct message *m = h.loaded[i].message;

		ck_assert(lanes >> m->lane & 1);
		if (i > 0 && m->queue == h.loaded[i - 1].message->queue)
			ck_assert_uint_gt(m->seq, h.loaded[i - 1].message->seq);
		if (message_id_equal(m->id, harness_message(&h, 3)->id)) {
			ck_assert_int_eq(h.loaded[i].state, STATE_SENDING);
			ck_assert_uint_eq(h.loaded[i].attempt, 1);
			ck_assert(message_id_equal(h.loaded[i].incarnation, h.incarnation));
			ck_assert_str_eq(h.loaded[i].number, "1234567890");
		} else {
			ck_assert_int_eq(h.loaded[i].state, STATE_QUEUED);
		}
		ck_assert_str_eq(m->payload, harness_message(&h, 0)->payload);
		ck_assert_str_eq(m->conversation_id, "conv-1");
	}
}
END_TEST

/* Of message `tag`, whose attempt 1 is under way. */
static void outcome(unsigned tag, unsigned op, enum outcome what, enum store_next next,
		    int64_t due_wall_us)
{
	struct store_outcome row = harness_outcome(&h, tag);

	row.outcome = what;
	row.next = next;
	row.due_wall_us = due_wall_us;
	if (what != OUTCOME_ACCEPTED)
		row.wamid = "";
	store_outcome(h.store, op, &row);
}

static int by_seq(const void *a, const void *b)
{
	const struct loaded *x = a;
	const struct loaded *y = b;

	return x->message->seq < y->message->seq ? -1 : x->message->seq > y->message->seq;
}

/* What is to be sent in the order it came in, of whichever queue. */
static void load(unsigned op, bool copies, unsigned limit)
{
	struct err err;

	for (unsigned i = 0; i < h.loaded_count; i++)
		message_free(h.loaded[i].message);
	h.loaded_count = 0;
	if (copies) {
		ck_assert_int_eq(store_load_copies(h.store, op, UINT64_MAX, clock_wall_us(), limit,
						   &err),
				 0);
		harness_until_done(&h, h.done_count + 1, 3000);
	} else {
		harness_load(&h, op, UINT64_MAX, clock_wall_us());
		qsort(h.loaded, h.loaded_count, sizeof(h.loaded[0]), by_seq);
	}
	harness_expect(&h, op, STORE_DONE);
}

static void expect_loaded(unsigned at, unsigned tag, enum state state)
{
	ck_assert_uint_lt(at, h.loaded_count);
	ck_assert(message_id_equal(h.loaded[at].message->id, harness_message(&h, tag)->id));
	ck_assert_int_eq(h.loaded[at].state, state);
}

START_TEST(each_load_gives_its_own_kind_of_work)
{
	const int64_t now = clock_wall_us();

	for (unsigned i = 0; i < 6; i++)
		harness_accept(&h, i, true);
	harness_until_done(&h, 6, 3000);
	outcome(0, 10, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION, now - 1000000);
	outcome(1, 11, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION, now - 3000000);
	outcome(2, 12, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION, now - 2000000);
	outcome(3, 13, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION, now + 60000000);
	outcome(4, 14, OUTCOME_LOST, STORE_NEXT_UNKNOWN, 0);
	outcome(5, 15, OUTCOME_NOT_SENT, STORE_NEXT_RETRY, now - 1000000);
	harness_until_done(&h, 12, 3000);

	load(20, false, 10);
	ck_assert_uint_eq(h.loaded_count, 1);
	expect_loaded(0, 5, STATE_RETRYING);
	load(21, true, 3);
	ck_assert_uint_eq(h.loaded_count, 3);
	ck_assert(h.more);
	expect_loaded(0, 1, STATE_SENT);
	expect_loaded(1, 2, STATE_SENT);
	expect_loaded(2, 0, STATE_SENT);
	ck_assert_str_eq(h.loaded[0].wamid, harness_outcome(&h, 1).wamid);
	load(22, true, 4);
	ck_assert_uint_eq(h.loaded_count, 3);
	ck_assert(!h.more);
}
END_TEST

START_TEST(what_came_of_a_lost_attempt_brings_its_work_back)
{
	harness_accept(&h, 0, true);
	harness_accept(&h, 1, true);
	harness_until_done(&h, 2, 3000);
	outcome(0, 2, OUTCOME_LOST, STORE_NEXT_UNKNOWN, 0);
	outcome(1, 3, OUTCOME_LOST, STORE_NEXT_UNKNOWN, 0);
	harness_until_done(&h, 4, 3000);
	outcome(0, 4, OUTCOME_NOT_SENT, STORE_NEXT_RETRY, clock_wall_us());
	outcome(1, 5, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION, clock_wall_us());
	harness_until_done(&h, 6, 3000);
	load(6, false, 10);
	ck_assert_uint_eq(h.loaded_count, 1);
	expect_loaded(0, 0, STATE_RETRYING);
	load(7, true, 10);
	ck_assert_uint_eq(h.loaded_count, 1);
	expect_loaded(0, 1, STATE_SENT);
}
END_TEST

static void expect_near(int64_t wall_us, int64_t from_now_s)
{
	int64_t us = wall_us - clock_wall_us() - from_now_s * 1000000;

	ck_assert_msg(us > -3000000 && us < 1000000, "%ld us off", (long)us);
}

/* Hosts whose clocks differ, or one whose clock is set: what is due is due for all. */
START_TEST(what_is_due_does_not_depend_on_a_clock_of_ours)
{
	static const int64_t ahead_s[] = { 3600, -3600, 86400 * 400 };

	for (unsigned i = 0; i < 3; i++) {
		struct store_defer later = { 0 };

		clock_ahead_s = ahead_s[i];
		harness_sql_text(&h, "TRUNCATE message_sender.work");
		for (unsigned tag = i * 4; tag < i * 4 + 4; tag++)
			harness_accept(&h, tag, tag % 4 > 0);
		harness_until_done(&h, h.done_count + 4, 3000);
		outcome(i * 4 + 1, 20 + i, OUTCOME_NOT_SENT, STORE_NEXT_RETRY, clock_wall_us());
		outcome(i * 4 + 2, 30 + i, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION,
			clock_wall_us());
		later.id = harness_message(&h, i * 4)->id;
		later.due_wall_us = clock_wall_us();
		store_defer(h.store, 40 + i, &later);
		harness_until_done(&h, h.done_count + 3, 3000);
		harness_begin(&h, i * 4 + 1, 2, 80 + i);
		harness_until_done(&h, h.done_count + 1, 3000);

		clock_ahead_s = 0;
		load(50 + i, false, 10);
		ck_assert_uint_eq(h.loaded_count, 3);
		expect_near(h.loaded[0].due_wall_us, 0);
		expect_near(h.loaded[0].expires_wall_us, 86400);
		expect_near(h.loaded[1].deadline_wall_us, 10);
		expect_near(h.loaded[2].deadline_wall_us, 10);
		expect_near(h.loaded[2].due_wall_us, 0);
		load(60 + i, true, 10);
		ck_assert_uint_eq(h.loaded_count, 1);
		expect_near(h.loaded[0].due_wall_us, 0);
		/* Nor on that of who asks. */
		clock_ahead_s = -ahead_s[i];
		load(70 + i, false, 10);
		ck_assert_uint_eq(h.loaded_count, 3);
		expect_near(h.loaded[0].due_wall_us, 0);
	}
}
END_TEST

START_TEST(loads_and_writes_take_turns)
{
	struct err err;

	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(store_load_copies(h.store, i, 1, 0, 10, &err), 0);
	harness_accept(&h, 10, false);
	harness_until_done(&h, 6, 3000);
	ck_assert_uint_le(h.done[10].order, 2);
}
END_TEST

static struct store_queue_load page_of(unsigned tag)
{
	return (struct store_queue_load){ .lane = harness_message(&h, tag)->lane,
					  .queue = harness_message(&h, tag)->queue,
					  .last = UINT64_MAX,
					  .due_until_wall_us = clock_wall_us() + 1000000,
					  .most = 100 };
}

static void load_pages(unsigned op, const struct store_queue_load *pages, unsigned count)
{
	struct err err;

	for (unsigned i = 0; i < h.loaded_count; i++)
		message_free(h.loaded[i].message);
	h.loaded_count = 0;
	ck_assert_int_eq(store_load_queues(h.store, op, pages, count, &err), 0);
	harness_until_done(&h, h.done_count + 1, 3000);
	harness_expect(&h, op, STORE_DONE);
}

/* Ten tenants: messages 0, 10, 20 ... are one queue. */
START_TEST(each_queue_goes_page_by_page)
{
	struct store_queue_load pages[2];

	for (unsigned i = 0; i < 60; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 60, 3000);
	pages[0] = page_of(0);
	pages[1] = page_of(1);
	pages[0].most = 5;
	pages[1].most = 1;
	load_pages(100, pages, 2);
	ck_assert_uint_eq(h.loaded_count, 6);
	for (unsigned i = 0; i < 6; i++) {
		const unsigned first = h.loaded[0].message->queue == pages[0].queue ? 0 : 1;
		const bool second = first == 0 ? i == 5 : i == 0;
		const unsigned tag = second ? 1 : 10 * (i - first);

		expect_loaded(i, tag, STATE_QUEUED);
	}
	pages[0].above = h.done[40].seq; /* read so far */
	pages[1].above = h.done[11].seq;
	pages[1].last = h.done[41].seq;
	pages[1].most = 100;
	load_pages(101, pages, 2);
	ck_assert_uint_eq(h.loaded_count, 1 + 3);
	load_pages(102, pages, 1);
	ck_assert_uint_eq(h.loaded_count, 1);
	expect_loaded(0, 50, STATE_QUEUED);
}
END_TEST

START_TEST(a_look_finds_each_queue_once_in_order_page_by_page)
{
	struct store_queue all[10];

	for (unsigned i = 0; i < 60; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, 60, 3000);
	harness_look(&h, UINT64_MAX, -1, clock_wall_us(), 10);
	ck_assert_uint_eq(h.queue_count, 10);
	ck_assert(h.more);
	memcpy(all, h.queues, sizeof(all));
	for (unsigned i = 0; i < 10; i++) {
		const uint64_t from = ~UINT64_C(0) << all[i].lane;

		if (i > 0)
			ck_assert(all[i - 1].lane < all[i].lane ||
				  (all[i - 1].lane == all[i].lane &&
				   all[i - 1].queue < all[i].queue));
		harness_look(&h, from, (int64_t)all[i].queue, clock_wall_us(), 10);
		ck_assert_uint_eq(h.queue_count, 9 - i);
		ck_assert(!h.more);
		ck_assert_int_eq(memcmp(h.queues, all + i + 1, (9 - i) * sizeof(all[0])), 0);
		harness_look(&h, UINT64_C(1) << all[i].lane, -1, clock_wall_us(), 10);
		ck_assert_uint_ge(h.queue_count, 1);
		ck_assert_uint_eq(h.queues[0].lane, all[i].lane);
	}
}
END_TEST

START_TEST(what_is_not_due_is_neither_found_nor_loaded)
{
	struct store_defer row = { .id = harness_message(&h, 0)->id,
				   .due_wall_us = clock_wall_us() + 60 * 1000000 };

	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 3000);
	store_defer(h.store, 1, &row);
	harness_until_done(&h, 2, 3000);
	harness_look(&h, UINT64_MAX, -1, row.due_wall_us - 1000000, 10);
	ck_assert_uint_eq(h.queue_count, 0);
	harness_look(&h, UINT64_MAX, -1, row.due_wall_us + 1000000, 10);
	ck_assert_uint_eq(h.queue_count, 1);
	/* One behind it does not wait for it. */
	harness_accept(&h, 10, false);
	harness_until_done(&h, 3, 3000);
	load(20, false, 10);
	ck_assert_uint_eq(h.loaded_count, 1);
	expect_loaded(0, 10, STATE_QUEUED);
}
END_TEST

/* Behind the position of a long queue only what became due since the last look is read. */
START_TEST(what_became_due_since_is_told_from_what_was_due)
{
	struct store_queue_load page = page_of(0);
	const int64_t now = clock_wall_us();

	harness_accept(&h, 0, false);
	harness_accept(&h, 10, false);
	harness_until_done(&h, 2, 3000);
	harness_sql_text(&h, "UPDATE message_sender.work SET due_at = now() - interval '60 s' "
			     "WHERE seq = (SELECT min(seq) FROM message_sender.work)");
	page.due_after_wall_us = now - 30 * 1000000;
	load_pages(20, &page, 1);
	ck_assert_uint_eq(h.loaded_count, 1);
	expect_loaded(0, 10, STATE_QUEUED);
	page.due_after_wall_us = now - 90 * 1000000;
	load_pages(21, &page, 1);
	ck_assert_uint_eq(h.loaded_count, 2);
	page.due_until_wall_us = now - 30 * 1000000;
	load_pages(22, &page, 1);
	ck_assert_uint_eq(h.loaded_count, 1);
	expect_loaded(0, 0, STATE_QUEUED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_load");
	TCase *tcase = tcase_create("store_load");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, load_gives_the_work_of_lanes_in_order);
	tcase_add_test(tcase, each_load_gives_its_own_kind_of_work);
	tcase_add_test(tcase, what_came_of_a_lost_attempt_brings_its_work_back);
	tcase_add_test(tcase, what_is_due_does_not_depend_on_a_clock_of_ours);
	tcase_add_test(tcase, loads_and_writes_take_turns);
	tcase_add_test(tcase, each_queue_goes_page_by_page);
	tcase_add_test(tcase, a_look_finds_each_queue_once_in_order_page_by_page);
	tcase_add_test(tcase, what_is_not_due_is_neither_found_nor_loaded);
	tcase_add_test(tcase, what_became_due_since_is_told_from_what_was_due);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
