#include "fake_world.h"

#include <check.h>
#include <string.h>
#include <sys/mman.h>

#include "base/text.h"
#include "delivery/item.h"

struct fake fake;

static struct {
	struct store_callbacks store;
	void *arg;
} to;

unsigned fake_next(unsigned *count)
{
	ck_assert_uint_lt(*count, FAKE_MAX);
	return (*count)++;
}

/* The next element of a list of what was asked. */
#define NEXT(things, count) (&fake.things[fake_next(&fake.count)])

#define KEEP(dst, text) text_copy_cut(dst, sizeof(dst), text)

struct world *fake_world_new(struct loop *loop, uint32_t max_jobs)
{
	static struct log log = { .level = LOG_DEBUG, .role = "test" };
	const struct world_settings settings = {
		.backlog = { .tenant = INT64_MAX, .all = INT64_MAX },
		.max_jobs = max_jobs,
	};
	static const struct store_backlog nothing;
	struct world *w;
	struct err err;
	const bool deaf = fake.deaf; /* from the start, if the test says so */

	memset(&fake, 0, sizeof(fake));
	fake.deaf = deaf;
	fake.room = 10;
	log.fd = memfd_create("log", MFD_CLOEXEC);
	w = world_new(loop, &log, &settings, &err);
	ck_assert_ptr_nonnull(w);
	fake_backlog(&nothing);
	return w;
}

static int refuse(struct err *ret_err)
{
	err_set(ret_err, ERR_LIMIT, 0, "full");
	return -1;
}

/* -- store -- */

struct store *store_new(struct loop *loop, const struct store_settings *settings,
			const struct store_callbacks *callbacks, struct err *ret_err)
{
	(void)loop;
	(void)settings;
	(void)ret_err;
	to.store = *callbacks;
	to.arg = callbacks->arg;
	return (struct store *)&fake;
}

void store_free(struct store *s)
{
	(void)s;
}

bool store_hears(const struct store *s)
{
	(void)s;
	return !fake.deaf;
}

bool store_ready(const struct store *s)
{
	(void)s;
	return !fake.store_away;
}

const struct err *store_trouble(const struct store *s)
{
	(void)s;
	return NULL;
}

bool store_schema_mismatch(const struct store *s)
{
	(void)s;
	return false;
}

unsigned store_pending(const struct store *s)
{
	(void)s;
	return 0;
}

int64_t store_oldest_ms(const struct store *s)
{
	(void)s;
	return fake.store_oldest_ms;
}

int store_accept(struct store *s, uint64_t tag, const struct store_accept *row, struct err *ret_err)
{
	struct fake_accept *a;

	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	a = NEXT(accepts, accept_count);
	*a = (struct fake_accept){
		.tag = tag,
		.id = row->message->id,
		.caller_waits = row->caller_waits,
		.begin = row->begin,
		.expires_wall_us = row->expires_wall_us,
		.deadline_wall_us = row->deadline_wall_us,
		.failed = row->failed,
		.failure_code = row->failure_code,
	};
	if (row->key) {
		a->keyed = true;
		a->key = *row->key;
		a->key.answer_body = NULL;
		KEEP(a->key_answer, row->key->answer_body ? row->key->answer_body : "");
	}
	if (row->begin)
		KEEP(a->number, row->number);
	if (row->failed)
		KEEP(a->failure_reason, row->failure_reason);
	return 0;
}

int store_begin(struct store *s, uint64_t tag, const struct store_begin *row, struct err *ret_err)
{
	struct fake_begin *b;

	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	b = NEXT(begins, begin_count);
	*b = (struct fake_begin){
		.tag = tag,
		.id = row->id,
		.attempt = row->attempt,
		.deadline_wall_us = row->deadline_wall_us,
	};
	KEEP(b->number, row->number);
	return 0;
}

void store_outcome(struct store *s, uint64_t tag, const struct store_outcome *row)
{
	struct fake_outcome *o = NEXT(outcomes, outcome_count);

	(void)s;
	*o = (struct fake_outcome){ .tag = tag, .row = *row };
	KEEP(o->wamid, row->wamid);
	KEEP(o->title, row->title);
	KEEP(o->failure_reason, row->failure_reason);
}

void store_defer(struct store *s, uint64_t tag, const struct store_defer *row)
{
	struct fake_defer *d = NEXT(defers, defer_count);

	(void)s;
	*d = (struct fake_defer){ .tag = tag, .row = *row };
	KEEP(d->reason, row->reason);
}

