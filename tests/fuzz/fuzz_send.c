/* The body of POST /api/v1/messages/send. */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "domain/recipient.h"
#include "http/send.h"
#include "types/type.h"
#include "json/json_in.h"

#define NOW_US INT64_C(1763900000000000)

static struct zones *shared_zones(void)
{
	static struct zones *zones;

	if (zones == NULL)
		zones = zones_new();
	MUST_HOLD(zones != NULL);
	return zones;
}

/* What became of it is fit for headers, paths, the database and a JSON document. */
static void look_at(const struct message *m)
{
	struct err err;
	size_t points;
	struct json_doc *payload;
	struct str content = STR_INIT(1 << 20);

	MUST_HOLD(text_visible_ascii(m->tenant_id, strlen(m->tenant_id), MESSAGE_TOKEN_MAX));
	MUST_HOLD(text_visible_ascii(m->outlet_id, strlen(m->outlet_id), MESSAGE_TOKEN_MAX));
	MUST_HOLD(strlen(m->recipient) < RECIPIENT_BYTES && m->recipient[0] == '+');
	MUST_HOLD(text_utf8_valid(m->payload, strlen(m->payload), &points));
	payload = json_doc_parse(m->payload, strlen(m->payload), &err);
	MUST_HOLD(payload != NULL);
	json_doc_free(payload);
	MUST_HOLD(type_find(m->type)->content(m->payload, &content));
	str_fini(&content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = fuzz_text(data, size);
	const struct http_request request = { .body = body, .body_len = size };
	struct err err = { 0 };
	struct message *m = http_send_read(&request, NULL, NOW_US, shared_zones(), &err);
	size_t points;

	if (m != NULL)
		look_at(m);
	else
		MUST_HOLD(err.class == ERR_INVALID &&
			  text_utf8_valid(err.text, strlen(err.text), &points));
	message_free(m);
	free(body);
	return 0;
}
