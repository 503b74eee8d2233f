#include "http/send.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "domain/recipient.h"
#include "http/problem_private.h"
#include "http/when.h"
#include "types/type.h"
#include "json/json_in.h"
#include "json/json_out.h"

#define PAYLOAD_MAX ((size_t)64 * 1024)
#define NAME_SHOWN_BYTES 64
#define ITEM_NAME_SHOWN_BYTES 40

/* An id: a token that is fit for a URL path.  "" when it is optional and absent. */
static bool read_token(const struct json_value *root, const char *name, bool required,
		       const char **ret_token, struct err *ret_err)
{
	const char *text;
	size_t len;

	if (!json_member_text(root, name, &text, &len, ret_err))
		return false;
	if (text == NULL && !required) {
		*ret_token = "";
		return true;
	}
	if (text == NULL || !text_visible_ascii(text, len, MESSAGE_TOKEN_MAX)) {
		err_set(ret_err, ERR_INVALID, 0,
			"%s: is %s; write 1 to %d visible ASCII characters without spaces", name,
			text == NULL              ? "missing"
			: len == 0                ? "empty"
			: len > MESSAGE_TOKEN_MAX ? "too long"
						  : "not a plain token",
			MESSAGE_TOKEN_MAX);
		return false;
	}
	*ret_token = text;
	return true;
}

static bool read_recipient(const struct json_value *root, char ret_recipient[RECIPIENT_BYTES],
			   struct err *ret_err)
{
	const char *text;
	const char *why = "is missing; write + and 8 to 15 digits, for example +628123456789";
	size_t len;

	if (!json_member_text(root, "to", &text, &len, ret_err))
		return false;
	if (text != NULL && recipient_normalise(text, ret_recipient, &why))
		return true;
	err_set(ret_err, ERR_INVALID, 0, "to: %s", why);
	return false;
}

static bool read_type(const struct json_value *root, const struct type **ret_type,
		      struct err *ret_err)
{
	const char *name;
	size_t len;
	char shown[NAME_SHOWN_BYTES];
	const struct type *type;

	if (!json_member_text(root, "message_type", &name, &len, ret_err))
		return false;
	type = type_find(name != NULL ? name : "text");
	if (type == NULL) {
		text_copy_cut(shown, sizeof(shown), name);
		err_set(ret_err, ERR_INVALID, 0,
			"message_type: \"%s\" is not supported yet; write one of: %s", shown,
			type_names());
		return false;
	}
	*ret_type = type;
	return true;
}

static bool read_sender_type(const struct json_value *root, const char **ret_sender_type,
			     struct err *ret_err)
{
	const char *text;
	size_t len;

	if (!json_member_text(root, "sender_type", &text, &len, ret_err))
		return false;
	if (text == NULL)
		text = "llm";
	if (strcmp(text, "llm") != 0 && strcmp(text, "agent") != 0) {
		err_set(ret_err, ERR_INVALID, 0,
			"sender_type: is neither llm nor agent; write one of them");
		return false;
	}
	*ret_sender_type = text;
	return true;
}

static bool read_class(const struct json_value *root, enum message_class *ret_class,
		       struct err *ret_err)
{
	const char *text;
	size_t len;

	*ret_class = MESSAGE_NORMAL;
	if (!json_member_text(root, "priority", &text, &len, ret_err))
		return false;
	if (text == NULL || message_class_parse(text, ret_class))
		return true;
	err_set(ret_err, ERR_INVALID, 0,
		"priority: is none of high, normal and bulk; write one of them");
	return false;
}

enum part { WHOLE = 0, ITEM, DEFAULTS };

struct member_check {
	const struct type *type;
	enum part part;
	struct err *ret_err;
	bool unknown;
};

static bool is_known(const struct member_check *check, const char *name)
{
	static const char *const known[] = { "outlet_id",    "conversation_id", "to",
					     "message_type", "sender_type",     "priority",
					     "send_at",      "deliver_between", "expires_at",
					     "ttl_seconds" };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i]) == 0)
			return true;
	if (strcmp(name, "tenant_id") == 0) /* of all items: put there, or refused before */
		return check->part != DEFAULTS;
	if (check->part == DEFAULTS)
		return type_has_member(name);
	return strcmp(name, check->type->member) == 0;
}

