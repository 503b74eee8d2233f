#include "delivery/node.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain/message.h"

static struct node *node;

static void open_node(unsigned workers)
{
	struct err err;

	node = node_new(workers, &err);
	ck_assert_ptr_nonnull(node);
}

static void close_node(void)
{
	node_free(node);
	node = NULL;
}

static struct message_id name(unsigned n)
{
	struct message_id id = { { 1, (uint8_t)(n >> 8), (uint8_t)n } };

	return id;
}

START_TEST(every_lane_has_its_owner_from_the_start)
{
	static const unsigned workers[] = { 1, 2, 3, NODE_WORKERS_MAX };

	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		open_node(workers[i]);
		ck_assert_uint_eq(node_workers(node), workers[i]);
		ck_assert_uint_eq(node_slots(node), 2 * workers[i]);
		for (unsigned lane = 0; lane < MESSAGE_LANES; lane++)
			ck_assert_uint_eq(node_owner(node, lane), lane % workers[i]);
		for (unsigned slot = 0; slot < node_slots(node); slot++)
			ck_assert_int_eq(node_life(node, slot), NODE_FREE);
		close_node();
	}
}
END_TEST

START_TEST(lanes_of_a_worker_move_to_its_other_slot)
{
	open_node(2);
	node_set_owner(node, 1, 3);
	ck_assert_uint_eq(node_owner(node, 0), 0);
	ck_assert_uint_eq(node_owner(node, 1), 3);
	ck_assert_uint_eq(node_owner(node, 63), 3);
	close_node();
}
END_TEST

START_TEST(a_life_is_alive_until_the_master_sees_it_dead)
{
	open_node(1);
	ck_assert_int_eq(node_incarnation(node, name(7)), NODE_STRANGER);
	node_set(node, 1, NODE_STARTING, name(7));
	ck_assert_int_eq(node_life(node, 1), NODE_STARTING);
	ck_assert_int_eq(node_incarnation(node, name(7)), NODE_ALIVE);
	node_set_life(node, 1, NODE_READY);
	ck_assert_int_eq(node_life(node, 1), NODE_READY);
	ck_assert_int_eq(node_incarnation(node, name(7)), NODE_ALIVE);
	node_set_life(node, 1, NODE_DRAINING);
	ck_assert_int_eq(node_incarnation(node, name(7)), NODE_ALIVE);
	node_set_dead(node, 1);
	ck_assert_int_eq(node_life(node, 1), NODE_FREE);
	ck_assert_int_eq(node_incarnation(node, name(7)), NODE_DEAD);
	node_set(node, 1, NODE_STARTING, name(8));
	ck_assert_int_eq(node_incarnation(node, name(7)), NODE_DEAD);
	ck_assert_int_eq(node_incarnation(node, name(8)), NODE_ALIVE);
	close_node();
}
END_TEST

START_TEST(a_free_slot_is_nobody)
{
	open_node(2);
	ck_assert_int_eq(node_incarnation(node, (struct message_id){ { 0 } }), NODE_STRANGER);
	node_set(node, 0, NODE_READY, name(1));
	node_set_dead(node, 0);
	ck_assert_int_eq(node_incarnation(node, (struct message_id){ { 0 } }), NODE_STRANGER);
	close_node();
}
END_TEST

START_TEST(the_last_256_dead_are_known)
{
	open_node(1);
	for (unsigned n = 0; n < NODE_DEAD_KEPT + 1; n++) {
		node_set(node, 0, NODE_READY, name(n));
		node_set_dead(node, 0);
		ck_assert_int_eq(node_incarnation(node, name(0)),
				 n < NODE_DEAD_KEPT ? NODE_DEAD : NODE_STRANGER);
		ck_assert_int_eq(node_incarnation(node, name(n)), NODE_DEAD);
	}
	for (unsigned n = 1; n < NODE_DEAD_KEPT + 1; n++)
		ck_assert_int_eq(node_incarnation(node, name(n)), NODE_DEAD);
	close_node();
}
END_TEST

/* The child looks without a pause while its parent changes slot 0 between two lives and
 * keeps a third one in slot 1: that one must be alive at every look, and of the two never
 * anything half written (a mixture of both is nobody's id). */
static int look_on(int stop_fd)
{
	struct message_id mixed;
	char byte;

	memset(mixed.bytes, 0xaa, 8);
	memset(mixed.bytes + 8, 0x55, 8);
	while (recv(stop_fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN) {
		if (node_incarnation(node, name(9)) != NODE_ALIVE)
			return 1;
		if (node_incarnation(node, mixed) != NODE_STRANGER)
			return 2;
	}
	return 0;
}

START_TEST(a_reader_never_sees_half_a_write)
{
	struct message_id a;
	struct message_id b;
	int pair[2];
	int status;
	pid_t pid;

	memset(a.bytes, 0xaa, sizeof(a.bytes));
	memset(b.bytes, 0x55, sizeof(b.bytes));
	open_node(1);
	node_set(node, 1, NODE_READY, name(9));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (pid == 0)
		_exit(look_on(pair[0]));
	for (int i = 0; i < 200000; i++)
		node_set(node, 0, NODE_READY, i % 2 ? a : b);
	ck_assert_int_eq(write(pair[1], "", 1), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(pair[0]);
	close(pair[1]);
	close_node();
}
END_TEST

START_TEST(an_inbox_keeps_packets_whole_and_does_not_block)
{
	static char large[65536];
	char small[8];

	open_node(2);
	for (unsigned slot = 0; slot < node_slots(node); slot++) {
		const int in = node_read_fd(node, slot);
		const int out = node_write_fd(node, slot);

		ck_assert_int_lt(recv(in, large, sizeof(large), 0), 0);
		ck_assert_int_eq(errno, EAGAIN);
		ck_assert_int_eq(send(out, large, sizeof(large), 0), sizeof(large));
		ck_assert_int_eq(send(out, "two", 3, 0), 3);
		ck_assert_int_eq(recv(in, large, sizeof(large), 0), sizeof(large));
		ck_assert_int_eq(recv(in, small, sizeof(small), 0), 3);
	}
	close_node();
	node_free(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("node");
	TCase *tcase = tcase_create("node");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_lane_has_its_owner_from_the_start);
	tcase_add_test(tcase, lanes_of_a_worker_move_to_its_other_slot);
	tcase_add_test(tcase, a_life_is_alive_until_the_master_sees_it_dead);
	tcase_add_test(tcase, a_free_slot_is_nobody);
	tcase_add_test(tcase, the_last_256_dead_are_known);
	tcase_add_test(tcase, a_reader_never_sees_half_a_write);
	tcase_add_test(tcase, an_inbox_keeps_packets_whole_and_does_not_block);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
