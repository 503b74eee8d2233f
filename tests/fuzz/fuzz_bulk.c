/* The body of POST /api/v1/messages/bulk; the first byte says in which portions it is read. */
#include "fuzz.h"

#include <string.h>

#include "base/text.h"
#include "http/bulk.h"

#define NOW_US INT64_C(1763900000000000)
#define ITEMS_LOOKED_AT 64

static struct zones *shared_zones(void)
{
	static struct zones *zones;

	if (zones == NULL)
		zones = zones_new();
	MUST_HOLD(zones != NULL);
	return zones;
}

static void look_at(struct http_bulk *b)
{
	const unsigned count = http_bulk_count(b);
	const char *whole, *text;
	size_t whole_len, len;

	MUST_HOLD(count > 0 && count <= HTTP_BULK_ITEMS_MAX);
	MUST_HOLD(http_bulk_tenant(b) != NULL);
	whole = http_bulk_text(b, &whole_len);
	http_bulk_came(b, NOW_US);
	for (unsigned i = 0; i < count && i < ITEMS_LOOKED_AT; i++) {
		char key[IDEMPOTENCY_KEY_BYTES];
		struct err err = { 0 };
		struct message *m = http_bulk_item(b, i, key, &err);

		text = http_bulk_item_text(b, i, &len);
		MUST_HOLD(text >= whole && text + len <= whole + whole_len);
		if (m != NULL)
			MUST_HOLD(strcmp(m->tenant_id, http_bulk_tenant(b)) == 0);
		else
			MUST_HOLD(err.class == ERR_INVALID);
		message_free(m);
	}
	text = http_bulk_defaults_text(b, &len);
	MUST_HOLD(text + len <= whole + whole_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t portion = (size_t)fuzz_take(&data, &size) * 16 + 1;
	struct str body = STR_INIT(1 << 24);
	enum http_bulk_reading reading;
	struct http_bulk *b;
	struct err err = { 0 };
	size_t points;

	MUST_HOLD(str_append(&body, (const char *)data, size));
	b = http_bulk_new(&body, shared_zones());
	MUST_HOLD(b != NULL && body.len == 0);
	do
		reading = http_bulk_read(b, portion, &err);
	while (reading == HTTP_BULK_MORE);
	if (reading == HTTP_BULK_READ)
		look_at(b);
	else
		MUST_HOLD(err.class == ERR_INVALID &&
			  text_utf8_valid(err.text, strlen(err.text), &points));
	http_bulk_free(b);
	str_fini(&body);
	return 0;
}
