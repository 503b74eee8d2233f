/*
 * Real forks: each worker is a child of the test that behaves as the page shared with it
 * says.  Waiting is turning the loop until something is so.
 */
#include "process/crew.h"

#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/signals.h"

#define DEADLINE_MS 20000
#define BIRTHS_MAX 64

enum mode {
	SERVE,     /* ready, until SIGTERM */
	HESITATE,  /* ready when `let_go` is set, then as SERVE */
	TARRY,     /* ready when `let_go` is set, then as STUBBORN */
	LINGER,    /* ready; after SIGTERM ends when `let_go` is set */
	STUBBORN,  /* ready; ends only by force */
	DIE,       /* ends at once with `status` */
	DIE_READY, /* says it is ready and ends */
	ORPHAN,    /* ready; ends when the master is gone */
};

struct life {
	struct crew_birth birth;
	int64_t birth_ms;
	pid_t pid;
	_Atomic bool ended_by_lifeline;
};

static struct page {
	_Atomic enum mode mode;
	_Atomic int status;
	_Atomic bool let_go;
	_Atomic unsigned begun;
	_Atomic unsigned said_ready;
	_Atomic unsigned births; /* whose life is written down */
	struct life lives[BIRTHS_MAX];
} * page;

static struct loop *loop;
static struct node *node;
static struct crew *crew;
static struct signals signals = { .fd = -1 };
static struct log quiet = { .fd = -1, .level = LOG_ERROR + 1, .role = "test" };
static unsigned ready;
static unsigned rolled;
static unsigned hopeless;
static unsigned buried;
static unsigned empty;

static void nap(void)
{
	(void)poll(NULL, 0, 1);
}

static void wait_for_term(void)
{
	sigset_t set;
	int number;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigwait(&set, &number);
}

static void serve_until_told(enum mode mode, struct life *life)
{
	struct pollfd lifeline = { .fd = life->birth.lifeline_fd, .events = POLLIN };

	if (mode == ORPHAN) {
		(void)poll(&lifeline, 1, DEADLINE_MS);
		life->ended_by_lifeline = (lifeline.revents & POLLHUP) != 0;
		return;
	}
	wait_for_term();
	while (mode == STUBBORN || mode == TARRY || (mode == LINGER && !page->let_go))
		nap();
}

/* In the child. */
static int work(void *arg, const struct crew_birth *birth)
{
	const enum mode mode = page->mode;
	const int status = page->status;
	struct life *life = &page->lives[atomic_fetch_add(&page->begun, 1) % BIRTHS_MAX];

	(void)arg;
	if (mode != ORPHAN)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	life->birth = *birth;
	life->birth_ms = clock_boot_ms();
	life->pid = getpid();
	atomic_fetch_add(&page->births, 1);
	if (mode == DIE)
		return status;
	while ((mode == HESITATE || mode == TARRY) && !page->let_go)
		nap();
	if (write(birth->ready_fd, "R", 1) != 1)
		return 99;
	atomic_fetch_add(&page->said_ready, 1);
	if (mode != DIE_READY)
		serve_until_told(mode, life);
	return 0;
}

static void on_ready(void *arg)
{
	(void)arg;
	ready++;
}

static void on_rolled(void *arg)
{
	(void)arg;
	rolled++;
}

static void on_hopeless(void *arg)
{
	(void)arg;
	hopeless++;
}

static void on_buried(void *arg, unsigned slot)
{
	(void)arg;
	ck_assert_uint_eq(node_life(node, slot), NODE_FREE);
	buried++;
}

static void on_empty(void *arg)
{
	(void)arg;
	empty++;
}

static void on_signal(void *arg, int number)
{
	(void)arg;
	if (number == SIGCHLD && crew)
		crew_reap(crew);
}

static void open_house(void)
{
	static const int list[] = { SIGCHLD, SIGTERM, 0 };
	struct err err;

	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(page, MAP_FAILED);
	loop = loop_new(&err);
	ck_assert_int_eq(signals_open(&signals, loop, list, on_signal, NULL, &err), 0);
}

static void open_crew(unsigned workers)
{
	const struct crew_events events = {
		.ready = on_ready,
		.rolled = on_rolled,
		.hopeless = on_hopeless,
		.buried = on_buried,
		.empty = on_empty,
		.worker = work,
	};
	struct err err;

	node = node_new(workers, &err);
	crew = crew_new(loop, &quiet, node, &events, &err);
	ck_assert_ptr_nonnull(crew);
	crew_start(crew);
}

