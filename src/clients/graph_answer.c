/*
 * Strict where an id is concerned (a message counts as accepted only with an id we can
 * store and compare), lenient where words are: a title of the wrong type is left out.
 */
#include "clients/graph_answer.h"

#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "json/json_in.h"

#define WAMID_MAX 128

static void copy_words(char *dst, size_t size, const struct json_value *v)
{
	const char *text = json_text(v, NULL);

	if (text != NULL)
		text_copy_cut(dst, size, text);
}

static void read_id(const struct json_value *root, struct graph_answer *a)
{
	const struct json_value *message = json_array_at(json_member(root, "messages"), 0);
	size_t len = 0;
	const char *id = json_text(json_member(message, "id"), &len);

	if (id != NULL && text_visible_ascii(id, len, WAMID_MAX))
		a->facts.has_message_id = text_copy(a->wamid, sizeof(a->wamid), id);
}

static bool read_code(const struct json_value *error, const char *name, int *ret)
{
	int64_t value;

	if (!json_int(json_member(error, name), &value) || value < 0 || value > INT_MAX)
		return false;
	*ret = (int)value;
	return true;
}

static void read_error(const struct json_value *error, struct graph_answer *a)
{
	const struct json_value *data = json_member(error, "error_data");
	bool transient = false;

	a->facts.has_error = read_code(error, "code", &a->facts.error_code);
	(void)read_code(error, "error_subcode", &a->facts.error_subcode);
	a->facts.is_transient = json_bool(json_member(error, "is_transient"), &transient) &&
				transient;
	copy_words(a->title, sizeof(a->title), json_member(error, "message"));
	copy_words(a->details, sizeof(a->details), json_member(data, "details"));
	copy_words(a->trace, sizeof(a->trace), json_member(error, "fbtrace_id"));
}

static void read_body(const struct transport_result *result, struct graph_answer *a)
{
	struct err ignored; /* not JSON: a fact, not a failure */
	struct json_doc *doc = json_doc_parse(result->body, result->body_len, &ignored);
	const struct json_value *root;

	if (doc == NULL)
		return;
	root = json_doc_root(doc);
	read_id(root, a);
	read_error(json_member(root, "error"), a);
	a->facts.readable = a->facts.has_message_id || a->facts.has_error;
	json_doc_free(doc);
}

static enum call_end call_end(enum transport_end end)
{
	switch (end) {
	case TRANSPORT_ANSWERED:
		return CALL_ANSWERED;
	case TRANSPORT_NOT_SENT:
		return CALL_NOT_SENT;
	default:
		return CALL_LOST;
	}
}

void graph_answer_read(const struct transport_result *result, bool ambiguous_5xx,
		       struct graph_answer *ret_answer)
{
	*ret_answer = (struct graph_answer){
		.facts.end = call_end(result->end),
		.facts.http_status = result->status,
		.server_wait_ms = result->retry_after_ms,
		.took_ms = result->took_ms,
		.rewind_refused = result->rewind_refused,
		.gate_refused = result->gate_refused,
		.err = result->err,
	};
	if (result->end == TRANSPORT_ANSWERED)
		read_body(result, ret_answer);
	ret_answer->verdict = outcome_decide(&ret_answer->facts, ambiguous_5xx);
	if (ret_answer->verdict.outcome != OUTCOME_ACCEPTED)
		ret_answer->wamid[0] = 0;
}
