/* Who gets a place, and what becomes of it: pace_turn.c has how those who wait stand. */
#include "delivery/pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "delivery/pace_line.h"
#include "delivery/pace_turn.h"

#define PAIRS_MAX (1u << 20)
#define DEPART_AHEAD_MS 150

_Static_assert((int)SHARE_CLASSES == (int)MESSAGE_CLASSES, "each class has its share");

struct pace *pace_new(const struct pace_settings *settings, const struct meter *meter,
		      int64_t now_ms)
{
	struct pace *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->settings = *settings;
	p->meter = meter;
	list_init(&p->idle);
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		list_init(&p->rings[i]);
	for (unsigned i = 0; i < MESSAGE_LANES; i++)
		p->taken_ms[i] = now_ms;
	random_bytes(&p->seed, sizeof(p->seed));
	p->lines = table_new(settings->max_lines);
	p->numbers = table_new(settings->max_lines);
	p->tenants = table_new(settings->max_lines);
	p->pairs = pairs_new(&settings->pair, PAIRS_MAX);
	if (p->lines && p->numbers && p->tenants && p->pairs)
		return p;
	pace_free(p);
	return NULL;
}

static void free_line(void *arg, void *object)
{
	pace_line_free(arg, object);
}

void pace_free(struct pace *p)
{
	if (!p)
		return;
	if (p->lines)
		table_visit(p->lines, free_line, p);
	table_free(p->lines);
	table_free(p->numbers);
	table_free(p->tenants);
	pairs_free(p->pairs);
	free(p->limits.limits);
	free(p);
}

/* FNV-1a from a random start, so that nobody chooses whose pair is whose; another one each time the
 * lane is taken (P5). */
static uint64_t pair_of(const struct pace *p, unsigned lane, const char *number,
			const char *recipient)
{
	uint64_t hash = (p->seed + p->takes[lane]) ^ UINT64_C(0xcbf29ce484222325);

	for (; *number; number++)
		hash = (hash ^ (unsigned char)*number) * UINT64_C(0x100000001b3);
	hash = (hash ^ ' ') * UINT64_C(0x100000001b3);
	for (; *recipient; recipient++)
		hash = (hash ^ (unsigned char)*recipient) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	return hash * UINT64_C(0x9e3779b97f4a7c15);
}

/* -- a place ------------------------------------------------------------------------------ */

static bool is_cautious(const struct pace *p, const struct pace_line *line, int64_t now_ms)
{
	return now_ms - p->taken_ms[line->lane] < pairs_cautious_ms(p->pairs);
}

static int64_t pair_ready_ms(const struct pace *p, const struct pace_ticket *t, int64_t now_ms)
{
	return pairs_ready_ms(p->pairs, t->pair, is_cautious(p, t->line, now_ms), now_ms);
}

static void pay(struct pace *p, struct pace_ticket *t, int64_t now_ms)
{
	bucket_take(&t->line->number->bucket);
	bucket_take(&t->line->tenant->bucket);
	if (!pairs_take(p->pairs, t->pair, now_ms))
		meter_bound(p->meter, BOUND_PAIRS);
	t->state = PACE_GIVEN;
	t->paid_ms = now_ms;
}

static bool any_waits(const struct pace *p)
{
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		if (!list_empty(&p->rings[i]))
			return true;
	return false;
}

static unsigned wanting(const struct list lists[SHARE_CLASSES])
{
	unsigned mask = 0;

	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		mask |= (unsigned)!list_empty(&lists[i]) << i;
	return mask;
}

static bool attach(struct pace *p, struct pace_ticket *t, const struct pace_ask *ask,
		   int64_t now_ms)
{
	if (!t->line) {
		t->line = pace_line_find(p, ask->message, ask->number, now_ms);
		if (!t->line)
			return false;
		pace_line_use(t->line);
		list_init(&t->link);
		list_init(&t->urgent_link);
		t->pair = pair_of(p, t->line->lane, ask->number, ask->message->recipient);
	}
	t->urgent = ask->urgent;
	t->class = (unsigned char)ask->message->class;
	return true;
}

static void detach(struct pace *p, struct pace_ticket *t, int64_t now_ms)
{
	pace_line_leave(p, t->line, now_ms);
	*t = (struct pace_ticket){ .line = NULL };
}