static void close_house(void)
{
	if (crew)
		crew_kill(crew);
	crew_free(crew);
	crew = NULL;
	node_free(node);
	signals_close(&signals, loop);
	loop_free(loop);
	(void)munmap(page, sizeof(*page));
}

static void on_turned(void *arg)
{
	loop_stop(arg);
}

static void turn(void)
{
	struct err err;

	loop_timer(loop, clock_boot_ms() + 1, on_turned, loop);
	ck_assert_int_eq(loop_run(loop, &err), 0);
}

static void turn_for(int64_t ms)
{
	const int64_t end_ms = clock_boot_ms() + ms;

	while (clock_boot_ms() < end_ms)
		turn();
}

#define TURN_UNTIL(condition)                                              \
	do {                                                               \
		const int64_t deadline_ms = clock_boot_ms() + DEADLINE_MS; \
		while (!(condition) && clock_boot_ms() < deadline_ms)      \
			turn();                                            \
		ck_assert(condition);                                      \
	} while (0)

/* How many processes the page of the node knows. */
static unsigned alive(void)
{
	unsigned n = 0;

	for (unsigned slot = 0; slot < node_slots(node); slot++)
		n += node_life(node, slot) != NODE_FREE;
	return n;
}

static void open_ready_crew(unsigned workers)
{
	open_crew(workers);
	TURN_UNTIL(ready == 1);
}

START_TEST(every_worker_is_started_and_ready)
{
	bool numbers[3] = { false };

	page->mode = HESITATE;
	open_crew(3);
	TURN_UNTIL(page->births == 3);
	turn_for(20);
	ck_assert_uint_eq(ready, 0);
	page->let_go = true;
	TURN_UNTIL(ready == 1);
	for (unsigned i = 0; i < 3; i++) {
		const struct crew_birth *b = &page->lives[i].birth;

		ck_assert_uint_lt(b->number, 3);
		ck_assert_uint_eq(b->slot, b->number);
		ck_assert(!numbers[b->number]);
		numbers[b->number] = true;
		ck_assert_int_eq(node_life(node, b->slot), NODE_READY);
		ck_assert_uint_eq(node_owner(node, b->number), b->slot);
		ck_assert_int_eq(node_incarnation(node, b->incarnation), NODE_ALIVE);
		for (unsigned j = 0; j < i; j++)
			ck_assert(!message_id_equal(b->incarnation,
						    page->lives[j].birth.incarnation));
	}
}
END_TEST

/* One of three tries must be quick: the machine may be busy with other things. */
START_TEST(a_worker_that_dies_in_service_is_replaced_at_once)
{
	int64_t best_ms = INT64_MAX;

	open_ready_crew(1);
	for (unsigned i = 0; i < 3 && best_ms > 45; i++) {
		const struct life *life = &page->lives[i];
		int64_t killed_ms;

		turn_for(1050); /* beyond what counts as a crash */
		killed_ms = clock_boot_ms();
		ck_assert_int_eq(kill(life->pid, SIGKILL), 0);
		TURN_UNTIL(page->births == i + 2);
		ck_assert_int_eq(node_incarnation(node, life->birth.incarnation), NODE_DEAD);
		if (page->lives[i + 1].birth_ms - killed_ms < best_ms)
			best_ms = page->lives[i + 1].birth_ms - killed_ms;
	}
	ck_assert_int_le(best_ms, 45);
	TURN_UNTIL(node_life(node, 0) == NODE_READY);
	ck_assert_uint_eq(ready, 1); /* told once */
}
END_TEST

static void crashes_are_backed_off(enum mode mode)
{
	page->mode = mode;
	open_crew(1);
	TURN_UNTIL(page->births == 4);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_ge(page->lives[i + 1].birth_ms - page->lives[i].birth_ms,
				 INT64_C(50) << i);
	page->mode = SERVE;
	TURN_UNTIL(node_life(node, 0) == NODE_READY);
	ck_assert_uint_eq(ready, 1);
}

START_TEST(deaths_before_ready_are_backed_off)
{
	page->status = 1;
	crashes_are_backed_off(DIE);
}
END_TEST

