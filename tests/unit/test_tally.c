/* The tally of one worker; the store is played here. */
#include "delivery/tally.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static struct {
	bool ready;
	unsigned questions;
	bool anew;
	int64_t least;
} asked;

static struct loop *loop;
static struct tally *tally;
static struct tally_full full;

bool store_ready(const struct store *s)
{
	(void)s;
	return asked.ready;
}

int store_backlog(struct store *s, uint64_t tag, bool anew, int64_t least, struct err *ret_err)
{
	(void)s;
	(void)tag;
	(void)ret_err;
	asked.questions++;
	asked.anew = anew;
	asked.least = least;
	return 0;
}

static void open_tally(int64_t tenant, int64_t all)
{
	const struct backlog_limits limits = { .tenant = tenant, .all = all };
	struct err err;

	asked.questions = 0;
	asked.ready = true;
	loop = loop_new(&err);
	tally = tally_new(loop, &limits);
	ck_assert_ptr_nonnull(tally);
	tally_start(tally, NULL);
}

static void teardown(void)
{
	tally_free(tally);
	loop_free(loop);
}

static void on_turned(void *arg)
{
	loop_stop(arg);
}

static void turn_until_asked(unsigned questions)
{
	const int64_t deadline_ms = clock_boot_ms() + 10000;
	struct err err;

	while (asked.questions < questions) {
		ck_assert_int_lt(clock_boot_ms(), deadline_ms);
		loop_timer(loop, clock_boot_ms() + 1, on_turned, loop);
		ck_assert_int_eq(loop_run(loop, &err), 0);
	}
	ck_assert_uint_eq(asked.questions, questions);
}

/* The answer to the last question: so many of tenant "a", and in all. */
static void count(int64_t a, int64_t all, int64_t age_ms)
{
	struct store_backlog *b = calloc(1, sizeof(*b));

	b->age_us = 1000 * age_ms;
	b->took_us = 1000;
	b->messages = all;
	b->accepted = 0;
	if (a) {
		b->count = 1;
		b->tenants[0].tenant_id = "a";
		b->tenants[0].waiting = a;
	}
	tally_on_count(tally, b);
	free(b);
}

/* Who does not count for all tells nothing: it would be told twice. */
START_TEST(the_queue_is_told_by_who_counts)
{
	struct store_backlog *b = calloc(1, sizeof(*b));

	open_tally(10, 100);
	b->depth[MESSAGE_BULK] = 7;
	b->late_us[MESSAGE_BULK] = 2999999;
	tally_on_count(tally, b);
	ck_assert_int_eq(tally_depth(tally, MESSAGE_BULK), 0);
	ck_assert_int_eq(tally_late_s(tally, MESSAGE_BULK), 0);
	tally_lead(tally, true);
	ck_assert_int_eq(tally_depth(tally, MESSAGE_BULK), 7);
	ck_assert_int_eq(tally_late_s(tally, MESSAGE_BULK), 2);
	ck_assert_int_eq(tally_depth(tally, MESSAGE_HIGH), 0);
	tally_lead(tally, false);
	ck_assert_int_eq(tally_depth(tally, MESSAGE_BULK), 0);
	free(b);
}
END_TEST

static void first_count(int64_t a, int64_t all)
{
	turn_until_asked(1);
	ck_assert(asked.anew);
	count(a, all, 0);
}

/* How many of the tenant are let in until it is full; all of them leave again as that. */
static unsigned fill(const char *tenant, bool become_work)
{
	unsigned n = 0;

	while (n < 1000 && tally_enter(tally, tenant, 1, &full))
		n++;
	for (unsigned i = 0; i < n; i++)
		tally_leave(tally, tenant, 1, become_work);
	return n;
}

START_TEST(nothing_is_known_before_the_first_count)
{
	open_tally(10, 100);
	ck_assert(!tally_known(tally));
	turn_until_asked(1);
	ck_assert(asked.anew);
	ck_assert_int_eq(asked.least, 1);
	tally_on_count(tally, NULL); /* the store was away */
	ck_assert(!tally_known(tally));
	turn_until_asked(2);
	ck_assert(asked.anew);
	count(7, 7, 0);
	ck_assert(tally_known(tally));
	ck_assert_uint_eq(fill("a", false), 3);
}
END_TEST

START_TEST(a_store_that_is_away_is_not_asked)
{
	struct err err;

	open_tally(10, 100);
	asked.ready = false;
	loop_timer(loop, clock_boot_ms() + 60, on_turned, loop);
	ck_assert_int_eq(loop_run(loop, &err), 0);
	ck_assert_uint_eq(asked.questions, 0);
	asked.ready = true;
	turn_until_asked(1);
}
END_TEST

START_TEST(a_tenant_is_full_at_its_limit)
{
	open_tally(10, 100);
	first_count(0, 0);
	for (int n = 0; n < 10; n++)
		ck_assert(tally_enter(tally, "a", 1, &full));
	ck_assert(!tally_enter(tally, "a", 1, &full));
	ck_assert_int_eq(full.verdict, BACKLOG_TENANT_FULL);
	ck_assert_int_eq(full.limit, 10);
	ck_assert_int_eq(full.waiting, 10);
	ck_assert_uint_eq(full.retry_after_s, BACKLOG_RETRY_STUCK_S);
	ck_assert(tally_enter(tally, "b", 1, &full)); /* its neighbour has room */
	tally_leave(tally, "a", 1, false);            /* nothing came of one */
	ck_assert(tally_enter(tally, "a", 1, &full));
	ck_assert(!tally_enter(tally, "a", 1, &full));
	tally_leave(tally, "a", 1, true); /* and one became work */
	ck_assert(!tally_enter(tally, "a", 1, &full));
	tally_finished(tally, "a");
	ck_assert(tally_enter(tally, "a", 1, &full));
	ck_assert(!tally_enter(tally, "a", 1, &full));
}
END_TEST

