#include "simulator/behaviour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool accepts;
} kinds[] = {
	[BEHAVE_OK] = { "ok", true },
	[BEHAVE_ERROR] = { "error", false },
	[BEHAVE_DENY] = { "deny", false },
	[BEHAVE_NO_ID] = { "no_id", true },
	[BEHAVE_CUT_REPLY] = { "cut_reply", true },
	[BEHAVE_DROP_REPLY] = { "drop_reply", true },
	[BEHAVE_CUT_BEFORE] = { "cut_before", false },
	[BEHAVE_HANG] = { "hang", false },
	[BEHAVE_HTML_502] = { "html_502", false },
	[BEHAVE_HTML_504] = { "html_504", false },
	[BEHAVE_BAD_JSON] = { "bad_json", true },
	[BEHAVE_HTTP] = { "http", false },
	[BEHAVE_GOAWAY] = { "goaway", false },
	[BEHAVE_REFUSED_STREAM] = { "refused_stream", false },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static const char gateway_page[] = "<!DOCTYPE html><html><head><title>Error</title></head>"
				   "<body><h1>Sorry, something went wrong.</h1></body></html>";

struct behaviour behaviour_plain(enum behaviour_kind kind)
{
	return (struct behaviour){ .kind = kind,
				   .times = -1,
				   .latency_ms = -1,
				   .status = -1,
				   .code = -1,
				   .subcode = -1,
				   .retry_after = -1,
				   .is_transient = -1,
				   .accepted = -1 };
}

static bool read_kind(struct behaviour *behaviour, const json_t *value)
{
	const char *name = json_string_value(value);

	for (size_t i = 0; name && i < KINDS; i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			behaviour->kind = (enum behaviour_kind)i;
			return true;
		}
	}
	return false;
}

static bool read_number(int *to, const json_t *value)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < 0 || n > 100000000)
		return false;
	*to = (int)n;
	return true;
}

static bool read_flag(int *to, const json_t *value)
{
	*to = json_is_true(value);
	return json_is_boolean(value);
}

static bool read_text(char **to, const json_t *value)
{
	if (!json_is_string(value))
		return false;
	*to = strdup(json_string_value(value));
	return *to != NULL;
}

static bool read_how(struct behaviour *behaviour, const json_t *value)
{
	const char *how = json_is_string(value) ? json_string_value(value) : "";

	behaviour->close = strcmp(how, "close") == 0;
	return behaviour->close || strcmp(how, "reset") == 0;
}

static bool read_member(struct behaviour *b, const char *key, const json_t *value)
{
	const struct {
		const char *key;
		int *number;
	} numbers[] = { { "times", &b->times },     { "latency_ms", &b->latency_ms },
			{ "status", &b->status },   { "code", &b->code },
			{ "subcode", &b->subcode }, { "retry_after", &b->retry_after } };
	const struct {
		const char *key;
		char **text;
	} texts[] = { { "body", &b->body },
		      { "reason", &b->reason },
		      { "token", &b->token },
		      { "number", &b->number } };

	if (strcmp(key, "kind") == 0)
		return read_kind(b, value);
	if (strcmp(key, "how") == 0)
		return read_how(b, value);
	if (strcmp(key, "is_transient") == 0)
		return read_flag(&b->is_transient, value);
	if (strcmp(key, "accepted") == 0)
		return read_flag(&b->accepted, value);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0)
			return read_number(numbers[i].number, value);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(key, texts[i].key) == 0)
			return read_text(texts[i].text, value);
	return false;
}

static struct behaviour *read_object(const json_t *json, char why[128])
{
	struct behaviour *behaviour;
	const char *key;
	json_t *value;

	if (!json_object_get(json, "kind")) {
		snprintf(why, 128, "behaviour: an object with \"kind\" is needed");
		return NULL;
	}
	behaviour = buf_alloc(1, sizeof(*behaviour));
	*behaviour = behaviour_plain(BEHAVE_OK);
	json_object_foreach((json_t *)json, key, value)
	{
		if (!read_member(behaviour, key, value)) {
			snprintf(why, 128, "behaviour: \"%.40s\" is unknown or has a wrong value",
				 key);
			behaviour_free(behaviour);
			return NULL;
		}
	}
	bool needs_status = behaviour->kind == BEHAVE_HTTP && behaviour->status < 100;
	if (needs_status || behaviour->status > 599) {
		snprintf(why, 128, "behaviour: \"status\" must be 100 to 599");
		behaviour_free(behaviour);
		return NULL;
	}
	return behaviour;
}

struct behaviour *behaviour_read(const json_t *json, char why[128])
{
	struct behaviour *first = NULL, **tail = &first;
	size_t i;
	json_t *item;

	if (!json_is_array(json))
		return read_object(json, why);
	if (json_array_size(json) == 0)
		snprintf(why, 128, "behaviour: the list is empty");
	json_array_foreach(json, i, item)
	{
		*tail = read_object(item, why);
		if (!*tail) {
			behaviour_free(first);
			return NULL;
		}
		tail = &(*tail)->next;
	}
	return first;
}

void behaviour_free(struct behaviour *first)
{
	while (first) {
		struct behaviour *next = first->next;

		free(first->body);
		free(first->reason);
		free(first->token);
		free(first->number);
		free(first);
		first = next;
	}
}

bool behaviour_accepts(const struct behaviour *behaviour)
{
	return behaviour->accepted >= 0 ? behaviour->accepted : kinds[behaviour->kind].accepts;
}

int behaviour_latency(const struct behaviour *behaviour, int otherwise)
{
	return behaviour->latency_ms >= 0 ? behaviour->latency_ms : otherwise;
}

static void set_body(struct answer *answer, int status, const char *type, const char *body)
{
	answer->status = status;
	answer_field(answer, "content-type", type);
	buf_text(&answer->body, body);
}

static const char *type_of(const char *body)
{
	return body[0] == '{' || body[0] == '[' ? "application/json" : "text/plain";
}

bool behaviour_shape(const struct behaviour *behaviour, struct answer *answer)
{
	const char *body = behaviour->body ? behaviour->body : "";

	answer->close = behaviour->close;
	if (behaviour->retry_after >= 0)
		answer_fieldf(answer, "retry-after", "%d", behaviour->retry_after);
	switch (behaviour->kind) {
	case BEHAVE_OK:
	case BEHAVE_ERROR:
	case BEHAVE_DENY:
	case BEHAVE_NO_ID:
		return false;
	case BEHAVE_CUT_REPLY:
		answer->how = ANSWER_CUT;
		return false;
	case BEHAVE_DROP_REPLY:
	case BEHAVE_CUT_BEFORE:
		answer->how = ANSWER_NOTHING;
		return true;
	case BEHAVE_HANG:
		answer->how = ANSWER_NEVER;
		return true;
	case BEHAVE_HTML_502:
		set_body(answer, 502, "text/html", gateway_page);
		return true;
	case BEHAVE_HTML_504:
		set_body(answer, 504, "text/html", gateway_page);
		return true;
	case BEHAVE_BAD_JSON:
		set_body(answer, 200, "application/json",
			 "{\"messaging_product\":\"whatsapp\",\"contacts\":[{\"inp");
		return true;
	case BEHAVE_HTTP:
		set_body(answer, behaviour->status, type_of(body), body);
		return true;
	case BEHAVE_GOAWAY:
		answer->how = ANSWER_GOAWAY;
		return true;
	case BEHAVE_REFUSED_STREAM:
		answer->how = ANSWER_REFUSED;
		return true;
	}
	return false;
}
