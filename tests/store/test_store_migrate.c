/*
 * Migrating: once, again, two at a time, an altered and a newer schema, as superuser and as
 * the plain owner of a database; and what the roles may do afterwards.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness.h"
#include "store/migrate.h"
#include "store/sql.h"

static struct harness h; /* only its sql */
static char url[512];    /* of a database of this test's own */

static void make_database(const char *name, const char *user)
{
	h.sql = PQconnectdb(harness_url());
	ck_assert_int_eq(PQstatus(h.sql), CONNECTION_OK);
	harness_sql_text(&h, "DROP DATABASE IF EXISTS %s", name);
	harness_sql_text(&h, "CREATE DATABASE %s OWNER %s", name, user);
	snprintf(url, sizeof(url), "host='%s' port=%s dbname=%s user=%s", PQhost(h.sql),
		 PQport(h.sql), name, user);
	PQfinish(h.sql);
	h.sql = PQconnectdb(url);
	ck_assert_int_eq(PQstatus(h.sql), CONNECTION_OK);
}

static void setup(void)
{
	make_database("migrate_test", "postgres");
}

static void teardown(void)
{
	PQfinish(h.sql);
}

static unsigned told_count;

static void told(void *arg, const char *name)
{
	(void)arg;
	ck_assert_str_eq(name, sql_migrations[told_count++].name);
}

/* Migrates; the first `there` are applied already.  Returns how many were applied. */
static unsigned migrated_from(unsigned there)
{
	struct err err = { .text = "" };
	unsigned applied = 99;

	told_count = there;
	ck_assert_msg(migrate_run(url, told, NULL, &applied, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(applied, told_count - there);
	return applied;
}

static unsigned migrated(void)
{
	return migrated_from(0);
}

static void expect_refusal(const char *word)
{
	struct err err = { .text = "" };
	unsigned applied;

	ck_assert_int_eq(migrate_run(url, NULL, NULL, &applied, &err), -1);
	ck_assert_msg(strstr(err.text, word) != NULL, "%s", err.text);
}

START_TEST(all_are_applied_once)
{
	ck_assert_uint_eq(migrated(), sql_migrations_count);
	ck_assert_uint_eq(migrated(), 0);
	ck_assert_int_eq(harness_sql_long(&h,
					  "SELECT count(*) FROM message_sender.schema_migration "
					  "WHERE length(checksum) = 64"),
			 (long)sql_migrations_count);
	/* Last month, this one, three ahead, and the default, of three tables; today, eight days
	 * ahead, and the default of webhooks. */
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM pg_inherits i "
					      "JOIN pg_class c ON c.oid = i.inhparent "
					      "WHERE c.relkind = 'p'"),
			 18 + 10);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT tableowner FROM pg_tables "
					      "WHERE tablename = 'work'"),
			 "message_sender_owner");
}
END_TEST

START_TEST(several_at_a_time_take_turns)
{
	pid_t children[4];

	for (int i = 0; i < 4; i++) {
		children[i] = fork();
		ck_assert_int_ge(children[i], 0);
		if (children[i] == 0) {
			struct err err;
			unsigned applied;

			_exit(migrate_run(url, NULL, NULL, &applied, &err) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status;

		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	ck_assert_uint_eq(migrated(), 0);
}
END_TEST

START_TEST(an_altered_migration_is_refused)
{
	migrated();
	harness_sql_text(&h,
			 "UPDATE message_sender.schema_migration SET checksum = "
			 "repeat('0', 64) WHERE name = '%s'",
			 sql_migrations[1].name);
	expect_refusal(sql_migrations[1].name);
	expect_refusal("altered");
}
END_TEST

START_TEST(a_newer_schema_is_refused)
{
	migrated();
	harness_sql_text(&h, "INSERT INTO message_sender.schema_migration VALUES "
			     "('9999_future', repeat('0', 64))");
	expect_refusal("newer");
}
END_TEST

static void run(const char *text, int count, const char *const *values)
{
	PGresult *result = count ? PQexecParams(h.sql, text, count, NULL, values, NULL, NULL, 0)
				 : PQexec(h.sql, text);

	ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK ||
			      PQresultStatus(result) == PGRES_COMMAND_OK,
		      "%s", PQerrorMessage(h.sql));
	PQclear(result);
}

/* As a program without the last migration leaves it. */
START_TEST(what_is_missing_is_added)
{
	for (size_t i = 0; i < sql_migrations_count - 1; i++) {
		const char *const values[] = { sql_migrations[i].name, sql_migrations[i].text };

		run("BEGIN", 0, NULL);
		run(sql_migrations[i].text, 0, NULL);
		run("INSERT INTO message_sender.schema_migration (name, checksum) SELECT $1, "
		    "encode(sha256(convert_to($2, 'UTF8')), 'hex')",
		    2, values);
		run("COMMIT; SET ROLE message_sender_owner", 0, NULL);
	}
	run("RESET ROLE", 0, NULL);
	ck_assert_uint_eq(migrated_from((unsigned)sql_migrations_count - 1), 1);
	ck_assert_uint_eq(migrated_from((unsigned)sql_migrations_count), 0);
}
END_TEST

START_TEST(a_failed_migration_leaves_nothing)
{
	struct err err = { .text = "" };
	unsigned applied;

	harness_sql_text(&h, "CREATE SCHEMA message_sender AUTHORIZATION postgres");
	harness_sql_text(&h, "CREATE TABLE message_sender.work ()"); /* in 0002's way */
	ck_assert_int_eq(migrate_run(url, NULL, NULL, &applied, &err), -1);
	ck_assert_msg(strstr(err.text, "0002") != NULL, "%s", err.text);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM pg_tables WHERE tablename = "
					      "'message'"),
			 0);
	harness_sql_text(&h, "DROP TABLE message_sender.work");
	ck_assert_uint_eq(migrated_from(1), sql_migrations_count - 1);
}
END_TEST

