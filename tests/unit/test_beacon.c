#include "domain/beacon.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define HERE            \
	{               \
		7001, 3 \
	}

static const struct message_id ours = { { 1 } };
static const struct message_id foreign = { { 2 } };

static const struct judged {
	const char *what;
	struct beacon_server row;
	struct beacon_server server;
	int64_t ticks;
	bool any;
	bool same_id;
	int64_t known;
	enum beacon_verdict verdict;
} cases[] = {
	{ "nothing remembered", HERE, HERE, 5, false, true, 9, BEACON_SAME },
	{ "as remembered", HERE, HERE, 5, true, true, 5, BEACON_SAME },
	{ "ticked on meanwhile", HERE, HERE, 6, true, true, 5, BEACON_SAME },
	{ "one tick behind", HERE, HERE, 4, true, true, 5, BEACON_BEHIND },
	{ "another database", HERE, HERE, 4, true, false, 5, BEACON_SAME },
	{ "promoted, nothing lost", HERE, { 7001, 4 }, 5, true, true, 5, BEACON_OTHER_TIMELINE },
	{ "promoted, unknown to us", HERE, { 7001, 4 }, 5, false, true, 0, BEACON_OTHER_TIMELINE },
	{ "an older timeline", HERE, { 7001, 2 }, 5, true, true, 5, BEACON_OTHER_TIMELINE },
	{ "another cluster", HERE, { 7002, 3 }, 5, true, true, 5, BEACON_OTHER_SYSTEM },
	{ "another cluster, behind", HERE, { 7002, 1 }, 1, true, true, 5, BEACON_OTHER_SYSTEM },
};

START_TEST(the_server_is_the_same_only_if_nothing_speaks_against_it)
{
	const struct judged *c = &cases[_i];
	const struct beacon row = { ours, c->row, c->ticks };
	const struct beacon_known known = { c->any, c->same_id ? ours : foreign, c->known };

	ck_assert_msg(beacon_judge(&row, &c->server, &known) == c->verdict, "%s", c->what);
	ck_assert((strlen(beacon_why(c->verdict)) > 0) == (c->verdict != BEACON_SAME));
}
END_TEST

/* Whoever remembers more of the line that was left is not ahead of the new one, and a copy of
 * before is behind it. */
START_TEST(a_restore_leaps_ahead_of_all_that_is_remembered)
{
	const struct beacon_server here = HERE;
	struct beacon row = { ours, here, 40 };
	const struct beacon_known most = { true, ours, 60 };
	struct beacon_known now = { true, ours, beacon_leap(&row, &most) };

	row.ticks = now.ticks;
	ck_assert_int_eq(beacon_judge(&row, &here, &most), BEACON_SAME);
	ck_assert_int_eq(beacon_judge(&row, &here, &now), BEACON_SAME);
	row.ticks = 61;
	ck_assert_int_eq(beacon_judge(&row, &here, &now), BEACON_BEHIND);
	row.ticks = beacon_leap(&row, &now);
	ck_assert_int_gt(row.ticks, now.ticks);
}
END_TEST

START_TEST(what_is_remembered_of_another_database_does_not_count)
{
	const struct beacon row = { ours, HERE, 40 };
	const struct beacon_known none = { false, ours, INT64_C(1) << 40 };
	const struct beacon_known other = { true, foreign, INT64_C(1) << 40 };

	ck_assert_int_eq(beacon_leap(&row, &none), INT64_C(1) << 32);
	ck_assert_int_eq(beacon_leap(&row, &other), INT64_C(1) << 32);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("beacon");
	TCase *tcase = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, the_server_is_the_same_only_if_nothing_speaks_against_it, 0,
			    sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tcase, a_restore_leaps_ahead_of_all_that_is_remembered);
	tcase_add_test(tcase, what_is_remembered_of_another_database_does_not_count);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
