/*
 * The plans of the real session's statements, as auto_explain tells them: at 10, 50 and 250
 * rows (a batch holds 256), on empty tables and on large ones, every table is reached by an
 * index condition, and by no other way.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness.h"

#define LARGE 200000

static struct harness h;
static long log_start;

static const char *log_path(void)
{
	const char *path = getenv("STORE_TEST_LOG");

	ck_assert_msg(path != NULL, "STORE_TEST_LOG is not set: run tests/store/run");
	return path;
}

static void setup(void)
{
	FILE *file;

	harness_prepare(&h);
	harness_sql_text(&h, "INSERT INTO message_sender.tenant (tenant_id) "
			     "SELECT 'tenant-' || i FROM generate_series(0, 9) i");
	harness_sql_text(&h, "INSERT INTO message_sender.quota (tenant_id, daily, set_by) "
			     "SELECT tenant_id, 1000000, 'test' FROM message_sender.tenant");
	file = fopen(log_path(), "r");
	ck_assert_ptr_nonnull(file);
	fseek(file, 0, SEEK_END);
	log_start = ftell(file);
	fclose(file);
}

static void teardown(void)
{
	harness_stop(&h);
}

static void open_explained(void)
{
	char conninfo[1024];

	snprintf(conninfo, sizeof(conninfo),
		 "%s options='-c session_preload_libraries=auto_explain "
		 "-c auto_explain.log_min_duration=0 -c auto_explain.log_nested_statements=on'",
		 harness_url());
	harness_open(&h, conninfo, true);
}

static void fill_tables(void)
{
	harness_sql_text(
		&h,
		"INSERT INTO message_sender.message (message_id, tenant_id, outlet_id, "
		"recipient, message_type, payload, sender_type, state, accepted_at) "
		"SELECT (substr(message_sender.id_floor(now())::text, 1, 13) || "
		"substr(gen_random_uuid()::text, 14))::uuid, 'tenant-' || i %% 200, 'o', '+62812', "
		"'text', '{}', 'llm', 'queued', now() FROM generate_series(1, %d) i",
		LARGE);
	harness_sql_text(
		&h, "INSERT INTO message_sender.work (message_id, tenant_id, lane, seq, "
		    ""
		    "state, caller_waits, attempt, attempt_open, due_at, expires_at, queue) "
		    "SELECT message_id, tenant_id, "
		    "('x' || right(message_id::text, 2))::bit(8)::int %% 64, "
		    "nextval('message_sender.work_seq'), 'queued', false, 0, false, now(), now(), "
		    "message_sender.work_queue(tenant_id, outlet_id, class) "
		    "FROM message_sender.message ON CONFLICT DO NOTHING");
	harness_sql_text(&h,
			 "INSERT INTO message_sender.attempt (message_id, attempt, incarnation, "
			 "outcome, begun_at, ended_at) "
			 "SELECT message_id, 1, message_id, 'lost', now(), now() "
			 "FROM message_sender.message ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "INSERT INTO message_sender.receipt (message_id, attempt, status, "
			     "number, wamid, at) SELECT message_id, 1, 'sent', '1', 'w', now() "
			     "FROM message_sender.message ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "INSERT INTO message_sender.receipt_orphan (received_at, due_at, at, "
			     "status, wamid) SELECT now(), now(), now(), 'sent', 'w' || i "
			     "FROM generate_series(1, 2000) i ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "INSERT INTO message_sender.number (display, number, account) "
			     "SELECT i, i, i FROM generate_series(1, 20000) i "
			     "ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "INSERT INTO message_sender.account (account, type, reason, event, "
			     "at, told_at) SELECT i, 'DISABLE', NULL, '', '2020-1-1', now() "
			     "FROM generate_series(1, 20000) i ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "INSERT INTO message_sender.inbound (wamid, received_at, at, number, "
			     "phone, type, raw) SELECT i, now(), now(), i, i, '', '' "
			     "FROM generate_series(1, 20000) i ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "INSERT INTO message_sender.reply_window SELECT i, i, now() "
			     "FROM generate_series(1, 20000) i ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "INSERT INTO message_sender.opt_out SELECT i, i, 't', true, now(), "
			     "'', 'receipt' FROM generate_series(1, 20000) i "
			     "ON CONFLICT DO NOTHING");
	harness_sql_text(&h, "UPDATE message_sender.work SET state = 'unknown', lost_at = now(), "
			     "wait = 2 + seq %% 2 WHERE seq %% 3 = 0");
	harness_sql_text(&h, "UPDATE message_sender.work SET state = 'scheduled', wait = 5 "
			     "WHERE seq %% 7 = 1 AND wait = 0");
	harness_sql_text(&h,
			 "INSERT INTO message_sender.idempotency_key (tenant_id, key, fingerprint, "
			 "message_id, created_at, runs_until, expires_at) "
			 "SELECT tenant_id, message_id::text, '\\x00', message_id, now(), now(), "
			 "now() + interval '7 days' "
			 "FROM message_sender.message ON CONFLICT DO NOTHING");
	harness_sql_text(&h,
			 "INSERT INTO message_sender.api_key (id, hash, tenant_id, scopes, "
			 "created_by, why) SELECT 'k' || i, decode(repeat('00', 32), 'hex'), "
			 "'tenant-' || i %% 200, '{read}', '', '' FROM generate_series(1, %d) i "
			 "ON CONFLICT DO NOTHING",
			 LARGE / 10);
}

/* Each kind of read. */
/* Without reports, which may read whole small tables. */
#define READS STORE_READ_BATCH_SEEN

