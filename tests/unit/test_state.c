#include "domain/state.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "domain/graph_error.h"

/* Row: from, column: to; in the order of the enum. */
static const char *const matrix[STATE_COUNT] = {
	/*             QSRUSDRFCEH */
	/* queued */ "..xx....xxx.",
	/* scheduled */ "x........xx.",
	/* sending */ "...xxxxxx.x.",
	/* retrying */ "..x..xxxxxx.",
	/* unknown */ "..xx.xxxx...",
	/* sent */ "...x..xxx...",
	/* delivered */ ".......x....",
	/* read */ "............",
	/* failed */ "............",
	/* cancelled */ "............",
	/* expired */ "............",
	/* held: of work only */ "............",
};

START_TEST(exactly_these_arrows_exist)
{
	for (int from = 0; from < STATE_COUNT; from++)
		for (int to = 0; to < STATE_COUNT; to++)
			ck_assert_msg(state_may_become((enum state)from, (enum state)to) ==
					      (matrix[from][to] == 'x'),
				      "%s to %s", state_name((enum state)from),
				      state_name((enum state)to));
}
END_TEST

static int rank(const char *status)
{
	static const char *const order[] = { "scheduled", "queued", "sent",   "delivered",
					     "read",      "failed", "expired" };

	for (int i = 0; i < 7; i++)
		if (strcmp(status, order[i]) == 0)
			return i;
	ck_abort_msg("no status of the contract: %s", status);
}

START_TEST(a_status_never_goes_backwards)
{
	for (int from = 0; from < STATE_COUNT; from++)
		for (int to = 0; to < STATE_COUNT; to++)
			if (state_may_become((enum state)from, (enum state)to))
				ck_assert_int_le(
					rank(state_status((enum state)from, 0, false)),
					rank(state_status((enum state)to, 0, from == STATE_SENT)));
}
END_TEST

START_TEST(what_has_ended_begins_no_attempt)
{
	for (int from = 0; from < STATE_COUNT; from++) {
		if (!state_is_final((enum state)from))
			continue;
		ck_assert(!state_may_become((enum state)from, STATE_SENDING));
		ck_assert(!state_may_become((enum state)from, STATE_RETRYING));
		ck_assert(!state_may_become((enum state)from, STATE_QUEUED));
	}
	ck_assert(!state_is_final(STATE_QUEUED));
	ck_assert(!state_is_final(STATE_SCHEDULED));
	ck_assert(!state_is_final(STATE_SENDING));
	ck_assert(!state_is_final(STATE_RETRYING));
	ck_assert(!state_is_final(STATE_UNKNOWN));
	ck_assert(!state_is_final(STATE_SENT));
	ck_assert(state_is_final(STATE_DELIVERED));
	ck_assert(state_is_final(STATE_FAILED));
	ck_assert(state_is_final(STATE_CANCELLED));
	ck_assert(state_is_final(STATE_EXPIRED));
}
END_TEST

START_TEST(names_are_read_back)
{
	for (int i = 0; i < STATE_COUNT; i++) {
		enum state read;

		ck_assert(state_parse(state_name((enum state)i), &read));
		ck_assert_int_eq(read, i);
	}
}
END_TEST

START_TEST(other_names_are_refused)
{
	enum state read = STATE_READ;

	ck_assert(!state_parse("", &read));
	ck_assert(!state_parse("Queued", &read));
	ck_assert(!state_parse("outcome_unknown", &read));
	ck_assert_int_eq(read, STATE_READ);
	ck_assert_str_eq(state_name(STATE_COUNT), "");
}
END_TEST

START_TEST(clients_see_the_words_of_the_contract)
{
	static const char *const words[STATE_COUNT][2] = {
		[STATE_QUEUED] = { "queued", "queued" },
		[STATE_SCHEDULED] = { "scheduled", "scheduled" },
		[STATE_SENDING] = { "queued", "sending" },
		[STATE_RETRYING] = { "queued", "retrying" },
		[STATE_UNKNOWN] = { "queued", "outcome_unknown" },
		[STATE_SENT] = { "sent", "sent" },
		[STATE_DELIVERED] = { "delivered", "delivered" },
		[STATE_READ] = { "read", "read" },
		[STATE_FAILED] = { "failed", "failed" },
		[STATE_CANCELLED] = { "cancelled", "cancelled" },
		[STATE_EXPIRED] = { "expired", "expired" },
		[STATE_HELD] = { "queued", "held" },
	};

	for (int i = 0; i < STATE_COUNT; i++) {
		ck_assert_str_eq(state_status((enum state)i, GRAPH_CASE_CANCELLED, false),
				 words[i][0]);
		ck_assert_str_eq(state_detail((enum state)i, 0), words[i][1]);
	}
}
END_TEST

START_TEST(what_was_sent_once_stays_sent_until_its_end)
{
	for (int i = 0; i < STATE_COUNT; i++) {
		const char *before = state_status((enum state)i, 0, false);

		ck_assert_str_eq(state_status((enum state)i, 0, true),
				 strcmp(before, "queued") == 0 ? "sent" : before);
	}
}
END_TEST

START_TEST(who_did_not_ask_for_a_word_does_not_see_it)
{
	ck_assert_str_eq(state_status(STATE_CANCELLED, 0, false), "failed");
	ck_assert_str_eq(state_status(STATE_CANCELLED, GRAPH_CASE_EXPIRED, false), "failed");
	ck_assert_str_eq(state_detail(STATE_CANCELLED, 0), "cancelled");
	ck_assert_str_eq(state_status(STATE_FAILED, GRAPH_CASE_EXPIRED, false), "failed");
	ck_assert_str_eq(state_detail(STATE_FAILED, GRAPH_CASE_EXPIRED), "expired");
	ck_assert_str_eq(state_detail(STATE_FAILED, GRAPH_CASE_CANCELLED), "failed");
	ck_assert_str_eq(state_status(STATE_SENT, GRAPH_CASE_CANCELLED, false), "sent");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("state");
	TCase *tcase = tcase_create("state");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, exactly_these_arrows_exist);
	tcase_add_test(tcase, a_status_never_goes_backwards);
	tcase_add_test(tcase, what_has_ended_begins_no_attempt);
	tcase_add_test(tcase, names_are_read_back);
	tcase_add_test(tcase, other_names_are_refused);
	tcase_add_test(tcase, what_was_sent_once_stays_sent_until_its_end);
	tcase_add_test(tcase, who_did_not_ask_for_a_word_does_not_see_it);
	tcase_add_test(tcase, clients_see_the_words_of_the_contract);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
