/*
 * Objects: two caches of lookups (lookup.h), one call of the transport per lookup under
 * way.  The call's tag is an id that leads back to the lookup, which cannot leave its cache
 * meanwhile.
 *
 * Quota breaker: after FAILURES_MAX failures in a row checks are skipped, but for one a
 * second, which may close it again.
 * Credentials: past their time they are asked for again; when that fails, they serve as
 * stale, and from then on at once, while a call a second at most looks whether the service
 * is back.
 *
 * With an ask function look-ups of outlets go there, and nothing else is different.
 */
#include "clients/tenant_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/idmap.h"
#include "base/str.h"
#include "base/table.h"
#include "base/text.h"
#include "clients/endpoint.h"
#include "clients/lookup.h"
#include "clients/tenant_answer.h"
#include "domain/message.h"
#include "transport/transport.h"

#define ANSWER_MAX (64 * 1024)
#define IDLE_MAX_MS 30000
#define STREAMS 24
#define FAILURES_MAX 5
#define PROBE_MS 1000
#define UNKNOWN_MS 1000 /* how long "no such outlet" is believed */
#define KEY_MAX (2 * MESSAGE_TOKEN_MAX + 1)

struct quota_lookup {
	struct lookup lookup;
	int64_t fresh_until;
	struct quota_answer answer;
};

struct credentials_lookup {
	struct lookup lookup;
	int64_t fresh_until;
	bool known;   /* an answer was had; verdict OK has number and token */
	bool failing; /* the last call brought none */
	enum credentials_verdict verdict;
	struct err err;
	char *token; /* set exactly when known and OK */
	char number[CREDENTIALS_NUMBER_BYTES];
	char proof[CREDENTIALS_PROOF_BYTES];
};

struct tenant_client {
	struct loop *loop;
	struct transport *transport;
	char *base_url;
	struct tenant_client_settings settings;
	struct lookup_cache quotas;
	struct lookup_cache outlets;
	struct idmap *calls; /* of both, to their struct lookup */
	quota_done_fn *quota_done;
	credentials_done_fn *credentials_done;
	void *arg;
	unsigned failures; /* of quota checks, in a row */
	int64_t next_probe_ms;
	struct err last_failure;
	struct credentials at_hand; /* lent out by answers at once */
};

/* --- making --- */

static void drop_token(struct credentials_lookup *l)
{
	if (l->token != NULL)
		explicit_bzero(l->token, strlen(l->token));
	free(l->token);
	l->token = NULL;
	l->known = false;
}

static void wipe_outlet(struct lookup *l)
{
	drop_token((struct credentials_lookup *)l);
}

static void on_done(void *arg, const struct transport_result *result);

static bool make_parts(struct tenant_client *c, const struct tenant_client_settings *settings)
{
	c->base_url = endpoint_base(settings->ask ? "" : settings->base_url);
	c->calls = idmap_new(2 * settings->max_entries);
	return c->base_url != NULL && c->calls != NULL &&
	       lookup_cache_init(&c->quotas, settings->max_entries, sizeof(struct quota_lookup),
				 NULL) &&
	       lookup_cache_init(&c->outlets, settings->max_entries,
				 sizeof(struct credentials_lookup), wipe_outlet);
}

struct tenant_client *tenant_client_new(struct loop *loop,
					const struct tenant_client_settings *settings,
					quota_done_fn *quota_done,
					credentials_done_fn *credentials_done, void *arg,
					struct err *ret_err)
{
	const struct transport_settings transport = {
		.http2 = true,
		.max_connections = settings->max_connections,
		.streams = STREAMS,
		.max_in_flight = 2 * settings->max_entries,
		.connect_timeout_ms = settings->credentials_timeout_ms,
		.idle_max_ms = IDLE_MAX_MS,
		.http2_again_ms = ENDPOINT_HTTP2_AGAIN_MS,
		.ca_file = settings->ca_file,
		.user_agent = ENDPOINT_USER_AGENT,
	};
	struct tenant_client *c = calloc(1, sizeof(*c));

