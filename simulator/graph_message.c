#include "simulator/graph_message.h"

#include "simulator/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BODY_CHARACTERS_MAX = 4096, CALLBACK_MAX = 512 };

enum { BAD_PARAMETER = 100, MISSING = 131008, BAD_VALUE = 131009 };

static const char *const types[] = { "text",     "image",       "video",    "audio",
				     "document", "sticker",     "location", "contacts",
				     "reaction", "interactive", "template", "pin" };

__attribute__((format(printf, 3, 4))) static int fail(char why[160], int code, const char *format,
						      ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, 160, format, args);
	va_end(args);
	return code;
}

#define FAIL_MISSING(why, name) fail(why, MISSING, "Parameter %s is missing.", name)
#define FAIL_VALUE(why, name) fail(why, BAD_VALUE, "Value of %s is not allowed.", name)
#define FAIL_TYPE(why, name) fail(why, BAD_PARAMETER, "Parameter %s has a wrong type.", name)

static size_t count_characters(const char *utf8)
{
	size_t n = 0;

	for (; *utf8; utf8++)
		n += ((unsigned char)*utf8 & 0xc0) != 0x80;
	return n;
}

static int read_read_mark(const json_t *json, struct graph_message *message, char why[160])
{
	const char *status = json_string_value(json_object_get(json, "status"));

	message->marks_read = true;
	if (!status || strcmp(status, "read") != 0)
		return FAIL_VALUE(why, "status");
	if (!json_is_string(json_object_get(json, "message_id")))
		return FAIL_MISSING(why, "message_id");
	return 0;
}

static int read_recipient(const json_t *json, const char *country, struct graph_message *message,
			  char why[160])
{
	const json_t *to = json_object_get(json, "to");

	if (!to) {
		to = json_object_get(json, "recipient");
		message->is_user_id = to != NULL;
	}
	if (!to)
		return FAIL_MISSING(why, "to");
	if (!json_is_string(to))
		return FAIL_TYPE(why, "to");
	message->to = json_string_value(to);
	size_t len = strlen(message->to);
	if (!len || len >= sizeof(message->key))
		return FAIL_VALUE(why, "to");
	if (message->is_group || message->is_user_id) {
		memcpy(message->key, message->to, len + 1);
		return 0;
	}
	size_t before = 0;
	if (country && message->to[0] != '+') {
		before = strlen(country);
		memcpy(message->key, country, before);
	}
	/* E.164: at most 15 digits; none is shorter than 8 with its country code. */
	if (!sim_digits(message->to, message->key + before, sizeof(message->key) - before) ||
	    strlen(message->key) < 8 || strlen(message->key) > 15)
		return FAIL_VALUE(why, "to");
	return 0;
}

static int check_text(const json_t *text, char why[160])
{
	const json_t *body = json_object_get(text, "body");
	const json_t *preview = json_object_get(text, "preview_url");

	if (!body)
		return FAIL_MISSING(why, "text.body");
	if (!json_is_string(body))
		return FAIL_TYPE(why, "text.body");
	if (!json_string_length(body))
		return FAIL_VALUE(why, "text.body");
	if (count_characters(json_string_value(body)) > BODY_CHARACTERS_MAX)
		return fail(why, BAD_PARAMETER, "Field %s exceeds its maximum of 4096 characters.",
			    "text.body");
	if (preview && !json_is_boolean(preview))
		return FAIL_TYPE(why, "text.preview_url");
	return 0;
}

static int check_content(const json_t *json, struct graph_message *message, char why[160])
{
	const json_t *type_value = json_object_get(json, "type");
	const char *type = type_value ? json_string_value(type_value) : "text";
	size_t i = 0;

	while (i < sizeof(types) / sizeof(types[0]) && type && strcmp(types[i], type) != 0)
		i++;
	if (!type || i == sizeof(types) / sizeof(types[0]))
		return FAIL_VALUE(why, "type");
	const json_t *content = json_object_get(json, type);
	if (!content)
		return FAIL_MISSING(why, types[i]);
	if (strcmp(type, "contacts") == 0 ? !json_is_array(content) : !json_is_object(content))
		return FAIL_TYPE(why, types[i]);
	message->is_template = strcmp(type, "template") == 0;
	return strcmp(type, "text") == 0 ? check_text(content, why) : 0;
}

static int read_callback(const json_t *json, struct graph_message *message, char why[160])
{
	const json_t *callback = json_object_get(json, "biz_opaque_callback_data");

	if (!callback)
		return 0;
	if (!json_is_string(callback))
		return FAIL_TYPE(why, "biz_opaque_callback_data");
	if (json_string_length(callback) > CALLBACK_MAX)
		return fail(why, BAD_PARAMETER, "Field %s exceeds its maximum of 512 characters.",
			    "biz_opaque_callback_data");
	message->callback = json_string_value(callback);
	return 0;
}

int graph_message_read(const json_t *json, const char *country, struct graph_message *ret_message,
		       char why[160])
{
	const char *product = json_string_value(json_object_get(json, "messaging_product"));
	const json_t *kind_value = json_object_get(json, "recipient_type");
	const char *kind = kind_value ? json_string_value(kind_value) : "individual";
	int code;

	*ret_message = (struct graph_message){ .to = "", .callback = "" };
	if (!product || strcmp(product, "whatsapp") != 0)
		return fail(why, BAD_PARAMETER, "Parameter %s must be \"whatsapp\".",
			    "messaging_product");
	if (json_object_get(json, "status"))
		return read_read_mark(json, ret_message, why);
	ret_message->is_group = kind && strcmp(kind, "group") == 0;
	if (!kind || (!ret_message->is_group && strcmp(kind, "individual") != 0))
		return FAIL_VALUE(why, "recipient_type");
	code = read_callback(json, ret_message, why);
	if (code == 0)
		code = read_recipient(json, country, ret_message, why);
	if (code == 0)
		code = check_content(json, ret_message, why);
	return code;
}