START_TEST(all_are_full_at_theirs)
{
	open_tally(10, 15);
	first_count(0, 5);
	ck_assert_uint_eq(fill("a", true), 10);
	ck_assert(!tally_enter(tally, "b", 1, &full));
	ck_assert_int_eq(full.verdict, BACKLOG_ALL_FULL);
	ck_assert_int_eq(full.limit, 15);
	ck_assert_int_eq(full.waiting, 15);
	tally_finished(tally, "c");
	ck_assert(tally_enter(tally, "b", 1, &full));
	ck_assert(!tally_enter(tally, "b", 1, &full));
}
END_TEST

START_TEST(a_count_of_our_own_is_exact)
{
	open_tally(10, 100);
	tally_lead(tally, true);
	first_count(0, 0);
	ck_assert_uint_eq(fill("a", true), 10);
	ck_assert(tally_enter(tally, "b", 1, &full)); /* is under way */
	turn_until_asked(2);
	ck_assert(asked.anew);
	count(10, 10, 0);
	ck_assert_uint_eq(fill("a", true), 0);
	ck_assert_int_eq(full.waiting, 10);
	tally_leave(tally, "b", 1, true);
	ck_assert_uint_eq(fill("b", false), 9);
	turn_until_asked(3);
	count(4, 5, 0); /* six have left, as others saw */
	ck_assert_uint_eq(fill("a", false), 6);
}
END_TEST

START_TEST(a_count_of_another_worker_is_taken_by_its_age)
{
	open_tally(10, 100);
	first_count(0, 0);
	ck_assert_uint_eq(fill("a", true), 10);
	turn_until_asked(2);
	ck_assert(!asked.anew);
	count(8, 8, 5000); /* from before the last: tells nothing new */
	ck_assert_uint_eq(fill("a", false), 0);
	ck_assert_int_eq(full.waiting, 10);
	turn_until_asked(3);
	ck_assert(tally_enter(tally, "b", 1, &full));
	tally_leave(tally, "b", 1, true); /* behind the question: not in it */
	count(8, 8, 1);
	ck_assert_uint_eq(fill("a", true), 2);
	ck_assert_uint_eq(fill("b", false), 9);
	turn_until_asked(4);
	count(8, 8, 1002); /* the same again */
	ck_assert_uint_eq(fill("a", false), 0);
	ck_assert(tally_enter(tally, "b", 1, &full));
	tally_leave(tally, "b", 1, true);
	turn_until_asked(5);
	count(9, 10, 1100); /* from before the question before: what came after that is not in it */
	ck_assert_uint_eq(fill("a", false), 1);
	ck_assert_uint_eq(fill("b", false), 9);
}
END_TEST

START_TEST(who_is_full_is_told_when_to_come_again)
{
	open_tally(100, 1000);
	tally_lead(tally, true);
	first_count(100, 100);
	ck_assert_uint_eq(fill("a", false), 0);
	ck_assert_uint_eq(full.retry_after_s, BACKLOG_RETRY_STUCK_S);
	turn_until_asked(2);
	count(200, 200, 0);
	turn_until_asked(3);
	count(195, 195, 0); /* about 5 in 2 s, half of it long ago: 105 have to leave */
	ck_assert_uint_eq(fill("a", false), 0);
	ck_assert_int_eq(full.waiting, 195);
	ck_assert_uint_ge(full.retry_after_s, 30);
	ck_assert_uint_le(full.retry_after_s, 50);
}
END_TEST

START_TEST(tenants_far_from_their_limit_are_not_listed)
{
	open_tally(1000, 10000);
	turn_until_asked(1);
	ck_assert_int_eq(asked.least, 250);
	teardown();
	open_tally(999, 10000);
	turn_until_asked(1);
	ck_assert_int_eq(asked.least, 1);
}
END_TEST

START_TEST(so_many_tenants_that_only_the_whole_is_bounded)
{
	open_tally(1, 70001);
	first_count(0, 0);
	for (int n = 0; n < 65536; n++) {
		char tenant[16];

		snprintf(tenant, sizeof(tenant), "t%d", n);
		ck_assert(tally_enter(tally, tenant, 1, &full));
	}
	ck_assert(!tally_enter(tally, "t7", 1, &full));
	ck_assert_int_eq(full.verdict, BACKLOG_TENANT_FULL);
	for (int n = 65536; n < 70001; n++)
		ck_assert(tally_enter(tally, "one more", 1, &full));
	ck_assert(!tally_enter(tally, "one more", 1, &full));
	ck_assert_int_eq(full.verdict, BACKLOG_ALL_FULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tally");
	TCase *tcase = tcase_create("tally");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, nothing_is_known_before_the_first_count);
	tcase_add_test(tcase, the_queue_is_told_by_who_counts);
	tcase_add_test(tcase, a_store_that_is_away_is_not_asked);
	tcase_add_test(tcase, a_tenant_is_full_at_its_limit);
	tcase_add_test(tcase, all_are_full_at_theirs);
	tcase_add_test(tcase, a_count_of_our_own_is_exact);
	tcase_add_test(tcase, a_count_of_another_worker_is_taken_by_its_age);
	tcase_add_test(tcase, who_is_full_is_told_when_to_come_again);
	tcase_add_test(tcase, tenants_far_from_their_limit_are_not_listed);
	tcase_add_test(tcase, so_many_tenants_that_only_the_whole_is_bounded);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
