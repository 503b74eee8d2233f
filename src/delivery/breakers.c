/*
 * An entry for a number is made by its first failure and goes when all is well and nothing
 * waits for it.
 */
#include "delivery/breakers.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "base/text.h"

#define AGAIN_MS 50 /* what was woken has not begun yet */

struct entry {
	struct breakers *breakers;
	struct breaker breaker;
	struct list waiting; /* what is to look again */
	uint64_t timer;      /* of them */
	struct list age;     /* numbers: the one noted last comes last */
	enum metric_scope scope;
	char number[CREDENTIALS_NUMBER_BYTES];
};

struct breakers {
	struct loop *loop;
	const struct log *log;
	const struct meter *meter;
	struct breaker_policy policy;
	breakers_wake_fn *wake;
	void *arg;
	struct entry host;
	struct table *numbers;
	struct list ages;
	unsigned open[METRIC_SCOPES]; /* not closed */
};

static const char *const whys[METRIC_SCOPES] = {
	[SCOPE_HOST] = "the Graph API cannot be reached: its circuit breaker is open",
	[SCOPE_NUMBER] = "the Graph API fails for this number: its circuit breaker is open",
};

static void entry_init(struct entry *e, struct breakers *bs, enum metric_scope scope,
		       const char *number)
{
	*e = (struct entry){ .breakers = bs, .scope = scope };
	list_init(&e->waiting);
	list_init(&e->age);
	text_copy_cut(e->number, sizeof(e->number), number);
}

struct breakers *breakers_new(struct loop *loop, const struct log *log, const struct meter *meter,
			      const struct breaker_policy *policy, unsigned max,
			      breakers_wake_fn *wake, void *arg)
{
	struct breakers *bs = calloc(1, sizeof(*bs));

	if (!bs)
		return NULL;
	*bs = (struct breakers){ .loop = loop,
				 .log = log,
				 .meter = meter,
				 .policy = *policy,
				 .wake = wake,
				 .arg = arg,
				 .numbers = table_new(max) };
	entry_init(&bs->host, bs, SCOPE_HOST, "");
	list_init(&bs->ages);
	if (bs->numbers)
		return bs;
	free(bs);
	return NULL;
}

static void entry_free(struct entry *e)
{
	struct breakers *bs = e->breakers;

	while (!list_empty(&e->waiting))
		(void)list_take_first(&e->waiting);
	if (e->breaker.state != BREAKER_CLOSED)
		meter_set(bs->meter, METRIC_BREAKERS_OPEN, e->scope, 0, --bs->open[e->scope]);
	loop_cancel(bs->loop, e->timer);
	list_remove(&e->age);
	(void)table_remove(bs->numbers, e->number, strlen(e->number));
	free(e);
}

void breakers_free(struct breakers *bs)
{
	struct list *node;

	if (!bs)
		return;
	while ((node = list_take_first(&bs->ages)))
		entry_free(LIST_OBJECT(node, struct entry, age));
	while (!list_empty(&bs->host.waiting))
		(void)list_take_first(&bs->host.waiting);
	loop_cancel(bs->loop, bs->host.timer);
	table_free(bs->numbers);
	free(bs);
}

static struct entry *find(const struct breakers *bs, const char *number)
{
	return table_find(bs->numbers, number, strlen(number));
}

/* The one without news for longest goes that holds nobody up.  False: there is none. */
static bool make_room(struct breakers *bs)
{
	for (struct list *node = bs->ages.next; node != &bs->ages; node = node->next) {
		struct entry *e = LIST_OBJECT(node, struct entry, age);

		if (list_empty(&e->waiting) && (e->breaker.state == BREAKER_CLOSED ||
						loop_now_ms(bs->loop) >= e->breaker.until_ms)) {
			entry_free(e);
			return true;
		}
	}
	return false;
}

/* Null: there is no room, and the number is not watched. */
static struct entry *make(struct breakers *bs, const char *number)
{
	struct entry *e = malloc(sizeof(*e));

	if (!e)
		return NULL;
	entry_init(e, bs, SCOPE_NUMBER, number);
	if (table_insert(bs->numbers, e->number, strlen(e->number), e) ||
	    (make_room(bs) && table_insert(bs->numbers, e->number, strlen(e->number), e))) {
		list_append(&bs->ages, &e->age);
		return e;
	}
	meter_bound(bs->meter, BOUND_BREAKERS);
	free(e);
	return NULL;
}

/* -- waiting ---------------------------------------------------------------------------- */

static void wake(struct entry *e, unsigned most)
{
	struct list *node;

	while (most-- > 0 && (node = list_take_first(&e->waiting)))
		e->breakers->wake(e->breakers->arg, node);
}

static void watch(struct entry *e);