static void make_user(const char *options)
{
	harness_sql_text(&h, "DO $$ BEGIN CREATE ROLE store_test_owner LOGIN; "
			     "EXCEPTION WHEN duplicate_object THEN NULL; END $$");
	harness_sql_text(&h, "ALTER ROLE store_test_owner LOGIN %s", options);
	PQfinish(h.sql);
	make_database("migrate_plain", "store_test_owner");
}

/* Sends one message through a store that connects as this test's user. */
static void use_it(void)
{
	static struct harness used;
	struct err err;

	used.loop = loop_new(&err);
	used.sql = h.sql;
	harness_open(&used, url, true);
	harness_accept(&used, 0, true);
	harness_until_done(&used, 1, 3000);
	ck_assert_int_eq(used.done[0].verdict, STORE_DONE);
	harness_status(&used, 0, 1);
	ck_assert_int_eq(used.done[1].verdict, STORE_DONE);
	ck_assert_int_eq(used.status.state, STATE_SENDING);
	used.sql = NULL;
	harness_stop(&used);
}

START_TEST(the_plain_owner_of_a_database_can_migrate_and_serve)
{
	make_user("NOCREATEROLE");
	ck_assert_uint_eq(migrated(), sql_migrations_count);
	ck_assert_str_eq(harness_sql_text(&h, "SELECT tableowner FROM pg_tables "
					      "WHERE tablename = 'work'"),
			 "store_test_owner");
	use_it();
}
END_TEST

START_TEST(an_owner_that_may_create_roles_can_migrate_and_serve)
{
	make_user("CREATEROLE");
	ck_assert_uint_eq(migrated(), sql_migrations_count);
	use_it();
}
END_TEST

START_TEST(a_superuser_serves_as_app_and_reader)
{
	migrated();
	use_it();
	harness_sql_text(&h, "SET ROLE message_sender_reader");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message_status("
					      "'00000000-0000-0000-0000-000000000000')"),
			 0);
	/* Of the messages it sees those of the tenant that is set, and here none is. */
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender.message"), 0);
	PQclear(PQexec(h.sql, "SELECT 1 FROM message_sender.attempt"));
	ck_assert_str_eq(PQerrorMessage(h.sql), "ERROR:  permission denied for table attempt\n");
	ck_assert_int_eq(harness_sql_long(&h, "SELECT count(*) FROM message_sender."
					      "idempotency_answer('tenant', 'key')"),
			 0);
	PQclear(PQexec(h.sql, "SELECT 1 FROM message_sender.idempotency_key"));
	ck_assert_str_eq(PQerrorMessage(h.sql),
			 "ERROR:  permission denied for table idempotency_key\n");
	harness_sql_text(&h, "SET ROLE message_sender_app");
	PQclear(PQexec(h.sql, "DELETE FROM message_sender.message"));
	ck_assert_str_eq(PQerrorMessage(h.sql), "ERROR:  permission denied for table message\n");
}
END_TEST

START_TEST(partitions_ahead_is_idempotent_and_routes_by_month)
{
	migrated();
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.partitions_ahead(3)"), 0);
	ck_assert_int_eq(harness_sql_long(&h, "SELECT message_sender.partitions_ahead(4)"), 3);
	use_it();
	ck_assert_str_eq(harness_sql_text(&h,
					  "SELECT tableoid::regclass::text = "
					  "'message_sender.message_' || to_char(now() AT TIME ZONE "
					  "'UTC', 'YYYY_MM') FROM message_sender.message"),
			 "t");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_migrate");
	TCase *tcase = tcase_create("store_migrate");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, all_are_applied_once);
	tcase_add_test(tcase, several_at_a_time_take_turns);
	tcase_add_test(tcase, an_altered_migration_is_refused);
	tcase_add_test(tcase, a_newer_schema_is_refused);
	tcase_add_test(tcase, what_is_missing_is_added);
	tcase_add_test(tcase, a_failed_migration_leaves_nothing);
	tcase_add_test(tcase, the_plain_owner_of_a_database_can_migrate_and_serve);
	tcase_add_test(tcase, an_owner_that_may_create_roles_can_migrate_and_serve);
	tcase_add_test(tcase, a_superuser_serves_as_app_and_reader);
	tcase_add_test(tcase, partitions_ahead_is_idempotent_and_routes_by_month);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
