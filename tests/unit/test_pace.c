/*
 * The scheduler of places against a clock that the test moves: a world with so many places, in
 * which each call takes so long.
 */
#include "delivery/pace.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 20000

#define HIGH MESSAGE_HIGH
#define NORMAL MESSAGE_NORMAL
#define BULK MESSAGE_BULK

struct text {
	char tenant[32];
	char outlet[32];
	char recipient[32];
};

struct one {
	struct pace_ticket ticket;
	struct text text;
	struct message message;
	enum message_class class;
	int64_t asked_ms;
	int64_t given_ms; /* -1: not yet */
	bool begun;
};

static struct pace_settings settings;
static struct pace *p;
static struct one ones[MOST];
static unsigned count;
static unsigned places; /* free */
static int64_t call_ms;
static int64_t now_ms;

static void open_pace(void)
{
	pace_free(p);
	p = pace_new(&settings, NULL, now_ms);
	ck_assert_ptr_nonnull(p);
}

static void begin(void)
{
	settings = (struct pace_settings){
		.number_rate = 80,
		.pair = { .every_ms = 6000, .burst = 45 },
		.max_lines = 1000,
	};
	count = 0;
	places = 1000;
	call_ms = 1;
	now_ms = 1000000;
	open_pace();
	now_ms += 300000; /* long after its lanes were taken */
}

static void end(void)
{
	for (unsigned i = 0; i < count; i++)
		pace_leave(p, &ones[i].ticket, now_ms);
	pace_free(p);
	p = NULL;
}

static struct pace_ask ask_of(const struct one *o, bool urgent)
{
	return (struct pace_ask){
		.message = &o->message,
		.number = o->text.outlet,
		.urgent = urgent,
	};
}

static void give(struct one *o)
{
	ck_assert_uint_gt(places, 0);
	places--;
	o->given_ms = now_ms;
}

/* To somebody else each, unless recipient says to whom. */
static struct one *ask(const char *tenant, const char *outlet, enum message_class class,
		       const char *recipient)
{
	struct one *o = &ones[count++];
	struct pace_ask a;

	ck_assert_uint_le(count, MOST);
	*o = (struct one){ .class = class, .asked_ms = now_ms, .given_ms = -1 };
	(void)snprintf(o->text.tenant, sizeof(o->text.tenant), "%s", tenant);
	(void)snprintf(o->text.outlet, sizeof(o->text.outlet), "%s", outlet);
	(void)snprintf(o->text.recipient, sizeof(o->text.recipient), "+62%u", count);
	if (recipient)
		(void)snprintf(o->text.recipient, sizeof(o->text.recipient), "%s", recipient);
	o->message.tenant_id = o->text.tenant;
	o->message.outlet_id = o->text.outlet;
	o->message.recipient = o->text.recipient;
	o->message.class = class;
	a = ask_of(o, false);
	if (places > 0 && pace_try(p, &o->ticket, &a, now_ms))
		give(o);
	else
		ck_assert(pace_wait(p, &o->ticket, &a, now_ms));
	return o;
}

static void ask_many(unsigned n, const char *tenant, const char *outlet, enum message_class class)
{
	while (n-- > 0)
		(void)ask(tenant, outlet, class, NULL);
}

/* Calls that are over give their places back; then who waits gets them. */
static void step(void)
{
	struct pace_ticket *ticket;

	for (unsigned i = 0; i < count; i++) {
		struct one *o = &ones[i];

		if (o->given_ms < 0 || o->begun || now_ms - o->given_ms < call_ms)
			continue;
		pace_begin(&o->ticket);
		o->begun = true;
		places++;
	}
	while (places > 0 && (ticket = pace_next(p, now_ms)))
		give(LIST_OBJECT(ticket, struct one, ticket));
}

static void run(int64_t ms)
{
	for (const int64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms++)
		step();
}

static unsigned given(const char *tenant, const char *outlet, enum message_class class)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += ones[i].given_ms >= 0 && ones[i].class == class &&
		     strcmp(ones[i].text.tenant, tenant) == 0 &&
		     strcmp(ones[i].text.outlet, outlet) == 0;
	return n;
}

static void between(unsigned n, unsigned least, unsigned most)
{
	ck_assert_uint_ge(n, least);
	ck_assert_uint_le(n, most);
}

