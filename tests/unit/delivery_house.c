#include "delivery_house.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "domain/recipient.h"

#define DEADLINE_MS 10000
#define LOGGED_MAX (1u << 20)

struct house house;
struct delivery_settings house_settings;
int64_t house_hold_ms = 300;
bool house_knows_holds = true;

static void keep(struct told *told, uint64_t waiter_id, const struct delivery_result *result)
{
	told->count++;
	told->waiter_id = waiter_id;
	told->result = *result;
	text_copy_cut(told->action, sizeof(told->action), result->action);
	text_copy_cut(told->detail, sizeof(told->detail), result->detail);
}

static void on_told(void *arg, uint64_t waiter_id, const struct delivery_result *result)
{
	ck_assert_ptr_eq(arg, &house);
	keep(&house.told, waiter_id, result);
}

static void on_sibling_result(void *arg, uint64_t waiter_id, const struct delivery_result *result)
{
	(void)arg;
	keep(&house.sibling_told, waiter_id, result);
}

static void on_sibling_order(void *arg, const struct delivery_order *order)
{
	(void)arg;
	(void)order;
	house.sibling_orders++;
}

static void on_sibling_look(void *arg)
{
	(void)arg;
	house.sibling_looks++;
}

static void on_sibling_learn(void *arg, const char *tenant_id, const char *outlet_id,
			     const struct credentials *credentials)
{
	(void)arg;
	(void)tenant_id;
	(void)outlet_id;
	fake.learn_count++;
	fake.learned = *credentials;
}

static void on_sibling_ask(void *arg, unsigned from_slot, const char *tenant_id,
			   const char *outlet_id)
{
	(void)arg;
	(void)tenant_id;
	(void)outlet_id;
	ck_assert_uint_eq(from_slot, 0);
	house.sibling_asks++;
}

static void on_sibling_lanes(void *arg, enum bell_news news, uint64_t lanes,
			     struct message_id incarnation)
{
	(void)arg;
	(void)incarnation;
	house.sibling_news[news]++;
	house.sibling_lanes = lanes;
}

static void on_sibling_call(void *arg, const struct bell_call *call)
{
	(void)arg;
	house.sibling_calls++;
	house.sibling_call = *call;
}

struct store_lanes_view view_of(uint64_t lanes)
{
	struct store_lanes_view view = {
		.count = 1,
		.live = { { .id = incarnation_of(0),
			    .lease_left_ms = STORE_LEASE_MS,
			    .lanes = lanes } },
	};

	if (house.sibling)
		view.live[view.count++] = (struct store_incarnation){
			.id = incarnation_of(1),
			.lease_left_ms = STORE_LEASE_MS,
			.lanes = ~lanes,
		};
	return view;
}

void house_lanes(uint64_t lanes)
{
	const struct store_lanes_view view = view_of(lanes);

	fake_view(&view);
	turn();
}

static void open_sibling(void)
{
	const struct bell_receiver receiver = {
		.order = on_sibling_order,
		.look = on_sibling_look,
		.result = on_sibling_result,
		.learn = on_sibling_learn,
		.ask = on_sibling_ask,
		.lanes = on_sibling_lanes,
		.call = on_sibling_call,
	};
	struct err err;

	node_set(house.node, 1, NODE_READY, incarnation_of(1));
	house.sibling = bell_new(house.loop, house.node, 1, &receiver, &err);
	ck_assert_ptr_nonnull(house.sibling);
}

static void open_house(unsigned workers)
{
	struct err err;

	memset(&house, 0, sizeof(house));
	house.loop = loop_new(&err);
	house.node = node_new(workers, &err);
	ck_assert_ptr_nonnull(house.node);
	node_set(house.node, 0, NODE_READY, incarnation_of(0));
	house.world = fake_world_new(house.loop, 200);
	if (workers == 2)
		open_sibling();
	house_settings.node = house.node;
	house.d = delivery_new(house.world, &house_settings, on_told, &house, &err);
	ck_assert_ptr_nonnull(house.d);
	if (house_knows_holds)
		fake_holds(1, NULL, 0);
	turn_until(&fake.change_count, 1);
	house_lanes(workers == 2 ? HOUSE_LANES : ~UINT64_C(0));
	fake.change_count = 0;
}

