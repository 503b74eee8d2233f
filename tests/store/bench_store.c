/*
 * bench_store - what a message costs: accepted with attempt 1 begun, then its outcome with
 * the conversation merged.  Batches of a fixed size, one after the other.
 *
 * Usage: bench_store ROWS BATCHES; prints CPU microseconds per message of the client (this
 * process) and of the server (its writing backend, from /proc: same machine, and the test's
 * user must see it).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "harness.h"

static double own_cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* User and system time of another process, from /proc/PID/schedstat (nanoseconds on CPU). */
static double cpu_us_of(long pid)
{
	char path[64];
	FILE *file;
	double ns = 0;

	snprintf(path, sizeof(path), "/proc/%ld/schedstat", pid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%lf", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns / 1000;
}

static void new_id(struct message *m)
{
	uint8_t random[10];

	random_bytes(random, sizeof(random));
	m->accepted_wall_us = clock_wall_us();
	m->id = message_id_make(m->accepted_wall_us / 1000, random);
}

static void one_batch(struct harness *h, unsigned rows)
{
	h->done_count = 0;
	for (unsigned i = 0; i < rows; i++) {
		new_id(harness_message(h, i));
		harness_accept(h, i, true);
	}
	harness_until_done(h, rows, 10000);
	for (unsigned i = 0; i < rows; i++) {
		struct store_outcome row = harness_outcome(h, i);
		struct store_conversation stored = { .id = row.id, .stored = true };

		row.next = STORE_NEXT_CONVERSATION;
		row.due_wall_us = row.ended_wall_us;
		store_outcome(h->store, i, &row);
		store_conversation(h->store, rows + i, &stored);
	}
	harness_until_done(h, 3 * rows, 10000);
}

static unsigned rows = 50;
static unsigned batches = 200;

/* A test, because the harness asserts. */
START_TEST(measure)
{
	static struct harness h;
	double own, server, messages = (double)rows * batches;
	int64_t start;
	long pid;

	harness_start(&h);
	for (unsigned i = 0; i < 20; i++)
		one_batch(&h, rows);
	pid = harness_sql_long(&h, "SELECT pid FROM pg_stat_activity WHERE application_name = "
				   "'store-test' AND query LIKE '%%outcome:%%'");
	own = own_cpu_us();
	server = cpu_us_of(pid);
	start = clock_boot_ms();
	for (unsigned i = 0; i < batches; i++)
		one_batch(&h, rows);
	printf("rows %u: client %.1f us, server backend %.1f us a message, %.0f messages/s\n", rows,
	       (own_cpu_us() - own) / messages, (cpu_us_of(pid) - server) / messages,
	       messages * 1000 / (double)(clock_boot_ms() - start));
	harness_stop(&h);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *suite = suite_create("bench_store");
	TCase *tcase = tcase_create("bench_store");
	SRunner *runner;
	int failed;

	if (argc > 1)
		rows = (unsigned)strtoul(argv[1], NULL, 10);
	if (argc > 2)
		batches = (unsigned)strtoul(argv[2], NULL, 10);
	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, measure);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_print(runner, failed ? CK_NORMAL : CK_SILENT);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