/* -- rates -------------------------------------------------------------------------------- */

START_TEST(p6_what_may_go_goes_at_once)
{
	ck_assert_int_eq(ask("a", "1", NORMAL, NULL)->given_ms, now_ms);
	ck_assert_int_eq(ask("b", "2", BULK, NULL)->given_ms, now_ms);
	ck_assert_uint_eq(pace_waiting(p, NORMAL), 0);
	ck_assert_int_eq(pace_wake_ms(p), INT64_MAX);
}
END_TEST

START_TEST(p1_a_number_sends_at_its_rate_and_no_faster)
{
	ask_many(1000, "a", "1", NORMAL);
	between(given("a", "1", NORMAL), 3, 3);
	run(1000);
	between(given("a", "1", NORMAL), 80, 82); /* 78.8 a second, and what the bucket held */
	run(9000);
	between(given("a", "1", NORMAL), 789, 792);
	ck_assert_uint_eq(pace_waiting(p, NORMAL), 1000 - given("a", "1", NORMAL));
}
END_TEST

START_TEST(p1_many_numbers_do_not_wait_for_each_other)
{
	static const char *const outlets[] = { "1", "2", "3", "4", "5" };

	for (unsigned i = 0; i < 5; i++)
		ask_many(200, "a", outlets[i], NORMAL);
	run(1000);
	for (unsigned i = 0; i < 5; i++)
		between(given("a", outlets[i], NORMAL), 80, 82);
}
END_TEST

START_TEST(p1_outlets_of_one_number_share_its_rate)
{
	struct one *o;

	for (unsigned i = 0; i < 400; i++) {
		struct pace_ask a;

		o = &ones[count++];
		*o = (struct one){ .class = NORMAL, .given_ms = -1 };
		(void)snprintf(o->text.tenant, sizeof(o->text.tenant), "a");
		(void)snprintf(o->text.outlet, sizeof(o->text.outlet), "%u", i % 2);
		(void)snprintf(o->text.recipient, sizeof(o->text.recipient), "%u", i);
		o->message.tenant_id = o->text.tenant;
		o->message.outlet_id = o->text.outlet;
		o->message.recipient = o->text.recipient;
		o->message.class = NORMAL;
		a = ask_of(o, false);
		a.number = "shared";
		ck_assert(pace_wait(p, &o->ticket, &a, now_ms));
	}
	run(2000);
	between(given("a", "0", NORMAL) + given("a", "1", NORMAL), 159, 162);
	between(given("a", "0", NORMAL), 78, 82);
}
END_TEST

START_TEST(p1_a_tenant_keeps_its_own_rate)
{
	settings.tenant_rate = 50;
	open_pace();
	now_ms += 300000;
	ask_many(200, "a", "1", NORMAL);
	ask_many(200, "a", "2", NORMAL);
	ask_many(200, "b", "3", NORMAL);
	run(2000);
	between(given("a", "1", NORMAL) + given("a", "2", NORMAL), 99, 102);
	between(given("a", "1", NORMAL), 49, 53);
	between(given("b", "3", NORMAL), 99, 102);
}
END_TEST

START_TEST(p2_a_place_given_back_is_paid_back)
{
	struct one *o;

	settings.number_rate = 1;
	open_pace();
	now_ms += 300000;
	o = ask("a", "1", NORMAL, "+1");
	ck_assert_int_eq(o->given_ms, now_ms);
	(void)ask("a", "1", NORMAL, "+2");
	step();
	ck_assert_int_lt(ones[1].given_ms, 0);
	pace_leave(p, &o->ticket, now_ms);
	step();
	ck_assert_int_eq(ones[1].given_ms, now_ms);
	/* What has begun is not. */
	pace_begin(&ones[1].ticket);
	(void)ask("a", "1", NORMAL, "+3");
	pace_leave(p, &ones[1].ticket, now_ms);
	step();
	ck_assert_int_lt(ones[2].given_ms, 0);
}
END_TEST