static void read_all(void)
{
	static const char keys[2][API_KEY_ID_BYTES] = { "k1", "k2" };
	struct store_read request = { .id = h.messages[1]->id,
				      .asker = { "tenant-1", "o p" },
				      .filter = { .tenant_id = "tenant-1", .limit = 50 } };
	struct err err;

	for (int kind = STORE_READ_WHOLE; kind <= STORE_READ_BATCH_SEEN; kind++) {
		if (kind == STORE_READ_REPORT)
			continue;
		request.kind = (enum store_read_kind)kind;
		ck_assert_int_eq(store_read(h.store, 900, &request, &err), 0);
	}
	ck_assert_int_eq(store_find_api_key(h.store, "k1", &err), 0);
	ck_assert_int_eq(store_keys_used(h.store, keys, 2, &err), 0);
}

/* So many statuses in one statement: as many completions. */
static void look_at_all(unsigned rows)
{
	struct store_look looks[256];
	struct err err;

	for (unsigned i = 0; i < rows; i++)
		looks[i] = (struct store_look){ .id = h.messages[i]->id, .tag = 901 };
	ck_assert_int_eq(store_looks(h.store, looks, rows, &err), 0);
}

/* What they come to does not matter to the plan. */
static void settle_all(unsigned rows)
{
	struct err err;

	for (unsigned i = 0; i < rows; i++) {
		struct store_settle row = { .id = h.messages[i]->id,
					    .attempt = 1,
					    .verdict = (enum settle_verdict)(i % 4),
					    .why = "x" };

		store_settle(h.store, i, &row);
	}
	for (unsigned changed = 0; changed < 2; changed++)
		ck_assert_int_eq(store_load_unknown(h.store, 1, 7, rows, UNKNOWN_EVIDENCE, 1,
						    changed, &err),
				 0);
}

/* A bulk call of so many messages. */
static void add_all(unsigned rows, bool charge)
{
	const struct message_id none = { { 0 } };
	struct store_batch batch = { .id = h.messages[charge]->id,
				     .tenant_id = "t",
				     .messages = 1 };
	struct err err;

	ck_assert_int_eq(store_open_batch(h.store, 1, &batch, &err), 0);
	for (unsigned i = 0; i < rows; i++) {
		struct message *m = message_copy(h.messages[i]);
		const struct store_key key = { .key = "item" };
		struct store_accept row = { .message = m,
					    .key = i % 2 ? &key : NULL,
					    .charge = charge };

		m->id.bytes[15] ^= charge ? 2 : 1;
		m->batch_id = batch.id;
		row.expires_wall_us = clock_wall_us() + 1000000;
		ck_assert_int_eq(store_add(h.store, i, &row, &err), 0);
	}
	ck_assert_int_eq(store_close_batch(h.store, 2, batch.id, rows, 0, &err), 0);
	ck_assert_int_eq(store_cancel_batch(h.store, 3, batch.id, none, &err), 0);
}

/* Of as many queues as one load may ask for. */
static void load_queues(unsigned rows)
{
	struct store_queue_load loads[STORE_QUEUES_MAX];
	struct err err;

	for (unsigned i = 0; i < STORE_QUEUES_MAX; i++)
		loads[i] = (struct store_queue_load){ .lane = i,
						      .queue = h.messages[i % rows]->queue,
						      .last = UINT64_MAX,
						      .due_until_wall_us = clock_wall_us(),
						      .most = rows / 10 };
	loads[0].lane = h.messages[0]->lane;
	ck_assert_int_eq(store_load_queues(h.store, 1, loads, STORE_QUEUES_MAX, &err), 0);
}

/* Notices of every kind, of as many numbers and users. */
static struct notices *notices_of(unsigned rows)
{
	struct notices *list = notices_new();

