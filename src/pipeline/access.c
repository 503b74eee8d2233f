#include "pipeline/access.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/table.h"
#include "crypto/digest.h"

#define LOOK_MS 1000  /* from one look at the version to the next */
#define NOTE_MS 60000 /* from one note that a key was used to the next */
#define KEPT_MAX 4096
#define MISSING_MAX 1024

struct entry {
	struct list node; /* in access.kept or access.missing; the first was used least lately */
	char id[API_KEY_ID_BYTES];
	bool asking;
	int64_t asked_boot_ms;
	int64_t version;     /* of all keys, that this is of; 0: none yet */
	struct grant *grant; /* null: there is no such key */
	bool used;           /* and it is not noted yet */
	int64_t noted_boot_ms;
	struct list waiting; /* requests */
};

struct waiting {
	struct list node;
	uint64_t fcgi_id;
	size_t bytes;
	struct http_request request; /* its texts are below, `large` is this one's */
	struct str large;
	char texts[];
};

struct access {
	struct world *world;
	bool keys;
	access_again_fn *again;
	void *arg;
	struct table *by_id;
	struct list kept;
	struct list missing;
	unsigned kept_count;
	unsigned missing_count;
	int64_t version;
	int64_t confirmed_boot_ms; /* it was that when we asked then */
	int64_t looked_boot_ms;
	bool resuming; /* requests come again: none waits once more */
	uint64_t timer;
	unsigned waiting;
	size_t waiting_bytes;
};

/* -- grants ------------------------------------------------------------------------------- */

struct grant *grant_hold(struct grant *grant)
{
	if (grant)
		grant->holders++;
	return grant;
}

void grant_drop(struct grant *grant)
{
	if (grant && --grant->holders == 0)
		free(grant);
}

const char *grant_tenant(const struct grant *grant)
{
	return grant && *grant->key.tenant_id ? grant->key.tenant_id : NULL;
}

struct store_asker grant_asker(const struct grant *grant)
{
	return (struct store_asker){ .tenant_id = grant_tenant(grant),
				     .outlets = grant ? grant->outlets : "" };
}

const char *grant_refuses(const struct grant *grant, const char *tenant_id, const char *outlet_id)
{
	if (!grant)
		return NULL;
	if (!api_key_fits_tenant(&grant->key, tenant_id))
		return "tenant_id: is not the tenant of this key; leave it out, or use a key of "
		       "that tenant";
	if (outlet_id && !api_key_fits_outlet(&grant->key, outlet_id))
		return "outlet_id: is none of the outlets of this key";
	return NULL;
}

const char *grant_refuses_whole(const struct grant *grant, const char *tenant_id,
				const char *outlet_id)
{
	const char *why = grant_refuses(grant, tenant_id, outlet_id);

	if (!why && grant && *grant->outlets && !outlet_id)
		why = "outlet_id: is missing; this key is of some outlets, name one of them";
	return why;
}

const char *grant_refuses_report(const struct grant *grant, const char *tenant_id)
{
	if (grant && *grant->outlets)
		return "key: is of some outlets, and a report of all; use one of the whole tenant";
	return grant_refuses(grant, tenant_id, NULL);
}

static struct grant *grant_new(const struct api_key *key)
{
	const size_t size = strlen(key->outlets) + 1;
	struct grant *grant = malloc(sizeof(*grant) + size);

	if (!grant)
		return NULL;
	grant->holders = 1;
	grant->key = *key;
	memcpy(grant->outlets, key->outlets, size);
	grant->key.outlets = grant->outlets;
	return grant;
}

/* -- entries ------------------------------------------------------------------------------ */

static struct entry *entry_of(struct list *node)
{
	return LIST_OBJECT(node, struct entry, node);
}

static void unlink_entry(struct access *a, struct entry *e)
{
	*(e->grant ? &a->kept_count : &a->missing_count) -= 1;
	list_remove(&e->node);
}

static void link_entry(struct access *a, struct entry *e)
{
	*(e->grant ? &a->kept_count : &a->missing_count) += 1;
	list_append(e->grant ? &a->kept : &a->missing, &e->node);
}

static void entry_free(struct access *a, struct entry *e)
{
	unlink_entry(a, e);
	(void)table_remove(a->by_id, e->id, sizeof(e->id));
	grant_drop(e->grant);
	free(e);
}

/* One that nobody waits for goes; none: all are waited for. */
static void make_room(struct access *a, struct list *from, unsigned count, unsigned most)
{
	struct list *node = from->next;

	while (count >= most && node != from) {
		struct entry *e = entry_of(node);

		node = node->next;
		if (e->asking)
			continue;
		entry_free(a, e);
		count--;
	}
}

/* What is not known yet stands with what is not there. */
static struct entry *entry_new(struct access *a, const char *id)
{
	struct entry *e;

	make_room(a, &a->missing, a->missing_count, MISSING_MAX);
	if (a->missing_count >= MISSING_MAX)
		return NULL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	memcpy(e->id, id, sizeof(e->id));
	list_init(&e->waiting);
	list_init(&e->node);
	if (!table_insert(a->by_id, e->id, sizeof(e->id), e)) {
		free(e);
		return NULL;
	}
	link_entry(a, e);
	return e;
}