START_TEST(p5_a_number_begins_with_nothing)
{
	struct one *o;

	pace_taken(p, UINT64_MAX, now_ms);
	o = ask("a", "1", NORMAL, NULL);
	ck_assert_int_lt(o->given_ms, 0);
	run(14);
	ck_assert_int_ge(o->given_ms, 0);
	/* One that is known already is emptied, too. */
	run(1000);
	pace_taken(p, UINT64_MAX, now_ms);
	o = ask("a", "1", NORMAL, NULL);
	ck_assert_int_lt(o->given_ms, 0);
	/* Other lanes are not. */
	run(1000);
	pace_taken(p, ~(UINT64_C(1) << message_lane("a")), now_ms);
	ck_assert_int_eq(ask("a", "1", NORMAL, NULL)->given_ms, now_ms);
}
END_TEST

START_TEST(p7_what_is_committed_late_leaves_at_the_rate)
{
	int64_t last_ms = 0;
	unsigned at_once = 0;

	ask_many(100, "a", "1", NORMAL);
	run(1000);
	for (unsigned i = 0; i < 80; i++) {
		const int64_t at_ms = pace_depart_ms(&ones[i].ticket, now_ms);

		at_once += at_ms == now_ms;
		ck_assert_int_ge(at_ms, last_ms);
		last_ms = at_ms;
	}
	between(at_once, 12, 13); /* what 150 ms bring, and one */
	between((unsigned)(last_ms - now_ms), 845, 860);
	/* One by one nothing waits. */
	now_ms = last_ms + 200;
	for (unsigned i = 0; i < 100; i++, now_ms += 13)
		ck_assert_int_eq(pace_depart_ms(&ones[i % 80].ticket, now_ms), now_ms);
}
END_TEST

/* -- pairs -------------------------------------------------------------------------------- */

START_TEST(p4_a_pair_that_waits_holds_up_no_other)
{
	settings.number_rate = 1000;
	open_pace();
	now_ms += 300000;
	for (unsigned i = 0; i < 45; i++)
		ck_assert_int_ge(ask("a", "1", NORMAL, "+1")->given_ms, 0);
	run(100);
	ck_assert_int_lt(ask("a", "1", NORMAL, "+1")->given_ms, 0);
	(void)ask("a", "1", NORMAL, "+2");
	step();
	ck_assert_int_ge(ones[46].given_ms, 0);
	ck_assert_uint_eq(pace_waiting(p, NORMAL), 1);
	ck_assert_int_ge(ask("a", "1", NORMAL, "+3")->given_ms, 0);
	run(5899);
	ck_assert_int_lt(ones[45].given_ms, 0);
	run(2);
	ck_assert_int_ge(ones[45].given_ms, 0);
	ck_assert_uint_eq(pace_waiting(p, NORMAL), 0);
}
END_TEST

START_TEST(p5_pairs_are_lent_nothing_after_a_lane_was_taken)
{
	pace_taken(p, UINT64_MAX, now_ms);
	run(1000);
	ck_assert_int_ge(ask("a", "1", NORMAL, "+1")->given_ms, 0);
	ck_assert_int_lt(ask("a", "1", NORMAL, "+1")->given_ms, 0);
	run(5999);
	ck_assert_int_lt(ones[1].given_ms, 0);
	run(2);
	ck_assert_int_ge(ones[1].given_ms, 0);
	run(269998 - 7001);
	(void)ask("a", "1", NORMAL, "+2");
	(void)ask("a", "1", NORMAL, "+2");
	ck_assert_int_lt(ones[3].given_ms, 0); /* 269.999 s after */
	run(1);
	run(1);
	(void)ask("a", "1", NORMAL, "+3");
	ck_assert_int_ge(ask("a", "1", NORMAL, "+3")->given_ms, 0);
}
END_TEST

START_TEST(a_refused_pair_waits_and_its_number_goes_on)
{
	struct one *o = ask("a", "1", NORMAL, "+1");

	pace_begin(&o->ticket);
	pace_tell(p, &o->ticket, PACE_PAIR, 0, now_ms);
	run(500);
	(void)ask("a", "1", NORMAL, "+1");
	(void)ask("a", "1", NORMAL, "+2");
	run(499);
	ck_assert_int_ge(ones[2].given_ms, 0);
	ck_assert_int_lt(ones[1].given_ms, 0);
	run(2);
	ck_assert_int_ge(ones[1].given_ms, 0);
}
END_TEST

/* -- refused ------------------------------------------------------------------------------ */

