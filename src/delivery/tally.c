/*
 * A tenant has an entry while something of it is known: a count near its limit, changes since the
 * count, or requests that have been let in.  Tenants far from their limit are not in a count:
 * theirs is taken as 0.
 *
 * Changes are kept by when they came: since the last question to the store, between the two
 * questions before, and older.  A count of this worker's own runs between its writes, so all
 * that came before is in it, and nothing comes before it is told.  Of a count that another
 * worker made only the moment is known when it began, usually between the last two questions:
 * what came since the last one is not in it, what came before is taken as in it.
 */
#include "delivery/tally.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"

#define ASK_MS 1000
#define ASK_FIRST_MS 20 /* requests wait for the first count */
#define DUTY 50         /* a count that took t is followed by 50 t without one: 2 % of a core */
#define TENANTS_MAX 65536
#define LISTED_FROM 1000 /* limits below it: all tenants are in a count */

/* What waits, of a tenant or in all. */
struct heap {
	int64_t base; /* as counted */
	int64_t now;  /* changes since the last question */
	int64_t last; /* … between the two before */
	int64_t older;
	int64_t entered;  /* let in, not left */
	int64_t accepted; /* here, since the count */
	struct backlog_drain drain;
};

struct tenant {
	struct heap heap;
	uint64_t counted; /* number of the count it was in */
	char id[];
};

struct tally {
	struct loop *loop;
	struct store *store;
	struct backlog_limits limits;
	struct table *tenants;
	struct heap all;
	uint64_t timer;
	bool known;
	bool lead;
	bool counting; /* asked for a count of our own */
	int64_t asked_boot_ms;
	int64_t asked_before_boot_ms;
	int64_t counted_boot_ms; /* when the last count began */
	int64_t next_boot_ms;    /* the next count of our own */
	int64_t drawn;           /* order numbers, at the last count */
	uint64_t counts;
	int64_t depth[MESSAGE_CLASSES];
	int64_t late_us[MESSAGE_CLASSES];
};

static void on_time(void *arg);

static void ask_later(struct tally *t)
{
	const int64_t wait_ms = t->known ? ASK_MS : ASK_FIRST_MS;

	loop_cancel(t->loop, t->timer);
	t->timer = loop_timer(t->loop, clock_boot_ms() + wait_ms, on_time, t);
}

struct tally *tally_new(struct loop *loop, const struct backlog_limits *limits)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->loop = loop;
	t->limits = *limits;
	t->counting = true;
	t->tenants = table_new(TENANTS_MAX);
	if (t->tenants)
		return t;
	free(t);
	return NULL;
}

void tally_start(struct tally *t, struct store *store)
{
	t->store = store;
	t->timer = loop_timer(t->loop, clock_boot_ms(), on_time, t);
}

static void free_tenant(void *arg, void *object)
{
	(void)arg;
	free(object);
}

void tally_free(struct tally *t)
{
	if (!t)
		return;
	loop_cancel(t->loop, t->timer);
	table_visit(t->tenants, free_tenant, NULL);
	table_free(t->tenants);
	free(t);
}

void tally_lead(struct tally *t, bool lead)
{
	t->lead = lead;
}

bool tally_known(const struct tally *t)
{
	return t->known;
}

int64_t tally_depth(const struct tally *t, enum message_class class)
{
	return t->lead ? t->depth[class] : 0;
}

int64_t tally_late_s(const struct tally *t, enum message_class class)
{
	return t->lead ? t->late_us[class] / 1000000 : 0;
}

/* -- tenants --------------------------------------------------------------------------- */

static struct tenant *find(const struct tally *t, const char *id)
{
	return table_find(t->tenants, id, strlen(id));
}

/* Null: no room; then only the whole is bounded. */
static struct tenant *find_or_make(struct tally *t, const char *id)
{
	const size_t len = strlen(id);
	struct tenant *tenant = find(t, id);

	if (tenant)
		return tenant;
	tenant = calloc(1, sizeof(*tenant) + len + 1);
	if (!tenant)
		return NULL;
	memcpy(tenant->id, id, len + 1);
	if (table_insert(t->tenants, tenant->id, len, tenant))
		return tenant;
	free(tenant);
	return NULL;
}

static int64_t waiting(const struct heap *h)
{
	const int64_t work = h->base + h->older + h->last + h->now;

	return (work > 0 ? work : 0) + h->entered;
}

static bool is_empty(const struct heap *h)
{
	return !h->base && !h->older && !h->last && !h->now && !h->entered;
}

bool tally_enter(struct tally *t, const char *tenant_id, unsigned count,
		 struct tally_full *ret_full)
{
	struct tenant *tenant = find_or_make(t, tenant_id);
	const struct heap *full = &t->all;
	const enum backlog_verdict verdict = backlog_decide(
		&t->limits, tenant ? waiting(&tenant->heap) : 0, waiting(&t->all), count);