void store_conversation(struct store *s, uint64_t tag, const struct store_conversation *row)
{
	struct fake_note *n = NEXT(notes, note_count);

	(void)s;
	*n = (struct fake_note){ .tag = tag, .row = *row };
}

int store_find_api_key(struct store *s, const char *id, struct err *ret_err)
{
	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	fake.key_find_count++;
	text_copy_cut(fake.key_found, sizeof(fake.key_found), id);
	return 0;
}

int store_keys_used(struct store *s, const char (*ids)[API_KEY_ID_BYTES], unsigned count,
		    struct err *ret_err)
{
	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	fake.key_look_count++;
	fake.keys_used = count;
	if (count)
		text_copy_cut(fake.key_used, sizeof(fake.key_used), ids[0]);
	return 0;
}

void fake_api_key(enum store_verdict verdict, int64_t version, const struct api_key *key)
{
	to.store.api_key(to.arg, verdict, version, fake.key_found, key);
}

void fake_key_version(enum store_verdict verdict, int64_t version)
{
	to.store.api_key(to.arg, verdict, version, NULL, NULL);
}

int store_status(struct store *s, uint64_t tag, struct message_id id,
		 const struct store_asker *asker, struct err *ret_err)
{
	(void)s;
	text_copy_cut(fake.asked_by, sizeof(fake.asked_by),
		      asker && asker->tenant_id ? asker->tenant_id : "");
	(void)id;
	if (fake.store_full)
		return refuse(ret_err);
	*NEXT(status_tags, status_count) = tag;
	return 0;
}

int store_manage(struct store *s, uint64_t tag, enum store_manage what, const char *const *values,
		 unsigned count, struct err *ret_err)
{
	(void)s;
	(void)what;
	(void)values;
	(void)count;
	(void)ret_err;
	fake.managed = tag;
	return 0;
}

unsigned store_rows_count(const struct store_rows *rows)
{
	(void)rows;
	return 0;
}

const char *store_rows_value(const struct store_rows *rows, unsigned row, unsigned column)
{
	(void)rows;
	(void)row;
	(void)column;
	return NULL;
}

int store_own(struct store *s, uint64_t tag, const char *tenant_id, const char *outlet_id,
	      struct err *ret_err)
{
	(void)s;
	(void)tag;
	(void)tenant_id;
	(void)outlet_id;
	return refuse(ret_err);
}

int store_looks(struct store *s, const struct store_look *looks, unsigned count,
		struct err *ret_err)
{
	(void)s;
	ck_assert_uint_ge(count, 1);
	if (fake.store_full)
		return refuse(ret_err);
	*NEXT(looks, look_count) = (struct fake_look){ .count = count, .first = looks[0] };
	return 0;
}

void store_answer(struct store *s, uint64_t tag, struct message_id id, int status, const char *body)
{
	struct fake_answer *a = NEXT(answers, answer_count);

	(void)s;
	*a = (struct fake_answer){ .tag = tag, .id = id, .status = status };
	KEEP(a->body, body);
}

int store_find_key(struct store *s, uint64_t tag, const char *tenant_id, const char *key,
		   struct err *ret_err)
{
	struct fake_find *f;

	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	f = NEXT(finds, find_count);
	f->tag = tag;
	KEEP(f->tenant, tenant_id);
	KEEP(f->key, key);
	return 0;
}

int store_read(struct store *s, uint64_t tag, const struct store_read *request, struct err *ret_err)
{
	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	*NEXT(reads, read_count) = (struct fake_read){ .tag = tag, .request = *request };
	return 0;
}

int store_queues(struct store *s, uint64_t lanes, int64_t after, int64_t due_until_wall_us,
		 unsigned limit, struct err *ret_err)
{
	(void)s;
	(void)limit;
	if (fake.store_full)
		return refuse(ret_err);
	*NEXT(loads, load_count) = (struct fake_load){
		.lanes = lanes,
		.after = after,
		.due_until_wall_us = due_until_wall_us,
	};
	return 0;
}