START_TEST(a_refused_number_goes_slower_for_a_while)
{
	struct one *o = ask("a", "1", NORMAL, NULL);
	unsigned before;

	run(100);
	pace_tell(p, &o->ticket, PACE_TOO_FAST, 0, now_ms);
	ask_many(4000, "a", "1", NORMAL);
	run(1000);
	between(given("a", "1", NORMAL), 54, 59);
	run(20000);
	before = given("a", "1", NORMAL);
	run(1000);
	between(given("a", "1", NORMAL) - before, 77, 80); /* as many as ever, again */
}
END_TEST

START_TEST(a_number_rests_but_for_those_somebody_waits_for)
{
	struct one *o = ask("a", "1", NORMAL, NULL);
	struct pace_ask a;

	run(100);
	pace_tell(p, &o->ticket, PACE_REST, 0, now_ms);
	ck_assert_int_lt(ask("a", "1", NORMAL, NULL)->given_ms, 0);
	step();
	a = ask_of(o, true);
	ck_assert(pace_try(p, &o->ticket, &a, now_ms));
	run(4999);
	ck_assert_int_lt(ones[1].given_ms, 0);
	run(2);
	ck_assert_int_ge(ones[1].given_ms, 0);
}
END_TEST

START_TEST(an_answer_to_what_left_in_a_rest_ends_it)
{
	struct one *o = ask("a", "1", NORMAL, NULL);
	struct pace_ask a;

	run(100);
	pace_tell(p, &o->ticket, PACE_REST, 0, now_ms);
	(void)ask("a", "1", NORMAL, NULL);
	step();
	pace_tell(p, &o->ticket, PACE_ACCEPTED, 0, now_ms); /* it had left before the rest */
	step();
	ck_assert_int_lt(ones[1].given_ms, 0);
	a = ask_of(o, true);
	ck_assert(pace_try(p, &o->ticket, &a, now_ms));
	pace_begin(&o->ticket);
	pace_tell(p, &o->ticket, PACE_ACCEPTED, 0, now_ms);
	step();
	ck_assert_int_eq(ones[1].given_ms, now_ms);
}
END_TEST

/* -- limits that are set ------------------------------------------------------------------ */

static void learn(const char *tenant, const char *outlet, int rate, unsigned weight)
{
	struct limit limit = { .rate = rate, .weight = weight };
	const struct limit_set set = { &limit, 1 };

	(void)snprintf(limit.tenant_id, sizeof(limit.tenant_id), "%s", tenant);
	(void)snprintf(limit.outlet_id, sizeof(limit.outlet_id), "%s", outlet);
	ck_assert(pace_learn(p, &set, now_ms));
}

START_TEST(a_limit_that_is_set_counts_at_once)
{
	unsigned before;

	ask_many(3000, "a", "1", NORMAL);
	run(1000);
	before = given("a", "1", NORMAL);
	learn("a", "1", 1000, 1);
	run(1000);
	between(given("a", "1", NORMAL) - before, 980, 987);
	before = given("a", "1", NORMAL);
	learn("a", "2", 1000, 1); /* of another outlet: the settings' again */
	run(1000);
	between(given("a", "1", NORMAL) - before, 77, 84);
	before = given("a", "1", NORMAL);
	learn("", "1", 1000, 1); /* of its number, by Meta */
	run(1000);
	between(given("a", "1", NORMAL) - before, 980, 987);
}
END_TEST

START_TEST(a_tenants_own_rate_counts_at_once)
{
	learn("a", "", 10, 1);
	ask_many(100, "a", "1", NORMAL);
	run(1000);
	between(given("a", "1", NORMAL), 9, 11);
	settings.tenant_rate = 10;
	open_pace();
	now_ms += 300000;
	learn("a", "", 0, 1); /* none for this one */
	count = 0;
	ask_many(100, "a", "1", NORMAL);
	run(1000);
	between(given("a", "1", NORMAL), 80, 82);
}
END_TEST

/* -- shares ------------------------------------------------------------------------------- */