	if (c == NULL || !make_parts(c, settings)) {
		err_set(ret_err, ERR_TEMPORARY, 0, "tenant client: no memory");
		goto failed;
	}
	c->loop = loop;
	c->settings = *settings;
	c->quota_done = quota_done;
	c->credentials_done = credentials_done;
	c->arg = arg;
	if (settings->ask)
		return c;
	c->transport = transport_new(loop, &transport, on_done, NULL, c, ret_err);
	if (c->transport != NULL)
		return c;
failed:
	tenant_client_free(c);
	return NULL;
}

void tenant_client_free(struct tenant_client *c)
{
	if (c == NULL)
		return;
	transport_free(c->transport);
	lookup_cache_fini(&c->quotas);
	lookup_cache_fini(&c->outlets);
	idmap_free(c->calls);
	free(c->base_url);
	explicit_bzero(&c->at_hand, sizeof(c->at_hand));
	free(c);
}

/* --- calls --- */

/* What is asked for, and on whose behalf. */
struct question {
	const char *tenant_id;
	const char *before; /* the path: before, id, after */
	const char *id;
	const char *after;
	const char *traceparent;
	int64_t timeout_ms;
};

static int get(struct tenant_client *c, uint64_t tag, const struct question *q, struct err *ret_err)
{
	char tenant[ENDPOINT_HEADER_BYTES], trace[ENDPOINT_TRACE_BYTES];
	const char *const headers[] = { tenant, trace };
	struct str url = STR_INIT(ENDPOINT_URL_MAX);
	int rc = -1;

	if (!endpoint_tenant_header(tenant, q->tenant_id)) {
		err_set(ret_err, ERR_INVALID, 0, "id is not fit for a URL");
	} else if (!str_append_text(&url, c->base_url) || !str_append_text(&url, q->before) ||
		   !str_append_url_segment(&url, q->id) || !str_append_text(&url, q->after)) {
		err_set(ret_err, ERR_TEMPORARY, 0, "URL: too long, or no memory");
	} else {
		const struct transport_request request = {
			.tag = tag,
			.url = url.data,
			.headers = headers,
			.header_count = endpoint_trace_header(trace, q->traceparent) ? 2 : 1,
			.deadline_boot_ms = clock_boot_ms() + q->timeout_ms,
			.answer_max = ANSWER_MAX,
		};

		rc = transport_submit(c->transport, &request, ret_err);
	}
	str_fini(&url);
	return rc;
}

/* Numbers the lookup's call; 0 with ret_err. */
static uint64_t begin_call(struct tenant_client *c, struct lookup *l, struct err *ret_err)
{
	l->id = idmap_add(c->calls, l);
	l->asked = l->id != 0;
	if (l->id == 0)
		err_set(ret_err, ERR_TEMPORARY, 0, "tenant client: no memory");
	return l->id;
}

static void end_call(struct tenant_client *c, struct lookup *l, struct list *ret_waiters)
{
	(void)idmap_remove(c->calls, l->id);
	lookup_end(l, ret_waiters);
}

static void drop_call(struct tenant_client *c, struct lookup *l)
{
	struct list nobody;

	end_call(c, l, &nobody);
}

/* --- quota --- */

static void unchecked(struct quota_answer *answer, const struct err *why)
{
	*answer = (struct quota_answer){ .verdict = QUOTA_UNCHECKED, .err = *why };
}

/* True: no check now.  False once a second: that one is the probe. */
static bool breaker_skips(struct tenant_client *c)
{
	int64_t now = loop_now_ms(c->loop);

	if (c->failures < FAILURES_MAX)
		return false;
	if (now < c->next_probe_ms)
		return true;
	c->next_probe_ms = now + PROBE_MS;
	return false;
}

