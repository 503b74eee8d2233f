/*
 * What callers read: a tenant's messages under row-level security, one message by its id; and
 * what a person's decision about a lost reply does to its work.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "domain/graph_error.h"
#include "harness.h"
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

static void get(const struct store_read *request)
{
	const unsigned target = h.done_count + 1;
	struct err err;

	ck_assert_int_eq(store_read(h.store, 900, request, &err), 0);
	harness_until_done(&h, target, 3000);
	ck_assert_msg(h.done[900].verdict == STORE_DONE, "%s", h.done[900].err.text);
}

static void list(const char *tenant, const char *status, unsigned limit)
{
	struct store_read request = { .kind = STORE_READ_LIST, .filter = { .limit = limit } };

	text_copy_cut(request.filter.tenant_id, sizeof(request.filter.tenant_id), tenant);
	text_copy_cut(request.filter.status, sizeof(request.filter.status), status);
	get(&request);
	ck_assert(h.found);
}

static unsigned listed(void)
{
	unsigned count = 0;

	for (const char *at = h.json; (at = strstr(at, "\"message_id\"")); at++)
		count++;
	return count;
}

static void get_one(enum store_read_kind kind, unsigned tag)
{
	const struct store_read request = { .kind = kind, .id = harness_message(&h, tag)->id };

	get(&request);
}

/* harness_message(): message n belongs to tenant-<n mod 10>. */
START_TEST(a_list_is_the_tenants_alone)
{
	for (unsigned tag = 0; tag < 30; tag++)
		harness_accept(&h, tag, false);
	harness_until_done(&h, 30, 3000);
	list("tenant-3", "", 50);
	ck_assert_uint_eq(listed(), 3);
	ck_assert_ptr_nonnull(strstr(h.json, harness_id(&h, 23)));
	ck_assert_ptr_null(strstr(h.json, harness_id(&h, 24)));
	list("tenant-3", "queued", 2);
	ck_assert_uint_eq(listed(), 2);
	ck_assert_ptr_null(strstr(h.json, "\"next_cursor\" : null"));
	list("tenant-3", "sent", 2);
	ck_assert_uint_eq(listed(), 0);
	ck_assert_ptr_nonnull(strstr(h.json, "\"next_cursor\" : null"));
	list("tenant-10", "", 50);
	ck_assert_uint_eq(listed(), 0);
}
END_TEST

/* Lists and looks by id share a pipeline, which is one transaction. */
START_TEST(lists_that_are_asked_for_together_do_not_mix)
{
	const char *const tenants[] = { "tenant-0", "tenant-1", "tenant-2" };
	struct err err;

	for (unsigned tag = 0; tag < 3; tag++)
		harness_accept(&h, tag, false);
	harness_until_done(&h, 3, 3000);
	for (unsigned round = 0; round < 30; round++) {
		struct store_read request = { .kind = STORE_READ_LIST, .filter = { .limit = 5 } };

		text_copy_cut(request.filter.tenant_id, sizeof(request.filter.tenant_id),
			      tenants[round % 3]);
		ck_assert_int_eq(store_read(h.store, 100 + round, &request, &err), 0);
		ck_assert_int_eq(store_status(h.store, 200 + round,
					      harness_message(&h, round % 3)->id, NULL, &err),
				 0);
	}
	harness_until_done(&h, 63, 3000);
	for (unsigned round = 0; round < 30; round++) {
		ck_assert_int_eq(h.done[100 + round].verdict, STORE_DONE);
		ck_assert_int_eq(h.done[200 + round].verdict, STORE_DONE);
	}
	/* The last list was tenant-2's. */
	ck_assert_uint_eq(listed(), 1);
	ck_assert_ptr_nonnull(strstr(h.json, harness_id(&h, 2)));
}
END_TEST

START_TEST(the_reader_sees_no_more_than_the_tenant_that_is_set)
{
	harness_accept(&h, 0, false);
	harness_accept(&h, 1, false);
	harness_until_done(&h, 2, 3000);
	harness_sql_text(&h, "SET ROLE message_sender_reader");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 0);
	harness_sql_text(&h, "SET message_sender.tenant = 'tenant-1'");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 1);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT tenant_id FROM message_sender.message"),
			 "tenant-1");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message "
					      "WHERE tenant_id = 'tenant-0'"),
			 0);
	/* The list takes the tenant away with it. */
	harness_sql_text(&h, "SELECT message_sender.message_list('tenant-0', NULL, NULL, NULL, 5)");
	harness_sql_text(&h, "RESET message_sender.tenant");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 0);
	harness_sql_text(&h, "RESET ROLE");
}
END_TEST

