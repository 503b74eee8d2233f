/*
 * bench_bells - how long a bell takes from one process to another: worker to worker (delivery/bell
 * over the inboxes of a node) and node to node (store_ring, by NOTIFY).
 *
 * Usage: bench_bells BELLS; for each kind one process rings so many bells, about 600 a second,
 * each of which says when it was rung; another process notes how late it is, by the same clock.
 * Ringing and hearing are those of the service, each in a loop of its own.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "delivery/bell.h"
#include "harness.h"

#define BELLS_MAX 1000000
#define SILENCE_MS 2000 /* after the last one */

/* Shared with the process that hears. */
struct heard {
	_Atomic unsigned count;
	_Atomic bool listens;
	int64_t late_us[];
};

static struct heard *heard;
static unsigned bells = 10000;

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void hear(int64_t rung_us)
{
	const unsigned n = heard->count;

	if (n < BELLS_MAX)
		heard->late_us[n] = now_us() - rung_us;
	heard->count = n + 1;
}

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a;
	const int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *what)
{
	const unsigned n = heard->count;

	ck_assert_uint_gt(n, 0);
	qsort(heard->late_us, n, sizeof(heard->late_us[0]), by_size);
	printf("%s: %u of %u heard; p50 %.3f ms, p99 %.3f ms, p99.9 %.3f ms, max %.3f ms\n", what,
	       n, bells, (double)heard->late_us[n / 2] / 1000,
	       (double)heard->late_us[n - 1 - n / 100] / 1000,
	       (double)heard->late_us[n - 1 - n / 1000] / 1000,
	       (double)heard->late_us[n - 1] / 1000);
	fflush(stdout);
}

static void pause_us(unsigned us)
{
	const struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = 1000L * (us % 1000000) };

	nanosleep(&t, NULL);
}

static void wait_until_it_listens(void)
{
	while (!heard->listens)
		pause_us(1000);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

static void turn(struct loop *loop, int64_t ms)
{
	struct err err;

	(void)loop_timer(loop, clock_boot_ms() + ms, stop, loop);
	ck_assert_int_eq(loop_run(loop, &err), 0);
}

/* Runs the loop until nothing has come for a while. */
static void listen_in(struct loop *loop)
{
	unsigned before;

	heard->listens = true;
	do {
		before = heard->count;
		turn(loop, SILENCE_MS);
	} while (before != heard->count || !before);
}

static pid_t begin_to_listen(void (*listener)(void))
{
	pid_t child;

	heard->count = 0;
	heard->listens = false;
	fflush(stdout);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child)
		return child;
	listener();
	_exit(0);
}

static void end(pid_t child, const char *what)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	report(what);
}

/* -- worker to worker -- */

static struct node *node;

static void on_order(void *arg, const struct delivery_order *order)
{
	(void)arg;
	hear(order->message->accepted_wall_us);
}

static void in_slot_1(void)
{
	const struct bell_receiver receiver = { .order = on_order };
	struct err err;
	struct loop *loop = loop_new(&err);
	struct bell *bell = bell_new(loop, node, 1, &receiver, &err);

	ck_assert_ptr_nonnull(bell);
	listen_in(loop);
}

START_TEST(worker_to_worker)
{
	const struct bell_receiver receiver = { .order = on_order };
	struct err err;
	struct message m = { .tenant_id = "123e4567-e89b-12d3-a456-426614174000",
			     .outlet_id = "outlet-1",
			     .conversation_id = "conversation-1",
			     .recipient = "+628123456789",
			     .type = "text",
			     .payload = "{\"body\":\"Hello! Your order #12345 has been shipped.\"}",
			     .sender_type = "llm" };
	const struct delivery_order order = { .message = &m };
	struct loop *loop;
	struct bell *bell;
	pid_t child;

	node = node_new(2, &err);
	ck_assert_ptr_nonnull(node);
	node_set(node, 1, NODE_READY, m.id);
	child = begin_to_listen(in_slot_1);
	loop = loop_new(&err);
	bell = bell_new(loop, node, 0, &receiver, &err);
	wait_until_it_listens();
	for (unsigned i = 0; i < bells; i++) {
		pause_us(random_u32() % 1000);
		m.accepted_wall_us = now_us();
		bell_order(bell, 1, &order);
		turn(loop, 1);
	}
	end(child, "worker to worker");
	bell_free(bell);
	loop_free(loop);
	node_free(node);
}
END_TEST

/* -- node to node -- */

static struct message_id listener_id;

static void on_rung(void *arg, const char *text)
{
	(void)arg;
	if (text) /* null: the session that hears has begun, or ended */
		hear(strtoll(text, NULL, 10));
}

static struct store *open_store(struct loop *loop, struct message_id incarnation)
{
	const struct store_settings settings = { .conninfo = harness_url(),
						 .incarnation = incarnation,
						 .application_name = "bench-bells",
						 .accept_timeout_ms = 1500,
						 .max_pending = 1000 };
	const struct store_callbacks callbacks = { .rung = on_rung };
	struct err err;
	struct store *s = store_new(loop, &settings, &callbacks, &err);

	ck_assert_ptr_nonnull(s);
	while (!store_ready(s))
		turn(loop, 1);
	return s;
}

static void on_another_node(void)
{
	struct err err;
	struct loop *loop = loop_new(&err);

	(void)open_store(loop, listener_id);
	listen_in(loop);
}

START_TEST(node_to_node)
{
	static struct harness h;
	struct err err;
	struct message_id self;
	struct loop *loop;
	struct store *s;
	pid_t child;
	char text[32];

	harness_prepare(&h);
	random_bytes(self.bytes, sizeof(self.bytes));
	random_bytes(listener_id.bytes, sizeof(listener_id.bytes));
	child = begin_to_listen(on_another_node);
	loop = loop_new(&err);
	s = open_store(loop, self);
	wait_until_it_listens();
	for (unsigned i = 0; i < bells; i++) {
		pause_us(random_u32() % 1000);
		(void)snprintf(text, sizeof(text), "%" PRId64, now_us());
		store_ring(s, &listener_id, text);
		turn(loop, 1);
	}
	end(child, "node to node");
	store_free(s);
	loop_free(loop);
}
END_TEST

int main(int argc, char **argv)
{
	const size_t bytes = sizeof(*heard) + BELLS_MAX * sizeof(heard->late_us[0]);
	Suite *suite = suite_create("bench_bells");
	TCase *tcase = tcase_create("bench_bells");
	SRunner *runner;
	int failed;

	if (argc > 1)
		bells = (unsigned)strtoul(argv[1], NULL, 10);
	heard = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (heard == MAP_FAILED || bells > BELLS_MAX)
		return EXIT_FAILURE;
	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, worker_to_worker);
	tcase_add_test(tcase, node_to_node);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_print(runner, failed ? CK_NORMAL : CK_SILENT);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