START_TEST(deaths_right_after_ready_are_backed_off)
{
	crashes_are_backed_off(DIE_READY);
}
END_TEST

START_TEST(a_crash_loop_of_one_leaves_the_others_alone)
{
	pid_t other;

	open_ready_crew(2);
	other = page->lives[page->lives[0].birth.number == 1 ? 0 : 1].pid;
	page->mode = DIE;
	page->status = 1;
	ck_assert_int_eq(kill(page->lives[page->lives[0].birth.number == 0 ? 0 : 1].pid, SIGKILL),
			 0);
	TURN_UNTIL(page->births == 5);
	for (unsigned i = 2; i < 5; i++)
		ck_assert_uint_eq(page->lives[i].birth.number, 0);
	ck_assert_int_eq(kill(other, 0), 0);
	ck_assert_int_eq(node_life(node, 1), NODE_READY);
}
END_TEST

START_TEST(it_answers_while_all_that_serve_have_beaten)
{
	open_ready_crew(2);
	ck_assert(!crew_answers(crew, 1));
	node_beat(node, 0, 100);
	ck_assert(!crew_answers(crew, 1));
	node_beat(node, 1, 99);
	ck_assert(crew_answers(crew, 99));
	ck_assert(!crew_answers(crew, 100));
	/* A successor that is not ready yet need not, nor one that drains. */
	page->mode = HESITATE;
	crew_roll(crew);
	TURN_UNTIL(page->births == 3);
	ck_assert(crew_answers(crew, 99));
	page->let_go = true;
	TURN_UNTIL(rolled == 1 && alive() == 2);
	ck_assert_int_eq(node_beaten_ms(node, 0), 0);
	ck_assert(!crew_answers(crew, 99));
	node_beat(node, 2, 200);
	node_beat(node, 3, 200);
	ck_assert(crew_answers(crew, 200));
	/* Nobody serves. */
	page->mode = DIE;
	ck_assert_int_eq(kill(page->lives[2].pid, SIGKILL), 0);
	ck_assert_int_eq(kill(page->lives[3].pid, SIGKILL), 0);
	TURN_UNTIL(node_life(node, 2) != NODE_READY && node_life(node, 3) != NODE_READY);
	ck_assert(!crew_answers(crew, 1));
}
END_TEST

START_TEST(a_roll_replaces_one_after_the_other)
{
	open_ready_crew(2);
	page->mode = HESITATE;
	crew_roll(crew);
	TURN_UNTIL(page->births == 3);
	turn_for(50);
	/* The new one is not ready: the old one serves, and worker 1 is not touched yet. */
	ck_assert_uint_eq(page->births, 3);
	ck_assert_uint_eq(page->lives[2].birth.number, 0);
	ck_assert_uint_eq(page->lives[2].birth.slot, 2);
	ck_assert_uint_eq(node_owner(node, 0), 0);
	ck_assert_int_eq(node_life(node, 0), NODE_READY);
	ck_assert_uint_eq(alive(), 3);
	page->let_go = true;
	TURN_UNTIL(node_life(node, 3) == NODE_READY);
	ck_assert_uint_eq(node_owner(node, 0), 2);
	ck_assert_uint_eq(node_owner(node, 1), 3);
	TURN_UNTIL(alive() == 2);
	turn_for(20);
	ck_assert_uint_eq(page->births, 4);
	ck_assert_uint_eq(page->lives[3].birth.number, 1);
	ck_assert_uint_eq(rolled, 1);
}
END_TEST

START_TEST(a_roll_asked_for_in_a_roll_follows_it)
{
	open_ready_crew(2);
	crew_roll(crew);
	crew_roll(crew);
	crew_roll(crew);
	TURN_UNTIL(page->births == 6 && alive() == 2 && node_life(node, 0) == NODE_READY &&
		   node_life(node, 1) == NODE_READY);
	turn_for(150);
	ck_assert_uint_eq(page->births, 6);
	ck_assert_uint_eq(rolled, 1);
}
END_TEST

