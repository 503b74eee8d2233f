/*
 * message - one accepted request to send.  An owned value in one allocation; what it says
 * never changes.  Payload = type + JSON text of the object that Meta knows under the type's
 * name ("text": {"body": "..."}).
 */
#ifndef DOMAIN_MESSAGE_H
#define DOMAIN_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/message_id.h"
#include "domain/trace.h"

#define MESSAGE_LANES 64
#define MESSAGE_TOKEN_MAX 128 /* tenant, outlet, conversation: visible ASCII characters */
#define MESSAGE_TEXT_MAX 4096 /* code points of a text body (Meta: 4096 characters) */

/* Its priority.  The numbers are stored. */
enum message_class {
	MESSAGE_HIGH = 0, /* one-time codes */
	MESSAGE_NORMAL,
	MESSAGE_BULK,
	MESSAGE_CLASSES,
};

#define MESSAGE_REQUEST_ID_BYTES 64

struct message {
	struct message_id id;
	uint64_t seq; /* order per recipient in its queue; 0 until the store gave it */
	int64_t accepted_wall_us;
	unsigned lane; /* 0 to MESSAGE_LANES - 1 */
	enum message_class class;
	uint64_t queue;              /* message_queue() of it */
	int64_t send_at_wall_us;     /* as its caller said; 0: it did not */
	int64_t due_wall_us;         /* its first attempt not before; 0: at once */
	int64_t valid_until_wall_us; /* as its caller said; 0: it did not */
	struct message_id batch_id;  /* of the bulk call; all 0: none */
	const char *tenant_id;
	const char *outlet_id;
	const char *conversation_id;               /* "": not stored in the Conversation Service */
	const char *recipient;                     /* normalised */
	const char *type;                          /* "text" */
	const char *payload;                       /* JSON text */
	const char *sender_type;                   /* "llm" or "agent" */
	const char *deliver_between;               /* JSON text, null or "": at any time */
	char request_id[MESSAGE_REQUEST_ID_BYTES]; /* cut; "" once it was read from the store */
	char traceparent[TRACE_PARENT_BYTES];      /* of its calls and log lines */
};

/* A copy with all its texts in one block, none of them null; lane and queue are computed.  Null: no
 * memory.  Free with message_free(); null is allowed there. */
struct message *message_copy(const struct message *from) MUST_CHECK;
void message_free(struct message *m);

/* The end of its validity: as its caller said, else so long after it was accepted or is due. */
int64_t message_expires_us(const struct message *m, int64_t ttl_us);
/* It is due more than ahead_us after it was accepted. */
bool message_is_later(const struct message *m, int64_t ahead_us);

/* hash(tenant_id) mod MESSAGE_LANES: FNV-1a 64, fixed for ever, as it is stored. */
unsigned message_lane(const char *tenant_id);

/* Messages of one tenant, outlet and class: FNV-1a 64 of tenant, a byte 0 and outlet, without its
 * highest bit, so that it is positive in SQL too, and with the class as its lowest two bits.  Fixed
 * for ever, as it is stored (work.queue; message_sender.work_queue() in SQL).  Two that collide
 * are one queue, which does no harm. */
uint64_t message_queue(const char *tenant_id, const char *outlet_id, enum message_class class);
enum message_class message_queue_class(uint64_t queue);

/* "high", "normal", "bulk": as callers write it. */
const char *message_class_name(enum message_class class);
bool message_class_parse(const char *name, enum message_class *ret_class);

#endif