START_TEST(p3_a_backlog_does_not_delay_other_tenants)
{
	settings.number_rate = 0;
	open_pace();
	places = 10;
	call_ms = 50; /* 200 calls a second */
	ask_many(2000, "a", "1", NORMAL);
	run(1000);
	for (unsigned i = 0; i < 20; i++) {
		(void)ask("b", "2", NORMAL, NULL);
		run(50);
	}
	/* Each of them waits for the next place at most. */
	for (unsigned i = 0; i < count; i++)
		if (strcmp(ones[i].text.tenant, "b") == 0)
			ck_assert_int_le(ones[i].given_ms - ones[i].asked_ms, 50);
	ck_assert_uint_eq(given("b", "2", NORMAL), 20);
}
END_TEST

START_TEST(p3_tenants_share_by_their_weights)
{
	settings.number_rate = 0;
	open_pace();
	learn("a", "", -1, 3);
	places = 10;
	call_ms = 50;
	ask_many(1000, "a", "1", NORMAL);
	ask_many(1000, "b", "2", NORMAL);
	run(2000);
	between(given("a", "1", NORMAL), 290, 310);
	between(given("b", "2", NORMAL), 95, 110);
}
END_TEST

START_TEST(p3_high_is_not_delayed_by_bulk_when_places_are_short)
{
	settings.number_rate = 0;
	open_pace();
	places = 10;
	call_ms = 50;
	ask_many(3000, "a", "1", BULK);
	run(1000);
	for (unsigned i = 0; i < 40; i++) {
		(void)ask(i % 2 ? "a" : "b", i % 2 ? "1" : "2", HIGH, NULL);
		run(50);
	}
	for (unsigned i = 0; i < count; i++)
		if (ones[i].class == HIGH)
			ck_assert_int_le(ones[i].given_ms - ones[i].asked_ms, 50);
	between(given("a", "1", BULK), 500, 620); /* and bulk has the rest */
}
END_TEST

START_TEST(p3_high_is_not_delayed_by_bulk_of_its_number)
{
	ask_many(3000, "a", "1", BULK);
	run(1000);
	for (unsigned i = 0; i < 40; i++) {
		(void)ask("a", "1", HIGH, NULL);
		run(50);
	}
	for (unsigned i = 0; i < count; i++)
		if (ones[i].class == HIGH)
			ck_assert_int_le(ones[i].given_ms - ones[i].asked_ms, 27);
}
END_TEST

START_TEST(p3_bulk_of_a_number_is_not_shut_out)
{
	/* Three numbers whose turns come round in step. */
	static const char *const outlets[] = { "1", "2", "3" };

	for (unsigned i = 0; i < 3; i++) {
		ask_many(1500, "a", outlets[i], HIGH);
		ask_many(1500, "a", outlets[i], NORMAL);
		ask_many(1500, "a", outlets[i], BULK);
	}
	run(10000); /* 788 each */
	for (unsigned i = 0; i < 3; i++) {
		between(given("a", outlets[i], HIGH), 595, 606);
		between(given("a", outlets[i], NORMAL), 147, 153);
		between(given("a", outlets[i], BULK), 36, 39);
	}
}
END_TEST

START_TEST(p3_numbers_of_a_tenant_take_turns)
{
	settings.number_rate = 0;
	open_pace();
	places = 10;
	call_ms = 50;
	ask_many(1000, "a", "1", NORMAL);
	ask_many(1000, "a", "2", NORMAL);
	run(2000);
	between(given("a", "1", NORMAL), 195, 205);
	between(given("a", "2", NORMAL), 195, 205);
}
END_TEST

START_TEST(p3_messages_of_a_number_go_in_order)
{
	ask_many(300, "a", "1", NORMAL);
	run(2000);
	for (unsigned i = 1; i < 100; i++)
		ck_assert_int_le(ones[i - 1].given_ms, ones[i].given_ms);
}
END_TEST

/* -- bounds ------------------------------------------------------------------------------- */

START_TEST(idle_lines_make_room)
{
	char outlet[16];

	settings.max_lines = 10;
	open_pace();
	now_ms += 300000;
	for (unsigned i = 0; i < 100; i++) {
		struct one *o;

		(void)snprintf(outlet, sizeof(outlet), "%u", i);
		o = ask("a", outlet, NORMAL, NULL);
		ck_assert_int_ge(o->given_ms, 0);
		if (i >= 5) /* five are in use */
			pace_leave(p, &o->ticket, now_ms);
	}
}
END_TEST