START_TEST(a_roll_waits_for_the_one_that_still_drains)
{
	page->mode = LINGER;
	open_ready_crew(1);
	crew_roll(crew);
	TURN_UNTIL(node_life(node, 1) == NODE_READY);
	ck_assert_int_eq(node_life(node, 0), NODE_DRAINING);
	crew_roll(crew);
	turn_for(250);
	ck_assert_uint_eq(page->births, 2);
	ck_assert_uint_eq(node_owner(node, 0), 1);
	page->let_go = true;
	TURN_UNTIL(page->births == 3 && node_life(node, 0) == NODE_READY);
	ck_assert_uint_eq(node_owner(node, 0), 0);
	TURN_UNTIL(alive() == 1);
}
END_TEST

START_TEST(a_successor_that_dies_before_ready_leaves_the_old)
{
	static const int statuses[] = { 1, CREW_EXIT_CONFIG };

	open_ready_crew(2);
	page->mode = DIE;
	for (unsigned i = 0; i < 2; i++) {
		page->status = statuses[i];
		crew_roll(crew);
		TURN_UNTIL(page->births == 3 + i && alive() == 2);
		turn_for(120);
		ck_assert_uint_eq(page->births, 3 + i);
		ck_assert_uint_eq(node_owner(node, 0), 0);
		ck_assert_int_eq(node_life(node, 0), NODE_READY);
		ck_assert_int_eq(node_life(node, 1), NODE_READY);
	}
	ck_assert_uint_eq(hopeless, 0);
	ck_assert_uint_eq(rolled, 2);
	/* Later a good one is taken. */
	page->mode = SERVE;
	crew_roll(crew);
	TURN_UNTIL(node_owner(node, 0) == 2 && node_owner(node, 1) == 3 && alive() == 2);
}
END_TEST

START_TEST(an_old_one_that_dies_in_a_roll_is_replaced_by_its_successor)
{
	open_ready_crew(1);
	page->mode = HESITATE;
	crew_roll(crew);
	TURN_UNTIL(page->births == 2);
	ck_assert_int_eq(kill(page->lives[0].pid, SIGKILL), 0);
	TURN_UNTIL(alive() == 1);
	turn_for(120);
	ck_assert_uint_eq(page->births, 2);
	page->let_go = true;
	TURN_UNTIL(node_life(node, 1) == NODE_READY);
	ck_assert_uint_eq(node_owner(node, 0), 1);
}
END_TEST

START_TEST(both_dead_in_a_roll_are_replaced)
{
	open_ready_crew(1);
	page->mode = HESITATE;
	crew_roll(crew);
	TURN_UNTIL(page->births == 2);
	page->let_go = true;
	page->mode = SERVE;
	ck_assert_int_eq(kill(page->lives[0].pid, SIGKILL), 0);
	ck_assert_int_eq(kill(page->lives[1].pid, SIGKILL), 0);
	TURN_UNTIL(page->births == 3);
	TURN_UNTIL(node_life(node, page->lives[2].birth.slot) == NODE_READY);
	ck_assert_uint_eq(node_owner(node, 0), page->lives[2].birth.slot);
	ck_assert_uint_eq(alive(), 1);
}
END_TEST

/* One that dies before the roll comes to it has two: by its death, and by the roll. */
START_TEST(of_two_successors_only_one_drains_the_other)
{
	open_ready_crew(1);
	page->mode = TARRY;
	ck_assert_int_eq(kill(page->lives[0].pid, SIGKILL), 0);
	TURN_UNTIL(page->births == 2);
	page->mode = SERVE;
	crew_roll(crew);
	TURN_UNTIL(page->births == 3 && node_life(node, 1) == NODE_READY);
	ck_assert_int_eq(node_life(node, 0), NODE_DRAINING);
	page->let_go = true;
	TURN_UNTIL(page->said_ready == 3);
	turn(); /* what it said is seen */
	ck_assert_int_eq(node_life(node, 0), NODE_DRAINING);
	ck_assert_int_eq(node_life(node, 1), NODE_READY);
	ck_assert_uint_eq(node_owner(node, 0), 1);
	ck_assert_uint_eq(page->births, 3);
}
END_TEST

START_TEST(a_stop_ends_all_and_replaces_none)
{
	open_ready_crew(3);
	crew_stop(crew);
	ck_assert_uint_eq(empty, 0);
	for (unsigned slot = 0; slot < 3; slot++)
		ck_assert_int_eq(node_life(node, slot), NODE_DRAINING);
	TURN_UNTIL(empty >= 1);
	ck_assert_uint_eq(alive(), 0);
	turn_for(100);
	ck_assert_uint_eq(page->births, 3);
	ck_assert_uint_eq(buried, 3);
	ck_assert_uint_eq(empty, 1);
}
END_TEST

