/*
 * Every write on a message in every state: SQL makes no change that the table of domain/state
 * does not know, and all of those that writes of the store are there for.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"

enum write { BEGIN, ACCEPTED, RETRY, LOST, REFUSED, WAITS, ENDS, WRITES };

static struct harness h;
static bool reached[STATE_COUNT][STATE_COUNT];

static unsigned tag_of(enum state from, enum write write)
{
	return (unsigned)from * WRITES + (unsigned)write;
}

static bool not_begun(enum state from)
{
	return from == STATE_QUEUED || from == STATE_SCHEDULED;
}

/* The message as it is in state `from`; what has ended still has an open attempt in work, the
 * worst that can be. */
static void put_into(enum state from, unsigned tag)
{
	static const char *const work[STATE_COUNT] = {
		[STATE_QUEUED] = "state = 'queued', attempt = 0, attempt_open = false, "
				 "incarnation = NULL",
		[STATE_SCHEDULED] = "state = 'scheduled', wait = 5, attempt = 0, "
				    "attempt_open = false, incarnation = NULL",
		[STATE_RETRYING] = "state = 'retrying', attempt_open = false",
		[STATE_UNKNOWN] = "state = 'unknown', wait = 2, attempt_open = false",
		[STATE_SENT] = "state = 'sent', wait = 1, attempt_open = false",
		[STATE_DELIVERED] = "state = 'sent', wait = 1, attempt_open = false",
		[STATE_READ] = "state = 'sent', wait = 1, attempt_open = false",
	};

	if (work[from])
		harness_sql_text(&h, "UPDATE message_sender.work SET %s WHERE message_id = '%s'",
				 work[from], harness_id(&h, tag));
	if (from != STATE_SENDING)
		harness_sql_text(&h,
				 "UPDATE message_sender.message SET state = '%s' "
				 "WHERE message_id = '%s'",
				 state_name(from), harness_id(&h, tag));
}

static void write_outcome(unsigned tag, enum outcome outcome, enum store_next next)
{
	struct store_outcome row = harness_outcome(&h, tag);

	row.outcome = outcome;
	row.next = next;
	row.due_wall_us = clock_wall_us();
	if (outcome != OUTCOME_ACCEPTED)
		row.wamid = "";
	store_outcome(h.store, 500 + tag, &row);
}

static void write_defer(enum state from, unsigned tag, bool failed)
{
	struct store_defer row = { .id = harness_message(&h, tag)->id,
				   .attempt = not_begun(from) ? 0 : 1,
				   .failed = failed,
				   .due_wall_us = clock_wall_us(),
				   .reason = "x" };

	store_defer(h.store, 500 + tag, &row);
}

static void write_begin(enum state from, unsigned tag)
{
	struct store_begin row = { .id = harness_message(&h, tag)->id,
				   .attempt = not_begun(from) ? 1 : 2,
				   .number = "1" };
	struct err err;

	ck_assert_int_eq(store_begin(h.store, 500 + tag, &row, &err), 0);
}

static void submit(enum state from, enum write write)
{
	unsigned tag = tag_of(from, write);

	switch (write) {
	case BEGIN:
		write_begin(from, tag);
		return;
	case ACCEPTED:
		write_outcome(tag, OUTCOME_ACCEPTED, STORE_NEXT_CONVERSATION);
		return;
	case RETRY:
		write_outcome(tag, OUTCOME_NOT_SENT, STORE_NEXT_RETRY);
		return;
	case LOST:
		write_outcome(tag, OUTCOME_LOST, STORE_NEXT_UNKNOWN);
		return;
	case REFUSED:
		write_outcome(tag, OUTCOME_REFUSED, STORE_NEXT_FAILED);
		return;
	case WAITS:
		write_defer(from, tag, false);
		return;
	case ENDS:
		write_defer(from, tag, true);
		return;
	case WRITES:
		break;
	}
	ck_abort_msg("no write %d", (int)write);
}

static bool outcome_of_attempt(enum write write)
{
	return write >= ACCEPTED && write <= REFUSED;
}

/* Arrows to these states are the store's writes; receipts and expiry have their own. */
static bool is_target(enum state from, enum state to)
{
	if (from == STATE_UNKNOWN && to == STATE_SENDING)
		return false; /* a policy's, not a begin's */
	if (from == STATE_SENT && (to == STATE_FAILED || to == STATE_RETRYING))
		return false; /* a receipt's */
	return to == STATE_SENDING || to == STATE_RETRYING || to == STATE_UNKNOWN ||
	       to == STATE_SENT || to == STATE_FAILED;
}

static void note(enum state from, enum write write)
{
	enum state after;
	const char *name = harness_sql_text(&h,
					    "SELECT state FROM message_sender.message_status('%s')",
					    harness_id(&h, tag_of(from, write)));

	ck_assert_msg(state_parse(name, &after), "%s", name);
	ck_assert_msg(after == from || state_may_become(from, after), "write %d: %s to %s",
		      (int)write, state_name(from), name);
	reached[from][after] = true;
}

START_TEST(sql_and_c_agree_on_what_may_become_of_a_state)
{
	harness_start(&h);
	for (unsigned tag = 0; tag < STATE_COUNT * WRITES; tag++)
		harness_accept(&h, tag, true);
	harness_until_done(&h, STATE_COUNT * WRITES, 5000);
	for (enum state from = 0; from < STATE_COUNT; from++) {
		if (from == STATE_HELD)
			continue; /* of work only: test_store_holds */
		for (enum write write = 0; write < WRITES; write++) {
			unsigned target = h.done_count + 1;

			/* No attempt has begun that could have one. */
			if (not_begun(from) && outcome_of_attempt(write))
				continue;
			put_into(from, tag_of(from, write));
			submit(from, write);
			harness_until_done(&h, target, 3000);
			note(from, write);
		}
	}
	for (enum state from = 0; from < STATE_COUNT; from++)
		for (enum state to = 0; to < STATE_COUNT; to++)
			if (state_may_become(from, to) && is_target(from, to))
				ck_assert_msg(reached[from][to], "%s never becomes %s in SQL",
					      state_name(from), state_name(to));
	harness_stop(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_states");
	TCase *tcase = tcase_create("store_states");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, sql_and_c_agree_on_what_may_become_of_a_state);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