static void usual_settings(void)
{
	house_settings = (struct delivery_settings){
		.slot = 0,
		.incarnation = incarnation_of(0),
		.retry = { .max_retries = 3, .initial_ms = 100, .cap_ms = 10000 },
		.request_timeout_ms = 10000,
		.commit_timeout_ms = 5000,
		.token_probe_ms = 1000,
		.order_hold_ms = house_hold_ms,
		.pace = { .max_lines = 12 },
		.max_items = 12,
	};
}

void house_open(void)
{
	usual_settings();
	open_house(1);
	turn();
	load(NULL); /* all that waits was seen: attempts may begin with the accept */
}

void house_open_two(void)
{
	usual_settings();
	open_house(2);
	turn();
	load(NULL);
}

void house_close(void)
{
	delivery_free(house.d);
	bell_free(house.sibling);
	world_free(house.world);
	node_free(house.node);
	loop_free(house.loop);
}

void house_reopen(void)
{
	const unsigned workers = node_workers(house.node);

	house_close();
	open_house(workers);
	turn();
	load(NULL);
}

/* A millisecond at least, and so many rounds: what goes on from a hook to a bell and to a hook
 * again takes some, for which a busy machine may not leave the time. */
#define TURN_ROUNDS 8

static void on_turned(void *arg)
{
	unsigned *rounds = arg;

	if (++*rounds < TURN_ROUNDS)
		loop_timer(house.loop, clock_boot_ms(), on_turned, rounds);
	else
		loop_stop(house.loop);
}

void turn(void)
{
	unsigned rounds = 0;
	struct err err;

	loop_timer(house.loop, clock_boot_ms() + 1, on_turned, &rounds);
	ck_assert_int_eq(loop_run(house.loop, &err), 0);
}

void turn_for(int64_t ms)
{
	const int64_t end_ms = clock_boot_ms() + ms;

	do
		turn();
	while (clock_boot_ms() < end_ms);
}

void turn_until(const unsigned *counter, unsigned n)
{
	const int64_t deadline_ms = clock_boot_ms() + DEADLINE_MS;

	while (*counter < n && clock_boot_ms() < deadline_ms)
		turn();
	ck_assert_uint_eq(*counter, n);
}

struct message_id incarnation_of(unsigned n)
{
	return (struct message_id){ { 0xee, (uint8_t)n } };
}

struct message message_of(unsigned n)
{
	/* Each to somebody else, or they would wait for their turn. */
	static char recipients[256][RECIPIENT_BYTES];
	char *recipient = recipients[n % 256];
	const struct message m = {
		.id = { { 1, (uint8_t)n } },
		.seq = n,
		.class = MESSAGE_NORMAL,
		.tenant_id = "tenant-0",
		.outlet_id = "outlet",
		.conversation_id = "",
		.recipient = recipient,
		.type = "text",
		.payload = "{\"body\":\"Halo\"}",
		.sender_type = "llm",
	};

	(void)snprintf(recipient, RECIPIENT_BYTES, "+62812345%04u", n % 256);
	ck_assert_uint_eq(message_lane(m.tenant_id) % 2, 0);
	return m;
}

struct delivery_order order_of(const struct message *m)
{
	static const struct credentials credentials = { "100", "token-1", "" };

	return (struct delivery_order){
		.message = m,
		.credentials = &credentials,
		.expires_wall_us = clock_wall_us() + INT64_C(3600000000),
		.waiter = { .waits = true,
			    .slot = 0,
			    .id = WAITER,
			    .until_boot_ms = clock_boot_ms() + 60000 },
	};
}

void begin_with_accept(struct delivery_order *order, int64_t ago_us)
{
	order->place = delivery_reserve(house.d, order->message, order->credentials->number, true);
	ck_assert_ptr_nonnull(order->place);
	order->begun_wall_us = clock_wall_us() - ago_us;
	order->deadline_wall_us = order->begun_wall_us + 11000000;
}

void take(const struct delivery_order *order)
{
	delivery_take(house.d, order);
	turn();
}

static unsigned last(unsigned count)
{
	ck_assert_uint_gt(count, 0);
	return count - 1;
}

#define LAST(things, count) (&fake.things[last(fake.count)])

void commit_begin(void)
{
	fake_written(LAST(begins, begin_count)->tag, STORE_DONE);
	turn();
}

