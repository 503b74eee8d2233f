/*
 * Whatever order Meta's receipts come in and however often: 10,000 messages, all their events
 * permuted and repeated at random, with ten seeds, end in the same states, each event recorded
 * once.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"

#define MESSAGES 10000
#define SEEDS 10
#define RESEND_SEEDS 2
#define CALL_MAX 1000
#define REPEATED_OF 4 /* every fourth comes twice */
#define START_S INT64_C(1795392000)

static struct harness h;
static struct message_id ids[MESSAGES];

/* The histories that a message can have without a contradiction, as Meta tells them. */
static const enum receipt_status histories[][5] = {
	{ RECEIPT_SENT, RECEIPT_OTHER },
	{ RECEIPT_SENT, RECEIPT_DELIVERED, RECEIPT_OTHER },
	{ RECEIPT_SENT, RECEIPT_DELIVERED, RECEIPT_READ, RECEIPT_OTHER },
	{ RECEIPT_SENT, RECEIPT_READ, RECEIPT_OTHER }, /* the chat was open */
	{ RECEIPT_SENT, RECEIPT_DELIVERED, RECEIPT_READ, RECEIPT_PLAYED, RECEIPT_OTHER },
	{ RECEIPT_DELIVERED, RECEIPT_OTHER },
	{ RECEIPT_SENT, RECEIPT_FAILED, RECEIPT_OTHER },
	{ RECEIPT_FAILED, RECEIPT_OTHER },
};
#define HISTORIES (sizeof(histories) / sizeof(histories[0]))

struct event {
	unsigned message;
	unsigned attempt;
	enum receipt_status status;
	int64_t at_s;
};

static struct event events[MESSAGES * 7 * 2];
static unsigned event_count;
static unsigned distinct_count;
static uint64_t chance;
/* What fails does so for now; `attempts` is how many have been made. */
static bool resends;
static unsigned attempts;

static unsigned below(unsigned bound)
{
	chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)((chance >> 33) % bound);
}

/* A third of the messages is unknown, a third under way, a third sent. */
static void store_messages(void)
{
	harness_sql_text(
		&h,
		"TRUNCATE message_sender.message, message_sender.work, message_sender.attempt, "
		"message_sender.receipt, message_sender.receipt_orphan, message_sender.decision");
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, recipient, "
		"message_type, payload, sender_type, state, accepted_at, wamid, sent_at, attempts, "
		"number) SELECT ('019a0000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, "
		"'t' || i %% 20, 'o', '+62812', 'text', '{}', 'llm', (ARRAY['sent', 'queued', "
		"'unknown'])[1 + i %% 3], to_timestamp(%ld), "
		"CASE WHEN i %% 3 = 0 THEN 'w.' || i END, "
		"CASE WHEN i %% 3 = 0 THEN to_timestamp(%ld) END, "
		"CASE WHEN i %% 3 = 1 THEN 0 ELSE 1 END, '1' FROM generate_series(0, %d) i",
		(long)START_S, (long)START_S, MESSAGES - 1);
	/* What fails for now while its attempt is under way waits for the outcome. */
	if (resends) {
		harness_sql_text(&h, "UPDATE message_sender.message SET accepted_at = now()");
		harness_sql_text(&h, "UPDATE message_sender.message SET state = 'sent', attempts = "
				     "1, wamid = 'w.' || ('x' || right(message_id::text, "
				     "12))::bit(48)::bigint, sent_at = accepted_at "
				     "WHERE state = 'queued'");
	}
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, state, wait, "
		"caller_waits, attempt, attempt_open, due_at, expires_at, queue) "
		"SELECT message_id, tenant_id, 1, 1, CASE state WHEN 'queued' THEN 'sending' "
		"ELSE state END, CASE state WHEN 'queued' THEN 0 ELSE 4 END, false, 1, "
		"state = 'queued', now(), now(), 0 FROM message_sender.message "
		"WHERE state <> 'sent'");
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.attempt (message_id, attempt, incarnation, outcome, "
		"wamid, begun_at, ended_at) SELECT message_id, 1, message_id, CASE state "
		"WHEN 'sent' THEN 'accepted' ELSE 'lost' END, wamid, now(), now() "
		"FROM message_sender.message WHERE state <> 'queued'");
}

static void make_ids(void)
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		char text[MESSAGE_ID_TEXT_BYTES];

		snprintf(text, sizeof(text), "019a0000-0000-7000-8000-%012x", i);
		ck_assert(message_id_parse(text, &ids[i]));
	}
}

static bool has_failed(unsigned message)
{
	const enum receipt_status *history = histories[message % HISTORIES];

	for (unsigned n = 0; history[n] != RECEIPT_OTHER; n++)
		if (history[n] == RECEIPT_FAILED)
			return true;
	return false;
}

static void add_event(unsigned message, unsigned attempt, enum receipt_status status, unsigned n)
{
	events[event_count++] =
		(struct event){ message, attempt, status, START_S + 10 + message % 100 + n };
}

/* A second attempt is delivered. */
static void make_events(uint64_t seed)
{
	event_count = 0;
	for (unsigned i = 0; i < MESSAGES; i++) {
		const enum receipt_status *history = histories[i % HISTORIES];

		for (unsigned n = 0; history[n] != RECEIPT_OTHER; n++)
			add_event(i, 1, history[n], n);
		if (attempts == 2 && has_failed(i)) {
			add_event(i, 2, RECEIPT_SENT, 50);
			add_event(i, 2, RECEIPT_DELIVERED, 51);
		}
	}
	distinct_count = event_count;
	chance = seed;
	for (unsigned i = 0; i < distinct_count; i++)
		if (below(REPEATED_OF) == 0)
			events[event_count++] = events[i];
	for (unsigned i = event_count - 1; i > 0; i--) {
		const unsigned other = below(i + 1);
		const struct event event = events[i];

		events[i] = events[other];
		events[other] = event;
	}
}