static void count_quota(struct tenant_client *c, const struct quota_answer *answer)
{
	if (answer->verdict != QUOTA_UNCHECKED) {
		c->failures = 0;
		return;
	}
	c->last_failure = answer->err;
	if (c->failures < FAILURES_MAX && ++c->failures == FAILURES_MAX)
		c->next_probe_ms = loop_now_ms(c->loop) + PROBE_MS;
}

static bool ask_quota(struct tenant_client *c, struct lookup *l, const char *tenant_id,
		      const char *traceparent, struct err *ret_err)
{
	const struct question q = { .tenant_id = tenant_id,
				    .before = "/api/v1/tenants/",
				    .id = tenant_id,
				    .after = "/quota/check",
				    .traceparent = traceparent,
				    .timeout_ms = c->settings.quota_timeout_ms };
	uint64_t id = begin_call(c, l, ret_err);

	if (id == 0)
		return false;
	if (get(c, id, &q, ret_err) == 0)
		return true;
	drop_call(c, l);
	return false;
}

bool tenant_client_quota(struct tenant_client *c, const char *tenant_id, const char *traceparent,
			 uint64_t tag, struct quota_answer *ret_answer)
{
	struct lookup *l;
	struct quota_lookup *q;
	struct err err;

	if (c->settings.ask) {
		*ret_answer = (struct quota_answer){ .verdict = QUOTA_ALLOWED, .charge = true };
		return true;
	}
	l = lookup_get(&c->quotas, tenant_id, strlen(tenant_id));
	q = (struct quota_lookup *)l;
	if (q != NULL && loop_now_ms(c->loop) < q->fresh_until) {
		*ret_answer = q->answer;
		return true;
	}
	if (l != NULL && !l->asked && breaker_skips(c)) {
		unchecked(ret_answer, &c->last_failure);
		ret_answer->skipped = true;
		err_prefix(&ret_answer->err, "skipped after %d failures in a row", FAILURES_MAX);
		return true;
	}
	err_set(&err, ERR_LIMIT, 0, "too many quota checks at once");
	if (l != NULL && (l->asked || ask_quota(c, l, tenant_id, traceparent, &err))) {
		if (lookup_join(l, tag))
			return false;
		err_set(&err, ERR_TEMPORARY, 0, "quota check: no memory");
	}
	unchecked(ret_answer, &err);
	return true;
}

static void quota_ended(struct tenant_client *c, struct lookup *l,
			const struct transport_result *result)
{
	struct quota_lookup *q = (struct quota_lookup *)l;
	struct quota_answer answer;
	struct list waiters;
	uint64_t tag;

	end_call(c, l, &waiters);
	tenant_answer_quota(result, &answer);
	count_quota(c, &answer);
	if (answer.verdict != QUOTA_UNCHECKED) {
		q->answer = answer;
		q->fresh_until = loop_now_ms(c->loop) + c->settings.quota_cache_ms;
	}
	while (lookup_next_waiter(&waiters, &tag))
		c->quota_done(c->arg, tag, &answer);
}

/* --- credentials --- */

static size_t outlet_key(char key[KEY_MAX + 1], const char *tenant_id, const char *outlet_id)
{
	/* Neither holds a blank: the pair is unmistakable. */
	int len = snprintf(key, KEY_MAX + 1, "%s %s", tenant_id, outlet_id);

	return len < 0 ? 0 : len > KEY_MAX ? KEY_MAX : (size_t)len;
}

static bool keep(struct credentials_lookup *l, const struct credentials *credentials,
		 int64_t fresh_until)
{
	char *token = strdup(credentials->token);

	if (token == NULL)
		return false;
	drop_token(l);
	l->token = token;
	text_copy_cut(l->number, sizeof(l->number), credentials->number);
	memcpy(l->proof, credentials->proof, sizeof(l->proof));
	l->verdict = CREDENTIALS_OK;
	l->known = true;
	l->failing = false;
	l->fresh_until = fresh_until;
	return true;
}