int store_load_queues(struct store *s, uint64_t tag, const struct store_queue_load *loads,
		      unsigned count, struct err *ret_err)
{
	(void)s;
	ck_assert_uint_eq(tag, LOAD_SENDS);
	ck_assert_uint_eq(fake.page_count, 0);
	if (fake.store_full)
		return refuse(ret_err);
	fake.page_load_count++;
	fake.page_count = count;
	memcpy(fake.pages, loads, count * sizeof(*loads));
	return 0;
}

int store_load_copies(struct store *s, uint64_t tag, uint64_t lanes, int64_t due_until_wall_us,
		      unsigned limit, struct err *ret_err)
{
	(void)s;
	(void)tag;
	(void)lanes;
	(void)due_until_wall_us;
	if (fake.store_full)
		return refuse(ret_err);
	fake.copy_load_count++;
	fake.copy_limit = limit;
	return 0;
}

int store_load_ids(struct store *s, uint64_t tag, uint64_t lanes, const struct message_id *ids,
		   unsigned count, struct err *ret_err)
{
	struct fake_load *l;

	(void)s;
	ck_assert_uint_ge(count, 1);
	if (fake.store_full)
		return refuse(ret_err);
	l = NEXT(calls, call_count);
	*l = (struct fake_load){ .tag = tag, .lanes = lanes, .id = ids[0], .ids = count };
	return 0;
}

int store_load_held(struct store *s, uint64_t tag, uint64_t lanes, unsigned limit,
		    struct err *ret_err)
{
	(void)s;
	(void)limit;
	if (fake.store_full)
		return refuse(ret_err);
	*NEXT(held_loads, held_load_count) = (struct fake_load){ .tag = tag, .lanes = lanes };
	return 0;
}

int store_load_probe(struct store *s, uint64_t tag, uint64_t lanes, int hold, struct err *ret_err)
{
	(void)s;
	(void)tag;
	(void)lanes;
	if (fake.store_full)
		return refuse(ret_err);
	fake.probed_hold = hold;
	fake.probe_count++;
	return 0;
}

void store_set_hold(struct store *s, const struct hold *hold, const char *note)
{
	(void)s;
	fake.hold_count++;
	fake.held = *hold;
	KEEP(fake.held_note, note);
}

void store_release_hold(struct store *s, int hold, const char *note)
{
	(void)s;
	(void)note;
	fake.release_count++;
	fake.released_hold = hold;
}

void fake_probe(const struct store_work *row)
{
	if (row)
		to.store.work(to.arg, LOAD_PROBE, STORE_DONE, row, false, NULL);
	to.store.work(to.arg, LOAD_PROBE, STORE_DONE, NULL, false, NULL);
}

int store_holds(struct store *s, int64_t version, struct err *ret_err)
{
	(void)s;
	(void)ret_err;
	fake.holds_version = version;
	fake.holds_count++;
	return 0;
}

void fake_holds(int64_t version, struct hold *holds, unsigned count)
{
	const struct store_holds found = {
		.version = version,
		.changed = version != fake.holds_version,
		.set = { holds, count },
	};

	to.store.holds(to.arg, STORE_DONE, &found);
}

void fake_held(const struct store_work *row, bool more)
{
	to.store.work(to.arg, LOAD_HELD, STORE_DONE, row, more, NULL);
}

int store_load_unknown(struct store *s, uint64_t tag, uint64_t lanes, unsigned limit,
		       enum unknown_policy policy, unsigned quarantine_s, bool changed,
		       struct err *ret_err)
{
	(void)s;
	(void)tag;
	(void)limit;
	if (fake.store_full)
		return refuse(ret_err);
	*NEXT(unknown_loads, unknown_load_count) =
		(struct fake_unknown_load){ lanes, policy, quarantine_s, changed };
	return 0;
}

void store_settle(struct store *s, uint64_t tag, const struct store_settle *row)
{
	struct fake_settle *f = NEXT(settles, settle_count);

	(void)s;
	*f = (struct fake_settle){ .tag = tag, .row = *row };
	KEEP(f->why, row->why);
}

void fake_unknown(const struct store_unknown *row, bool more)
{
	to.store.unknown(to.arg, 0, STORE_DONE, row, more, NULL);
}

void store_lanes(struct store *s, uint64_t tag, const struct store_lanes *change)
{
	(void)s;
	(void)tag;
	*NEXT(changes, change_count) = *change;
}

int store_backlog(struct store *s, uint64_t tag, bool anew, int64_t least, struct err *ret_err)
{
	(void)s;
	(void)tag;
	(void)least;
	(void)ret_err;
	fake.backlog_count++;
	fake.backlog_anew = anew;
	return 0;
}

