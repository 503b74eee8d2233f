#include "json/json_walk.h"

#include "json/json_in.h"
#include "json/json_scan.h"

#define FAR (-2)

void json_walk_init(struct json_walk *w, const char *text, size_t len)
{
	*w = (struct json_walk){ .text = text, .len = len };
}

static enum json_walk_step fault(const struct json_walk *w, const char *why, struct err *ret_err)
{
	err_set(ret_err, ERR_INVALID, 0, "body: not valid JSON: %s at byte %zu", why, w->at);
	return JSON_WALK_FAULT;
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

/* One whole value from here on; false: ret_err. */
static bool take_value(struct json_walk *w, bool is_name, struct json_place *ret_value,
		       struct err *ret_err)
{
	struct json_scan scan;
	const size_t from = w->at;
	const size_t left = w->len - from;
	const size_t most = left > JSON_WALK_VALUE_MAX ? JSON_WALK_VALUE_MAX : left;

	if (json_scan_value(w->text + from, most, JSON_DEPTH_MAX, is_name, &scan)) {
		*ret_value = (struct json_place){ from, scan.at };
		w->at = from + scan.at;
		return true;
	}
	w->at = from + scan.at;
	if (most < left && scan.at + 8 > most) /* cut, perhaps inside a word or an escape */
		err_set(ret_err, ERR_INVALID, 0,
			"body: a value of more than %zu bytes begins at byte %zu",
			JSON_WALK_VALUE_MAX, from);
	else
		(void)fault(w, scan.why, ret_err);
	return false;
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

static enum json_walk_step take_member(struct json_walk *w, int c, struct json_place *ret_value,
				       struct err *ret_err)
{
	w->where = WALK_MEMBERS;
	w->is_array = c == '[';
	if (!w->is_array)
		return take_value(w, false, ret_value, ret_err) ? JSON_WALK_MEMBER
								: JSON_WALK_FAULT;
	*ret_value = (struct json_place){ .at = w->at++ };
	w->where = WALK_ELEMENTS;
	w->first = true;
	return JSON_WALK_MEMBER;
}

/* What stands between names and values; null, or what should be there. */
static const char *pass(struct json_walk *w, int c)
{
	switch (w->where) {
	case WALK_MEMBERS:
		if (c == '}')
			w->where = WALK_OVER;
		else if (take_comma(w, c))
			w->where = WALK_NAME;
		else
			return "a comma or } is expected";
		w->at += c == '}';
		return NULL;
	case WALK_ELEMENTS:
		if (c == ']')
			w->where = WALK_MEMBERS;
		else if (take_comma(w, c))
			w->where = WALK_ELEMENT;
		else
			return "a comma or ] is expected";
		w->at += c == ']';
		w->first = false;
		return NULL;
	default: /* WALK_COLON */
		if (c != ':')
			return "a colon is expected";
		w->at++;
		w->where = WALK_VALUE;
		return NULL;
	}
}

/* What the next byte that is no white space means where it stands. */
enum json_walk_step json_walk_next(struct json_walk *w, struct json_place *ret_value,
				   struct err *ret_err)
{
	for (;;) {
		const int c = next_byte(w);
		const char *wrong = NULL;

		if (c == FAR)
			return JSON_WALK_MORE;
		switch (w->where) {
		case WALK_BEGIN:
			if (c != '{') {
				err_set(ret_err, ERR_INVALID, 0,
					"body: is no JSON object; send one");
				return JSON_WALK_FAULT;
			}
			w->at++;
			w->first = true;
			w->where = WALK_MEMBERS;
			break;
		case WALK_NAME:
			if (c != '"')
				wrong = "the name of a member in quotes is expected";
			else if (!take_value(w, true, &w->name, ret_err))
				return JSON_WALK_FAULT;
			w->where = WALK_COLON;
			break;
		case WALK_VALUE:
			return take_member(w, c, ret_value, ret_err);
		case WALK_ELEMENT:
			w->where = WALK_ELEMENTS;
			return take_value(w, false, ret_value, ret_err) ? JSON_WALK_ELEMENT
									: JSON_WALK_FAULT;
		case WALK_OVER:
			return c < 0 ? JSON_WALK_END
				     : fault(w, "nothing may follow the document", ret_err);
		default:
			wrong = pass(w, c);
		}
		if (wrong)
			return fault(w, wrong, ret_err);
	}
}