/* What the lookup knows, as an answer; lent is where credentials are put. */
static void tell(const struct credentials_lookup *l, bool stale, struct credentials *lent,
		 struct credentials_answer *ret_answer)
{
	*ret_answer = (struct credentials_answer){
		.verdict = l->known ? l->verdict : CREDENTIALS_AWAY,
		.stale = stale,
		.err = l->err,
	};
	if (l->token == NULL)
		return;
	text_copy_cut(lent->number, sizeof(lent->number), l->number);
	text_copy_cut(lent->token, sizeof(lent->token), l->token);
	memcpy(lent->proof, l->proof, sizeof(lent->proof));
	ret_answer->credentials = lent;
}

static bool ask_outlet(struct tenant_client *c, struct credentials_lookup *l, const char *tenant_id,
		       const char *outlet_id, const char *traceparent)
{
	const struct question q = { .tenant_id = tenant_id,
				    .before = "/api/v1/outlets/",
				    .id = outlet_id,
				    .after = "",
				    .traceparent = traceparent,
				    .timeout_ms = c->settings.credentials_timeout_ms };
	uint64_t id = begin_call(c, &l->lookup, &l->err);

	if (id == 0)
		return false;
	if ((c->settings.ask
		     ? c->settings.ask(c->settings.ask_arg, id, tenant_id, outlet_id, &l->err)
		     : get(c, id, &q, &l->err)) == 0)
		return true;
	drop_call(c, &l->lookup);
	if (l->err.class == ERR_INVALID) {
		drop_token(l);
		l->known = true;
		l->verdict = CREDENTIALS_UNKNOWN;
	}
	return false;
}

/* Past its time and the service did not answer last time: serve it, and look in passing
 * whether the service is back. */
static void serve_stale(struct tenant_client *c, struct credentials_lookup *l,
			const char *tenant_id, const char *outlet_id, const char *traceparent)
{
	int64_t now = loop_now_ms(c->loop);

	if (l->lookup.asked || now < l->fresh_until)
		return;
	l->fresh_until = now + PROBE_MS;
	(void)ask_outlet(c, l, tenant_id, outlet_id, traceparent);
}

static bool no_room(struct credentials_answer *ret_answer)
{
	*ret_answer = (struct credentials_answer){ .verdict = CREDENTIALS_AWAY };
	err_set(&ret_answer->err, ERR_LIMIT, 0, "too many outlet look-ups at once");
	return true;
}

bool tenant_client_credentials(struct tenant_client *c, const char *tenant_id,
			       const char *outlet_id, const char *refused_token,
			       const char *traceparent, uint64_t tag,
			       struct credentials_answer *ret_answer)
{
	char key[KEY_MAX + 1];
	size_t len = outlet_key(key, tenant_id, outlet_id);
	struct credentials_lookup *l =
		(struct credentials_lookup *)lookup_get(&c->outlets, key, len);
	bool ok;

	if (l == NULL)
		return no_room(ret_answer);
	if (refused_token != NULL && l->token != NULL && strcmp(l->token, refused_token) == 0)
		drop_token(l);
	ok = l->known && l->verdict == CREDENTIALS_OK;
	if (ok && l->failing) {
		serve_stale(c, l, tenant_id, outlet_id, traceparent);
		tell(l, true, &c->at_hand, ret_answer);
		return true;
	}
	if (l->known && loop_now_ms(c->loop) < l->fresh_until) {
		tell(l, false, &c->at_hand, ret_answer);
		return true;
	}
	if (l->lookup.asked || ask_outlet(c, l, tenant_id, outlet_id, traceparent)) {
		if (lookup_join(&l->lookup, tag))
			return false;
		err_set(&l->err, ERR_TEMPORARY, 0, "outlet look-up: no memory");
	}
	tell(l, ok, &c->at_hand, ret_answer);
	return true;
}

