/* Policies of tenants for lost replies: when they are in force, and what is told of them. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "settling.h"
#include "store/query.h"

static struct harness h;

static void setup(void)
{
	harness_start(&h);
}

static void teardown(void)
{
	harness_stop(&h);
}

/* As the command line does it. */
static void tenant_set(const char *policy, const char *quarantine, long changed, long unknown)
{
	const char *const values[] = { harness_message(&h, 0)->tenant_id, policy, quarantine, "who",
				       "why" };
	struct err err = { .text = "" };
	struct query *q = query_open(harness_url(), &err);

	ck_assert_msg(q != NULL, "%s", err.text);
	ck_assert_msg(query_run(q, "tenant_set", 5, values, &err) == 0, "%s", err.text);
	ck_assert_int_eq(strtol(query_value(q, 0, 0), NULL, 10), changed);
	ck_assert_msg(query_run(q, "tenant_due", 1, values, &err) == 0, "%s", err.text);
	ck_assert_int_eq(strtol(query_value(q, 0, 0), NULL, 10), unknown);
	query_close(q);
}

START_TEST(a_tenants_policy_is_in_force_for_what_is_unknown_already)
{
	settling_lose(&h, 0, 0);
	settling_lose(&h, 1, 0); /* of another tenant */
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_KEEP), STORE_DONE);
	ck_assert_int_eq(settling_settle(&h, 1, SETTLE_KEEP), STORE_DONE);
	tenant_set("fail", "5", 1, 1);
	ck_assert_uint_eq(settling_look_at_one(&h, UNKNOWN_HOLD)->policy, UNKNOWN_FAIL);
	ck_assert_uint_eq(h.unknown[0].row.quarantine_s, 5);
	ck_assert(message_id_equal(h.unknown[0].row.id, h.messages[0]->id));
	tenant_set("resend", NULL, 1, 1);
	ck_assert_uint_eq(settling_look_at_one(&h, UNKNOWN_HOLD)->policy, UNKNOWN_RESEND);
	ck_assert_uint_eq(h.unknown[0].row.quarantine_s, 60);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_KEEP), STORE_DONE);
	tenant_set(NULL, NULL, 1, 1);
	ck_assert_uint_eq(settling_look_at_one(&h, UNKNOWN_HOLD)->policy, UNKNOWN_HOLD);
	tenant_set(NULL, NULL, 0, 1);
}
END_TEST

/* What was decided by the policy of before is not written after it was changed, whatever it was. */
START_TEST(a_policy_that_is_in_force_no_more_decides_nothing)
{
	static const enum settle_verdict verdicts[] = { SETTLE_WAIT, SETTLE_KEEP, SETTLE_RESEND,
							SETTLE_FAIL };
	static const char *const policies[] = { "fail", "hold", "hold", NULL };
	struct store_settle before;

	settling_lose(&h, 0, 90);
	for (unsigned change = 0; change < 4; change++) {
		before = settling_decision(&h, 0, SETTLE_KEEP);
		tenant_set(policies[change], NULL, 1, 1);
		for (unsigned i = 0; i < 4; i++) {
			before.verdict = verdicts[i];
			store_settle(h.store, 700, &before);
			harness_until_done(&h, h.done_count + 1, 3000);
			ck_assert_int_eq(h.done[700].verdict, STORE_CONFLICT);
			ck_assert_str_eq(settling_stands(&h, 0), "unknown unknown 2");
		}
		ck_assert_str_eq(settling_decided(&h, 0), "none");
		ck_assert_int_eq(settling_look_at_one(&h, UNKNOWN_EVIDENCE)->policy_wall_us,
				 settling_decision(&h, 0, SETTLE_KEEP).policy_wall_us);
	}
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_FAIL), STORE_DONE);
}
END_TEST

/* What callers are told of it, by its id: as the role that reads for them. */
static const char *shown(unsigned tag)
{
	static char text[300];

	harness_sql_text(&h, "SET ROLE message_sender_reader");
	text_copy_cut(text, sizeof(text),
		      harness_sql_text(&h,
				       "SELECT concat_ws(' ', e ->> 'for', e ->> 'policy', "
				       "e ->> 'policy_of', (e ->> 'until' IS NOT NULL)) FROM "
				       "json_array_elements(message_sender.message_timeline('%s') "
				       "-> 'events') AS e WHERE e ->> 'event' = 'waiting'",
				       harness_id(&h, tag)));
	harness_sql_text(&h, "RESET ROLE");
	return text;
}

static void settle_as(enum unknown_policy policy, enum settle_verdict verdict)
{
	struct store_settle row = settling_decision(&h, 0, verdict);
	const unsigned target = h.done_count + 1;

	row.policy = policy;
	store_settle(h.store, 700, &row);
	harness_until_done(&h, target, 3000);
	ck_assert_int_eq(h.done[700].verdict, STORE_DONE);
}

