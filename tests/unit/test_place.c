/* Places for calls (src/delivery/place.c), and the attempts that pay for them. */
#include "delivery/delivery.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "delivery_house.h"
#include "domain/window.h"

#define SECOND_US INT64_C(1000000)
#define DAY_MIN 1440

static void open_at(unsigned number_rate)
{
	house_settings.pace.number_rate = number_rate;
	house_reopen();
}

static bool count_round(void *arg)
{
	unsigned *rounds = arg;

	++*rounds;
	return false;
}

static void on_over(void *arg)
{
	loop_stop(arg);
}

START_TEST(without_a_free_place_nobody_is_woken)
{
	const struct message m = message_of(1);
	const struct delivery_order order = order_of(&m);
	unsigned rounds = 0;
	struct err err;

	open_at(5); /* its first token comes after 200 ms */
	take(&order);
	ck_assert_uint_eq(fake.begin_count, 0);
	fake.room = 0;
	loop_hook(house.loop, count_round, &rounds);
	loop_timer(house.loop, clock_boot_ms() + 400, on_over, house.loop);
	ck_assert_int_eq(loop_run(house.loop, &err), 0);
	ck_assert_uint_lt(rounds, 50);
	ck_assert_uint_eq(fake.begin_count, 0);
	fake.room = 1;
	turn();
	ck_assert_uint_eq(fake.begin_count, 1);
}
END_TEST

/* A token comes every second: only one that was paid back is there. */
START_TEST(an_attempt_that_was_not_committed_is_paid_back)
{
	static const enum store_verdict verdicts[] = { STORE_CONFLICT, STORE_REJECTED };

	open_at(1);
	for (unsigned n = 1; n <= 2; n++) {
		const struct message m = message_of(n);
		const struct delivery_order order = order_of(&m);
		struct delivery_place *place;

		take(&order);
		turn_until(&fake.begin_count, n);
		place = house_reserve(10);
		ck_assert_ptr_null(place);
		fake_written(fake.begins[n - 1].tag, verdicts[n - 1]);
		turn();
		place = house_reserve(10);
		ck_assert_ptr_nonnull(place);
		delivery_give_back(house.d, place);
	}
	/* One that was is not. */
	take_and_call(3);
	answer_accepted();
	commit_outcome();
	ck_assert_ptr_null(house_reserve(10));
}
END_TEST

/* From so many minutes from now on until so many. */
static void put_hours(char text[WINDOW_TEXT_BYTES], int64_t from_min, int64_t to_min)
{
	const int64_t min = clock_wall_us() / (60 * SECOND_US);
	const struct window w = {
		.from_min = (unsigned)((min + DAY_MIN + from_min) % DAY_MIN),
		.to_min = (unsigned)((min + DAY_MIN + to_min) % DAY_MIN),
		.zone = "UTC",
	};

	window_write(&w, text);
}

static bool gate_in_hours(unsigned n, int64_t from_min, int64_t to_min)
{
	char hours[WINDOW_TEXT_BYTES];
	struct message m = message_of(n);
	struct delivery_order order;

	put_hours(hours, from_min, to_min);
	m.deliver_between = hours;
	order = order_of(&m);
	begin_with_accept(&order, 0);
	take(&order);
	ck_assert_uint_eq(fake.send_count, n);
	return fake_gate(fake.sends[n - 1].tag);
}

START_TEST(the_last_gate_closes_with_the_hours_of_the_message)
{
	ck_assert(gate_in_hours(1, -10, 10));
	ck_assert(!gate_in_hours(2, 10, 20));
	ck_assert(!gate_in_hours(3, -20, -10));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("place");
	TCase *tcase = tcase_create("place");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, house_open, house_close);
	tcase_add_test(tcase, without_a_free_place_nobody_is_woken);
	tcase_add_test(tcase, an_attempt_that_was_not_committed_is_paid_back);
	tcase_add_test(tcase, the_last_gate_closes_with_the_hours_of_the_message);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