START_TEST(row_level_security_is_forced)
{
	ck_assert_str_eq(harness_sql_text(&h, "SELECT relrowsecurity AND relforcerowsecurity "
					      "FROM pg_class WHERE oid = "
					      "'message_sender.message'::regclass"),
			 "t");
	harness_sql_text(&h, "SET ROLE message_sender_owner");
	harness_sql_text(&h, "DROP POLICY owner ON message_sender.message");
	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 3000);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 0);
	harness_sql_text(&h, "CREATE POLICY owner ON message_sender.message TO "
			     "message_sender_owner USING (true) WITH CHECK (true)");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 1);
	harness_sql_text(&h, "RESET ROLE");
}
END_TEST

START_TEST(one_message_is_found_by_its_id)
{
	harness_accept(&h, 0, true);
	harness_until_done(&h, 1, 3000);
	for (int kind = STORE_READ_WHOLE; kind < STORE_READ_LIST; kind++) {
		get_one((enum store_read_kind)kind, 0);
		ck_assert(h.found);
		get_one((enum store_read_kind)kind, 1); /* never accepted */
		ck_assert(!h.found);
	}
	get_one(STORE_READ_WHOLE, 0);
	ck_assert_ptr_nonnull(strstr(h.json, "\"state_detail\" : \"sending\""));
	ck_assert_ptr_nonnull(strstr(h.json, "\"status\" : \"queued\""));
	ck_assert_ptr_nonnull(strstr(h.json, "\"attempts\" : 1"));
	ck_assert_ptr_nonnull(strstr(h.json, "\"number\" : \"1234567890\""));
	get_one(STORE_READ_EVENTS, 0);
	ck_assert_ptr_nonnull(strstr(h.json, "\"worker\" : \"store-test\""));
}
END_TEST

