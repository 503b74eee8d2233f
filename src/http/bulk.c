#include "http/bulk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/problem_private.h"
#include "http/send.h"
#include "json/json_in.h"
#include "json/json_walk.h"

#define NAME_SHOWN_BYTES 64

struct item {
	uint32_t at;
	uint32_t len;
};

struct http_bulk {
	struct str body;
	int64_t came_wall_us;
	struct zones *zones;
	struct json_walk walk;
	struct json_doc *tenant; /* an object with tenant_id only */
	struct json_doc *defaults;
	struct json_place defaults_place;
	const char *tenant_id; /* in `tenant` */
	const char *of_tenant; /* unless it says so itself; null: it must */
	bool has_tenant, has_defaults, has_messages;
	struct item *items;
	unsigned count;
	unsigned space;
};

struct http_bulk *http_bulk_new(struct str *body, struct zones *zones)
{
	struct http_bulk *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->body = *body;
	b->zones = zones;
	str_init(body, body->max);
	json_walk_init(&b->walk, b->body.data, b->body.len);
	return b;
}

void http_bulk_free(struct http_bulk *b)
{
	if (!b)
		return;
	json_doc_free(b->tenant);
	json_doc_free(b->defaults);
	str_fini(&b->body);
	free(b->items);
	free(b);
}

static bool no_memory(struct err *ret_err)
{
	err_set(ret_err, ERR_INTERNAL, 0, "body: no memory to read it");
	return false;
}

/* "to: …" becomes "messages[17].to: …", what is said of a whole body "messages[17]: …". */
static void place_in(struct err *err, const char *where)
{
	static const char whole[] = "body: ";
	char text[ERR_TEXT_BYTES];

	text_copy_cut(text, sizeof(text), err->text);
	if (strncmp(text, whole, sizeof(whole) - 1) == 0)
		err_set(err, err->class, err->code, "%s: %s", where, text + sizeof(whole) - 1);
	else
		err_set(err, err->class, err->code, "%s.%s", where, text);
}

/* -- the body -------------------------------------------------------------------------- */

/* Each member once; static. */
static bool see_once(bool *seen, const char *name, struct err *ret_err)
{
	if (*seen)
		err_set(ret_err, ERR_INVALID, 0, "%s: is given twice; give it once", name);
	*seen = !*seen;
	return *seen;
}

static struct json_doc *parse(const struct http_bulk *b, const struct json_place *place,
			      struct err *ret_err)
{
	return json_doc_parse(b->body.data + place->at, place->len, ret_err);
}

/* As an object of its own, so that it is read, and told of, like any member. */
static bool take_tenant(struct http_bulk *b, const struct json_place *value, struct err *ret_err)
{
	struct str object;

	str_init(&object, JSON_WALK_VALUE_MAX + 32);
	(void)str_append_text(&object, "{\"tenant_id\":");
	(void)str_append(&object, b->body.data + value->at, value->len);
	(void)str_append_char(&object, '}');
	b->tenant = str_ok(&object) ? json_doc_parse(object.data, object.len, ret_err) : NULL;
	if (!str_ok(&object))
		(void)no_memory(ret_err);
	str_fini(&object);
	return b->tenant && http_send_read_tenant(json_doc_root(b->tenant), &b->tenant_id, ret_err);
}

static bool take_defaults(struct http_bulk *b, const struct json_place *value, struct err *ret_err)
{
	const struct json_value *root;
	const char *wrong = NULL;

	b->defaults = parse(b, value, ret_err);
	if (!b->defaults)
		return false;
	b->defaults_place = *value;
	root = json_doc_root(b->defaults);
	if (json_kind(root) != JSON_OBJECT) {
		err_set(ret_err, ERR_INVALID, 0, "body: is %s; send a JSON object",
			json_kind_name(json_kind(root)));
		return false;
	}
	if (json_has_member(root, "tenant_id"))
		wrong = "tenant_id: stands beside messages, once for all of them";
	else if (json_has_member(root, "idempotency_key"))
		wrong = "idempotency_key: is of one message; write it there";
	if (!wrong)
		return http_send_check_defaults(root, ret_err);
	err_set(ret_err, ERR_INVALID, 0, "%s", wrong);
	return false;
}

static bool take_messages(struct http_bulk *b, struct err *ret_err)
{
	if (b->walk.opens == '[')
		return see_once(&b->has_messages, "messages", ret_err) && json_walk_enter(&b->walk);
	err_set(ret_err, ERR_INVALID, 0, "messages: is no array; send one");
	return false;
}

