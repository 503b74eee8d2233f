#include "http/manage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "json/json_in.h"
#include "json/json_out.h"

#define NAME_SHOWN_BYTES 64

/* -- reading ------------------------------------------------------------------------------ */

struct body {
	struct json_doc *doc;
	const struct json_value *root;
	const char *const *known; /* members; ends with null */
	struct err *err;
};

static bool refuse(struct err *ret_err, const char *text)
{
	err_set(ret_err, ERR_INVALID, 0, "%s", text);
	return false;
}

static bool check_member(void *arg, const char *name, UNUSED const struct json_value *value)
{
	struct body *b = arg;
	char shown[NAME_SHOWN_BYTES];
	char names[160] = "";
	size_t len = 0;

	for (const char *const *known = b->known; *known; known++) {
		if (strcmp(name, *known) == 0)
			return true;
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "",
					*known);
	}
	text_copy_cut(shown, sizeof(shown), name);
	err_set(b->err, ERR_INVALID, 0, "%s: is not a member of this request; known are %s", shown,
		names);
	b->known = NULL;
	return false;
}

static bool body_open(struct body *b, const struct http_request *request, const char *const *known,
		      struct err *ret_err)
{
	*b = (struct body){ .known = known, .err = ret_err };
	if (request->body_len == 0)
		return refuse(ret_err, "body: is empty; send a JSON object");
	b->doc = json_doc_parse(request->body, request->body_len, ret_err);
	if (!b->doc)
		return false;
	b->root = json_doc_root(b->doc);
	if (json_kind(b->root) != JSON_OBJECT) {
		err_set(ret_err, ERR_INVALID, 0, "body: is %s; send a JSON object",
			json_kind_name(json_kind(b->root)));
		return false;
	}
	json_members(b->root, check_member, b);
	return b->known != NULL;
}

/* "" when it is not there. */
static bool read_text(const struct body *b, const char *name, char *ret, size_t size,
		      const char *wanted)
{
	const char *text;
	size_t len;

	*ret = '\0';
	if (!json_member_text(b->root, name, &text, &len, b->err))
		return false;
	if (!text)
		return true;
	if (len > 0 && len < size) {
		memcpy(ret, text, len + 1);
		return true;
	}
	err_set(b->err, ERR_INVALID, 0, "%s: is %s; write %s", name, len ? "too long" : "empty",
		wanted);
	return false;
}

static bool read_token(const struct body *b, const char *name, char ret[MESSAGE_TOKEN_MAX + 1])
{
	if (!read_text(b, name, ret, MESSAGE_TOKEN_MAX + 1, "1 to 128 visible ASCII characters"))
		return false;
	if (!*ret || text_visible_ascii(ret, strlen(ret), MESSAGE_TOKEN_MAX))
		return true;
	err_set(b->err, ERR_INVALID, 0,
		"%s: is not a plain token; write 1 to 128 visible ASCII characters without spaces",
		name);
	return false;
}

static bool read_number(const struct body *b, char ret[HOLD_NUMBER_BYTES])
{
	static const char wanted[] = "Meta's phone_number_id, 1 to 31 digits";

	if (!read_text(b, "number", ret, HOLD_NUMBER_BYTES, wanted))
		return false;
	return !*ret || hold_number_fits(ret) ||
	       refuse(b->err, "number: is none; write Meta's phone_number_id, 1 to 31 digits");
}

static bool read_why(const struct body *b, bool needed, char ret[MANAGE_WHY_MAX + 1])
{
	if (!read_text(b, "why", ret, MANAGE_WHY_MAX + 1, "at most 500 bytes"))
		return false;
	return *ret || !needed || refuse(b->err, "why: is missing; say why, for the record");
}

/* ret keeps its value when it is not there. */
static bool read_bool(const struct body *b, const char *name, bool *ret)
{
	const struct json_value *v = json_member(b->root, name);

	if (!v || json_bool(v, ret))
		return true;
	err_set(b->err, ERR_INVALID, 0, "%s: is %s; write true or false", name,
		json_kind_name(json_kind(v)));
	return false;
}

static bool read_int(const struct body *b, const char *name, int64_t least, int64_t most,
		     int64_t *ret)
{
	const struct json_value *v = json_member(b->root, name);
	int64_t number;

	if (!v)
		return true;
	if (!json_int(v, &number) || number < least || number > most) {
		err_set(b->err, ERR_INVALID, 0, "%s: is no number from %lld to %lld", name,
			(long long)least, (long long)most);
		return false;
	}
	*ret = number;
	return true;
}

static bool read_time(const struct body *b, const char *name, char ret[CLOCK_RFC3339_BYTES])
{
	char text[40];
	int64_t wall_us = 0;

	if (!read_text(b, name, text, sizeof(text), "a time as 2025-11-04T10:30:00Z"))
		return false;
	if (*text && !clock_rfc3339_parse(text, &wall_us)) {
		err_set(b->err, ERR_INVALID, 0,
			"%s: is not a time; write it as 2025-11-04T10:30:00Z", name);
		return false;
	}
	if (*text)
		clock_rfc3339(wall_us, ret);
	return true;
}

