#include "fake_world.h"

#include <check.h>
#include <string.h>
#include <sys/mman.h>

#include "base/text.h"
#include "delivery/item.h"

struct fake fake;

static struct {
	graph_done_fn *graph;
	graph_gate_fn *gate;
	conversation_done_fn *conversation;
	quota_done_fn *quota;
	credentials_done_fn *credentials;
	struct store_callbacks store;
	void *arg;
} to;

static unsigned next(unsigned *count)
{
	ck_assert_uint_lt(*count, FAKE_MAX);
	return (*count)++;
}

/* The next element of a list of what was asked. */
#define NEXT(things, count) (&fake.things[next(&fake.count)])

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

int store_status(struct store *s, uint64_t tag, struct message_id id, struct err *ret_err)
{
	(void)s;
	(void)id;
	if (fake.store_full)
		return refuse(ret_err);
	*NEXT(status_tags, status_count) = tag;
	return 0;
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

int store_load(struct store *s, uint64_t tag, uint64_t lanes, uint64_t after_seq,
	       int64_t due_until_wall_us, unsigned limit, bool copies, struct err *ret_err)
{
	struct fake_load *l;

	(void)s;
	if (fake.store_full)
		return refuse(ret_err);
	if (copies) {
		fake.copy_load_count++;
		fake.copy_limit = limit;
		return 0;
	}
	l = NEXT(loads, load_count);
	*l = (struct fake_load){ .tag = tag,
				 .lanes = lanes,
				 .after_seq = after_seq,
				 .due_until_wall_us = due_until_wall_us };
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

void fake_found(uint64_t tag, enum store_verdict verdict, const struct store_found *found)
{
	to.store.found(to.arg, tag, verdict, found, NULL);
}

void fake_work(const struct store_work *row, bool more)
{
	to.store.work(to.arg, 0, STORE_DONE, row, more, NULL);
}

void fake_copies(const struct store_work *row, bool more)
{
	to.store.work(to.arg, 1, STORE_DONE, row, more, NULL);
}

void fake_load_failed(bool calls)
{
	to.store.work(to.arg, calls ? LOAD_CALLS : 0, STORE_AWAY, NULL, false, NULL);
}

/* -- graph -- */

struct graph_client *graph_client_new(struct loop *loop,
				      const struct graph_client_settings *settings,
				      graph_done_fn *done, graph_gate_fn *gate, void *arg,
				      struct err *ret_err)
{
	(void)loop;
	(void)settings;
	(void)arg;
	(void)ret_err;
	to.graph = done;
	to.gate = gate;
	return (struct graph_client *)&fake;
}

void graph_client_free(struct graph_client *c UNUSED)
{
	(void)c;
}

int graph_client_send(struct graph_client *c UNUSED, uint64_t tag, const struct message *m,
		      const struct credentials *credentials, unsigned attempt,
		      int64_t deadline_boot_ms, struct err *ret_err)
{
	struct fake_send *s;

	if (fake.graph_refuses)
		return refuse(ret_err);
	ck_assert_uint_gt(fake.room, 0);
	fake.room--;
	s = NEXT(sends, send_count);
	*s = (struct fake_send){
		.tag = tag,
		.id = m->id,
		.attempt = attempt,
		.credentials = *credentials,
		.deadline_boot_ms = deadline_boot_ms,
	};
	return 0;
}

bool graph_client_fell_back(const struct graph_client *c UNUSED)
{
	return fake.fell_back;
}

unsigned graph_client_room(const struct graph_client *c UNUSED)
{
	return fake.room;
}

static void answer_call(uint64_t tag, const struct call_facts *facts, const char *wamid)
{
	struct graph_answer answer = {
		.facts = *facts,
		.verdict = outcome_decide(facts, false),
	};

	KEEP(answer.wamid, wamid);
	KEEP(answer.details, fake.details);
	err_set(&answer.err, ERR_TEMPORARY, 0, "as the test says");
	fake.room++;
	to.graph(to.arg, tag, &answer);
}

void fake_graph(uint64_t tag, const struct call_facts *facts)
{
	answer_call(tag, facts, "");
}

void fake_accept_call(uint64_t tag, const char *wamid)
{
	const struct call_facts facts = { .http_status = 200, .has_message_id = true };

	answer_call(tag, &facts, wamid);
}

bool fake_gate(uint64_t tag)
{
	return to.gate(to.arg, tag);
}

/* -- conversation -- */

struct conversation_client *
conversation_client_new(struct loop *loop, const struct conversation_client_settings *settings,
			conversation_done_fn *done, void *arg, struct err *ret_err)
{
	(void)loop;
	(void)settings;
	(void)arg;
	(void)ret_err;
	to.conversation = done;
	return (struct conversation_client *)&fake;
}

void conversation_client_free(struct conversation_client *c)
{
	(void)c;
}

int conversation_client_store(struct conversation_client *c, uint64_t tag, const struct message *m,
			      const char *wamid, struct err *ret_err)
{
	struct fake_post *p;

	(void)c;
	(void)m;
	if (fake.copies_refused)
		return refuse(ret_err);
	p = NEXT(posts, post_count);
	p->tag = tag;
	KEEP(p->wamid, wamid);
	return 0;
}

void fake_posted(uint64_t tag, bool stored)
{
	struct err err;

	err_set(&err, fake.copies_refused_for_good ? ERR_PERMANENT : ERR_TEMPORARY, 503,
		"as the test says");
	to.conversation(to.arg, tag, stored, stored ? NULL : &err);
}

/* -- tenant -- */

struct tenant_client *tenant_client_new(struct loop *loop,
					const struct tenant_client_settings *settings,
					quota_done_fn *quota_done,
					credentials_done_fn *credentials_done, void *arg,
					struct err *ret_err)
{
	(void)loop;
	(void)settings;
	(void)arg;
	(void)ret_err;
	to.quota = quota_done;
	to.credentials = credentials_done;
	return (struct tenant_client *)&fake;
}

void tenant_client_free(struct tenant_client *c)
{
	(void)c;
}

static struct quota_answer quota_answer(void)
{
	struct quota_answer answer = { .verdict = fake.quota_verdict };

	if (fake.quota_verdict == QUOTA_EXCEEDED)
		KEEP(answer.reason, "used up");
	err_set(&answer.err, ERR_TEMPORARY, 0, "as the test says");
	return answer;
}

bool tenant_client_quota(struct tenant_client *c, const char *tenant_id, uint64_t tag,
			 struct quota_answer *ret_answer)
{
	(void)c;
	(void)tenant_id;
	*NEXT(quota_tags, quota_count) = tag;
	if (fake.quota_at_once)
		*ret_answer = quota_answer();
	return fake.quota_at_once;
}

void fake_quota(uint64_t tag)
{
	const struct quota_answer answer = quota_answer();

	to.quota(to.arg, tag, &answer);
}

static struct credentials_answer credentials_answer(void)
{
	struct credentials_answer answer = { .verdict = fake.credentials_verdict };

	if (answer.verdict == CREDENTIALS_OK)
		answer.credentials = &fake.credentials;
	err_set(&answer.err, ERR_TEMPORARY, 0, "no credentials, as the test says");
	return answer;
}

bool tenant_client_credentials(struct tenant_client *c, const char *tenant_id,
			       const char *outlet_id, const char *refused_token, uint64_t tag,
			       struct credentials_answer *ret_answer)
{
	struct fake_lookup *l = NEXT(lookups, lookup_count);

	(void)c;
	l->tag = tag;
	KEEP(l->tenant, tenant_id);
	KEEP(l->outlet, outlet_id);
	KEEP(l->refused, refused_token ? refused_token : "");
	if (fake.answers_at_once)
		*ret_answer = credentials_answer();
	return fake.answers_at_once;
}

void fake_looked_up(uint64_t tag)
{
	const struct credentials_answer answer = credentials_answer();

	to.credentials(to.arg, tag, &answer);
}

bool tenant_client_known(struct tenant_client *c, const char *tenant_id, const char *outlet_id,
			 struct credentials *ret_credentials)
{
	(void)c;
	(void)tenant_id;
	(void)outlet_id;
	if (fake.known)
		*ret_credentials = fake.credentials;
	return fake.known;
}

void tenant_client_learn(struct tenant_client *c, const char *tenant_id, const char *outlet_id,
			 const struct credentials *credentials)
{
	(void)c;
	(void)tenant_id;
	(void)outlet_id;
	fake.learn_count++;
	fake.learned = *credentials;
}
