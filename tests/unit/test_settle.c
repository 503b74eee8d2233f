#include "domain/settle.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LOST INT64_C(1000000)
#define QUARANTINE INT64_C(120000)
#define VALID (LOST + INT64_C(86400000))
#define RESENDS_MAX 3u

static struct settle_case case_of(enum unknown_policy policy, int64_t age_ms)
{
	return (struct settle_case){
		.policy = policy,
		.quarantine_ms = QUARANTINE,
		.max_resends = RESENDS_MAX,
		.now_ms = LOST + age_ms,
		.lost_ms = LOST,
		.expires_ms = VALID,
	};
}

static const int64_t ages[] = { 0, QUARANTINE - 1, QUARANTINE, QUARANTINE + 1 };

#define AGES (sizeof(ages) / sizeof(ages[0]))

/* What must come of it, said once more, as a table. */
struct expected {
	enum unknown_policy policy;
	bool over;    /* the quarantine */
	bool enough;  /* evidence */
	int resent;   /* 0, 1: fewer than the bound, 2: the bound */
	bool expired; /* validity */
	enum settle_verdict verdict;
};

#define ANY(policy, over, verdict)                                                             \
	{ policy, over, false, 0, false, verdict }, { policy, over, false, 0, true, verdict }, \
		{ policy, over, false, 1, false, verdict },                                    \
		{ policy, over, false, 1, true, verdict },                                     \
		{ policy, over, false, 2, false, verdict },                                    \
		{ policy, over, false, 2, true, verdict },                                     \
		{ policy, over, true, 0, false, verdict },                                     \
		{ policy, over, true, 0, true, verdict },                                      \
		{ policy, over, true, 1, false, verdict },                                     \
		{ policy, over, true, 1, true, verdict },                                      \
		{ policy, over, true, 2, false, verdict },                                     \
	{                                                                                      \
		policy, over, true, 2, true, verdict                                           \
	}

static const struct expected table[] = {
	ANY(UNKNOWN_HOLD, false, SETTLE_KEEP),
	ANY(UNKNOWN_HOLD, true, SETTLE_KEEP),
	ANY(UNKNOWN_EVIDENCE, false, SETTLE_WAIT),
	ANY(UNKNOWN_RESEND, false, SETTLE_WAIT),
	ANY(UNKNOWN_FAIL, false, SETTLE_WAIT),
	ANY(UNKNOWN_FAIL, true, SETTLE_FAIL),
	/* once, with evidence, while it is valid */
	{ UNKNOWN_EVIDENCE, true, false, 0, false, SETTLE_WAIT },
	{ UNKNOWN_EVIDENCE, true, false, 0, true, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, false, 1, false, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, false, 1, true, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, false, 2, false, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, false, 2, true, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, true, 0, false, SETTLE_RESEND },
	{ UNKNOWN_EVIDENCE, true, true, 0, true, SETTLE_FAIL },
	{ UNKNOWN_EVIDENCE, true, true, 1, false, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, true, 1, true, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, true, 2, false, SETTLE_KEEP },
	{ UNKNOWN_EVIDENCE, true, true, 2, true, SETTLE_KEEP },
	/* whatever the evidence, up to the bound */
	{ UNKNOWN_RESEND, true, false, 0, false, SETTLE_RESEND },
	{ UNKNOWN_RESEND, true, false, 0, true, SETTLE_FAIL },
	{ UNKNOWN_RESEND, true, false, 1, false, SETTLE_RESEND },
	{ UNKNOWN_RESEND, true, false, 1, true, SETTLE_FAIL },
	{ UNKNOWN_RESEND, true, false, 2, false, SETTLE_FAIL },
	{ UNKNOWN_RESEND, true, false, 2, true, SETTLE_FAIL },
	{ UNKNOWN_RESEND, true, true, 0, false, SETTLE_RESEND },
	{ UNKNOWN_RESEND, true, true, 0, true, SETTLE_FAIL },
	{ UNKNOWN_RESEND, true, true, 1, false, SETTLE_RESEND },
	{ UNKNOWN_RESEND, true, true, 1, true, SETTLE_FAIL },
	{ UNKNOWN_RESEND, true, true, 2, false, SETTLE_FAIL },
	{ UNKNOWN_RESEND, true, true, 2, true, SETTLE_FAIL },
};

static enum settle_verdict expected(const struct settle_case *c)
{
	const struct expected want = {
		.policy = c->policy,
		.over = c->now_ms - c->lost_ms >= c->quarantine_ms,
		.enough = c->later_receipts >= 3,
		.resent = c->resends == 0               ? 0
			  : c->resends < c->max_resends ? 1
							: 2,
		.expired = c->now_ms >= c->expires_ms,
	};

	if (c->accepted)
		return SETTLE_SENT;
	if (c->restored)
		return SETTLE_KEEP;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].policy == want.policy && table[i].over == want.over &&
		    table[i].enough == want.enough && table[i].resent == want.resent &&
		    table[i].expired == want.expired)
			return table[i].verdict;
	ck_abort_msg("the table has no row");
	return SETTLE_KEEP;
}