/* The body's tenant, or the key's. */
static bool read_tenant(const struct body *b, const char *tenant_id,
			char ret[MESSAGE_TOKEN_MAX + 1])
{
	if (!read_token(b, "tenant_id", ret))
		return false;
	if (!*ret && tenant_id)
		text_copy_cut(ret, MESSAGE_TOKEN_MAX + 1, tenant_id);
	return true;
}

static bool read_hold(const struct body *b, const char *tenant_id, struct http_hold *h)
{
	bool all = false;

	if (!read_bool(b, "all", &all) || !read_number(b, h->number) ||
	    !read_token(b, "outlet_id", h->outlet_id) || !read_why(b, false, h->why))
		return false;
	/* With a number, or all, the key's tenant is not meant. */
	if (!read_tenant(b, *h->number || all ? NULL : tenant_id, h->tenant_id))
		return false;
	if (*h->outlet_id && !*h->tenant_id)
		return refuse(b->err, "tenant_id: is missing; say whose outlet it is");
	if (!!*h->tenant_id + !!*h->number + all != 1)
		return refuse(b->err, "tenant_id: is missing, or stands beside number or all; name "
				      "one of tenant_id (with outlet_id, or without), number, all");
	h->scope = all             ? HOLD_ALL
		   : *h->number    ? HOLD_NUMBER
		   : *h->outlet_id ? HOLD_OUTLET
				   : HOLD_TENANT;
	return true;
}

bool http_hold_read(const struct http_request *request, const char *tenant_id,
		    struct http_hold *ret_hold, struct err *ret_err)
{
	static const char *const known[] = {
		"tenant_id", "outlet_id", "number", "all", "why", NULL
	};
	struct body b;
	bool ok;

	memset(ret_hold, 0, sizeof(*ret_hold));
	ok = body_open(&b, request, known, ret_err) && read_hold(&b, tenant_id, ret_hold);
	json_doc_free(b.doc);
	return ok;
}

static bool read_resolve(const struct body *b, struct http_resolve *r)
{
	if (!read_text(b, "as", r->as, sizeof(r->as), "sent, failed or resend") ||
	    !read_why(b, true, r->why) ||
	    !read_text(b, "whatsapp_message_id", r->wamid, sizeof(r->wamid), "at most 150 bytes"))
		return false;
	if (!manage_decides(r->as))
		return refuse(b->err, "as: is none of sent, failed, resend; write one of them");
	if (*r->wamid && strcmp(r->as, "sent") != 0)
		return refuse(b->err, "whatsapp_message_id: belongs to a message that was sent");
	return !*r->wamid || text_visible_ascii(r->wamid, strlen(r->wamid), MANAGE_WAMID_MAX) ||
	       refuse(b->err, "whatsapp_message_id: has characters that are not visible ASCII");
}

bool http_resolve_read(const struct http_request *request, struct http_resolve *ret_resolve,
		       struct err *ret_err)
{
	static const char *const known[] = { "as", "why", "whatsapp_message_id", NULL };
	struct body b;
	bool ok;

	memset(ret_resolve, 0, sizeof(*ret_resolve));
	ok = body_open(&b, request, known, ret_err) && read_resolve(&b, ret_resolve);
	json_doc_free(b.doc);
	return ok;
}

static bool read_numbers(const struct body *b, struct http_replay *r)
{
	int64_t code = 0;
	int64_t limit = MANAGE_LIMIT_DEFAULT;
	int64_t rate = REPLAY_RATE_DEFAULT;

	if (!read_int(b, "code", -99999999, 99999999, &code) ||
	    !read_int(b, "limit", 1, MANAGE_LIMIT_DEFAULT, &limit) ||
	    !read_int(b, "rate", 1, REPLAY_RATE_MAX, &rate))
		return false;
	r->limit = (unsigned)limit;
	r->rate = (unsigned)rate;
	if (json_member(b->root, "code"))
		(void)snprintf(r->code, sizeof(r->code), "%d", (int)code);
	return !*r->code || manage_code_fits(r->code) ||
	       refuse(b->err, "code: is no error code; write one as a message's failure has it");
}

static bool read_replay(const struct body *b, const char *tenant_id, int64_t now_wall_us,
			struct http_replay *r)
{
	r->dry_run = true;
	clock_rfc3339(now_wall_us - REPLAY_SINCE_US, r->since);
	clock_rfc3339(now_wall_us + INT64_C(1000000), r->until); /* now: it is cut to the second */
	if (!read_tenant(b, tenant_id, r->tenant_id) || !read_token(b, "outlet_id", r->outlet_id) ||
	    !read_number(b, r->number) || !read_numbers(b, r) || !read_time(b, "since", r->since) ||
	    !read_time(b, "until", r->until) || !read_bool(b, "dry_run", &r->dry_run) ||
	    !read_bool(b, "include_unknown", &r->include_unknown) ||
	    !read_why(b, !r->dry_run, r->why))
		return false;
	return *r->tenant_id ||
	       refuse(b->err, "tenant_id: is missing; say whose messages are wanted");
}

