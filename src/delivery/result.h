/*
 * result - what a waiter is told about its message.  Borrowed for the call; it travels by bell.
 */
#ifndef DELIVERY_RESULT_H
#define DELIVERY_RESULT_H

#include <stdint.h>

#include "clients/graph_client.h"
#include "domain/message_id.h"

enum delivery_end {
	DELIVERY_SENT = 0,
	DELIVERY_FAILED,    /* final: it is never sent afterwards */
	DELIVERY_UNKNOWN,   /* Meta's reply was lost */
	DELIVERY_RELEASED,  /* goes on later, without the waiter */
	DELIVERY_TAKEN,     /* its lane's owner has it: who only wanted to know that, knows */
	DELIVERY_ELSEWHERE, /* somebody else has it, or had it: the store knows how it stands */
	DELIVERY_END_COUNT,
};

struct delivery_result {
	struct message_id id; /* of the message: an old bell must not meet a new request */
	enum delivery_end end;
	char wamid[WAMID_BYTES]; /* SENT */
	int64_t sent_wall_us;    /* SENT */
	int code;                /* FAILED: Meta's code, negative: our case, 0: none */
	char title[128];         /* FAILED: Meta's or the table's words */
	const char *action;      /* FAILED: what to do; never null */
	const char *detail;      /* RELEASED: "queued", "retrying"; never null */
	unsigned attempts;
};

#endif