	for (unsigned i = 0; i < 4 * rows; i++) {
		char text[32];
		const struct notice n = {
			.kind = (enum notice_kind)(i % NOTICE_KINDS),
			.number = text,
			.display = text,
			.account = i % NOTICE_KINDS == NOTICE_ACCOUNT ? "1" : text,
			.phone = text,
			.wamid = i % 7 ? "wamid.HBgNNjI4MTIzNDU2Nzg5FQIAERgS" : text,
			.at_wall_us = clock_wall_us() + i,
			.event = i % 2 ? "THROUGHPUT_UPGRADE" : "DISABLED_UPDATE",
			.type = i % 3 ? "DISABLE" : "REINSTATE",
			.stop = i % 2,
			.has_id = i % 11 == 0,
			.id = h.messages[i % rows]->id,
			.raw = "{}",
			.raw_len = 2,
		};

		(void)snprintf(text, sizeof(text), "%u", i % rows + 1);
		ck_assert_int_eq(notices_add(list, &n), NOTICES_ADDED);
	}
	return list;
}

/* Receipts of every kind, of so many messages; four times as many as one call. */
static void receive_all(unsigned rows)
{
	struct receipts *list = receipts_new();
	struct err err;

	for (unsigned i = 0; i < 4 * rows; i++) {
		const struct receipt r = {
			.status = (enum receipt_status)(i % 5),
			.wamid = i % 8 ? "wamid.HBgNNjI4MTIzNDU2Nzg5FQIAERgS" : "unknown",
			.at_wall_us = clock_wall_us() + i,
			.has_callback = i % 4 != 0,
			.id = h.messages[i % rows]->id,
			.attempt = 1,
			.code = i % 3 ? 131000 : 131026,
		};

		ck_assert_int_eq(receipts_add(list, &r), RECEIPTS_ADDED);
	}
	ck_assert_int_eq(store_receipts(h.store, 1, list, notices_of(rows), strdup("{}"), 2, &err),
			 0);
}

/* Every write and read, `rows` of each. */
static void use_all(unsigned rows)
{
	unsigned target = h.done_count;
	struct err err;

	for (unsigned keyed = 0; keyed < 3; keyed++) {
		h.charge = keyed == 2;
		for (unsigned i = 0; i < rows; i++) {
			message_free(h.messages[i]);
			h.messages[i] = NULL;
			if (keyed)
				harness_accept_keyed(&h, i, i % 2 == 0, harness_id(&h, i), 0);
			else
				harness_accept(&h, i, i % 2 == 0);
		}
		harness_until_done(&h, target += rows, 10000);
	}
	h.charge = false;
	for (unsigned i = 0; i < rows; i++)
		store_answer(h.store, i, h.messages[i]->id, 200, "{}");
	harness_until_done(&h, target += rows, 10000);
	for (unsigned i = 1; i < rows; i += 2) {
		struct store_begin row = { .id = h.messages[i]->id,
					   .attempt = 1,
					   .number = "1",
					   .deadline_wall_us = clock_wall_us() };

		ck_assert_int_eq(store_begin(h.store, i, &row, &err), 0);
	}
	harness_until_done(&h, target += rows / 2, 10000);
	for (unsigned i = 0; i < rows; i++) {
		struct store_outcome row = harness_outcome(&h, i);

		row.next = i % 2 ? STORE_NEXT_CONVERSATION : STORE_NEXT_RETRY;
		row.outcome = i % 2 ? OUTCOME_ACCEPTED : OUTCOME_NOT_SENT;
		row.due_wall_us = clock_wall_us();
		store_outcome(h.store, i, &row);
	}
	harness_until_done(&h, target += rows, 10000);
	for (unsigned i = 0; i < rows; i++) {
		struct store_conversation c = { .id = h.messages[i]->id, .stored = i % 4 == 1 };
		struct store_defer d = {
			.id = c.id, .attempt = 1, .failed = i % 4 == 0, .reason = "x"
		};

		if (i % 2)
			store_conversation(h.store, i, &c);
		else
			store_defer(h.store, i, &d);
	}
	harness_until_done(&h, target += rows, 10000);
	settle_all(rows);
	harness_until_done(&h, target += rows + 2, 10000);
	receive_all(rows);
	harness_until_done(&h, ++target, 10000);
	for (unsigned charge = 0; charge < 2; charge++) {
		add_all(rows, charge);
		harness_until_done(&h, target += rows + 3, 10000);
	}
	for (unsigned i = 0; i < rows; i++)
		store_call_off(h.store, i, h.messages[i]->id);
	harness_until_done(&h, target += rows, 10000);
	ck_assert_int_eq(store_status(h.store, 0, h.messages[0]->id, NULL, &err), 0);
	harness_look(&h, 7, -1, clock_wall_us(), rows);
	load_queues(rows);
	ck_assert_int_eq(store_load_copies(h.store, 2, 7, clock_wall_us(), rows, &err), 0);
	ck_assert_int_eq(store_load_held(h.store, 3, 7, rows, &err), 0);
	ck_assert_int_eq(store_load_due(h.store, 5, 7, clock_wall_us(), rows, &err), 0);
	ck_assert_int_eq(store_holds(h.store, 0, &err), 0);
	ck_assert_int_eq(store_load_probe(h.store, 4, 7, 1, &err), 0);
	read_all();
	look_at_all(rows);
	harness_until_done(&h, target += 9 + READS + rows, 10000);
	harness_find_key(&h, 0, 0, harness_id(&h, 0));
	ck_assert(h.first.found);
	for (unsigned i = 0; i < h.loaded_count; i++)
		message_free(h.loaded[i].message);
	h.loaded_count = 0;
}