/* Makes so many others before it in the queue of a class, one seq in so many. */
static void stand_before(unsigned tag, unsigned count, unsigned every, int class)
{
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.work SELECT (jsonb_populate_record(w, "
		"jsonb_build_object('message_id', gen_random_uuid(), 'class', %d, 'queue', "
		"w.queue - w.class + %d, 'seq', w.seq - n * %u))).* "
		"FROM message_sender.work w, generate_series(1, %u) AS n WHERE w.message_id = '%s'",
		class, class, every, count, harness_id(&h, tag));
}

/* How it stands, but for the texts. */
static struct message_facts facts_of(unsigned tag)
{
	const char *const values[] = { harness_id(&h, tag), NULL, "" };
	struct err err = { .text = "" };
	struct query *q = query_open(harness_url(), &err);
	struct message_facts facts;

	ck_assert_msg(q != NULL, "%s", err.text);
	ck_assert_msg(query_run(q, "message_facts", 3, values, &err) == 0, "%s", err.text);
	ck_assert(query_facts(q, &facts));
	query_close(q);
	return facts;
}

START_TEST(who_stands_before_it_is_counted_or_told_from_those_near)
{
	struct message_facts facts;

	harness_accept(&h, 0, false);
	harness_until_done(&h, 1, 3000);
	facts = facts_of(0);
	ck_assert_int_eq(facts.ahead, 0);
	ck_assert_int_eq(facts.line.number_rate, -1);
	ck_assert_int_eq(facts.line.tenant_rate, -1);
	ck_assert_uint_eq(facts.line.class, MESSAGE_HIGH);
	stand_before(0, 7, 3, MESSAGE_BULK);
	stand_before(0, 9999, 3, MESSAGE_HIGH);
	harness_sql_text(&h, "INSERT INTO message_sender.rate SELECT tenant_id, outlet_id, 20, 1, "
			     "'x', now(), 'y' FROM message_sender.message "
			     "UNION ALL SELECT tenant_id, '', 50, 1, 'x', now(), 'y' "
			     "FROM message_sender.message");
	facts = facts_of(0);
	ck_assert_int_eq(facts.ahead, 9999);
	ck_assert_int_eq(facts.line.waiting[2], 7);
	ck_assert_int_eq(facts.line.waiting[0], 9999);
	ck_assert_int_eq(facts.line.waiting[1], 0);
	ck_assert_int_eq(facts.line.number_rate, 20);
	ck_assert_int_eq(facts.line.tenant_rate, 50);
	harness_sql_text(&h, "DELETE FROM message_sender.work WHERE message_id <> '%s'",
			 harness_id(&h, 0));
	stand_before(0, 30000, 3, MESSAGE_HIGH);
	facts = facts_of(0);
	ck_assert_int_eq(facts.ahead, 30000);
	ck_assert_int_eq(facts.line.waiting[0], 30000);
}
END_TEST

/* -- decisions -- */

/* As the command line does it; "" when done. */
static const char *resolve(unsigned tag, const char *what, const char *wamid)
{
	static char answer[200];
	const char *const values[] = { harness_id(&h, tag), what, "why", "who", wamid };
	struct err err = { .text = "" };
	struct query *q = query_open(harness_url(), &err);

	ck_assert_msg(q != NULL, "%s", err.text);
	ck_assert_msg(query_run(q, "resolve", 5, values, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(query_rows(q), 1);
	text_copy_cut(answer, sizeof(answer), query_value(q, 0, 0) ? query_value(q, 0, 0) : "");
	query_close(q);
	return answer;
}

static const char *stands(unsigned tag)
{
	return harness_sql_text(
		&h,
		"SELECT concat_ws(' ', m.state, m.wamid, w.state, w.wait, w.counted, "
		"w.caller_waits) FROM message_sender.message m LEFT JOIN message_sender.work w "
		"USING (message_id) WHERE message_id = '%s'",
		harness_id(&h, tag));
}

static enum store_verdict begin(unsigned tag, unsigned attempt, unsigned op)
{
	const unsigned target = h.done_count + 1;

	harness_begin(&h, tag, attempt, op);
	harness_until_done(&h, target, 3000);
	return h.done[op].verdict;
}

/* Only the recorded decision lets a second attempt begin, and only one. */
START_TEST(resend_is_the_only_way_to_a_second_attempt)
{
	harness_lose(&h, 0, 1);
	ck_assert_int_eq(begin(0, 2, 2), STORE_CONFLICT);
	ck_assert_str_eq(resolve(0, "resend", NULL), "");
	ck_assert_str_eq(stands(0), "retrying retrying 0 0 f");
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT concat_ws(' ', attempt, decision, "
					  "decided_by, why) FROM message_sender.decision "
					  "WHERE message_id = '%s'",
					  harness_id(&h, 0)),
			 "1 resend who why");
	ck_assert_int_eq(begin(0, 2, 3), STORE_DONE);
	ck_assert_str_eq(resolve(0, "resend", NULL), "it is not unknown: its state is sending");
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT outcome FROM message_sender.attempt "
					  "WHERE message_id = '%s'",
					  harness_id(&h, 0)),
			 "lost");
}
END_TEST

/* The reply that was lost may still be found, after the decision and before the attempt. */
START_TEST(what_came_of_it_after_all_is_worth_more_than_a_resend)
{
	struct store_outcome late = harness_outcome(&h, 0);
	unsigned target;

	harness_lose(&h, 0, 1);
	ck_assert_str_eq(resolve(0, "resend", NULL), "");
	target = h.done_count + 1;
	store_outcome(h.store, 2, &late);
	harness_until_done(&h, target, 3000);
	ck_assert_int_eq(begin(0, 2, 3), STORE_CONFLICT);
	ck_assert_int_eq(strncmp(stands(0), "sent wamid.", 11), 0);
}
END_TEST

START_TEST(sent_owes_a_copy_when_the_id_is_known)
{
	harness_lose(&h, 0, 10);
	harness_lose(&h, 1, 11);
	ck_assert_str_eq(resolve(0, "sent", "wamid.1"), "");
	ck_assert_str_eq(stands(0), "sent wamid.1 sent 1 2 t");
	ck_assert_str_eq(resolve(1, "sent", NULL), "");
	ck_assert_str_eq(stands(1), "sent");
	ck_assert_str_eq(resolve(1, "failed", NULL), "it is not unknown: its state is sent");
	ck_assert_int_eq(begin(0, 2, 3), STORE_CONFLICT);
	ck_assert_int_eq(begin(1, 2, 4), STORE_CONFLICT);
}
END_TEST

