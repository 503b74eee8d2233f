#include "webhook/body.h"

#include <stdlib.h>
#include <string.h>

#include "webhook/status.h"
#include "webhook/value.h"
#include "json/json_in.h"
#include "json/json_walk.h"

#define OBJECT "whatsapp_business_account"

/* Where the walk over the envelope is: how many objects and arrays it has entered. */
enum { IN_ROOT = 1, IN_ENTRIES, IN_ENTRY, IN_CHANGES, IN_CHANGE };

/* What is being passed. */
enum passing {
	PASSING_ANY = 0,
	PASSING_OBJECT,
	PASSING_ACCOUNT,
	PASSING_TIME,
	PASSING_FIELD,
	PASSING_VALUE,
	PASSING_METADATA,
	PASSING_ITEM, /* of the list that was entered */
};

/* Of the value of a change whose things are told of one by one. */
enum list { LIST_NONE = 0, LIST_STATUSES, LIST_MESSAGES, LIST_PREFERENCES };

struct webhook_body {
	struct webhook_listener listener;
	struct json_walk walk; /* over the envelope */
	enum passing passing;
	bool alien; /* the webhook of another product */

	/* Of the entry, and of the change, that the walk is in. */
	char account[WEBHOOK_TEXT_BYTES];
	int64_t time_wall_us;
	char field_text[WEBHOOK_TEXT_BYTES];
	struct json_place value; /* len 0: none */

	/* Of the change that is being told of: */
	bool telling;
	struct json_walk inner; /* over its value, twice: the first time for its metadata */
	enum passing inner_passing;
	bool first_time;
	enum list list;
	char number[WEBHOOK_TEXT_BYTES];
	char display[WEBHOOK_TEXT_BYTES];
};

struct webhook_body *webhook_body_new(const char *text, size_t len,
				      const struct webhook_listener *listener)
{
	struct webhook_body *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->listener = *listener;
	json_walk_init(&b->walk, text, len);
	return b;
}

void webhook_body_free(struct webhook_body *b)
{
	free(b);
}

static void tell_unknown(const struct webhook_body *b, enum webhook_unknown what)
{
	b->listener.unknown(b->listener.arg, what);
}

/* -- pieces of text ---------------------------------------------------------------------- */

static bool is_named(const struct json_walk *w, const char *name)
{
	const size_t len = strlen(name);

	return w->name.len == len + 2 && memcmp(w->text + w->name.at + 1, name, len) == 0;
}

static struct json_doc *parse(const struct json_walk *w, struct json_place place)
{
	struct err err;

	/* What is passed may be longer, and deeper, than what is read. */
	return place.len > JSON_WALK_VALUE_MAX
		       ? NULL
		       : json_doc_parse(w->text + place.at, place.len, &err);
}

static void copy_text(const struct json_walk *w, struct json_place place,
		      char text[WEBHOOK_TEXT_BYTES])
{
	struct json_doc *doc = parse(w, place);

	text[0] = '\0';
	if (doc)
		webhook_value_text(json_doc_root(doc), text);
	json_doc_free(doc);
}

static int64_t time_of(const struct json_walk *w, struct json_place place)
{
	struct json_doc *doc = parse(w, place);
	const int64_t us = doc ? webhook_time_us(json_doc_root(doc)) : 0;

	json_doc_free(doc);
	return us;
}

/* -- one change -------------------------------------------------------------------------- */

static struct webhook_change change_of(const struct webhook_body *b, enum webhook_field field,
				       const struct json_walk *w, struct json_place place)
{
	return (struct webhook_change){
		.kind = WEBHOOK_WHOLE,
		.field = field,
		.field_text = b->field_text,
		.account = b->account,
		.number = b->number,
		.display = b->display,
		.phone = "",
		.user = "",
		.at_wall_us = b->time_wall_us,
		.wamid = "",
		.type = "",
		.event = "",
		.limit = "",
		.json = w->text + place.at,
		.json_len = place.len,
	};
}

static void tell_status(const struct webhook_body *b, const struct json_value *v)
{
	struct webhook_status status;

	if (!webhook_status_read(v, b->number, &status)) {
		tell_unknown(b, WEBHOOK_UNKNOWN_SHAPE);
		return;
	}
	if (status.strange_status)
		tell_unknown(b, WEBHOOK_UNKNOWN_STATUS);
	for (unsigned i = 0; i < status.strange_count; i++)
		tell_unknown(b, WEBHOOK_UNKNOWN_MEMBER);
	b->listener.receipt(b->listener.arg, &status.receipt);
}

