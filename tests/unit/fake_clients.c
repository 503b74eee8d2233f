/* The clients of the world that the test plays (fake_world.h). */
#include <check.h>
#include <string.h>

#include "base/text.h"
#include "fake_world.h"

static struct {
	graph_done_fn *graph;
	graph_gate_fn *gate;
	conversation_done_fn *conversation;
	quota_done_fn *quota;
	credentials_done_fn *credentials;
	void *arg;
} to;

/* The next element of a list of what was asked. */
#define NEXT(things, count) (&fake.things[fake_next(&fake.count)])

static int refuse(struct err *ret_err)
{
	err_set(ret_err, ERR_LIMIT, 0, "full");
	return -1;
}

#define KEEP(dst, text) text_copy_cut(dst, sizeof(dst), text)

/* -- graph -- */

struct graph_client *graph_client_new(struct loop *loop,
				      const struct graph_client_settings *settings,
				      graph_done_fn *done, graph_gate_fn *gate, void *arg,
				      struct err *ret_err)
{
	(void)loop;
	(void)settings;
	to.arg = arg;
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
	to.arg = arg;
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
	to.arg = arg;
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

bool tenant_client_quota(struct tenant_client *c, const char *tenant_id, const char *traceparent,
			 uint64_t tag, struct quota_answer *ret_answer)
{
	(void)c;
	(void)traceparent;
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
			       const char *outlet_id, const char *refused_token,
			       const char *traceparent, uint64_t tag,
			       struct credentials_answer *ret_answer)
{
	struct fake_lookup *l = NEXT(lookups, lookup_count);

	(void)c;
	(void)traceparent;
	l->tag = tag;
	KEEP(l->tenant, tenant_id);
	KEEP(l->outlet, outlet_id);
	KEEP(l->refused, refused_token ? refused_token : "");
	if (fake.answers_at_once)
		*ret_answer = credentials_answer();
	return fake.answers_at_once;
}

void tenant_client_answer(struct tenant_client *c, uint64_t tag,
			  const struct credentials_answer *answer)
{
	(void)c;
	to.credentials(to.arg, tag, answer);
}

void tenant_client_forget(struct tenant_client *c)
{
	(void)c;
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
