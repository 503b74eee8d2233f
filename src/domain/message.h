/*
 * message - one accepted request to send.  An owned value in one allocation; what it says
 * never changes.  Payload = type + JSON text of the object that Meta knows under the type's
 * name ("text": {"body": "..."}).
 */
#ifndef DOMAIN_MESSAGE_H
#define DOMAIN_MESSAGE_H

#include <stdint.h>

#include "base/compiler.h"
#include "domain/message_id.h"

#define MESSAGE_LANES 64
#define MESSAGE_TOKEN_MAX 128 /* tenant, outlet, conversation: visible ASCII characters */
#define MESSAGE_TEXT_MAX 4096 /* code points of a text body (Meta: 4096 characters) */

struct message {
	struct message_id id;
	uint64_t seq; /* order per recipient; 0 until the store gave it */
	int64_t accepted_wall_us;
	unsigned lane; /* 0 to MESSAGE_LANES - 1 */
	const char *tenant_id;
	const char *outlet_id;
	const char *conversation_id; /* "": not stored in the Conversation Service */
	const char *recipient;       /* normalised */
	const char *type;            /* "text" */
	const char *payload;         /* JSON text */
	const char *sender_type;     /* "llm" or "agent" */
};

/* A copy with all its texts in one block; lane is computed from the tenant.  Null: no memory.
 * Free with message_free(); null is allowed there. */
struct message *message_copy(const struct message *from) MUST_CHECK;
void message_free(struct message *m);

/* hash(tenant_id) mod MESSAGE_LANES: FNV-1a 64, fixed for ever, as it is stored. */
unsigned message_lane(const char *tenant_id);

#endif