static void tell_item(const struct webhook_body *b, struct json_place place)
{
	struct webhook_change change;
	struct json_doc *doc = parse(&b->inner, place);
	const struct json_value *v = doc ? json_doc_root(doc) : NULL;

	switch (b->list) {
	case LIST_STATUSES:
		tell_status(b, v);
		break;
	case LIST_MESSAGES:
		change = change_of(b, WEBHOOK_MESSAGES, &b->inner, place);
		webhook_value_inbound(&b->listener, &change, v);
		break;
	case LIST_PREFERENCES:
		change = change_of(b, WEBHOOK_USER_PREFERENCES, &b->inner, place);
		webhook_value_preference(&b->listener, &change, v);
		break;
	case LIST_NONE:
		break;
	}
	json_doc_free(doc);
}

static void use_metadata(struct webhook_body *b, struct json_place place)
{
	struct json_doc *doc = parse(&b->inner, place);
	const struct json_value *v = doc ? json_doc_root(doc) : NULL;

	webhook_value_text(json_member(v, "phone_number_id"), b->number);
	webhook_value_text(json_member(v, "display_phone_number"), b->display);
	json_doc_free(doc);
	if (b->listener.number && *b->number && *b->display)
		b->listener.number(b->listener.arg, b->number, b->display, b->account);
}

static void begin_inner(struct webhook_body *b, bool first_time)
{
	json_walk_init(&b->inner, b->walk.text + b->value.at, b->value.len);
	b->first_time = first_time;
	b->list = LIST_NONE;
}

/* The first time only the metadata, the second time only the lists are looked at. */
static void choose_inner(struct webhook_body *b)
{
	struct json_walk *w = &b->inner;
	enum list list = LIST_NONE;

	b->inner_passing = PASSING_ANY;
	if (b->first_time) {
		if (is_named(w, "metadata"))
			b->inner_passing = PASSING_METADATA;
	} else if (is_named(w, "statuses")) {
		list = LIST_STATUSES;
	} else if (is_named(w, "messages")) {
		list = LIST_MESSAGES;
	} else if (is_named(w, "user_preferences")) {
		list = LIST_PREFERENCES;
	}
	if (list != LIST_NONE && w->opens == '[' && json_walk_enter(w)) {
		b->list = list;
		return;
	}
	if (list != LIST_NONE)
		tell_unknown(b, WEBHOOK_UNKNOWN_SHAPE);
	json_walk_pass(w);
}

static void step_inner(struct webhook_body *b)
{
	struct err err;

	switch (json_walk_next(&b->inner, &err)) {
	case JSON_WALK_MEMBER:
		choose_inner(b);
		return;
	case JSON_WALK_ELEMENT:
		b->inner_passing = PASSING_ITEM;
		json_walk_pass(&b->inner);
		return;
	case JSON_WALK_PASSED:
		if (b->inner_passing == PASSING_ITEM)
			tell_item(b, json_walk_passed(&b->inner));
		if (b->inner_passing == PASSING_METADATA) {
			use_metadata(b, json_walk_passed(&b->inner));
			begin_inner(b, false);
		}
		return;
	case JSON_WALK_LEFT:
	case JSON_WALK_MORE:
		return;
	case JSON_WALK_END:
		if (b->first_time) { /* there is none */
			begin_inner(b, false);
			return;
		}
		break;
	case JSON_WALK_FAULT: /* it was passed once: something too long, or too deep */
		tell_unknown(b, WEBHOOK_UNKNOWN_SHAPE);
		break;
	}
	b->telling = false;
}

/* A change that says one thing. */
static void tell_whole(struct webhook_body *b, enum webhook_field field)
{
	const struct webhook_change change = change_of(b, field, &b->walk, b->value);
	const bool is_read = field == WEBHOOK_NUMBER_QUALITY || field == WEBHOOK_ACCOUNT;
	struct json_doc *doc = is_read ? parse(&b->walk, b->value) : NULL;

	if (is_read && !doc)
		tell_unknown(b, WEBHOOK_UNKNOWN_SHAPE);
	else if (field == WEBHOOK_NUMBER_QUALITY)
		webhook_value_quality(&b->listener, &change, json_doc_root(doc));
	else if (field == WEBHOOK_ACCOUNT)
		webhook_value_account(&b->listener, &change, json_doc_root(doc));
	else
		b->listener.change(b->listener.arg, &change);
	json_doc_free(doc);
}

