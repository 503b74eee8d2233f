#include "base/table.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char objects[100000];

START_TEST(a_key_finds_its_object_and_nothing_else)
{
	struct table *t = table_new(10);

	ck_assert_ptr_null(table_find(t, "a", 1));
	ck_assert_ptr_null(table_remove(t, "a", 1));
	ck_assert(table_insert(t, "a", 1, &objects[0]));
	ck_assert(table_insert(t, "a\0", 2, &objects[1]));
	ck_assert(table_insert(t, "", 0, &objects[2]));
	ck_assert_ptr_eq(table_find(t, "a", 1), &objects[0]);
	ck_assert_ptr_eq(table_find(t, "a\0", 2), &objects[1]);
	ck_assert_ptr_eq(table_find(t, NULL, 0), &objects[2]);
	ck_assert_ptr_null(table_find(t, "b", 1));
	ck_assert_uint_eq(table_count(t), 3);
	table_free(t);
	table_free(NULL);
}
END_TEST

START_TEST(a_key_is_there_once)
{
	struct table *t = table_new(10);

	ck_assert(table_insert(t, "key", 3, &objects[0]));
	ck_assert(!table_insert(t, "key", 3, &objects[1]));
	ck_assert_ptr_eq(table_find(t, "key", 3), &objects[0]);
	ck_assert_ptr_eq(table_remove(t, "key", 3), &objects[0]);
	ck_assert_ptr_null(table_remove(t, "key", 3));
	ck_assert(table_insert(t, "key", 3, &objects[1]));
	ck_assert_ptr_eq(table_find(t, "key", 3), &objects[1]);
	table_free(t);
}
END_TEST

START_TEST(the_maximum_is_exact)
{
	/* Around the first size (16), too. */
	for (int max = 1; max <= 40; max++) {
		struct table *t = table_new((size_t)max);

		for (int i = 0; i < max; i++)
			ck_assert(table_insert(t, &objects[i], 1 + (size_t)i, &objects[i]));
		ck_assert(!table_insert(t, "one more", 8, &objects[0]));
		ck_assert_uint_eq(table_count(t), (size_t)max);
		ck_assert_ptr_eq(table_remove(t, &objects[0], 1), &objects[0]);
		ck_assert(table_insert(t, "one more", 8, &objects[0]));
		ck_assert(!table_insert(t, "two more", 8, &objects[0]));
		table_free(t);
	}
}
END_TEST

/* A ck_assert costs a write to the parent: of many, the wrong ones are counted. */
START_TEST(many_keys_of_sixteen_bytes)
{
	static char keys[100000][16];
	struct table *t = table_new(100000);
	unsigned wrong = 0;

	for (int i = 0; i < 100000; i++) {
		snprintf(keys[i], sizeof(keys[i]), "%015d", i);
		wrong += !table_insert(t, keys[i], 16, &objects[i]);
	}
	for (int i = 0; i < 100000; i += 3)
		wrong += table_remove(t, keys[i], 16) != &objects[i];
	for (int i = 0; i < 100000; i++) {
		char copy[16];

		memcpy(copy, keys[i], 16);
		wrong += table_find(t, copy, 16) != (i % 3 == 0 ? NULL : &objects[i]);
	}
	for (int i = 0; i < 100000; i += 3)
		wrong += !table_insert(t, keys[i], 16, &objects[i]);
	for (int i = 0; i < 100000; i++)
		wrong += table_find(t, keys[i], 16) != &objects[i];
	ck_assert_uint_eq(wrong, 0);
	ck_assert_uint_eq(table_count(t), 100000);
	table_free(t);
}
END_TEST

START_TEST(keys_of_every_length)
{
	static char text[300];
	struct table *t = table_new(1000);

	memset(text, 'x', sizeof(text));
	for (size_t len = 0; len < sizeof(text); len++)
		ck_assert(table_insert(t, text, len, &objects[len]));
	for (size_t len = 0; len < sizeof(text); len++)
		ck_assert_ptr_eq(table_find(t, text, len), &objects[len]);
	table_free(t);
}
END_TEST

struct entry {
	char key[16];
	int visits;
};

struct seen {
	struct table *t;
	int visits;
};

static void remove_every_second(void *arg, void *object)
{
	struct seen *seen = arg;
	struct entry *entry = object;

	entry->visits++;
	if (seen->visits++ % 2 == 0)
		ck_assert_ptr_eq(table_remove(seen->t, entry->key, strlen(entry->key)), entry);
}

START_TEST(a_visitor_may_remove_what_it_is_given)
{
	static struct entry entries[100];
	struct seen seen = { .t = table_new(100) };

	for (int i = 0; i < 100; i++) {
		snprintf(entries[i].key, sizeof(entries[i].key), "%d", i);
		ck_assert(
			table_insert(seen.t, entries[i].key, strlen(entries[i].key), &entries[i]));
	}
	table_visit(seen.t, remove_every_second, &seen);
	ck_assert_int_eq(seen.visits, 100);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(entries[i].visits, 1);
	ck_assert_uint_eq(table_count(seen.t), 50);
	table_free(seen.t);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tcase = tcase_create("table");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_key_finds_its_object_and_nothing_else);
	tcase_add_test(tcase, a_key_is_there_once);
	tcase_add_test(tcase, the_maximum_is_exact);
	tcase_add_test(tcase, many_keys_of_sixteen_bytes);
	tcase_add_test(tcase, keys_of_every_length);
	tcase_add_test(tcase, a_visitor_may_remove_what_it_is_given);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