/* Scans in the log since the test began.  Returns how many index scans there were; ret_walks (or
 * null): those over what is to be sent that need no row to tell what is due. */
static unsigned check_plans(unsigned *ret_walks)
{
	FILE *file = fopen(log_path(), "r");
	char line[8192];
	char scan[sizeof(line)] = "";
	unsigned index_scans = 0;

	ck_assert_ptr_nonnull(file);
	if (ret_walks)
		*ret_walks = 0;
	fseek(file, log_start, SEEK_SET);
	while (fgets(line, sizeof(line), file)) {
		ck_assert_msg(!strstr(line, "Seq Scan") && !strstr(line, "Bitmap"), "%s", line);
		if (ret_walks && strstr(line, "Index Only Scan using work_to_send"))
			++*ret_walks;
		/* A scan says first of all what it looks for. */
		if (*scan)
			ck_assert_msg(strstr(line, "Index Cond:") != NULL, "%s%s", scan, line);
		*scan = '\0';
		/* Read whole: the list of migrations, once a session; holds and rates, which
		 * are few. */
		if ((strstr(line, "Index Scan using") || strstr(line, "Index Only Scan")) &&
		    !strstr(line, "schema_migration") && !strstr(line, "hold_current") &&
		    !strstr(line, "rate_pkey")) {
			memcpy(scan, line, sizeof(scan));
			index_scans++;
		}
	}
	fclose(file);
	return index_scans;
}

START_TEST(on_empty_tables)
{
	harness_sql_text(&h, "VACUUM ANALYZE");
	open_explained();
	use_all(10);
	use_all(50);
	use_all(250);
	ck_assert_uint_gt(check_plans(NULL), 50);
}
END_TEST

START_TEST(on_large_tables)
{
	unsigned walks;

	fill_tables();
	harness_sql_text(&h, "VACUUM ANALYZE");
	open_explained();
	use_all(10);
	use_all(50);
	use_all(250);
	ck_assert_uint_gt(check_plans(&walks), 50);
	ck_assert_uint_ge(walks, 3);
}
END_TEST

START_TEST(on_large_tables_that_were_empty_when_planned)
{
	int64_t start;

	open_explained();
	use_all(10);
	fill_tables();
	start = clock_boot_ms();
	use_all(250);
	ck_assert_uint_gt(check_plans(NULL), 30);
	/* And it shows: each of the statements over 200,000 rows takes a moment only. */
	ck_assert_int_lt(clock_boot_ms() - start, 10000);
}
END_TEST

static bool all_counted(struct harness *harness, void *arg)
{
	return harness_sql_long(harness, "SELECT sum(n_tup_upd) FROM pg_stat_user_tables "
					 "WHERE relname LIKE 'message%%' OR relname = 'work'") >=
	       *(long *)arg;
}

/* As the server counts: the begin of an attempt and what it does to its message change no index. */
START_TEST(updates_change_no_index)
{
	const unsigned rows = 10; /* a page has room for their new versions */
	long updates = 2 * rows;
	struct err err;

	harness_sql_text(&h, "SELECT pg_stat_reset()");
	harness_open(&h, harness_url(), true);
	for (unsigned i = 0; i < rows; i++)
		harness_accept(&h, i, false);
	harness_until_done(&h, rows, 10000);
	for (unsigned i = 0; i < rows; i++) {
		struct store_begin row = { .id = h.messages[i]->id, .attempt = 1, .number = "1" };

		ck_assert_int_eq(store_begin(h.store, i, &row, &err), 0);
	}
	harness_until_done(&h, 2 * rows, 10000);
	for (unsigned i = 0; i < rows; i++) {
		struct store_outcome row = harness_outcome(&h, i);

		store_outcome(h.store, i, &row);
	}
	harness_until_done(&h, 3 * rows, 10000);
	/* The server counts when its session has been idle for some time. */
	harness_until(&h, 20000, all_counted, &updates);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT sum(n_tup_upd - n_tup_hot_upd) "
					      "FROM pg_stat_user_tables"),
			 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_plans");
	TCase *tcase = tcase_create("store_plans");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, on_empty_tables);
	tcase_add_test(tcase, on_large_tables);
	tcase_add_test(tcase, on_large_tables_that_were_empty_when_planned);
	tcase_add_test(tcase, updates_change_no_index);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