static void tell_change(struct webhook_body *b)
{
	const enum webhook_field field = webhook_field_parse(b->field_text);

	b->number[0] = '\0';
	b->display[0] = '\0';
	if (!*b->field_text || b->value.len == 0 || b->walk.text[b->value.at] != '{') {
		tell_unknown(b, WEBHOOK_UNKNOWN_SHAPE);
		return;
	}
	if (field == WEBHOOK_OTHER)
		tell_unknown(b, WEBHOOK_UNKNOWN_FIELD);
	if (field != WEBHOOK_MESSAGES && field != WEBHOOK_USER_PREFERENCES) {
		tell_whole(b, field);
		return;
	}
	b->telling = true;
	begin_inner(b, true);
}

/* -- the envelope ------------------------------------------------------------------------ */

static void enter_or_pass(struct webhook_body *b, char opens)
{
	b->passing = PASSING_ANY;
	if (b->walk.opens == opens && json_walk_enter(&b->walk))
		return;
	tell_unknown(b, WEBHOOK_UNKNOWN_SHAPE);
	json_walk_pass(&b->walk);
}

static enum passing choose_passing(const struct webhook_body *b)
{
	const struct json_walk *w = &b->walk;

	if (w->depth == IN_ROOT && is_named(w, "object"))
		return PASSING_OBJECT;
	if (w->depth == IN_ENTRY && is_named(w, "id"))
		return PASSING_ACCOUNT;
	if (w->depth == IN_ENTRY && is_named(w, "time"))
		return PASSING_TIME;
	if (w->depth == IN_CHANGE && is_named(w, "field"))
		return PASSING_FIELD;
	if (w->depth == IN_CHANGE && is_named(w, "value"))
		return PASSING_VALUE;
	return PASSING_ANY;
}

static void choose(struct webhook_body *b)
{
	struct json_walk *w = &b->walk;

	if (!b->alien && ((w->depth == IN_ROOT && is_named(w, "entry")) ||
			  (w->depth == IN_ENTRY && is_named(w, "changes")))) {
		enter_or_pass(b, '[');
		return;
	}
	b->passing = choose_passing(b);
	json_walk_pass(w);
}

static void use_passed(struct webhook_body *b, struct json_place place)
{
	char text[WEBHOOK_TEXT_BYTES];

	switch (b->passing) {
	case PASSING_OBJECT:
		copy_text(&b->walk, place, text);
		b->alien = strcmp(text, OBJECT) != 0;
		if (b->alien)
			tell_unknown(b, WEBHOOK_UNKNOWN_OBJECT);
		break;
	case PASSING_ACCOUNT:
		copy_text(&b->walk, place, b->account);
		break;
	case PASSING_TIME:
		b->time_wall_us = time_of(&b->walk, place);
		break;
	case PASSING_FIELD:
		copy_text(&b->walk, place, b->field_text);
		break;
	case PASSING_VALUE:
		b->value = place;
		break;
	case PASSING_ANY:
	case PASSING_METADATA:
	case PASSING_ITEM:
		break;
	}
}

static void begin_entry(struct webhook_body *b)
{
	b->account[0] = '\0';
	b->time_wall_us = 0;
}

static void begin_change(struct webhook_body *b)
{
	b->field_text[0] = '\0';
	b->value.len = 0;
}

/* False: the body is read, as far as it can be. */
static bool step(struct webhook_body *b)
{
	struct err err;

	switch (json_walk_next(&b->walk, &err)) {
	case JSON_WALK_MEMBER:
		choose(b);
		return true;
	case JSON_WALK_ELEMENT:
		if (b->walk.depth == IN_ENTRIES)
			begin_entry(b);
		else
			begin_change(b);
		enter_or_pass(b, '{');
		return true;
	case JSON_WALK_PASSED:
		use_passed(b, json_walk_passed(&b->walk));
		return true;
	case JSON_WALK_LEFT:
		if (b->walk.depth == IN_CHANGES)
			tell_change(b);
		return true;
	case JSON_WALK_MORE:
		return true;
	case JSON_WALK_END:
		return false;
	case JSON_WALK_FAULT:
		break;
	}
	tell_unknown(b, WEBHOOK_UNKNOWN_JSON);
	return false;
}

bool webhook_body_read(struct webhook_body *b, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		struct json_walk *w = b->telling ? &b->inner : &b->walk;
		const size_t from = w->at;

		if (b->telling)
			step_inner(b);
		else if (!step(b))
			return false;
		done += w->at > from ? w->at - from : 1;
	}
	return true;
}