START_TEST(so_many_lines_are_in_use_and_no_more)
{
	struct message m = { .tenant_id = "a",
			     .outlet_id = "one more",
			     .recipient = "+1",
			     .class = MESSAGE_NORMAL };
	struct pace_ask a = { .message = &m, .number = "1" };
	struct pace_ticket ticket = { .line = NULL };
	char outlet[16];

	settings.max_lines = 10;
	open_pace();
	now_ms += 300000;
	for (unsigned i = 0; i < 10; i++) {
		(void)snprintf(outlet, sizeof(outlet), "%u", i);
		(void)ask("a", outlet, NORMAL, NULL);
	}
	ck_assert(!pace_try(p, &ticket, &a, now_ms));
	ck_assert(!pace_wait(p, &ticket, &a, now_ms));
	pace_leave(p, &ones[3].ticket, now_ms);
	ck_assert(pace_wait(p, &ticket, &a, now_ms));
	pace_leave(p, &ticket, now_ms);
}
END_TEST

START_TEST(who_leaves_is_not_given_a_place)
{
	ask_many(100, "a", "1", NORMAL);
	for (unsigned i = 0; i < 100; i += 2)
		pace_leave(p, &ones[i].ticket, now_ms);
	run(2000);
	for (unsigned i = 3; i < 100; i++)
		ck_assert_int_eq(ones[i].given_ms >= 0, i % 2);
	ck_assert_uint_eq(pace_waiting(p, NORMAL), 0);
	/* So too who stands apart. */
	for (unsigned i = 0; i < 46; i++)
		(void)ask("a", "2", NORMAL, "+1");
	run(2000);
	ck_assert_uint_eq(pace_waiting(p, NORMAL), 1);
	pace_leave(p, &ones[count - 1].ticket, now_ms);
	ck_assert_uint_eq(pace_waiting(p, NORMAL), 0);
	run(7000);
	ck_assert_int_lt(ones[count - 1].given_ms, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tcase = tcase_create("pace");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, p6_what_may_go_goes_at_once);
	tcase_add_test(tcase, p1_a_number_sends_at_its_rate_and_no_faster);
	tcase_add_test(tcase, p1_many_numbers_do_not_wait_for_each_other);
	tcase_add_test(tcase, p1_outlets_of_one_number_share_its_rate);
	tcase_add_test(tcase, p1_a_tenant_keeps_its_own_rate);
	tcase_add_test(tcase, p2_a_place_given_back_is_paid_back);
	tcase_add_test(tcase, p5_a_number_begins_with_nothing);
	tcase_add_test(tcase, p7_what_is_committed_late_leaves_at_the_rate);
	tcase_add_test(tcase, p4_a_pair_that_waits_holds_up_no_other);
	tcase_add_test(tcase, p5_pairs_are_lent_nothing_after_a_lane_was_taken);
	tcase_add_test(tcase, a_refused_pair_waits_and_its_number_goes_on);
	tcase_add_test(tcase, a_refused_number_goes_slower_for_a_while);
	tcase_add_test(tcase, a_number_rests_but_for_those_somebody_waits_for);
	tcase_add_test(tcase, an_answer_to_what_left_in_a_rest_ends_it);
	tcase_add_test(tcase, a_limit_that_is_set_counts_at_once);
	tcase_add_test(tcase, a_tenants_own_rate_counts_at_once);
	tcase_add_test(tcase, p3_a_backlog_does_not_delay_other_tenants);
	tcase_add_test(tcase, p3_tenants_share_by_their_weights);
	tcase_add_test(tcase, p3_high_is_not_delayed_by_bulk_when_places_are_short);
	tcase_add_test(tcase, p3_high_is_not_delayed_by_bulk_of_its_number);
	tcase_add_test(tcase, p3_bulk_of_a_number_is_not_shut_out);
	tcase_add_test(tcase, p3_numbers_of_a_tenant_take_turns);
	tcase_add_test(tcase, p3_messages_of_a_number_go_in_order);
	tcase_add_test(tcase, idle_lines_make_room);
	tcase_add_test(tcase, so_many_lines_are_in_use_and_no_more);
	tcase_add_test(tcase, who_leaves_is_not_given_a_place);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
