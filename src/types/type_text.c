#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "domain/message.h"
#include "types/type_private.h"
#include "json/json_out.h"

static bool text_read(const struct json_value *request, struct str *ret_payload,
		      struct err *ret_err)
{
	struct json_out out;
	const char *text;
	size_t len;
	size_t characters = 0;

	if (!json_member_text(request, "message", &text, &len, ret_err))
		return false;
	if (text == NULL || len == 0) {
		err_set(ret_err, ERR_INVALID, 0, "message: is %s; write 1 to %d characters",
			text == NULL ? "missing" : "empty", MESSAGE_TEXT_MAX);
		return false;
	}
	if (!text_utf8_valid(text, len, &characters) || characters > MESSAGE_TEXT_MAX) {
		err_set(ret_err, ERR_INVALID, 0,
			"message: has %zu characters; write at most %d, or several messages",
			characters, MESSAGE_TEXT_MAX);
		return false;
	}
	str_reset(ret_payload);
	json_out_begin(&out, ret_payload);
	json_out_object(&out, NULL);
	json_out_text(&out, "body", text);
	json_out_object_end(&out);
	if (!str_ok(ret_payload)) {
		err_set(ret_err, ERR_INTERNAL, 0, "message: no memory to keep it");
		return false;
	}
	return true;
}

static bool text_content(const char *payload, struct str *ret_content)
{
	struct err err;
	struct json_doc *doc = json_doc_parse(payload, strlen(payload), &err);
	const char *text;
	bool ok;

	if (doc == NULL)
		return false;
	text = json_text(json_member(json_doc_root(doc), "body"), NULL);
	ok = text != NULL && str_append_text(ret_content, text);
	json_doc_free(doc);
	return ok;
}

const struct type type_text = {
	.name = "text",
	.member = "message",
	.read = text_read,
	.content = text_content,
};