/* With its place in front, what is told of an item has to be shorter. */
static bool check_member(void *arg, const char *name, UNUSED const struct json_value *value)
{
	static const struct {
		const char *of;
		const char *first;
		size_t shown;
	} parts[] = {
		[WHOLE] = { " of this request", "tenant_id, ", NAME_SHOWN_BYTES },
		[ITEM] = { "", "idempotency_key, ", ITEM_NAME_SHOWN_BYTES },
		[DEFAULTS] = { "", "", NAME_SHOWN_BYTES },
	};
	struct member_check *check = arg;
	char shown[NAME_SHOWN_BYTES];

	if (is_known(check, name))
		return true;
	text_copy_cut(shown, parts[check->part].shown, name);
	err_set(check->ret_err, ERR_INVALID, 0,
		"%s: is not a member%s; known are %soutlet_id, conversation_id, to, %s, "
		"message_type, sender_type, priority, send_at, deliver_between, expires_at, "
		"ttl_seconds",
		shown, parts[check->part].of, parts[check->part].first, check->type->member);
	check->unknown = true;
	return false;
}

bool http_send_check_defaults(const struct json_value *root, struct err *ret_err)
{
	struct member_check check = {
		.type = type_find("text"),
		.part = DEFAULTS,
		.ret_err = ret_err,
	};

	json_members(root, check_member, &check);
	return !check.unknown;
}

/* In the order of the contract's fields; what cannot be read without knowing the type comes
 * after the type is known to be one. */
static struct message *read_root(const struct json_value *root, enum part part,
				 const char *tenant_id, int64_t now_wall_us, struct zones *zones,
				 struct str *payload, struct err *ret_err)
{
	struct message m;
	struct message *copy;
	struct member_check check;
	char recipient[RECIPIENT_BYTES];
	char window[WINDOW_TEXT_BYTES];
	const struct type *type;

	memset(&m, 0, sizeof(m));
	if (json_kind(root) != JSON_OBJECT) {
		err_set(ret_err, ERR_INVALID, 0, "body: is %s; send a JSON object",
			json_kind_name(json_kind(root)));
		return NULL;
	}
	if (!read_token(root, "tenant_id", !tenant_id, &m.tenant_id, ret_err) ||
	    !read_token(root, "outlet_id", true, &m.outlet_id, ret_err) ||
	    !read_token(root, "conversation_id", false, &m.conversation_id, ret_err) ||
	    !read_recipient(root, recipient, ret_err) || !read_type(root, &type, ret_err) ||
	    !type->read(root, payload, ret_err) ||
	    !read_sender_type(root, &m.sender_type, ret_err) ||
	    !read_class(root, &m.class, ret_err) ||
	    !http_when_read(root, now_wall_us, zones, &m, window, ret_err))
		return NULL;
	if (tenant_id && !*m.tenant_id)
		m.tenant_id = tenant_id;
	check = (struct member_check){ .type = type, .part = part, .ret_err = ret_err };
	json_members(root, check_member, &check);
	if (check.unknown)
		return NULL;
	m.recipient = recipient;
	m.type = type->name;
	m.payload = payload->data;
	copy = message_copy(&m);
	if (copy == NULL)
		err_set(ret_err, ERR_INTERNAL, 0, "no memory for a message");
	return copy;
}

static struct message *read_value(const struct json_value *root, enum part part,
				  const char *tenant_id, int64_t now_wall_us, struct zones *zones,
				  struct err *ret_err)
{
	struct str payload;
	struct message *m;

	str_init(&payload, PAYLOAD_MAX);
	m = read_root(root, part, tenant_id, now_wall_us, zones, &payload, ret_err);
	str_fini(&payload);
	return m;
}