/* Of those that are sent half are named by their wamid only. */
static struct receipt receipt_of(const struct event *event)
{
	static char wamid[32];
	struct receipt r = {
		.status = event->status,
		.wamid = wamid,
		.at_wall_us = event->at_s * 1000000,
		.has_callback = resends || event->message % 6 != 0,
		.id = ids[event->message],
		.attempt = event->attempt,
		.number = "1",
		.billable = -1,
		.code = event->status != RECEIPT_FAILED ? 0
			: resends                       ? 131000
							: 131026,
	};

	snprintf(wamid, sizeof(wamid), event->attempt == 1 ? "w.%u" : "w2.%u", event->message);
	return r;
}

/* As Meta does, what was not told as done in time is given again. */
static void give(unsigned from, unsigned count)
{
	struct err err;

	do {
		struct receipts *list = receipts_new();

		for (unsigned i = from; i < from + count; i++) {
			const struct receipt r = receipt_of(&events[i]);

			ck_assert_int_eq(receipts_add(list, &r), RECEIPTS_ADDED);
		}
		ck_assert_int_eq(store_receipts(h.store, 1, list, NULL, NULL, 0, &err), 0);
		harness_until_done(&h, h.done_count + 1, 30000);
	} while (h.done[1].verdict != STORE_DONE);
}

static void give_all(void)
{
	for (unsigned given = 0; given < event_count;) {
		const unsigned left = event_count - given;
		const unsigned size = 1 + below(CALL_MAX);

		give(given, size < left ? size : left);
		given += size < left ? size : left;
	}
}

/* As the rule has it, one event after the other. */
static enum state end_of(unsigned message)
{
	const enum receipt_status *history = histories[message % HISTORIES];
	enum state state = STATE_SENDING;

	if (resends && has_failed(message))
		return attempts == 1 ? STATE_RETRYING : STATE_DELIVERED;
	for (unsigned n = 0; history[n] != RECEIPT_OTHER; n++)
		state = receipt_state(state, history[n]);
	return state;
}

static void check_states(void)
{
	PGresult *rows = PQexec(h.sql, "SELECT state FROM message_sender.message "
				       "ORDER BY message_id");

	ck_assert_int_eq(PQntuples(rows), MESSAGES);
	for (unsigned i = 0; i < MESSAGES; i++)
		ck_assert_str_eq(PQgetvalue(rows, (int)i, 0), state_name(end_of(i)));
	PQclear(rows);
}

static void digest(char *ret, size_t size)
{
	snprintf(ret, size, "%s",
		 harness_sql_text(
			 &h, "SELECT md5(string_agg(concat_ws(' ', message_id, state, wamid, "
			     "delivered_at, read_at, failed_at, failure_code, failure_reason), "
			     "'|' ORDER BY message_id)) FROM message_sender.message"));
}

START_TEST(in_any_order_and_however_often_the_end_is_the_same)
{
	char first[64] = "";

	make_ids();
	harness_start(&h);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		char last[64];

		store_messages();
		make_events(seed);
		give_all();
		check_states();
		ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM "
						      "message_sender.receipt"),
				 distinct_count);
		ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM "
						      "message_sender.receipt_orphan"),
				 0);
		digest(last, sizeof(last));
		if (seed == 1)
			memcpy(first, last, sizeof(first));
		ck_assert_str_eq(last, first);
	}
	harness_stop(&h);
}
END_TEST

/* What waits for attempt 2 has made it, and it was accepted. */
static void send_again(void)
{
	harness_sql_text(&h,
			 "INSERT INTO message_sender.attempt (message_id, attempt, incarnation, "
			 "outcome, begun_at, ended_at) SELECT message_id, 2, message_id, "
			 "'accepted', now(), now() FROM message_sender.message "
			 "WHERE state = 'retrying'");
	harness_sql_text(&h, "DELETE FROM message_sender.work WHERE state = 'retrying'");
	harness_sql_text(&h, "UPDATE message_sender.message SET state = 'sent', attempts = 2 "
			     "WHERE state = 'retrying'");
}

/* One decision and one row of work for each that has failed, however its events come. */
static void check_resends(unsigned failed)
{
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.decision WHERE "
					      "decided_by = 'policy:receipt' AND attempt = 1"),
			 failed);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.decision"),
			 failed);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.work "
					      "WHERE state = 'retrying' AND attempt = 1"),
			 attempts == 1 ? failed : 0);
}

/* All events of attempt 1; and, when what failed was sent again, all of both attempts. */
START_TEST(what_failed_for_now_is_sent_again_once_in_any_order)
{
	unsigned failed = 0;

	make_ids();
	for (unsigned i = 0; i < MESSAGES; i++)
		failed += has_failed(i);
	resends = true;
	harness_start(&h);
	for (uint64_t seed = 1; seed <= RESEND_SEEDS; seed++) {
		store_messages();
		for (attempts = 1; attempts <= 2; attempts++) {
			make_events(seed);
			give_all();
			check_states();
			check_resends(failed);
			ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM "
							      "message_sender.receipt"),
					 distinct_count);
			send_again();
		}
	}
	harness_stop(&h);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_receipts_order");
	TCase *tcase = tcase_create("store_receipts_order");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, in_any_order_and_however_often_the_end_is_the_same);
	tcase_add_test(tcase, what_failed_for_now_is_sent_again_once_in_any_order);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
