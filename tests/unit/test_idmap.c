#include "base/idmap.h"

#include <check.h>
#include <stdlib.h>

static char objects[100000];

START_TEST(an_id_finds_its_object_and_nothing_else)
{
	struct idmap *map = idmap_new(10);
	uint64_t a = idmap_add(map, &objects[0]);
	uint64_t b = idmap_add(map, &objects[1]);

	ck_assert_uint_ne(a, 0);
	ck_assert_uint_ne(a, b);
	ck_assert_ptr_eq(idmap_get(map, a), &objects[0]);
	ck_assert_ptr_eq(idmap_get(map, b), &objects[1]);
	ck_assert_ptr_null(idmap_get(map, 0));
	ck_assert_ptr_null(idmap_get(map, b + 1));
	ck_assert_ptr_null(idmap_get(map, UINT64_MAX));
	ck_assert_ptr_null(idmap_get(map, a + ((uint64_t)1 << 32)));
	ck_assert_ptr_null(idmap_remove(map, 0));
	ck_assert_uint_eq(idmap_count(map), 2);
	idmap_free(map);
}
END_TEST

START_TEST(an_empty_map_finds_nothing)
{
	struct idmap *map = idmap_new(10);

	ck_assert_ptr_null(idmap_get(map, 0));
	ck_assert_ptr_null(idmap_get(map, 1));
	ck_assert_ptr_null(idmap_remove(map, 1));
	ck_assert_uint_eq(idmap_count(map), 0);
	idmap_free(map);
	idmap_free(NULL);
}
END_TEST

START_TEST(the_maximum_is_exact)
{
	/* Around the first piece of memory (16), too. */
	for (uint32_t max = 1; max <= 40; max++) {
		struct idmap *map = idmap_new(max);
		uint64_t id = 0;

		for (uint32_t i = 0; i < max; i++) {
			id = idmap_add(map, &objects[i]);
			ck_assert_uint_ne(id, 0);
		}
		ck_assert_uint_eq(idmap_add(map, &objects[max]), 0);
		ck_assert_ptr_eq(idmap_remove(map, id), &objects[max - 1]);
		ck_assert_uint_ne(idmap_add(map, &objects[max]), 0);
		ck_assert_uint_eq(idmap_add(map, &objects[max]), 0);
		ck_assert_uint_eq(idmap_count(map), max);
		idmap_free(map);
	}
}
END_TEST

/* A ck_assert costs a write to the parent: of many, the wrong ones are counted. */
START_TEST(a_removed_id_stays_dead)
{
	struct idmap *map = idmap_new(1);
	uint64_t old[1000];
	unsigned wrong = 0;

	for (int i = 0; i < 1000; i++) {
		old[i] = idmap_add(map, &objects[i]);
		for (int k = 0; k < i; k++)
			wrong += old[k] == old[i] || idmap_get(map, old[k]) ||
				 idmap_remove(map, old[k]);
		wrong += idmap_remove(map, old[i]) != &objects[i];
		wrong += idmap_remove(map, old[i]) != NULL;
		wrong += idmap_count(map) != 0;
	}
	ck_assert_uint_eq(wrong, 0);
	idmap_free(map);
}
END_TEST

START_TEST(many_objects_keep_their_ids)
{
	static uint64_t ids[100000];
	struct idmap *map = idmap_new(100000);
	unsigned wrong = 0;

	for (int i = 0; i < 100000; i++)
		ids[i] = idmap_add(map, &objects[i]);
	for (int i = 0; i < 100000; i += 2)
		wrong += idmap_remove(map, ids[i]) != &objects[i];
	for (int i = 0; i < 100000; i++)
		wrong += idmap_get(map, ids[i]) != (i % 2 == 1 ? &objects[i] : NULL);
	for (int i = 0; i < 100000; i += 2)
		ids[i] = idmap_add(map, &objects[i]);
	for (int i = 0; i < 100000; i++)
		wrong += idmap_get(map, ids[i]) != &objects[i];
	ck_assert_uint_eq(wrong, 0);
	idmap_free(map);
}
END_TEST

struct seen {
	struct idmap *map;
	int visits;
};

static void remove_every_second(void *arg, uint64_t id, void *object)
{
	struct seen *seen = arg;

	ck_assert_ptr_eq(idmap_get(seen->map, id), object);
	if (seen->visits++ % 2 == 0)
		ck_assert_ptr_eq(idmap_remove(seen->map, id), object);
}

START_TEST(a_visitor_may_remove_what_it_is_given)
{
	struct seen seen = { .map = idmap_new(100) };

	for (int i = 0; i < 100; i++)
		ck_assert_uint_ne(idmap_add(seen.map, &objects[i]), 0);
	idmap_visit(seen.map, remove_every_second, &seen);
	ck_assert_int_eq(seen.visits, 100);
	ck_assert_uint_eq(idmap_count(seen.map), 50);
	idmap_visit(seen.map, remove_every_second, &seen);
	ck_assert_int_eq(seen.visits, 150);
	idmap_free(seen.map);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("idmap");
	TCase *tcase = tcase_create("idmap");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, an_id_finds_its_object_and_nothing_else);
	tcase_add_test(tcase, an_empty_map_finds_nothing);
	tcase_add_test(tcase, the_maximum_is_exact);
	tcase_add_test(tcase, a_removed_id_stays_dead);
	tcase_add_test(tcase, many_objects_keep_their_ids);
	tcase_add_test(tcase, a_visitor_may_remove_what_it_is_given);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