static bool take_member(struct http_bulk *b, struct err *ret_err)
{
	struct json_doc *doc = parse(b, &b->walk.name, ret_err);
	const char *text = doc ? json_text(json_doc_root(doc), NULL) : NULL;
	struct json_place value;
	char name[NAME_SHOWN_BYTES];

	if (!doc)
		return false;
	text_copy_cut(name, sizeof(name), text ? text : "");
	json_doc_free(doc);
	if (strcmp(name, "messages") == 0)
		return take_messages(b, ret_err);
	if (b->walk.opens == '[') {
		err_set(ret_err, ERR_INVALID, 0, "%s: is an array; only messages is one", name);
		return false;
	}
	if (!json_walk_take(&b->walk, &value, ret_err))
		return false;
	if (strcmp(name, "tenant_id") == 0)
		return see_once(&b->has_tenant, name, ret_err) && take_tenant(b, &value, ret_err);
	if (strcmp(name, "defaults") == 0) {
		if (!see_once(&b->has_defaults, name, ret_err))
			return false;
		if (take_defaults(b, &value, ret_err))
			return true;
		place_in(ret_err, name);
	} else
		err_set(ret_err, ERR_INVALID, 0,
			"%s: is not a member of this request; known are tenant_id, defaults, "
			"messages",
			name);
	return false;
}

static bool take_item(struct http_bulk *b, struct err *ret_err)
{
	struct json_place value;

	if (!json_walk_take(&b->walk, &value, ret_err))
		return false;
	if (b->count == HTTP_BULK_ITEMS_MAX) {
		err_set(ret_err, ERR_INVALID, 0,
			"messages: are more than %d; send the others in another request",
			HTTP_BULK_ITEMS_MAX);
		return false;
	}
	if (b->count == b->space) {
		const unsigned space = b->space ? 4 * b->space : 64;
		struct item *items = reallocarray(b->items, space, sizeof(*items));

		if (!items)
			return no_memory(ret_err);
		b->items = items;
		b->space = space;
	}
	b->items[b->count++] = (struct item){ (uint32_t)value.at, (uint32_t)value.len };
	return true;
}

void http_bulk_of_tenant(struct http_bulk *b, const char *tenant_id)
{
	b->of_tenant = tenant_id;
}

/* What the call would have said, had it said whose it is; or "{}". */
static bool take_own_tenant(struct http_bulk *b, struct err *ret_err)
{
	struct str object = STR_INIT(JSON_WALK_VALUE_MAX);
	struct json_out out;

	json_out_begin(&out, &object);
	json_out_object(&out, NULL);
	if (b->of_tenant)
		json_out_text(&out, "tenant_id", b->of_tenant);
	json_out_object_end(&out);
	b->tenant = str_ok(&object) ? json_doc_parse(object.data, object.len, ret_err) : NULL;
	if (!str_ok(&object))
		(void)no_memory(ret_err);
	str_fini(&object);
	return b->tenant != NULL;
}

/* Everything is here: what an item lacks is made ready. */
static bool complete(struct http_bulk *b, struct err *ret_err)
{
	struct json_doc *doc;

	if (!b->has_tenant && !take_own_tenant(b, ret_err))
		return false;
	if (!b->tenant_id &&
	    !http_send_read_tenant(json_doc_root(b->tenant), &b->tenant_id, ret_err))
		return false;
	if (b->count == 0) {
		err_set(ret_err, ERR_INVALID, 0, "messages: %s; send 1 to %d",
			b->has_messages ? "are none" : "is missing", HTTP_BULK_ITEMS_MAX);
		return false;
	}
	if (!b->defaults && !(b->defaults = json_doc_parse("{}", 2, ret_err)))
		return false;
	doc = json_doc_parse(HTTP_SEND_BULK, strlen(HTTP_SEND_BULK), ret_err);
	if (!doc)
		return false;
	if (!json_doc_complete(b->defaults, json_doc_root(b->tenant)) ||
	    !json_doc_complete(b->defaults, json_doc_root(doc))) {
		json_doc_free(doc);
		return no_memory(ret_err);
	}
	json_doc_free(doc);
	return true;
}

enum http_bulk_reading http_bulk_read(struct http_bulk *b, size_t bytes, struct err *ret_err)
{
	const size_t until = b->walk.at + bytes;

	if (b->body.len == 0) {
		err_set(ret_err, ERR_INVALID, 0,
			"body: is empty; send a JSON object with tenant_id and messages");
		return HTTP_BULK_WRONG;
	}
	while (b->walk.at < until) {
		bool ok = false;

		switch (json_walk_next(&b->walk, ret_err)) {
		case JSON_WALK_MEMBER:
			ok = take_member(b, ret_err);
			break;
		case JSON_WALK_ELEMENT: /* of messages: nothing else is entered */
			ok = take_item(b, ret_err);
			break;
		case JSON_WALK_LEFT:
		case JSON_WALK_PASSED:
		case JSON_WALK_MORE:
			ok = true;
			break;
		case JSON_WALK_END:
			return complete(b, ret_err) ? HTTP_BULK_READ : HTTP_BULK_WRONG;
		case JSON_WALK_FAULT:
			break;
		}
		if (!ok)
			return HTTP_BULK_WRONG;
	}
	return HTTP_BULK_MORE;
}

const char *http_bulk_text(const struct http_bulk *b, size_t *ret_len)
{
	*ret_len = b->walk.at;
	return b->body.data;
}

const char *http_bulk_tenant(const struct http_bulk *b)
{
	return b->tenant_id;
}

unsigned http_bulk_count(const struct http_bulk *b)
{
	return b->count;
}

/* -- items ------------------------------------------------------------------------------ */