bool http_replay_read(const struct http_request *request, const char *tenant_id,
		      int64_t now_wall_us, struct http_replay *ret_replay, struct err *ret_err)
{
	static const char *const known[] = { "tenant_id",       "outlet_id", "number", "code",
					     "since",           "until",     "limit",  "rate",
					     "include_unknown", "dry_run",   "why",    NULL };
	struct body b;
	bool ok;

	memset(ret_replay, 0, sizeof(*ret_replay));
	ok = body_open(&b, request, known, ret_err) &&
	     read_replay(&b, tenant_id, now_wall_us, ret_replay);
	json_doc_free(b.doc);
	return ok;
}

/* -- answering ---------------------------------------------------------------------------- */

static const char *cell(const struct http_rows *rows, unsigned row, unsigned column)
{
	return rows->value(rows->rows, row, column);
}

static void begin(struct http_response *r, struct json_out *out)
{
	http_response_init(r, 200);
	json_out_begin(out, &r->body);
	json_out_object(out, NULL);
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

void http_held(struct http_response *r, const struct http_hold *hold, const struct http_rows *rows)
{
	struct json_out out;

	begin(r, &out);
	json_out_text(&out, "scope", hold_scope_name(hold->scope));
	json_out_text(&out, "tenant_id", or_null(hold->tenant_id));
	json_out_text(&out, "outlet_id", or_null(hold->outlet_id));
	json_out_text(&out, "number", or_null(hold->number));
	json_out_bool(&out, "new", *cell(rows, 0, 0) == 't');
	json_out_text(&out, "hold", cell(rows, 0, 1));
	json_out_object_end(&out);
}

void http_released(struct http_response *r, const struct http_rows *rows)
{
	struct json_out out;

	begin(r, &out);
	json_out_array(&out, "released");
	for (unsigned row = 0; row < rows->count; row++) {
		json_out_object(&out, NULL);
		json_out_text(&out, "hold", cell(rows, row, 0));
		json_out_raw(&out, "messages", cell(rows, row, 1));
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
}

/* The columns of replay_count.sql. */
enum { CODE = 1, MESSAGES, ACCEPTED, LOST, REPLAYED };

static int64_t sum(const struct http_rows *rows, unsigned column)
{
	int64_t total = 0;

	for (unsigned row = 0; row < rows->count; row++)
		total += strtoll(cell(rows, row, column), NULL, 10);
	return total;
}

void http_replay_counted(struct http_response *r, const struct http_replay *replay,
			 const struct http_rows *rows)
{
	struct json_out out;

	begin(r, &out);
	json_out_bool(&out, "dry_run", true);
	json_out_text(&out, "since", replay->since);
	json_out_text(&out, "until", replay->until);
	json_out_int(&out, "messages", sum(rows, MESSAGES));
	json_out_int(&out, "limit", replay->limit);
	json_out_int(&out, "left_out_accepted", sum(rows, ACCEPTED));
	json_out_int(&out, "left_out_unknown", sum(rows, LOST));
	json_out_int(&out, "left_out_replayed", sum(rows, REPLAYED));
	json_out_array(&out, "groups");
	for (unsigned row = 0; row < rows->count; row++) {
		const char *code = cell(rows, row, CODE);

		json_out_object(&out, NULL);
		json_out_raw(&out, "code", code ? code : "null");
		json_out_raw(&out, "messages", cell(rows, row, MESSAGES));
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
}

void http_replayed_add(struct str *list, const struct http_rows *rows)
{
	struct json_out out;

	for (unsigned row = 0; row < rows->count; row++) {
		if (list->len)
			(void)str_append_char(list, ',');
		json_out_begin(&out, list);
		json_out_object(&out, NULL);
		json_out_text(&out, "replay_of", cell(rows, row, 0));
		json_out_text(&out, "message_id", cell(rows, row, 1));
		json_out_object_end(&out);
	}
}

void http_replayed(struct http_response *r, const struct str *list, uint64_t messages,
		   uint64_t left_out, bool more)
{
	struct json_out out;

	begin(r, &out);
	json_out_bool(&out, "dry_run", false);
	json_out_int(&out, "messages", (int64_t)messages);
	json_out_int(&out, "left_out", (int64_t)left_out);
	json_out_bool(&out, "more", more);
	json_out_array(&out, "replayed");
	if (list->len)
		json_out_raw(&out, NULL, list->data);
	json_out_array_end(&out);
	json_out_object_end(&out);
}
