#include "domain/message.h"

#include <stdlib.h>
#include <string.h>

struct message *message_copy(const struct message *from)
{
	const char *const texts[] = { from->tenant_id,
				      from->outlet_id,
				      from->conversation_id,
				      from->recipient,
				      from->type,
				      from->payload,
				      from->sender_type,
				      from->deliver_between ? from->deliver_between : "" };
	enum { TEXTS = sizeof(texts) / sizeof(texts[0]) };
	char *copies[TEXTS];
	size_t sizes[TEXTS];
	size_t total = sizeof(struct message);
	struct message *m;
	char *end;

	for (int i = 0; i < TEXTS; i++) {
		sizes[i] = strlen(texts[i]) + 1;
		total += sizes[i];
	}
	m = malloc(total);
	if (m == NULL)
		return NULL;
	end = (char *)(m + 1);
	for (int i = 0; i < TEXTS; i++) {
		copies[i] = memcpy(end, texts[i], sizes[i]);
		end += sizes[i];
	}
	*m = *from;
	m->tenant_id = copies[0];
	m->outlet_id = copies[1];
	m->conversation_id = copies[2];
	m->recipient = copies[3];
	m->type = copies[4];
	m->payload = copies[5];
	m->sender_type = copies[6];
	m->deliver_between = copies[7];
	m->lane = message_lane(m->tenant_id);
	m->queue = message_queue(m->tenant_id, m->outlet_id, m->class);
	return m;
}

void message_free(struct message *m)
{
	free(m);
}

int64_t message_expires_us(const struct message *m, int64_t ttl_us)
{
	if (m->valid_until_wall_us != 0)
		return m->valid_until_wall_us;
	return (m->due_wall_us != 0 ? m->due_wall_us : m->accepted_wall_us) + ttl_us;
}

bool message_is_later(const struct message *m, int64_t ahead_us)
{
	return m->due_wall_us > m->accepted_wall_us + ahead_us;
}

#define FNV_BASIS UINT64_C(0xcbf29ce484222325) /* FNV-1a 64 */
#define FNV_PRIME UINT64_C(0x100000001b3)
#define QUEUE_HASH UINT64_C(0x7ffffffffffffffc)
#define QUEUE_CLASS UINT64_C(3)

static uint64_t hash_of(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++) {
		hash ^= (uint8_t)*text;
		hash *= FNV_PRIME;
	}
	return hash;
}

unsigned message_lane(const char *tenant_id)
{
	return (unsigned)(hash_of(FNV_BASIS, tenant_id) % MESSAGE_LANES);
}

uint64_t message_queue(const char *tenant_id, const char *outlet_id, enum message_class class)
{
	const uint64_t tenant = hash_of(FNV_BASIS, tenant_id) * FNV_PRIME; /* and a byte 0 */

	return (hash_of(tenant, outlet_id) & QUEUE_HASH) | class;
}

enum message_class message_queue_class(uint64_t queue)
{
	return (enum message_class)(queue & QUEUE_CLASS);
}

static const char *const class_names[MESSAGE_CLASSES] = {
	[MESSAGE_HIGH] = "high",
	[MESSAGE_NORMAL] = "normal",
	[MESSAGE_BULK] = "bulk",
};

const char *message_class_name(enum message_class class)
{
	return class_names[class];
}

bool message_class_parse(const char *name, enum message_class *ret_class)
{
	for (int i = 0; i < MESSAGE_CLASSES; i++) {
		if (strcmp(name, class_names[i]) == 0) {
			*ret_class = (enum message_class)i;
			return true;
		}
	}
	return false;
}