void http_bulk_came(struct http_bulk *b, int64_t wall_us)
{
	b->came_wall_us = wall_us;
}

const char *http_bulk_item_text(const struct http_bulk *b, unsigned index, size_t *ret_len)
{
	*ret_len = b->items[index].len;
	return b->body.data + b->items[index].at;
}

const char *http_bulk_defaults_text(const struct http_bulk *b, size_t *ret_len)
{
	*ret_len = b->defaults_place.len;
	return b->body.data + b->defaults_place.at;
}

static bool read_key(struct json_doc *doc, char ret_key[IDEMPOTENCY_KEY_BYTES], struct err *ret_err)
{
	const char *text;
	size_t len;

	ret_key[0] = '\0';
	if (!json_member_text(json_doc_root(doc), "idempotency_key", &text, &len, ret_err))
		return false;
	if (text && (!text_visible_ascii(text, len, IDEMPOTENCY_KEY_MAX) ||
		     !text_copy(ret_key, IDEMPOTENCY_KEY_BYTES, text))) {
		err_set(ret_err, ERR_INVALID, 0,
			"idempotency_key: is not a key; write 1 to %d visible ASCII characters "
			"without spaces",
			IDEMPOTENCY_KEY_MAX);
		return false;
	}
	json_doc_drop(doc, "idempotency_key");
	return true;
}

static struct message *read_item(const struct http_bulk *b, struct json_doc *doc,
				 char ret_key[IDEMPOTENCY_KEY_BYTES], struct err *ret_err)
{
	const struct json_value *root = json_doc_root(doc);

	if (json_kind(root) != JSON_OBJECT) {
		err_set(ret_err, ERR_INVALID, 0, "body: is %s; send a JSON object",
			json_kind_name(json_kind(root)));
		return NULL;
	}
	if (json_has_member(root, "tenant_id")) {
		err_set(ret_err, ERR_INVALID, 0,
			"tenant_id: stands beside messages, once for all of them");
		return NULL;
	}
	if (!read_key(doc, ret_key, ret_err))
		return NULL;
	if (!json_doc_complete(doc, json_doc_root(b->defaults))) {
		(void)no_memory(ret_err);
		return NULL;
	}
	return http_send_read_item(root, b->came_wall_us, b->zones, ret_err);
}

struct message *http_bulk_item(const struct http_bulk *b, unsigned index,
			       char ret_key[IDEMPOTENCY_KEY_BYTES], struct err *ret_err)
{
	const struct json_place place = { b->items[index].at, b->items[index].len };
	struct json_doc *doc = parse(b, &place, ret_err);
	struct message *m = doc ? read_item(b, doc, ret_key, ret_err) : NULL;
	char where[32];

	json_doc_free(doc);
	if (!m) {
		(void)snprintf(where, sizeof(where), "messages[%u]", index);
		place_in(ret_err, where);
	}
	return m;
}

/* -- the answer ------------------------------------------------------------------------- */

static void begin_result(struct json_out *out, struct str *results, unsigned index)
{
	if (results->len > 0)
		(void)str_append_char(results, ',');
	json_out_begin(out, results);
	json_out_object(out, NULL);
	json_out_int(out, "index", index);
}

void http_bulk_taken(struct str *results, unsigned index, struct message_id id, const char *status,
		     bool replayed)
{
	char text[MESSAGE_ID_TEXT_BYTES];
	struct json_out out;

	message_id_text(id, text);
	begin_result(&out, results, index);
	json_out_text(&out, "message_id", text);
	json_out_text(&out, "status", status);
	if (replayed)
		json_out_bool(&out, "replayed", true);
	json_out_object_end(&out);
}

void http_bulk_refused(struct str *results, unsigned index, enum problem problem,
		       const char *message)
{
	struct json_out out;

	begin_result(&out, results, index);
	http_problem_members(&out, problem, message);
	json_out_object_end(&out);
}

static void add_location(struct http_response *r, struct message_id batch_id)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	char location[MESSAGE_ID_TEXT_BYTES + 32];

	message_id_text(batch_id, id);
	(void)snprintf(location, sizeof(location), "/api/v1/batches/%s", id);
	http_response_header(r, "Location", location);
}

void http_bulk_answer(struct http_response *r, struct message_id batch_id,
		      const struct http_bulk_counts *counts, const struct str *results)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	struct json_out out;

	message_id_text(batch_id, id);
	http_response_init(r, 202);
	add_location(r, batch_id);
	json_out_begin(&out, &r->body);
	json_out_object(&out, NULL);
	json_out_text(&out, "batch_id", id);
	json_out_int(&out, "accepted", counts->accepted);
	json_out_int(&out, "refused", counts->refused);
	json_out_array(&out, "results");
	(void)str_append(&r->body, results->data, results->len);
	json_out_array_end(&out);
	json_out_object_end(&out);
	r->body.failed |= !str_ok(results);
}

void http_bulk_again(struct http_response *r, struct message_id batch_id, int status,
		     const char *body)
{
	http_response_init(r, status);
	if (status == 202)
		add_location(r, batch_id);
	(void)str_append_text(&r->body, body);
}