void fake_backlog(const struct store_backlog *backlog)
{
	to.store.backlog(to.arg, 0, backlog ? STORE_DONE : STORE_AWAY, backlog, NULL);
}

void store_ring(struct store *s, const struct message_id *incarnation, const char *text)
{
	struct fake_ring *r = NEXT(rings, ring_count);

	(void)s;
	r->all = !incarnation;
	if (incarnation)
		r->to = *incarnation;
	KEEP(r->text, text);
}

void fake_view(const struct store_lanes_view *view)
{
	to.store.lanes(to.arg, 0, view ? STORE_DONE : STORE_AWAY, view, NULL);
}

void fake_rung(const char *text)
{
	to.store.rung(to.arg, text);
}

void fake_called(const struct store_work *row)
{
	to.store.work(to.arg, LOAD_CALLS, STORE_DONE, row, false, NULL);
}

void fake_accepted(uint64_t tag, enum store_verdict verdict, uint64_t seq)
{
	struct err err;

	err_set(&err, ERR_TEMPORARY, 0, "as the test says");
	to.store.done(to.arg, tag, verdict, seq, verdict == STORE_DONE ? NULL : &err);
}

void fake_written(uint64_t tag, enum store_verdict verdict)
{
	fake_accepted(tag, verdict, 0);
}

void fake_status(uint64_t tag, enum store_verdict verdict, const struct store_status *status)
{
	to.store.status(to.arg, tag, verdict, status, NULL);
}

void fake_first(uint64_t tag, enum store_verdict verdict, const struct store_first *first)
{
	to.store.first(to.arg, tag, verdict, first, NULL);
}

void fake_received(uint64_t tag, enum store_verdict verdict, const struct store_received *received)
{
	to.store.received(to.arg, tag, verdict, received, NULL);
}

void fake_found(uint64_t tag, enum store_verdict verdict, const struct store_found *found)
{
	to.store.found(to.arg, tag, verdict, found, NULL);
}

void fake_looked(bool more)
{
	for (unsigned i = 0; i < fake.row_count; i++) {
		const struct message *m = &fake.rows[i].message;
		const struct store_queue queue = { m->lane, m->queue };

		to.store.queue(to.arg, STORE_DONE, &queue, false);
	}
	to.store.queue(to.arg, STORE_DONE, NULL, more);
}

static void load_page(const struct store_queue_load *page)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fake.row_count && count < page->most; i++) {
		const struct store_work *row = &fake.rows[i];
		const struct message *m = &row->message;

		if (m->queue != page->queue || m->lane != page->lane || m->seq <= page->above ||
		    m->seq > page->last || row->due_wall_us <= page->due_after_wall_us ||
		    row->due_wall_us > page->due_until_wall_us)
			continue;
		to.store.work(to.arg, LOAD_SENDS, STORE_DONE, row, false, NULL);
		count++;
	}
}

void fake_load_pages(void)
{
	const unsigned count = fake.page_count;
	struct store_queue_load pages[STORE_QUEUES_MAX];

	ck_assert_uint_gt(count, 0);
	memcpy(pages, fake.pages, sizeof(pages));
	fake.page_count = 0;
	for (unsigned i = 0; i < count; i++)
		load_page(&pages[i]);
	to.store.work(to.arg, LOAD_SENDS, STORE_DONE, NULL, false, NULL);
}

void fake_work(const struct store_work *row, bool more)
{
	struct store_work *put;

	if (row) {
		put = NEXT(rows, row_count);
		*put = *row;
		put->message.queue = message_queue(row->message.tenant_id, row->message.outlet_id,
						   row->message.class);
		return;
	}
	fake_looked(more);
	while (fake.page_count)
		fake_load_pages();
	fake.row_count = 0;
}

void fake_copies(const struct store_work *row, bool more)
{
	to.store.work(to.arg, 1, STORE_DONE, row, more, NULL);
}

void fake_load_failed(bool calls)
{
	if (calls)
		to.store.work(to.arg, LOAD_CALLS, STORE_AWAY, NULL, false, NULL);
	else
		to.store.queue(to.arg, STORE_AWAY, NULL, false);
}

void store_count_orphans(struct store *s, bool counts)
{
	(void)s;
	(void)counts;
}