static void on_until(void *arg)
{
	struct entry *e = arg;

	e->timer = 0;
	wake(e, e->breaker.state == BREAKER_CLOSED ? UINT32_MAX : 1);
	watch(e);
}

/* Nobody waits longer than for the loss of what is under way. */
static void watch(struct entry *e)
{
	struct loop *loop = e->breakers->loop;
	const int64_t soon_ms = loop_now_ms(loop) + AGAIN_MS;
	const int64_t until_ms = e->breaker.until_ms;

	loop_cancel(loop, e->timer);
	e->timer = list_empty(&e->waiting)
			   ? 0
			   : loop_timer(loop, until_ms > soon_ms ? until_ms : soon_ms, on_until, e);
}

static void let_go(struct entry *e)
{
	const struct breaker *b = &e->breaker;

	if (b->state == BREAKER_HALF_OPEN)
		return;
	if (b->state == BREAKER_CLOSED && b->window)
		wake(e, b->window > b->out ? b->window - b->out : 0);
	else
		wake(e, UINT32_MAX);
	watch(e);
}

/* -- states ----------------------------------------------------------------------------- */

static void changed(struct entry *e, enum breaker_state before)
{
	struct breakers *bs = e->breakers;
	const enum breaker_state now = e->breaker.state;
	struct log_line line;

	if (now == before)
		return;
	if (before == BREAKER_CLOSED)
		bs->open[e->scope]++;
	if (now == BREAKER_CLOSED)
		bs->open[e->scope]--;
	meter_count(bs->meter, METRIC_BREAKER_CHANGES, e->scope, now);
	meter_set(bs->meter, METRIC_BREAKERS_OPEN, e->scope, 0, bs->open[e->scope]);
	log_begin(&line, bs->log, now == BREAKER_OPEN ? LOG_WARNING : LOG_INFO, "breaker");
	log_str(&line, "scope", e->scope == SCOPE_HOST ? "host" : "number");
	if (*e->number)
		log_str(&line, "number", e->number);
	log_str(&line, "state", breaker_state_name(now));
	if (now == BREAKER_OPEN)
		log_int(&line, "for_ms", e->breaker.until_ms - loop_now_ms(bs->loop));
	log_end(&line);
}

bool breakers_clear(const struct breakers *bs, const char *number)
{
	const struct entry *e = find(bs, number);

	return bs->host.breaker.state == BREAKER_CLOSED && !bs->host.breaker.window &&
	       (!e || (e->breaker.state == BREAKER_CLOSED && !e->breaker.window));
}

static void begin(struct entry *e)
{
	const enum breaker_state before = e->breaker.state;

	breaker_begin(&e->breaker, &e->breakers->policy, loop_now_ms(e->breakers->loop));
	changed(e, before);
}

enum breaker_verdict breakers_pass(struct breakers *bs, const char *number, struct list *entry,
				   int64_t *ret_at_ms, const char **ret_why)
{
	struct entry *const entries[] = { &bs->host, find(bs, number) };
	const int64_t now_ms = loop_now_ms(bs->loop);

	for (unsigned i = 0; i < 2 && entries[i]; i++) {
		struct entry *e = entries[i];
		const enum breaker_verdict verdict = breaker_look(&e->breaker, now_ms, ret_at_ms);

		if (verdict == BREAKER_GO)
			continue;
		*ret_why = whys[e->scope];
		if (verdict == BREAKER_LATER)
			meter_count(bs->meter, METRIC_BREAKER_WAITS, e->scope, 0);
		if (verdict == BREAKER_SOON) {
			list_append(&e->waiting, entry);
			if (!e->timer)
				watch(e);
		}
		return verdict;
	}
	for (unsigned i = 0; i < 2 && entries[i]; i++)
		begin(entries[i]);
	return BREAKER_GO;
}

static void note(struct entry *e, enum breaker_sign sign)
{
	const enum breaker_state before = e->breaker.state;

	(void)breaker_note(&e->breaker, &e->breakers->policy, sign, loop_now_ms(e->breakers->loop));
	changed(e, before);
	let_go(e);
}

void breakers_note(struct breakers *bs, const char *number, const struct graph_answer *answer)
{
	const enum breaker_sign sign = breaker_sign_of_number(&answer->facts, &answer->verdict);
	struct entry *e = find(bs, number);

	if (answer->gate_refused)
		return; /* our own lease or deadline */
	note(&bs->host, breaker_sign_of_host(&answer->facts));
	if (!e && sign == BREAKER_FAILED)
		e = make(bs, number);
	if (!e)
		return;
	list_remove(&e->age);
	list_append(&bs->ages, &e->age);
	note(e, sign);
	if (breaker_is_whole(&e->breaker) && list_empty(&e->waiting))
		entry_free(e);
}