	if (verdict == BACKLOG_ROOM) {
		if (tenant)
			tenant->heap.entered += count;
		t->all.entered += count;
		return true;
	}
	if (verdict == BACKLOG_TENANT_FULL && tenant)
		full = &tenant->heap;
	*ret_full = (struct tally_full){
		.verdict = verdict,
		.limit = full == &t->all ? t->limits.all : t->limits.tenant,
		.waiting = waiting(full),
	};
	ret_full->retry_after_s = backlog_retry_after_s(ret_full->waiting + (count - 1),
							ret_full->limit, &full->drain);
	return false;
}

static void leave(struct heap *h, unsigned count, bool became_work)
{
	h->entered -= h->entered < count ? h->entered : count;
	h->now += became_work ? count : 0;
	h->accepted += became_work ? count : 0;
}

void tally_leave(struct tally *t, const char *tenant_id, unsigned count, bool became_work)
{
	struct tenant *tenant = became_work ? find_or_make(t, tenant_id) : find(t, tenant_id);

	if (tenant)
		leave(&tenant->heap, count, became_work);
	leave(&t->all, count, became_work);
}

void tally_finished(struct tally *t, const char *tenant_id)
{
	struct tenant *tenant = find_or_make(t, tenant_id);

	if (tenant)
		tenant->heap.now--;
	t->all.now--;
}

/* -- counts ---------------------------------------------------------------------------- */

static void age(struct heap *h)
{
	h->older += h->last;
	h->last = h->now;
	h->now = 0;
}

static void age_tenant(void *arg, void *object)
{
	struct tenant *tenant = object;
	struct tally *t = arg;

	age(&tenant->heap);
	if (!is_empty(&tenant->heap))
		return;
	(void)table_remove(t->tenants, tenant->id, strlen(tenant->id));
	free(tenant);
}

/* Tenants below that are far from their limit, and left out of counts. */
static int64_t least(const struct tally *t)
{
	return t->limits.tenant < LISTED_FROM ? 1 : t->limits.tenant / 4;
}

static void on_time(void *arg)
{
	struct tally *t = arg;
	const int64_t now_ms = clock_boot_ms();
	struct err err;

	t->timer = 0;
	if (!store_ready(t->store)) {
		ask_later(t);
		return;
	}
	age(&t->all);
	table_visit(t->tenants, age_tenant, t);
	t->asked_before_boot_ms = t->asked_boot_ms;
	t->asked_boot_ms = now_ms;
	t->counting = !t->known || (t->lead && now_ms >= t->next_boot_ms);
	/* A full store only means that the next question comes first. */
	if (store_backlog(t->store, 0, t->counting, least(t), &err))
		ask_later(t);
}

/* What a new count changes everywhere. */
struct renewal {
	struct tally *t;
	bool forget_last; /* these changes are in it */
	bool forget_now;
	int64_t over_ms; /* since the count before; 0: there is none */
};

static void renew(struct heap *h, const struct renewal *r, int64_t base, int64_t left,
		  int64_t over_ms)
{
	h->base = base;
	h->older = 0;
	if (r->forget_last)
		h->last = 0;
	if (r->forget_now)
		h->now = 0;
	h->accepted = 0;
	backlog_drained(&h->drain, left, over_ms);
}

/* Not in the count: nothing of it waits, or little. */
static void renew_missing(void *arg, void *object)
{
	const struct renewal *r = arg;
	struct tenant *tenant = object;
	struct heap *h = &tenant->heap;

	if (tenant->counted != r->t->counts)
		renew(h, r, 0, h->base + h->accepted, least(r->t) > 1 ? 0 : r->over_ms);
}

static void use_count(struct tally *t, const struct store_backlog *b, bool own, int64_t began_ms)
{
	struct renewal r = {
		.t = t,
		.forget_last = own || began_ms >= t->asked_before_boot_ms,
		.forget_now = own,
		.over_ms = t->known ? began_ms - t->counted_boot_ms : 0,
	};

	t->counts++;
	renew(&t->all, &r, b->messages, t->all.base + (b->accepted - t->drawn) - b->messages,
	      r.over_ms);
	for (unsigned i = 0; i < b->count; i++) {
		struct tenant *tenant = find_or_make(t, b->tenants[i].tenant_id);
		const int64_t n = b->tenants[i].waiting;

		if (!tenant)
			continue;
		tenant->counted = t->counts;
		renew(&tenant->heap, &r, n, tenant->heap.base + tenant->heap.accepted - n,
		      tenant->heap.base ? r.over_ms : 0);
	}
	table_visit(t->tenants, renew_missing, &r);
	t->drawn = b->accepted;
	t->counted_boot_ms = began_ms;
	t->known = true;
}

void tally_on_count(struct tally *t, const struct store_backlog *b)
{
	int64_t began_ms = t->asked_boot_ms;

	if (!b) {
		ask_later(t);
		return;
	}
	memcpy(t->depth, b->depth, sizeof(t->depth));
	memcpy(t->late_us, b->late_us, sizeof(t->late_us));
	if (t->counting)
		t->next_boot_ms = clock_boot_ms() + DUTY * (b->took_us / 1000);
	else
		began_ms -= b->age_us / 1000;
	/* The same count again tells nothing new. */
	if (t->counting || began_ms > t->counted_boot_ms + ASK_MS / 2)
		use_count(t, b, t->counting, began_ms);
	ask_later(t);
}