/* Nobody of its own is before it, and number and tenant have a token. */
static bool may_go(const struct pace_line *line, bool urgent, int64_t now_ms)
{
	struct pace_number *n = line->number;

	if ((n->alarm.set && !n->spares) || wanting(pace_in_turn(line)))
		return false;
	return !line->tenant->alarm.set && bucket_ready_ms(&n->bucket, !urgent, now_ms) == now_ms &&
	       bucket_ready_ms(&line->tenant->bucket, false, now_ms) == now_ms;
}

bool pace_try(struct pace *p, struct pace_ticket *ticket, const struct pace_ask *ask,
	      int64_t now_ms)
{
	pace_wake(p, now_ms); /* who was apart until now is before it */
	if (any_waits(p) || !attach(p, ticket, ask, now_ms) ||
	    !may_go(ticket->line, ask->urgent, now_ms) || pair_ready_ms(p, ticket, now_ms) > now_ms)
		return false;
	ticket->line->number->scarce = false;
	ticket->line->tenant->scarce = false;
	pay(p, ticket, now_ms);
	return true;
}

bool pace_wait(struct pace *p, struct pace_ticket *ticket, const struct pace_ask *ask,
	       int64_t now_ms)
{
	if (!attach(p, ticket, ask, now_ms))
		return false;
	ticket->state = PACE_WAITS;
	ticket->order = ++p->order;
	p->waiting[ticket->class]++;
	list_append(&ticket->line->tickets[ticket->class], &ticket->link);
	if (ticket->urgent)
		list_append(&ticket->line->urgent[ticket->class], &ticket->urgent_link);
	pace_link_line(p, ticket->line, ticket->class);
	return true;
}

/* Sends asleep, or apart, whoever must wait.  True: it may go. */
static bool is_ready(struct pace *p, struct pace_ticket *t, int64_t now_ms)
{
	struct pace_number *n = t->line->number;
	struct pace_tenant *tenant = t->line->tenant;
	int64_t at_ms = pair_ready_ms(p, t, now_ms);
	bool spares; /* what is short is not tokens: the number rests */

	if (at_ms > now_ms) {
		meter_count(p->meter, METRIC_PACE_WAITS, PACE_FOR_PAIR, 0);
		pace_put_out(t);
		t->state = PACE_APART;
		t->alarm.kind = ALARM_TICKET;
		alarms_set(&p->alarms, &t->alarm, at_ms);
		return false;
	}
	at_ms = bucket_ready_ms(&n->bucket, false, now_ms);
	spares = at_ms <= now_ms && !t->urgent;
	if (spares)
		at_ms = bucket_ready_ms(&n->bucket, true, now_ms);
	if (at_ms > now_ms) {
		meter_count(p->meter, METRIC_PACE_WAITS, PACE_FOR_NUMBER, 0);
		n->scarce = true;
		pace_number_sleeps(p, n, spares, at_ms);
		return false;
	}
	at_ms = bucket_ready_ms(&tenant->bucket, true, now_ms);
	if (at_ms > now_ms) {
		meter_count(p->meter, METRIC_PACE_WAITS, PACE_FOR_TENANT, 0);
		tenant->scarce = true;
		pace_tenant_sleeps(p, tenant, at_ms);
		return false;
	}
	return true;
}

/* It leaves its line; those behind it come to the end of their rings. */
static void take_out(struct pace *p, struct pace_ticket *t)
{
	struct pace_line *line = t->line;
	struct pace_tenant *tenant = line->tenant;
	const unsigned class = t->class;

	list_remove(&t->link);
	list_remove(&t->urgent_link);
	p->waiting[class]--;
	list_remove(&line->among); /* when they wake, the others are first */
	list_append(&line->number->lines, &line->among);
	list_remove(&line->links[class]);
	if (!list_empty(&pace_in_turn(line)[class]))
		list_append(&tenant->rings[class], &line->links[class]);
	if (list_empty(&tenant->rings[class])) {
		list_remove(&tenant->links[class]);
		tenant->left[class] = 0;
	} else if (share_turn_over(&tenant->left[class], tenant->weight)) {
		list_remove(&tenant->links[class]);
		pace_link_tenant(p, tenant, class);
	}
}

