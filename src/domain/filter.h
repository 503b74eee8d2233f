/*
 * filter - which messages of a tenant are asked for.  Plain values.
 */
#ifndef DOMAIN_FILTER_H
#define DOMAIN_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "domain/message.h"
#include "domain/message_id.h"

#define FILTER_LIMIT_MAX 200
#define FILTER_LIMIT_DEFAULT 50

struct message_filter {
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char status[16]; /* the contract's word; "": any */
	bool has_since;
	int64_t since_wall_us; /* accepted at this time or later */
	bool has_before;
	struct message_id before; /* only ids below it */
	unsigned limit;           /* 1 to FILTER_LIMIT_MAX */
};

#endif