static void decides(const struct settle_case *c)
{
	int64_t at_ms = -1;
	const enum settle_verdict verdict = settle_decide(c, &at_ms);

	ck_assert_msg(verdict == expected(c),
		      "%s, age %lld, %u receipts, %u resends, valid %lld: %d, not %d",
		      unknown_policy_name(c->policy), (long long)(c->now_ms - c->lost_ms),
		      c->later_receipts, c->resends, (long long)(c->expires_ms - c->now_ms),
		      (int)verdict, (int)expected(c));
	if (verdict == SETTLE_WAIT)
		ck_assert_int_gt(at_ms, c->now_ms);
	else
		ck_assert_int_eq(at_ms, -1);
}

/* All policies, ages around the quarantine, evidence around its limit, resends around theirs,
 * validity around its end, with and without a receipt of its own. */
START_TEST(every_case_is_decided_as_the_table_says)
{
	unsigned cases = 0;

	for (enum unknown_policy policy = 0; policy < UNKNOWN_POLICIES; policy++)
		for (size_t age = 0; age < AGES; age++)
			for (unsigned receipts = 0; receipts <= SETTLE_EVIDENCE + 1; receipts++)
				for (unsigned resends = 0; resends <= RESENDS_MAX + 1; resends++)
					for (int valid = -1; valid <= 2; valid++)
						for (int accepted = 0; accepted < 2; accepted++) {
							struct settle_case c =
								case_of(policy, ages[age]);

							c.later_receipts = receipts;
							c.resends = resends;
							c.accepted = accepted != 0;
							if (valid < 2)
								c.expires_ms = c.now_ms + valid;
							decides(&c);
							c.restored = true;
							decides(&c);
							cases++;
						}
	ck_assert_uint_eq(cases, 4 * AGES * 5 * 5 * 4 * 2);
}
END_TEST

START_TEST(the_quarantine_ends_when_it_says)
{
	for (enum unknown_policy policy = UNKNOWN_EVIDENCE; policy < UNKNOWN_POLICIES; policy++) {
		struct settle_case c = case_of(policy, QUARANTINE - 1);
		int64_t at_ms = 0;

		ck_assert_int_eq(settle_decide(&c, &at_ms), SETTLE_WAIT);
		ck_assert_int_eq(at_ms, LOST + QUARANTINE);
		c.now_ms = LOST;
		ck_assert_int_eq(settle_decide(&c, &at_ms), SETTLE_WAIT);
		ck_assert_int_eq(at_ms, LOST + QUARANTINE);
	}
}
END_TEST

static int64_t look_after(int64_t age_ms, int64_t valid_ms)
{
	struct settle_case c = case_of(UNKNOWN_EVIDENCE, age_ms);
	int64_t at_ms = 0;

	c.quarantine_ms = 0;
	c.later_receipts = SETTLE_EVIDENCE - 1;
	c.expires_ms = c.now_ms + valid_ms;
	ck_assert_int_eq(settle_decide(&c, &at_ms), SETTLE_WAIT);
	return at_ms - c.now_ms;
}

START_TEST(evidence_is_looked_for_again_at_growing_intervals)
{
	const int64_t day = INT64_C(86400000);

	ck_assert_int_eq(look_after(0, day), 1000);
	ck_assert_int_eq(look_after(1999, day), 1000);
	ck_assert_int_eq(look_after(2002, day), 1001);
	ck_assert_int_eq(look_after(120000, day), 60000);
	ck_assert_int_eq(look_after(1199998, day), 599999);
	ck_assert_int_eq(look_after(1200000, day), 600000);
	ck_assert_int_eq(look_after(1200002, day), 600000);
	/* The end of its validity is no later than a look. */
	ck_assert_int_eq(look_after(120000, 59999), 59999);
	ck_assert_int_eq(look_after(120000, 60000), 60000);
	ck_assert_int_eq(look_after(120000, 60001), 60000);
	ck_assert_int_eq(look_after(0, 1), 1);
}
END_TEST

START_TEST(without_resends_the_policy_resend_fails)
{
	struct settle_case c = case_of(UNKNOWN_RESEND, QUARANTINE);
	int64_t at_ms;

	c.max_resends = 0;
	ck_assert_int_eq(settle_decide(&c, &at_ms), SETTLE_FAIL);
}
END_TEST

START_TEST(names_are_those_of_the_setting)
{
	static const char *const names[] = { "hold", "evidence", "resend", "fail" };
	enum unknown_policy policy = UNKNOWN_HOLD;

	for (unsigned i = 0; i < UNKNOWN_POLICIES; i++) {
		ck_assert_str_eq(unknown_policy_name((enum unknown_policy)i), names[i]);
		ck_assert(unknown_policy_parse(names[i], &policy));
		ck_assert_uint_eq(policy, i);
	}
	ck_assert_str_eq(unknown_policy_name(UNKNOWN_POLICIES), "");
	ck_assert(!unknown_policy_parse("", &policy));
	ck_assert(!unknown_policy_parse("Hold", &policy));
	ck_assert(!unknown_policy_parse("failed", &policy));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settle");
	TCase *tcase = tcase_create("settle");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_case_is_decided_as_the_table_says);
	tcase_add_test(tcase, the_quarantine_ends_when_it_says);
	tcase_add_test(tcase, evidence_is_looked_for_again_at_growing_intervals);
	tcase_add_test(tcase, without_resends_the_policy_resend_fails);
	tcase_add_test(tcase, names_are_those_of_the_setting);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