static int64_t now_ms(const struct access *a)
{
	return loop_now_ms(a->world->loop);
}

static bool is_fresh(const struct access *a, const struct entry *e)
{
	return e->version && e->version == a->version &&
	       now_ms(a) - a->confirmed_boot_ms <= ACCESS_FRESH_MS;
}

/* -- requests that wait --------------------------------------------------------------------- */

static const char *keep_text(char **at, const char *text)
{
	const size_t size = strlen(text) + 1;
	const char *kept = *at;

	memcpy(*at, text, size);
	*at += size;
	return kept;
}

#define REQUEST_TEXTS 9

static void texts_of(struct http_request *r, const char **ret_texts[REQUEST_TEXTS])
{
	ret_texts[0] = &r->method;
	ret_texts[1] = &r->path;
	ret_texts[2] = &r->query;
	ret_texts[3] = &r->content_type;
	ret_texts[4] = &r->request_id;
	ret_texts[5] = &r->prefer;
	ret_texts[6] = &r->idempotency_key;
	ret_texts[7] = &r->traceparent;
	ret_texts[8] = &r->authorization;
}

/* Null: no memory; the request is as before. */
static struct waiting *waiting_new(uint64_t fcgi_id, const struct http_request *request)
{
	struct http_request copy = *request;
	const char **texts[REQUEST_TEXTS];
	size_t size = request->body_len + 1;
	struct waiting *w;
	char *at;

	texts_of(&copy, texts);
	for (unsigned i = 0; i < REQUEST_TEXTS; i++)
		size += strlen(*texts[i]) + 1;
	w = malloc(sizeof(*w) + size);
	if (!w)
		return NULL;
	at = w->texts;
	for (unsigned i = 0; i < REQUEST_TEXTS; i++)
		*texts[i] = keep_text(&at, *texts[i]);
	memcpy(at, request->body, request->body_len);
	at[request->body_len] = '\0';
	copy.body = at;
	w->fcgi_id = fcgi_id;
	w->bytes = size + (request->large ? request->large->len : 0);
	w->request = copy;
	list_init(&w->node);
	str_init(&w->large, 0);
	if (request->large) {
		w->large = *request->large;
		str_init(request->large, request->large->max);
		w->request.large = &w->large;
	}
	return w;
}

static void waiting_free(struct waiting *w)
{
	str_fini(&w->large);
	explicit_bzero((char *)w->request.authorization, strlen(w->request.authorization));
	free(w);
}

static bool has_room(const struct access *a, const struct http_request *request)
{
	const size_t bytes = request->body_len + (request->large ? request->large->len : 0);

	return a->waiting < ACCESS_WAITING_MAX &&
	       a->waiting_bytes + bytes <= ACCESS_WAITING_BYTES_MAX;
}

static enum access_verdict wait_for(struct access *a, struct entry *e, uint64_t fcgi_id,
				    const struct http_request *request)
{
	struct waiting *w = waiting_new(fcgi_id, request);

	if (!w)
		return ACCESS_FULL;
	list_append(&e->waiting, &w->node);
	a->waiting++;
	a->waiting_bytes += w->bytes;
	return ACCESS_LATER;
}

/* What comes again may ask for other keys, but waits no more. */
static void resume(struct access *a, struct list *all)
{
	struct list *node;

	a->resuming = true;
	while ((node = list_take_first(all))) {
		struct waiting *w = LIST_OBJECT(node, struct waiting, node);

		a->waiting--;
		a->waiting_bytes -= w->bytes;
		a->again(a->arg, w->fcgi_id, &w->request);
		waiting_free(w);
	}
	a->resuming = false;
}

/* -- asking the store ----------------------------------------------------------------------- */

static void on_look(void *arg);

static void look_later(struct access *a)
{
	a->timer = loop_timer(a->world->loop, now_ms(a) + LOOK_MS, on_look, a);
}

/* Which were used, with a note that it is being noted. */
static unsigned take_used(struct access *a, char (*ids)[API_KEY_ID_BYTES], unsigned most)
{
	unsigned count = 0;

	for (struct list *node = a->kept.next; node != &a->kept && count < most;
	     node = node->next) {
		struct entry *e = entry_of(node);

		if (!e->used || (e->noted_boot_ms && now_ms(a) - e->noted_boot_ms < NOTE_MS))
			continue;
		memcpy(ids[count++], e->id, sizeof(e->id));
		e->used = false;
		e->noted_boot_ms = now_ms(a);
	}
	return count;
}

static void on_look(void *arg)
{
	struct access *a = arg;
	char ids[STORE_KEYS_USED_MAX][API_KEY_ID_BYTES];
	const unsigned count = take_used(a, ids, STORE_KEYS_USED_MAX);
	struct err err;

	a->timer = 0;
	a->looked_boot_ms = now_ms(a);
	if (store_keys_used(a->world->store, ids, count, &err))
		look_later(a);
}

