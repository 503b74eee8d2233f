#include "base/random.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

START_TEST(no_value_comes_twice)
{
	uint64_t values[2000];

	for (int i = 0; i < 2000; i++)
		random_bytes(&values[i], sizeof(values[i]));
	qsort(values, 2000, sizeof(values[0]), by_size);
	for (int i = 1; i < 2000; i++)
		ck_assert_uint_ne(values[i - 1], values[i]);
}
END_TEST

START_TEST(every_length_is_filled_and_no_byte_more)
{
	/* Around the buffer of 256, too. */
	for (size_t len = 0; len < 600; len++) {
		uint8_t data[601] = { 0 };
		size_t zeros = 0;

		random_bytes(data, len);
		for (size_t i = 0; i < len; i++)
			zeros += data[i] == 0;
		ck_assert_uint_le(zeros, 5 + len / 20); /* 1 in 256 is expected */
		for (size_t i = len; i < sizeof(data); i++)
			ck_assert_uint_eq(data[i], 0);
	}
}
END_TEST

START_TEST(every_bit_is_sometimes_set_and_sometimes_not)
{
	uint32_t set = 0;
	uint32_t clear = 0;

	for (int i = 0; i < 200; i++) {
		uint32_t value = random_u32();

		set |= value;
		clear |= ~value;
	}
	ck_assert_uint_eq(set, UINT32_MAX);
	ck_assert_uint_eq(clear, UINT32_MAX);
}
END_TEST

START_TEST(a_child_gets_bytes_of_its_own)
{
	uint8_t mine[32];
	uint8_t childs[32];
	int fds[2];
	pid_t pid;

	random_bytes(mine, 8); /* now the buffer holds bytes */
	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		random_bytes(childs, sizeof(childs));
		_exit(write(fds[1], childs, sizeof(childs)) != sizeof(childs));
	}
	random_bytes(mine, sizeof(mine));
	ck_assert_int_eq(read(fds[0], childs, sizeof(childs)), sizeof(childs));
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	ck_assert_int_ne(memcmp(mine, childs, sizeof(mine)), 0);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("random");
	TCase *tcase = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, no_value_comes_twice);
	tcase_add_test(tcase, every_length_is_filled_and_no_byte_more);
	tcase_add_test(tcase, every_bit_is_sometimes_set_and_sometimes_not);
	tcase_add_test(tcase, a_child_gets_bytes_of_its_own);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