START_TEST(what_is_unknown_says_what_it_waits_for)
{
	settling_lose(&h, 0, 0);
	ck_assert_str_eq(shown(0), "evidence or a decision f");
	settle_as(UNKNOWN_EVIDENCE, SETTLE_WAIT);
	ck_assert_str_eq(shown(0), "evidence or a decision evidence service t");
	settle_as(UNKNOWN_EVIDENCE, SETTLE_KEEP);
	ck_assert_str_eq(shown(0), "a person to decide evidence service f");
	settle_as(UNKNOWN_HOLD, SETTLE_KEEP);
	ck_assert_str_eq(shown(0), "a person to decide hold service f");
	settle_as(UNKNOWN_RESEND, SETTLE_WAIT);
	ck_assert_str_eq(shown(0), "its policy, to be sent again resend service t");
	tenant_set("fail", NULL, 1, 1);
	ck_assert_str_eq(shown(0), "evidence or a decision f");
	settle_as(UNKNOWN_FAIL, SETTLE_WAIT);
	ck_assert_str_eq(shown(0), "its policy, to be given up fail tenant t");
	tenant_set(NULL, NULL, 1, 1);
	ck_assert_str_eq(shown(0), "evidence or a decision f");
	settle_as(UNKNOWN_FAIL, SETTLE_FAIL);
	ck_assert_str_eq(shown(0), "");
}
END_TEST

/* As the command line reads them. */
static struct query *read_facts(unsigned tag, struct message_facts *ret_facts)
{
	const char *const values[] = { harness_id(&h, tag), NULL, "" };
	struct err err = { .text = "" };
	struct query *q = query_open(harness_url(), &err);

	ck_assert_msg(q != NULL, "%s", err.text);
	ck_assert_msg(query_run(q, "message_facts", 3, values, &err) == 0, "%s", err.text);
	ck_assert(query_facts(q, ret_facts));
	return q;
}

START_TEST(facts_tell_the_policy_its_times_and_its_resends)
{
	const int64_t now = clock_wall_us();
	struct message_facts f;
	struct query *q;

	settling_lose(&h, 0, 10);
	q = read_facts(0, &f);
	ck_assert_str_eq(f.settle_policy, "");
	ck_assert_uint_eq(f.settle_resends, 0);
	query_close(q);
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.decision SELECT '%s', n, what, who, 'y', now() "
		"FROM (VALUES (7, 'resend', 'policy:resend'), (8, 'resend', 'somebody'), "
		"(9, 'failed', 'policy:fail')) AS v (n, what, who)",
		harness_id(&h, 0));
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_WAIT), STORE_DONE);
	q = read_facts(0, &f);
	ck_assert_str_eq(f.settle_policy, "resend");
	ck_assert(!f.settle_by_tenant);
	ck_assert_uint_eq(f.settle_resends, 1);
	/* Lost 10 s ago, with 60 s; settling_decision(&h, ) says a minute from now. */
	ck_assert_int_lt(llabs(f.quarantine_wall_us - now - 50000000), 3000000);
	ck_assert_int_lt(llabs(f.settle_wall_us - now - 60000000), 3000000);
	query_close(q);
	tenant_set("resend", "60", 1, 1);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_KEEP), STORE_DONE);
	q = read_facts(0, &f);
	ck_assert_str_eq(f.settle_policy, "resend");
	ck_assert(f.settle_by_tenant);
	ck_assert_int_eq(f.settle_wall_us, 0);
	query_close(q);
}
END_TEST

/* By the id alone: the tables themselves are not the reader's. */
START_TEST(the_reader_learns_a_policy_by_the_id_only)
{
	settling_lose(&h, 0, 0);
	ck_assert_int_eq(settling_settle(&h, 0, SETTLE_WAIT), STORE_DONE);
	harness_sql_text(&h, "SET ROLE message_sender_reader");
	ck_assert_str_eq(
		harness_sql_text(&h, "SELECT policy FROM message_sender.message_settling('%s')",
				 harness_id(&h, 0)),
		"resend");
	ck_assert_str_eq(harness_sql_text(&h, "SELECT has_table_privilege("
					      "'message_sender.tenant_policy', 'SELECT')"),
			 "f");
	harness_sql_text(&h, "RESET ROLE");
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT has_function_privilege('public', "
					  "'message_sender.message_settling(uuid)', 'EXECUTE')"),
			 "f");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_policy");
	TCase *tcase = tcase_create("store_policy");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_tenants_policy_is_in_force_for_what_is_unknown_already);
	tcase_add_test(tcase, a_policy_that_is_in_force_no_more_decides_nothing);
	tcase_add_test(tcase, what_is_unknown_says_what_it_waits_for);
	tcase_add_test(tcase, facts_tell_the_policy_its_times_and_its_resends);
	tcase_add_test(tcase, the_reader_learns_a_policy_by_the_id_only);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