struct message *http_send_read_item(const struct json_value *root, int64_t now_wall_us,
				    struct zones *zones, struct err *ret_err)
{
	return read_value(root, ITEM, NULL, now_wall_us, zones, ret_err);
}

bool http_send_read_tenant(const struct json_value *root, const char **ret_tenant_id,
			   struct err *ret_err)
{
	return read_token(root, "tenant_id", true, ret_tenant_id, ret_err);
}

struct message *http_send_read(const struct http_request *request, const char *tenant_id,
			       int64_t now_wall_us, struct zones *zones, struct err *ret_err)
{
	struct json_doc *doc;
	struct message *m;

	if (request->body_len == 0) {
		err_set(ret_err, ERR_INVALID, 0,
			"body: is empty; send a JSON object with tenant_id, outlet_id, to and "
			"message");
		return NULL;
	}
	doc = json_doc_parse(request->body, request->body_len, ret_err);
	if (doc == NULL)
		return NULL;
	m = read_value(json_doc_root(doc), WHOLE, tenant_id, now_wall_us, zones, ret_err);
	json_doc_free(doc);
	return m;
}

static void begin_answer(struct http_response *r, int status, struct json_out *out,
			 const struct message *m)
{
	char id[MESSAGE_ID_TEXT_BYTES];

	message_id_text(m->id, id);
	http_response_init(r, status);
	json_out_begin(out, &r->body);
	json_out_object(out, NULL);
	json_out_text(out, "message_id", id);
}

static void write_conversation(struct json_out *out, const struct message *m)
{
	json_out_text(out, "conversation_id", *m->conversation_id ? m->conversation_id : NULL);
}

void http_send_sent(struct http_response *r, const struct message *m, const char *wamid,
		    int64_t sent_wall_us)
{
	struct json_out out;
	char sent_at[CLOCK_RFC3339_BYTES];

	clock_rfc3339(sent_wall_us, sent_at);
	begin_answer(r, 200, &out, m);
	json_out_text(&out, "whatsapp_message_id", wamid);
	json_out_text(&out, "status", "sent");
	json_out_text(&out, "sent_at", sent_at);
	write_conversation(&out, m);
	json_out_object_end(&out);
}

static void add_location(struct http_response *r, const struct message *m)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	char location[MESSAGE_ID_TEXT_BYTES + 32];

	message_id_text(m->id, id);
	(void)snprintf(location, sizeof(location), "/api/v1/messages/%s/status", id);
	http_response_header(r, "Location", location);
}

void http_send_pending(struct http_response *r, const struct message *m, const char *detail)
{
	struct json_out out;

	begin_answer(r, 202, &out, m);
	add_location(r, m);
	json_out_null(&out, "whatsapp_message_id");
	json_out_text(&out, "status", strcmp(detail, "scheduled") == 0 ? detail : "queued");
	json_out_null(&out, "sent_at");
	write_conversation(&out, m);
	json_out_text(&out, "state_detail", detail);
	json_out_object_end(&out);
}

void http_send_again(struct http_response *r, const struct message *m, int status, const char *body)
{
	http_response_init(r, status);
	if (status == 202)
		add_location(r, m);
	(void)str_append_text(&r->body, body);
}

void http_send_failed(struct http_response *r, const char *message_id, int meta_code,
		      const char *title, const char *action, unsigned attempts)
{
	struct json_out out;

	http_problem_begin(r, PROBLEM_SEND_FAILED, NULL, &out);
	json_out_text(&out, "message_id", message_id);
	json_out_object(&out, "details");
	if (meta_code != 0)
		json_out_int(&out, "code", meta_code);
	json_out_text(&out, "title", title);
	json_out_text(&out, "action", action);
	json_out_int(&out, "attempts", attempts);
	json_out_object_end(&out);
	json_out_object_end(&out);
}

void http_send_quota(struct http_response *r, const char *reason)
{
	struct json_out out;

	http_problem_begin(r, PROBLEM_QUOTA_EXCEEDED, NULL, &out);
	json_out_object(&out, "details");
	json_out_text(&out, "reason", reason);
	json_out_object_end(&out);
	json_out_object_end(&out);
}
