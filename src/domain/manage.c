#include "domain/manage.h"

#include <string.h>

#include "base/text.h"
#include "domain/message.h"

bool manage_decides(const char *text)
{
	return strcmp(text, "sent") == 0 || strcmp(text, "failed") == 0 ||
	       strcmp(text, "resend") == 0;
}

bool manage_code_fits(const char *text)
{
	uint64_t code;

	return text_to_u64(text + (*text == '-'), 1, 99999999, &code);
}

unsigned replay_batch(uint64_t rate, uint64_t left)
{
	const uint64_t batch = rate < MANAGE_BATCH_MAX ? rate : MANAGE_BATCH_MAX;

	return (unsigned)(left < batch ? left : batch);
}

int64_t replay_wait_ms(uint64_t rate, uint64_t replayed)
{
	return (int64_t)(replayed * 1000 / rate);
}

void replay_add(struct str *ids, struct str *lanes, const char *id, const char *tenant_id)
{
	(void)str_append_char(ids, ids->len ? ',' : '{');
	(void)str_append_text(ids, id);
	(void)str_append_char(lanes, lanes->len ? ',' : '{');
	(void)str_append_format(lanes, "%u", message_lane(tenant_id));
}

bool replay_close(struct str *ids, struct str *lanes)
{
	(void)str_append_char(ids, '}');
	(void)str_append_char(lanes, '}');
	return str_ok(ids) && str_ok(lanes);
}
