#include "store/found.h"

#include <stdlib.h>
#include <string.h>

/* The columns of message_facts.sql. */
enum fact {
	STATE = 0,
	ACCEPTED,
	SENT,
	DELIVERED,
	READ,
	FAILED,
	WAMID,
	FAILURE_CODE,
	FAILURE_REASON,
	HAS_WORK,
	ATTEMPT,
	ATTEMPT_OPEN,
	BEGUN,
	DEADLINE,
	DUE,
	EXPIRES,
	CONVERSATION_TRIES,
	INCARNATION,
	WORKER,
	NODE,
	LAST_ATTEMPT,
	LAST_OUTCOME,
	LAST_ENDED,
	LAST_CODE,
	LAST_SUBCODE,
	LAST_TITLE,
	DECISION,
	DECIDED_BY,
	WHY,
	AHEAD,
	AHEAD_RECIPIENT,
	HOLD,
	HELD,
	WAIT_CODE,
	WAIT_REASON,
	WAIT_SINCE,
	SETTLE_POLICY,
	SETTLE_POLICY_OF,
	QUARANTINE_ENDS,
	SETTLE_AT,
	SETTLE_RESENDS,
	CLASS,
	HIGH, /* and the other classes, in order */
	NUMBER_RATE = HIGH + SHARE_CLASSES,
	TENANT_RATE,
	FACTS,
};

/* "" for null. */
static const char *text(const PGresult *result, int column)
{
	return PQgetvalue(result, 0, column);
}

static bool flag(const PGresult *result, int column)
{
	return *text(result, column) == 't';
}

/* 0 for null; PostgreSQL's own digits. */
static int64_t number(const PGresult *result, int column)
{
	return strtoll(text(result, column), NULL, 10);
}

bool found_facts(const PGresult *result, struct message_facts *ret_facts)
{
	struct message_facts f = {
		.accepted_wall_us = number(result, ACCEPTED),
		.sent_wall_us = number(result, SENT),
		.delivered_wall_us = number(result, DELIVERED),
		.read_wall_us = number(result, READ),
		.failed_wall_us = number(result, FAILED),
		.wamid = text(result, WAMID),
		.failure_code = (int)number(result, FAILURE_CODE),
		.failure_reason = text(result, FAILURE_REASON),
		.has_work = flag(result, HAS_WORK),
		.attempt = (unsigned)number(result, ATTEMPT),
		.attempt_open = flag(result, ATTEMPT_OPEN),
		.begun_wall_us = number(result, BEGUN),
		.deadline_wall_us = number(result, DEADLINE),
		.due_wall_us = number(result, DUE),
		.expires_wall_us = number(result, EXPIRES),
		.conversation_tries = (unsigned)number(result, CONVERSATION_TRIES),
		.incarnation = text(result, INCARNATION),
		.worker = text(result, WORKER),
		.node = text(result, NODE),
		.last_attempt = (unsigned)number(result, LAST_ATTEMPT),
		.last_ended_wall_us = number(result, LAST_ENDED),
		.last_code = (int)number(result, LAST_CODE),
		.last_subcode = (int)number(result, LAST_SUBCODE),
		.last_title = text(result, LAST_TITLE),
		.decision = text(result, DECISION),
		.decided_by = text(result, DECIDED_BY),
		.why = text(result, WHY),
		.hold = text(result, HOLD),
		.held_wall_us = number(result, HELD),
		.wait_code = (int)number(result, WAIT_CODE),
		.wait_reason = text(result, WAIT_REASON),
		.wait_wall_us = number(result, WAIT_SINCE),
		.settle_policy = text(result, SETTLE_POLICY),
		.settle_by_tenant = strcmp(text(result, SETTLE_POLICY_OF), "tenant") == 0,
		.quarantine_wall_us = number(result, QUARANTINE_ENDS),
		.settle_wall_us = number(result, SETTLE_AT),
		.settle_resends = (unsigned)number(result, SETTLE_RESENDS),
		.placed = !PQgetisnull(result, 0, AHEAD),
		.ahead = number(result, AHEAD),
		.ahead_recipient = number(result, AHEAD_RECIPIENT),
		.line = { .class = (unsigned)number(result, CLASS),
			  .number_rate = (int)number(result, NUMBER_RATE),
			  .tenant_rate = (int)number(result, TENANT_RATE) },
	};

	if (PQnfields(result) != FACTS || !state_parse(text(result, STATE), &f.state) ||
	    !outcome_parse(text(result, LAST_OUTCOME), &f.last_outcome))
		return false;
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		f.line.waiting[i] = number(result, HIGH + (int)i);
	if (f.line.class >= SHARE_CLASSES)
		return false;
	f.line.waiting[f.line.class] = f.ahead;
	*ret_facts = f;
	return true;
}

void found_read(const PGresult *result, enum store_read_kind kind, struct store_found *ret_found)
{
	memset(ret_found, 0, sizeof(*ret_found));
	if (!result || PQntuples(result) == 0)
		return;
	switch (kind) {
	case STORE_READ_FACTS:
		ret_found->found = found_facts(result, &ret_found->facts);
		return;
	case STORE_READ_WHOLE:
		ret_found->payload = text(result, 1);
		ret_found->failed = flag(result, 2);
		ret_found->failure_code = (int)number(result, 3);
		ret_found->failure_subcode = (int)number(result, 4);
		break;
	case STORE_READ_EVENTS:
	case STORE_READ_LIST:
	case STORE_READ_BATCH:
	case STORE_READ_REPORT:
	case STORE_READ_SEEN:
	case STORE_READ_BATCH_SEEN:
		break;
	}
	ret_found->json = text(result, 0);
	ret_found->found = true;
}

/* The columns of batch_cancel.sql. */
void found_cancelled(const PGresult *result, struct store_found *ret_found)
{
	memset(ret_found, 0, sizeof(*ret_found));
	if (!result || PQntuples(result) == 0)
		return;
	ret_found->found = true;
	ret_found->more = PQgetlength(result, 0, 0) == (int)sizeof(ret_found->next.bytes);
	if (ret_found->more)
		memcpy(ret_found->next.bytes, PQgetvalue(result, 0, 0),
		       sizeof(ret_found->next.bytes));
}
