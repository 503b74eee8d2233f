#include "json/json_walk.h"

#include "json/json_in.h"
#include "json/json_scan.h"

void json_walk_init(struct json_walk *w, const char *text, size_t len)
{
	*w = (struct json_walk){ .text = text, .len = len };
}

static enum json_walk_step fault(const struct json_walk *w, const char *why, struct err *ret_err)
{
	err_set(ret_err, ERR_INVALID, 0, "body: not valid JSON: %s at byte %zu", why, w->at);
	return JSON_WALK_FAULT;
}

/* The next byte that is no white space, or -1. */
static int next_byte(struct json_walk *w)
{
	while (w->at < w->len) {
		const int c = (unsigned char)w->text[w->at];

		if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
			return c;
		w->at++;
	}
	return -1;
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

static enum json_walk_step take_member(struct json_walk *w, struct json_place *ret_value,
				       struct err *ret_err)
{
	if (next_byte(w) != '"')
		return fault(w, "the name of a member in quotes is expected", ret_err);
	if (!take_value(w, true, &w->name, ret_err))
		return JSON_WALK_FAULT;
	if (next_byte(w) != ':')
		return fault(w, "a colon is expected", ret_err);
	w->at++;
	w->is_array = next_byte(w) == '[';
	if (w->is_array) {
		*ret_value = (struct json_place){ .at = w->at++ };
		w->where = WALK_ELEMENTS;
		w->first = true;
		return JSON_WALK_MEMBER;
	}
	return take_value(w, false, ret_value, ret_err) ? JSON_WALK_MEMBER : JSON_WALK_FAULT;
}

static enum json_walk_step end_document(struct json_walk *w, struct err *ret_err)
{
	w->where = WALK_OVER;
	if (next_byte(w) >= 0)
		return fault(w, "nothing may follow the document", ret_err);
	return JSON_WALK_END;
}

/* Steps over what stands before the next one; true: there is one. */
static bool comes_another(struct json_walk *w, char end, bool *ret_fault)
{
	const int c = next_byte(w);

	*ret_fault = false;
	if (c == end) {
		w->at++;
		return false;
	}
	if (w->first) {
		w->first = false;
		return true;
	}
	*ret_fault = c != ',';
	w->at += c == ',';
	return c == ',';
}

enum json_walk_step json_walk_next(struct json_walk *w, struct json_place *ret_value,
				   struct err *ret_err)
{
	bool wrong;

	if (w->where == WALK_BEGIN) {
		if (next_byte(w) != '{') {
			err_set(ret_err, ERR_INVALID, 0, "body: is no JSON object; send one");
			return JSON_WALK_FAULT;
		}
		w->at++;
		w->where = WALK_MEMBERS;
		w->first = true;
	}
	if (w->where == WALK_ELEMENTS) {
		if (comes_another(w, ']', &wrong)) {
			(void)next_byte(w);
			return take_value(w, false, ret_value, ret_err) ? JSON_WALK_ELEMENT
									: JSON_WALK_FAULT;
		}
		if (wrong)
			return fault(w, "a comma or ] is expected", ret_err);
		w->where = WALK_MEMBERS;
		w->first = false;
	}
	if (comes_another(w, '}', &wrong))
		return take_member(w, ret_value, ret_err);
	if (wrong)
		return fault(w, "a comma or } is expected", ret_err);
	return end_document(w, ret_err);
}