/* Takes what the call brought into the lookup. */
static void note_outlet(struct tenant_client *c, struct credentials_lookup *l,
			const struct credentials_answer *got)
{
	int64_t now = loop_now_ms(c->loop);

	l->err = got->err;
	switch (got->verdict) {
	case CREDENTIALS_OK:
		if (!keep(l, got->credentials, now + c->settings.credentials_cache_ms))
			err_set(&l->err, ERR_TEMPORARY, 0, "outlet look-up: no memory");
		break;
	case CREDENTIALS_UNKNOWN:
		drop_token(l);
		l->known = true;
		l->failing = false;
		l->verdict = CREDENTIALS_UNKNOWN;
		l->fresh_until = now + UNKNOWN_MS;
		break;
	case CREDENTIALS_AWAY:
		l->known = l->known && l->verdict == CREDENTIALS_OK;
		l->failing = true;
		l->fresh_until = now + PROBE_MS;
		break;
	}
}

static void outlet_ended(struct tenant_client *c, struct lookup *lookup,
			 const struct credentials_answer *got)
{
	struct credentials_lookup *l = (struct credentials_lookup *)lookup;
	struct credentials_answer answer;
	struct credentials lent; /* of its own: the done function may ask for others */
	struct list waiters;
	uint64_t tag;

	end_call(c, lookup, &waiters);
	note_outlet(c, l, got);
	tell(l, l->failing, &lent, &answer);
	while (lookup_next_waiter(&waiters, &tag))
		c->credentials_done(c->arg, tag, &answer);
	explicit_bzero(&lent, sizeof(lent));
}

static void outlet_answered(struct tenant_client *c, struct lookup *l,
			    const struct transport_result *result)
{
	struct credentials fresh = { .proof = "" };
	struct credentials_answer got = { .credentials = &fresh };

	got.verdict = tenant_answer_credentials(result, &fresh, &got.err);
	outlet_ended(c, l, &got);
	explicit_bzero(&fresh, sizeof(fresh));
}

void tenant_client_answer(struct tenant_client *c, uint64_t tag,
			  const struct credentials_answer *answer)
{
	struct lookup *l = idmap_get(c->calls, tag);

	if (l)
		outlet_ended(c, l, answer);
}

static void on_done(void *arg, const struct transport_result *result)
{
	struct tenant_client *c = arg;
	struct lookup *l = idmap_get(c->calls, result->tag);

	if (l->cache == &c->quotas)
		quota_ended(c, l, result);
	else
		outlet_answered(c, l, result);
}

bool tenant_client_known(struct tenant_client *c, const char *tenant_id, const char *outlet_id,
			 struct credentials *ret_credentials)
{
	char key[KEY_MAX + 1];
	const size_t len = outlet_key(key, tenant_id, outlet_id);
	const struct credentials_lookup *l = table_find(c->outlets.table, key, len);

	if (l == NULL || !l->known || l->verdict != CREDENTIALS_OK)
		return false;
	text_copy_cut(ret_credentials->number, sizeof(ret_credentials->number), l->number);
	text_copy_cut(ret_credentials->token, sizeof(ret_credentials->token), l->token);
	memcpy(ret_credentials->proof, l->proof, sizeof(ret_credentials->proof));
	return true;
}

void tenant_client_learn(struct tenant_client *c, const char *tenant_id, const char *outlet_id,
			 const struct credentials *credentials)
{
	char key[KEY_MAX + 1];
	size_t len = outlet_key(key, tenant_id, outlet_id);
	struct lookup *l = lookup_get(&c->outlets, key, len);

	if (l != NULL) /* no memory: not learnt, asked for when needed */
		(void)keep((struct credentials_lookup *)l, credentials,
			   loop_now_ms(c->loop) + c->settings.credentials_cache_ms);
}

static void expire(void *arg, void *object)
{
	struct credentials_lookup *l = object;

	(void)arg;
	l->fresh_until = 0;
}

void tenant_client_forget(struct tenant_client *c)
{
	table_visit(c->outlets.table, expire, c);
}