static struct pace_ticket *first_of(const struct pace_line *line, unsigned class)
{
	if (line->number->spares)
		return LIST_OBJECT(line->urgent[class].next, struct pace_ticket, urgent_link);
	return LIST_OBJECT(line->tickets[class].next, struct pace_ticket, link);
}

struct pace_ticket *pace_next(struct pace *p, int64_t now_ms)
{
	unsigned classes;

	pace_wake(p, now_ms);
	while ((classes = wanting(p->rings))) {
		unsigned class = share_next(&p->share, classes);
		struct pace_tenant *tenant =
			LIST_OBJECT(p->rings[class].next, struct pace_tenant, links[class]);
		const unsigned of_all = class;
		struct pace_line *line;
		struct pace_ticket *t;
		unsigned of_tenant = wanting(tenant->rings);
		unsigned of_line;

		/* What is short is the tenant's, or the number's: they share it out (P3). */
		if (tenant->scarce)
			class = share_next(&tenant->share, of_tenant);
		line = LIST_OBJECT(tenant->rings[class].next, struct pace_line, links[class]);
		of_line = wanting(pace_in_turn(line));
		if (!tenant->scarce && line->number->scarce)
			class = share_next(&line->share, of_line);
		t = first_of(line, class);
		if (!is_ready(p, t, now_ms))
			continue;
		share_take(&p->share, classes, of_all);
		if (tenant->scarce)
			share_take(&tenant->share, of_tenant, class);
		else if (line->number->scarce)
			share_take(&line->share, of_line, class);
		take_out(p, t);
		pay(p, t, now_ms);
		return t;
	}
	return NULL;
}

int64_t pace_wake_ms(const struct pace *p)
{
	return alarms_next_ms(&p->alarms);
}

/* -- tickets ------------------------------------------------------------------------------ */

void pace_begin(struct pace_ticket *ticket)
{
	if (ticket->state == PACE_GIVEN)
		ticket->state = PACE_BEGUN;
}

void pace_call_off(struct pace_ticket *ticket)
{
	if (ticket->state == PACE_BEGUN)
		ticket->state = PACE_GIVEN;
}

int64_t pace_depart_ms(struct pace_ticket *ticket, int64_t now_ms)
{
	struct pace_number *n = ticket->line ? ticket->line->number : NULL;
	const int64_t rate = n ? bucket_rate(&n->bucket, now_ms) : 0;
	int64_t at_ms;

	if (!rate)
		return now_ms;
	if (n->departs_us < now_ms * 1000)
		n->departs_us = now_ms * 1000;
	at_ms = n->departs_us / 1000 - DEPART_AHEAD_MS;
	n->departs_us += INT64_C(1000000000) / rate;
	return at_ms > now_ms ? at_ms : now_ms;
}

static void pay_back(struct pace *p, struct pace_ticket *t)
{
	struct pace_number *n = t->line->number;
	struct pace_tenant *tenant = t->line->tenant;

	bucket_give_back(&n->bucket);
	bucket_give_back(&tenant->bucket);
	pairs_give_back(p->pairs, t->pair);
	if (n->alarm.set)
		pace_number_wakes(p, n);
	if (tenant->alarm.set)
		pace_tenant_wakes(p, tenant);
}

void pace_leave(struct pace *p, struct pace_ticket *ticket, int64_t now_ms)
{
	switch (ticket->state) {
	case PACE_WAITS:
		p->waiting[ticket->class]--;
		pace_put_out(ticket);
		break;
	case PACE_APART:
		p->waiting[ticket->class]--;
		alarms_clear(&p->alarms, &ticket->alarm);
		break;
	case PACE_GIVEN:
		pay_back(p, ticket);
		break;
	case PACE_BEGUN:
	case PACE_NOTHING:
		break;
	}
	if (ticket->line)
		detach(p, ticket, now_ms);
}

void pace_hand_over(struct pace_ticket *from, struct pace_ticket *to)
{
	*to = (struct pace_ticket){
		.line = from->line,
		.pair = from->pair,
		.paid_ms = from->paid_ms,
		.state = from->state,
		.class = from->class,
	};
	list_init(&to->link);
	list_init(&to->urgent_link);
	*from = (struct pace_ticket){ .line = NULL };
}

unsigned pace_waiting(const struct pace *p, unsigned class)
{
	return p->waiting[class];
}