static void confirm(struct access *a, int64_t version, int64_t asked_boot_ms)
{
	a->version = version;
	if (asked_boot_ms > a->confirmed_boot_ms)
		a->confirmed_boot_ms = asked_boot_ms;
}

/* What is known of it now.  No memory for it: it is asked for again the next time. */
static void learn(struct access *a, struct entry *e, const struct api_key *key)
{
	unlink_entry(a, e);
	grant_drop(e->grant);
	e->grant = key ? grant_new(key) : NULL;
	e->version = key && !e->grant ? 0 : a->version;
	link_entry(a, e);
	make_room(a, &a->kept, a->kept_count, KEPT_MAX + 1);
}

static void on_api_key(void *arg, enum store_verdict verdict, int64_t version, const char *id,
		       const struct api_key *key)
{
	struct access *a = arg;
	struct entry *e = id ? table_find(a->by_id, id, API_KEY_ID_BYTES) : NULL;
	struct list all;

	if (verdict == STORE_DONE)
		confirm(a, version, e ? e->asked_boot_ms : a->looked_boot_ms);
	if (!id)
		look_later(a);
	if (!e)
		return;
	e->asking = false;
	list_init(&all);
	for (struct list *node; (node = list_take_first(&e->waiting));)
		list_append(&all, node);
	if (verdict == STORE_DONE)
		learn(a, e, key);
	resume(a, &all);
}

static bool ask_store(struct access *a, struct entry *e)
{
	struct err err;

	if (!e->asking && store_find_api_key(a->world->store, e->id, &err) == 0) {
		e->asking = true;
		e->asked_boot_ms = now_ms(a);
	}
	return e->asking;
}

/* -- asking ------------------------------------------------------------------------------- */

static enum access_verdict judge(struct access *a, struct entry *e, const char *text,
				 enum scope needed, struct grant **ret_grant)
{
	uint8_t hash[DIGEST_SHA256_BYTES];

	unlink_entry(a, e);
	link_entry(a, e);
	if (!e->grant)
		return ACCESS_NO_KEY;
	if (digest_sha256(text, strlen(text), hash))
		return ACCESS_FULL;
	switch (api_key_judge(&e->grant->key, hash, needed, now_ms(a))) {
	case API_KEY_WRONG:
		return ACCESS_NO_KEY;
	case API_KEY_NOT_SCOPE:
		e->used = true;
		return ACCESS_NOT_SCOPE;
	case API_KEY_GOOD:
		break;
	}
	e->used = true;
	*ret_grant = grant_hold(e->grant);
	return ACCESS_GRANTED;
}

enum access_verdict access_ask(struct access *a, uint64_t fcgi_id,
			       const struct http_request *request, enum scope needed,
			       struct grant **ret_grant)
{
	char id[API_KEY_ID_BYTES];
	const char *text;
	struct entry *e;

	*ret_grant = NULL;
	if (!a->keys || needed == SCOPE_OPEN)
		return ACCESS_GRANTED;
	text = api_key_bearer(request->authorization);
	if (!text || !api_key_read(text, id))
		return ACCESS_NO_KEY;
	e = table_find(a->by_id, id, sizeof(id));
	if (e && is_fresh(a, e))
		return judge(a, e, text, needed, ret_grant);
	if (a->resuming)
		return ACCESS_AWAY;
	if (!has_room(a, request))
		return ACCESS_FULL;
	if (!e)
		e = entry_new(a, id);
	if (!e || !ask_store(a, e))
		return ACCESS_FULL;
	return wait_for(a, e, fcgi_id, request);
}

unsigned access_waiting(const struct access *a)
{
	return a->waiting;
}

bool access_asks(const struct access *a)
{
	return a->keys;
}

/* -- the whole ------------------------------------------------------------------------------ */

struct access *access_new(struct world *world, bool keys, access_again_fn *again, void *arg,
			  struct err *ret_err)
{
	struct access *a = calloc(1, sizeof(*a));

	if (a)
		a->by_id = table_new(KEPT_MAX + MISSING_MAX + 1);
	if (!a || !a->by_id) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for keys");
		free(a);
		return NULL;
	}
	a->world = world;
	a->keys = keys;
	a->again = again;
	a->arg = arg;
	list_init(&a->kept);
	list_init(&a->missing);
	if (keys) {
		world->api_key = on_api_key;
		world->api_key_arg = a;
		a->timer = loop_timer(world->loop, now_ms(a), on_look, a);
	}
	return a;
}

static void free_all(struct access *a, struct list *entries)
{
	struct list *one;

	while ((one = list_take_first(entries))) {
		struct entry *e = entry_of(one);
		struct list *node;

		while ((node = list_take_first(&e->waiting)))
			waiting_free(LIST_OBJECT(node, struct waiting, node));
		entry_free(a, e);
	}
}

void access_free(struct access *a)
{
	if (!a)
		return;
	a->world->api_key = NULL;
	loop_cancel(a->world->loop, a->timer);
	free_all(a, &a->kept);
	free_all(a, &a->missing);
	table_free(a->by_id);
	free(a);
}
