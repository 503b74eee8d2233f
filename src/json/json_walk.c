#include "json/json_walk.h"

#include "json/json_in.h"
#include "json/json_scan.h"

#define FAR (-2)
/* What is passed need not be fit for json_in.h. */
#define PASS_DEPTH_MAX 256

void json_walk_init(struct json_walk *w, const char *text, size_t len)
{
	*w = (struct json_walk){ .text = text, .len = len };
}

static enum json_walk_step fault(const struct json_walk *w, const char *why, struct err *ret_err)
{
	err_set(ret_err, ERR_INVALID, 0, "body: not valid JSON: %s at byte %zu", why, w->at);
	return JSON_WALK_FAULT;
}

static bool in_array(const struct json_walk *w)
{
	return w->arrays >> w->depth & 1;
}

/* The next byte that is no white space; -1: there is none; FAR: not near. */
static int next_byte(struct json_walk *w)
{
	const size_t left = w->len - w->at;
	const size_t until = w->at + (left > JSON_WALK_SPACE_MAX ? JSON_WALK_SPACE_MAX : left);

	while (w->at < until) {
		const int c = (unsigned char)w->text[w->at];

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			return c;
		w->at++;
	}
	return w->at < w->len ? FAR : -1;
}

enum scanned { SCANNED = 0, SCANNED_CUT, SCANNED_FAULT };

/* One whole value from here on, if it is not too long. */
static enum scanned scan(struct json_walk *w, unsigned max_depth, bool is_name,
			 struct json_place *ret_value, struct err *ret_err)
{
	struct json_scan scan;
	const size_t from = w->at;
	const size_t left = w->len - from;
	const size_t most = left > JSON_WALK_VALUE_MAX ? JSON_WALK_VALUE_MAX : left;

	if (json_scan_value(w->text + from, most, max_depth, is_name, &scan)) {
		*ret_value = (struct json_place){ from, scan.at };
		w->at = from + scan.at;
		return SCANNED;
	}
	if (most < left && scan.at + 8 > most) { /* cut, perhaps inside a word or an escape */
		err_set(ret_err, ERR_INVALID, 0,
			"body: a value of more than %zu bytes begins at byte %zu",
			JSON_WALK_VALUE_MAX, from);
		return SCANNED_CUT;
	}
	w->at = from + scan.at;
	(void)fault(w, scan.why, ret_err);
	return SCANNED_FAULT;
}

/* Steps over the comma that stands before all but the first one. */
static bool take_comma(struct json_walk *w, int c)
{
	const bool is_there = c == ',';

	if (w->first) {
		w->first = false;
		return true;
	}
	w->at += is_there;
	return is_there;
}

static void go_in(struct json_walk *w)
{
	w->depth++;
	w->arrays &= ~(UINT64_C(1) << w->depth);
	w->arrays |= (uint64_t)(w->text[w->at] == '[') << w->depth;
	w->at++;
	w->first = true;
	w->where = WALK_NEXT;
}

bool json_walk_enter(struct json_walk *w)
{
	if ((w->opens != '{' && w->opens != '[') || w->depth == JSON_WALK_DEPTH_MAX)
		return false;
	go_in(w);
	return true;
}

bool json_walk_take(struct json_walk *w, struct json_place *ret_value, struct err *ret_err)
{
	w->where = WALK_NEXT;
	return scan(w, JSON_DEPTH_MAX, false, ret_value, ret_err) == SCANNED;
}

void json_walk_pass(struct json_walk *w)
{
	w->pass_depth = w->depth;
	w->pass_at = w->at;
}

struct json_place json_walk_passed(const struct json_walk *w)
{
	return (struct json_place){ w->pass_at, w->at - w->pass_at };
}

/* The value it stands before is, or is part of, what is passed. */
static enum json_walk_step pass_on(struct json_walk *w, struct err *ret_err)
{
	struct json_place value;

	switch (scan(w, PASS_DEPTH_MAX, false, &value, ret_err)) {
	case SCANNED:
		w->where = WALK_NEXT;
		if (w->depth > w->pass_depth)
			return JSON_WALK_MORE;
		w->pass_depth = 0;
		return JSON_WALK_PASSED;
	case SCANNED_CUT:
		return json_walk_enter(w) ? JSON_WALK_MORE : JSON_WALK_FAULT;
	case SCANNED_FAULT:
		break;
	}
	return JSON_WALK_FAULT;
}

/* At the end of what was entered last. */
static enum json_walk_step go_out(struct json_walk *w)
{
	w->at++;
	w->depth--;
	w->first = false;
	w->where = w->depth == 0 ? WALK_OVER : WALK_NEXT;
	if (w->pass_depth == 0)
		return w->depth == 0 ? JSON_WALK_MORE : JSON_WALK_LEFT;
	if (w->depth > w->pass_depth)
		return JSON_WALK_MORE;
	w->pass_depth = 0;
	return JSON_WALK_PASSED;
}

static enum json_walk_step pass_comma(struct json_walk *w, int c, struct err *ret_err)
{
	if (c == (in_array(w) ? ']' : '}'))
		return go_out(w);
	if (!take_comma(w, c))
		return fault(w,
			     in_array(w) ? "a comma or ] is expected" : "a comma or } is expected",
			     ret_err);
	w->where = in_array(w) ? WALK_VALUE : WALK_NAME;
	return JSON_WALK_MORE;
}

/* What the next byte that is no white space means where it stands; MORE: go on. */
static enum json_walk_step step(struct json_walk *w, int c, struct err *ret_err)
{
	switch (w->where) {
	case WALK_BEGIN:
		if (c != '{') {
			err_set(ret_err, ERR_INVALID, 0, "body: is no JSON object; send one");
			return JSON_WALK_FAULT;
		}
		go_in(w);
		return JSON_WALK_MORE;
	case WALK_NEXT:
		return pass_comma(w, c, ret_err);
	case WALK_NAME:
		if (c != '"')
			return fault(w, "the name of a member in quotes is expected", ret_err);
		w->where = WALK_COLON;
		return scan(w, 0, true, &w->name, ret_err) == SCANNED ? JSON_WALK_MORE
								      : JSON_WALK_FAULT;
	case WALK_COLON:
		if (c != ':')
			return fault(w, "a colon is expected", ret_err);
		w->at++;
		w->where = WALK_VALUE;
		return JSON_WALK_MORE;
	case WALK_VALUE:
		w->opens = (char)c;
		w->where = WALK_HERE;
		return w->pass_depth > 0 ? JSON_WALK_MORE
		       : in_array(w)     ? JSON_WALK_ELEMENT
					 : JSON_WALK_MEMBER;
	case WALK_HERE: /* nobody has entered or taken it */
		return pass_on(w, ret_err);
	case WALK_OVER:
		break;
	}
	return c < 0 ? JSON_WALK_END : fault(w, "nothing may follow the document", ret_err);
}

enum json_walk_step json_walk_next(struct json_walk *w, struct err *ret_err)
{
	const size_t from = w->at;

	do {
		const int c = next_byte(w);
		enum json_walk_step news;

		if (c == FAR)
			return JSON_WALK_MORE;
		news = step(w, c, ret_err);
		if (news != JSON_WALK_MORE)
			return news;
	} while (w->at - from < JSON_WALK_SPACE_MAX);
	return JSON_WALK_MORE;
}
