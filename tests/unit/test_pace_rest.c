/* The scheduler of places where some wait and others do not: rests, tickets apart, lanes taken. */
#include "delivery/pace.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST 64

struct one {
	struct pace_ticket ticket;
	struct message message;
	struct pace_ask ask;
	char recipient[32];
};

static struct pace_settings settings;
static struct pace *p;
static struct one ones[MOST];
static unsigned count;
static int64_t now_ms;

static void open_pace(void)
{
	pace_free(p);
	p = pace_new(&settings, NULL, now_ms);
	ck_assert_ptr_nonnull(p);
	now_ms += 300000; /* long after its lanes were taken */
}

static void begin(void)
{
	settings = (struct pace_settings){
		.number_rate = 80,
		.pair = { .every_ms = 6000, .burst = 45 },
		.max_lines = 100,
	};
	count = 0;
	now_ms = 1000000;
	open_pace();
}

static void end(void)
{
	for (unsigned i = 0; i < count; i++)
		pace_leave(p, &ones[i].ticket, now_ms);
	pace_free(p);
	p = NULL;
}

/* From number 1; recipient: null is somebody else each. */
static struct one *make(const char *outlet, const char *recipient, bool urgent)
{
	struct one *o = &ones[count++];

	ck_assert_uint_le(count, MOST);
	*o = (struct one){ .message = { .tenant_id = "a",
					.outlet_id = outlet,
					.recipient = o->recipient,
					.class = MESSAGE_NORMAL } };
	(void)snprintf(o->recipient, sizeof(o->recipient), "+62%u", count);
	if (recipient)
		(void)snprintf(o->recipient, sizeof(o->recipient), "%s", recipient);
	o->ask = (struct pace_ask){ .message = &o->message, .number = "1", .urgent = urgent };
	return o;
}

static struct one *go(const char *recipient)
{
	struct one *o = make("1", recipient, false);

	ck_assert(pace_try(p, &o->ticket, &o->ask, now_ms));
	pace_begin(&o->ticket);
	return o;
}

static struct one *wait(const char *recipient, bool urgent)
{
	struct one *o = make("1", recipient, urgent);

	ck_assert(!pace_try(p, &o->ticket, &o->ask, now_ms));
	ck_assert(pace_wait(p, &o->ticket, &o->ask, now_ms));
	return o;
}

static void next_is(const struct one *o)
{
	ck_assert_ptr_eq(pace_next(p, now_ms), o ? &o->ticket : NULL);
}

START_TEST(who_is_waited_for_does_not_rest_in_line_either)
{
	struct one *first = go(NULL);
	struct one *patient;
	struct one *urgent[3];

	pace_tell(p, &first->ticket, PACE_REST, 0, now_ms);
	patient = wait(NULL, false);
	for (unsigned i = 0; i < 3; i++) { /* behind the one that waits in the ring */
		urgent[i] = make("1", NULL, true);
		ck_assert(pace_wait(p, &urgent[i]->ticket, &urgent[i]->ask, now_ms));
	}
	next_is(urgent[0]);
	next_is(urgent[1]);
	pace_begin(&urgent[1]->ticket);
	next_is(NULL); /* at 80 a second, though: 12.7 ms each */
	ck_assert_int_le(pace_wake_ms(p), now_ms + 13);
	now_ms += 13;
	next_is(urgent[2]);
	now_ms += 100;
	next_is(NULL);
	ck_assert_int_gt(pace_wake_ms(p), now_ms + 4000);
	/* One that comes while the others are asleep, and one that goes. */
	urgent[0] = make("1", NULL, true);
	ck_assert(pace_wait(p, &urgent[0]->ticket, &urgent[0]->ask, now_ms));
	urgent[1] = make("1", NULL, true);
	ck_assert(pace_wait(p, &urgent[1]->ticket, &urgent[1]->ask, now_ms));
	pace_leave(p, &urgent[0]->ticket, now_ms);
	next_is(urgent[1]);
	next_is(NULL);
	now_ms += 5000;
	next_is(patient);
	next_is(NULL);
}
END_TEST

START_TEST(who_is_woken_goes_in_the_order_of_its_line)
{
	struct one *waits[20];

	settings.number_rate = 0;
	open_pace();
	for (unsigned i = 0; i < 45; i++)
		pace_leave(p, &go("+1")->ticket, now_ms);
	count = 0;
	for (unsigned i = 0; i < 20; i++) {
		waits[i] = make("1", i % 2 ? "+1" : NULL, i % 4 == 1);
		ck_assert(pace_wait(p, &waits[i]->ticket, &waits[i]->ask, now_ms));
	}
	for (unsigned i = 0; i < 20; i += 2)
		next_is(waits[i]);
	next_is(NULL); /* the others are apart, all until the same moment */
	for (unsigned i = 1; i < 20; i += 2) {
		struct one *late;

		now_ms += 6000;
		late = make("1", "+1", false);
		ck_assert(!pace_try(p, &late->ticket, &late->ask, now_ms));
		next_is(waits[i]);
		next_is(NULL);
	}
}
END_TEST

START_TEST(what_is_known_of_a_pair_ends_when_its_lane_is_taken_again)
{
	const uint64_t lanes = UINT64_MAX;

	settings.number_rate = 0;
	open_pace();
	pace_taken(p, lanes, now_ms);
	now_ms += 300000;
	(void)go("+1");
	(void)go("+1");
	pace_taken(p, lanes, now_ms); /* somebody else may have sent 43 more */
	(void)go("+1");
	(void)wait("+1", false);
	next_is(NULL);
	now_ms += 5999;
	next_is(NULL);
	now_ms += 1;
	next_is(&ones[3]);
}
END_TEST

/* One more, if it may. */
static bool goes(const char *outlet)
{
	struct one *o = make(outlet, NULL, false);
	const bool can = pace_try(p, &o->ticket, &o->ask, now_ms);

	pace_begin(&o->ticket);
	pace_leave(p, &o->ticket, now_ms);
	count--;
	return can;
}

/* So many go after a long silence: what 50 ms bring. */
static unsigned held(const char *outlet)
{
	unsigned n = 0;

	(void)goes(outlet);
	now_ms += 10000;
	while (goes(outlet))
		n++;
	return n;
}

START_TEST(of_what_the_outlets_of_a_number_say_the_least_counts)
{
	struct limit limits[] = {
		{ .tenant_id = "a", .outlet_id = "1", .rate = 400, .weight = 1 },
		{ .tenant_id = "a", .outlet_id = "2", .rate = 200, .weight = 1 },
	};

	settings.pair.every_ms = 0;
	open_pace();
	ck_assert(pace_learn(p, &(struct limit_set){ limits, 2 }, now_ms));
	ck_assert_uint_eq(held("1"), 19);
	ck_assert_uint_eq(held("2"), 9);
	ck_assert_uint_eq(held("1"), 9);
	limits[1].rate = 600;
	ck_assert(pace_learn(p, &(struct limit_set){ limits, 2 }, now_ms));
	ck_assert_uint_eq(held("2"), 19);
	limits[0].rate = 800;
	ck_assert(pace_learn(p, &(struct limit_set){ limits, 2 }, now_ms));
	ck_assert_uint_eq(held("1"), 29);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace_rest");
	TCase *tcase = tcase_create("pace_rest");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, who_is_waited_for_does_not_rest_in_line_either);
	tcase_add_test(tcase, who_is_woken_goes_in_the_order_of_its_line);
	tcase_add_test(tcase, what_is_known_of_a_pair_ends_when_its_lane_is_taken_again);
	tcase_add_test(tcase, of_what_the_outlets_of_a_number_say_the_least_counts);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
