#include "domain/message.h"

#include <stdlib.h>
#include <string.h>

struct message *message_copy(const struct message *from)
{
	const char *const texts[] = { from->tenant_id,  from->outlet_id, from->conversation_id,
				      from->recipient,  from->type,      from->payload,
				      from->sender_type };
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
	m->lane = message_lane(m->tenant_id);
	return m;
}

void message_free(struct message *m)
{
	free(m);
}

unsigned message_lane(const char *tenant_id)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a 64: offset basis, prime */

	for (; *tenant_id != '\0'; tenant_id++) {
		hash ^= (uint8_t)*tenant_id;
		hash *= UINT64_C(0x100000001b3);
	}
	return (unsigned)(hash % MESSAGE_LANES);
}