START_TEST(failed_is_final)
{
	harness_lose(&h, 0, 1);
	ck_assert_str_eq(resolve(0, "failed", NULL), "");
	ck_assert_str_eq(stands(0), "failed");
	ck_assert_int_eq(begin(0, 2, 3), STORE_CONFLICT);
	harness_status(&h, 0, 4);
	ck_assert_int_eq(h.status.failure_code, GRAPH_CASE_NET_AFTER);
	ck_assert_str_eq(resolve(0, "resend", NULL), "it is not unknown: its state is failed");
}
END_TEST

START_TEST(only_what_is_unknown_is_decided)
{
	harness_accept(&h, 0, false);
	harness_accept(&h, 1, true);
	harness_until_done(&h, 2, 3000);
	ck_assert_str_eq(resolve(0, "failed", NULL), "it is not unknown: its state is queued");
	ck_assert_str_eq(resolve(1, "failed", NULL), "it is not unknown: its state is sending");
	ck_assert_str_eq(resolve(2, "failed", NULL), "there is no message with this id");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.decision d "
					      "JOIN message_sender.message USING (message_id)"),
			 0);
}
END_TEST

START_TEST(the_words_are_the_programs)
{
	static const int codes[] = { 0, GRAPH_CASE_EXPIRED, GRAPH_CASE_CANCELLED };

	for (unsigned i = 0; i < 3u * STATE_COUNT; i++) {
		const enum state state = (enum state)(i / 3);
		const int code = codes[i % 3];

		ck_assert_str_eq(harness_sql_text(&h,
						  "SELECT message_sender.state_status('%s', "
						  "nullif(%d, 0))",
						  state_name(state), code),
				 state_status(state, code, false));
		ck_assert_str_eq(harness_sql_text(&h,
						  "SELECT message_sender.state_status('%s', "
						  "nullif(%d, 0), now())",
						  state_name(state), code),
				 state_status(state, code, true));
		ck_assert_str_eq(harness_sql_text(&h,
						  "SELECT message_sender.state_detail('%s', "
						  "nullif(%d, 0))",
						  state_name(state), code),
				 state_detail(state, code));
	}
}
END_TEST

/* Codes that are Meta's, or never stored as an attempt's, need no word. */
START_TEST(codes_of_ours_are_explained_where_they_stand)
{
	size_t count;
	const struct graph_error *rows = graph_error_rows(&count);
	unsigned ours = 0;

	for (size_t i = 0; i < count; i++) {
		const int code = rows[i].first_code;

		if (code >= 0 || code == GRAPH_CASE_ACCEPTED || code == GRAPH_CASE_UNKNOWN_4XX ||
		    code == GRAPH_CASE_UNKNOWN_5XX)
			continue;
		ours++;
		ck_assert_msg(harness_sql_long(&h,
					       "SELECT (col_description('message_sender.attempt'"
					       "::regclass, attnum) LIKE '%% %d %%')::int "
					       "FROM pg_attribute WHERE attrelid = "
					       "'message_sender.attempt'::regclass "
					       "AND attname = 'code'",
					       code) == 1,
			      "%d %s", code, rows[i].name);
	}
	ck_assert_uint_eq(ours, 12);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_reading");
	TCase *tcase = tcase_create("store_reading");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, who_stands_before_it_is_counted_or_told_from_those_near);
	tcase_add_test(tcase, a_list_is_the_tenants_alone);
	tcase_add_test(tcase, lists_that_are_asked_for_together_do_not_mix);
	tcase_add_test(tcase, the_reader_sees_no_more_than_the_tenant_that_is_set);
	tcase_add_test(tcase, row_level_security_is_forced);
	tcase_add_test(tcase, one_message_is_found_by_its_id);
	tcase_add_test(tcase, resend_is_the_only_way_to_a_second_attempt);
	tcase_add_test(tcase, what_came_of_it_after_all_is_worth_more_than_a_resend);
	tcase_add_test(tcase, sent_owes_a_copy_when_the_id_is_known);
	tcase_add_test(tcase, failed_is_final);
	tcase_add_test(tcase, only_what_is_unknown_is_decided);
	tcase_add_test(tcase, the_words_are_the_programs);
	tcase_add_test(tcase, codes_of_ours_are_explained_where_they_stand);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