void commit_outcome(void)
{
	fake_written(LAST(outcomes, outcome_count)->tag, STORE_DONE);
	turn();
}

void commit_defer(void)
{
	fake_written(LAST(defers, defer_count)->tag, STORE_DONE);
	turn();
}

void commit_note(void)
{
	fake_written(LAST(notes, note_count)->tag, STORE_DONE);
	turn();
}

void answer_accepted(void)
{
	fake_accept_call(LAST(sends, send_count)->tag, "wamid.1");
	turn();
}

void answer_code(int http_status, int code)
{
	const struct call_facts facts = {
		.http_status = http_status,
		.readable = true,
		.has_error = code != 0,
		.error_code = code,
	};

	fake_graph(LAST(sends, send_count)->tag, &facts);
	turn();
}

void answer_lost(void)
{
	const struct call_facts facts = { .end = CALL_LOST };

	fake_graph(LAST(sends, send_count)->tag, &facts);
	turn();
}

void answer_posted(bool stored)
{
	fake_posted(LAST(posts, post_count)->tag, stored);
	turn();
}

void answer_lookup(void)
{
	fake_looked_up(LAST(lookups, lookup_count)->tag);
	turn();
}

void take_and_call(unsigned n)
{
	const struct message m = message_of(n);
	const struct delivery_order order = order_of(&m);
	const unsigned sends = fake.send_count;

	take(&order);
	commit_begin();
	ck_assert_uint_eq(fake.send_count, sends + 1);
}

unsigned house_logged(const char *words)
{
	char *text = calloc(1, LOGGED_MAX + 1);
	unsigned count = 0;

	ck_assert_ptr_nonnull(text);
	ck_assert_int_ge((int)pread(house.world->log->fd, text, LOGGED_MAX, 0), 0);
	for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
		count++;
	free(text);
	return count;
}

const struct fake_outcome *last_outcome(void)
{
	return LAST(outcomes, outcome_count);
}

void expect_told(enum delivery_end end)
{
	ck_assert_uint_eq(house.told.count, 1);
	ck_assert_uint_eq(house.told.waiter_id, WAITER);
	ck_assert_int_eq(house.told.result.end, end);
	house.told.count = 0;
}

void expect_not_told(void)
{
	turn();
	ck_assert_uint_eq(house.told.count, 0);
	ck_assert_uint_eq(house.sibling_told.count, 0);
}

struct delivery_place *house_reserve(unsigned n)
{
	const struct message m = message_of(n);

	return delivery_reserve(house.d, &m, "100", true);
}

void expect_over(void)
{
	struct delivery_place *places[FAKE_MAX];
	unsigned taken = 0;

	ck_assert_uint_eq(delivery_busy(house.d), 0);
	fake_work(NULL, false); /* all that waits was seen */
	do {
		struct message m = message_of(100 + taken);

		m.class = MESSAGE_HIGH; /* which may fill all of the room */
		places[taken] = delivery_reserve(house.d, &m, "100", true);
	} while (places[taken++]);
	taken--;
	ck_assert_uint_eq(taken, fake.room);
	while (taken > 0)
		delivery_give_back(house.d, places[--taken]);
}

void expect_gone(void)
{
	turn_until(&fake.call_count, 1);
	fake_called(NULL);
	turn();
	expect_told(DELIVERY_ELSEWHERE);
	expect_over();
}

struct store_work row_of(unsigned n, enum state state, struct message *m)
{
	*m = message_of(n);
	m->lane = message_lane(m->tenant_id);
	return (struct store_work){
		.message = *m,
		.state = state,
		.due_wall_us = clock_wall_us(),
		.expires_wall_us = clock_wall_us() + INT64_C(3600000000),
		.number = "",
		.wamid = "",
	};
}

void load(const struct store_work *row)
{
	if (row && row->state == STATE_SENT) {
		fake_copies(row, false);
		fake_copies(NULL, false);
	} else {
		fake_work(row, false);
		fake_work(NULL, false);
	}
	turn();
}

void house_open_adopting(void)
{
	usual_settings();
	open_house(2);
	fake.answers_at_once = true;
	fake.credentials = (struct credentials){ "100", "token-1", "" };
	turn();
	ck_assert_uint_eq(fake.load_count, 1);
}

void house_open_looked(void)
{
	house_open_adopting();
	load(NULL);
}