START_TEST(a_stop_in_a_roll_ends_old_and_new)
{
	page->mode = LINGER;
	open_ready_crew(1);
	page->mode = SERVE;
	crew_roll(crew);
	TURN_UNTIL(node_owner(node, 0) == 1);
	crew_stop(crew);
	TURN_UNTIL(alive() == 1);
	ck_assert_uint_eq(empty, 0);
	page->let_go = true;
	TURN_UNTIL(empty == 1);
}
END_TEST

START_TEST(a_stop_between_crashes_ends_at_once)
{
	page->mode = DIE;
	page->status = 1;
	open_crew(1);
	TURN_UNTIL(page->births == 3 && alive() == 0);
	crew_stop(crew);
	ck_assert_uint_eq(empty, 1);
	turn_for(250);
	ck_assert_uint_eq(page->births, 3);
}
END_TEST

START_TEST(a_crew_that_is_gone_leaves_no_timer)
{
	page->mode = DIE;
	page->status = 1;
	open_crew(1);
	TURN_UNTIL(page->births == 3 && alive() == 0);
	crew_free(crew);
	crew = NULL;
	turn_for(250);
	ck_assert_uint_eq(page->births, 3);
}
END_TEST

START_TEST(who_does_not_stop_is_killed)
{
	page->mode = STUBBORN;
	open_ready_crew(2);
	crew_stop(crew);
	turn_for(50);
	ck_assert_uint_eq(empty, 0);
	ck_assert_uint_eq(alive(), 2);
	crew_kill(crew);
	TURN_UNTIL(empty == 1);
}
END_TEST

START_TEST(a_worker_that_cannot_work_like_this_is_not_tried_again)
{
	page->mode = DIE;
	page->status = CREW_EXIT_CONFIG;
	open_crew(1);
	TURN_UNTIL(hopeless == 1);
	turn_for(150);
	ck_assert_uint_eq(page->births, 1);
	ck_assert_uint_eq(hopeless, 1);
	ck_assert_uint_eq(ready, 0);
}
END_TEST

START_TEST(workers_see_that_the_master_is_gone)
{
	page->mode = ORPHAN;
	open_ready_crew(3);
	crew_free(crew);
	crew = NULL;
	TURN_UNTIL(page->lives[0].ended_by_lifeline && page->lives[1].ended_by_lifeline &&
		   page->lives[2].ended_by_lifeline);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crew");
	TCase *tcase = tcase_create("crew");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, open_house, close_house);
	tcase_add_test(tcase, every_worker_is_started_and_ready);
	tcase_add_test(tcase, a_worker_that_dies_in_service_is_replaced_at_once);
	tcase_add_test(tcase, deaths_before_ready_are_backed_off);
	tcase_add_test(tcase, deaths_right_after_ready_are_backed_off);
	tcase_add_test(tcase, a_crash_loop_of_one_leaves_the_others_alone);
	tcase_add_test(tcase, it_answers_while_all_that_serve_have_beaten);
	tcase_add_test(tcase, a_roll_replaces_one_after_the_other);
	tcase_add_test(tcase, a_roll_asked_for_in_a_roll_follows_it);
	tcase_add_test(tcase, a_roll_waits_for_the_one_that_still_drains);
	tcase_add_test(tcase, a_successor_that_dies_before_ready_leaves_the_old);
	tcase_add_test(tcase, an_old_one_that_dies_in_a_roll_is_replaced_by_its_successor);
	tcase_add_test(tcase, both_dead_in_a_roll_are_replaced);
	tcase_add_test(tcase, of_two_successors_only_one_drains_the_other);
	tcase_add_test(tcase, a_stop_ends_all_and_replaces_none);
	tcase_add_test(tcase, a_stop_in_a_roll_ends_old_and_new);
	tcase_add_test(tcase, a_stop_between_crashes_ends_at_once);
	tcase_add_test(tcase, a_crew_that_is_gone_leaves_no_timer);
	tcase_add_test(tcase, who_does_not_stop_is_killed);
	tcase_add_test(tcase, a_worker_that_cannot_work_like_this_is_not_tried_again);
	tcase_add_test(tcase, workers_see_that_the_master_is_gone);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
