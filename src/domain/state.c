/*
 * The arrows of the life of a message (docs/ARCHITECTURE.md).  Rules:
 *
 *   S1  A client's status never goes backwards: queued, sent, delivered, read; failed ends.  What
 *       was sent, has failed by receipt and is sent again stays sent to him.
 *   S2  Receipts come from another way than outcomes and may overtake them, so every state
 *       that an attempt can have left behind takes one.
 *   S3  failed, cancelled, expired and read take nothing any more: evidence that contradicts
 *       them is kept in the timeline.
 *   S4  Becoming what one is already is no arrow: it is a repetition, and writes nothing.
 */
#include "domain/state.h"

#include <stddef.h>
#include <string.h>

#include "domain/graph_error.h"

struct state_row {
	const char *name;
	const char *status;
	const char *detail;
	bool final;
};

static const struct state_row states[STATE_COUNT] = {
	[STATE_QUEUED] = { "queued", "queued", "queued", false },
	[STATE_SCHEDULED] = { "scheduled", "scheduled", "scheduled", false },
	[STATE_SENDING] = { "sending", "queued", "sending", false },
	[STATE_RETRYING] = { "retrying", "queued", "retrying", false },
	[STATE_UNKNOWN] = { "unknown", "queued", "outcome_unknown", false },
	[STATE_SENT] = { "sent", "sent", "sent", false },
	[STATE_DELIVERED] = { "delivered", "delivered", "delivered", true },
	[STATE_READ] = { "read", "read", "read", true },
	[STATE_FAILED] = { "failed", "failed", "failed", true },
	[STATE_CANCELLED] = { "cancelled", "cancelled", "cancelled", true },
	[STATE_EXPIRED] = { "expired", "expired", "expired", true },
	[STATE_HELD] = { "held", "queued", "held", false },
};

struct arrow {
	enum state from;
	enum state to;
};

static const struct arrow arrows[] = {
	{ STATE_SCHEDULED, STATE_QUEUED },    /* it is due */
	{ STATE_SCHEDULED, STATE_CANCELLED }, /* before any attempt */
	{ STATE_SCHEDULED, STATE_EXPIRED },   /* validity ran out */
	{ STATE_QUEUED, STATE_SENDING },      /* an attempt begins */
	{ STATE_QUEUED, STATE_RETRYING },     /* no credentials yet: waits */
	{ STATE_QUEUED, STATE_FAILED },       /* no credentials, and the caller waits no longer */
	{ STATE_QUEUED, STATE_CANCELLED },    /* before any attempt */
	{ STATE_QUEUED, STATE_EXPIRED },      /* validity ran out */
	{ STATE_SENDING, STATE_SENT },        /* accepted */
	{ STATE_SENDING, STATE_RETRYING },    /* not sent or refused for now */
	{ STATE_SENDING, STATE_UNKNOWN },     /* the reply was lost */
	{ STATE_SENDING, STATE_FAILED },      /* refused for good, or retries used up */
	{ STATE_SENDING, STATE_EXPIRED },     /* refused for now, and no time for another try */
	{ STATE_SENDING, STATE_DELIVERED },   /* the receipt overtook the outcome */
	{ STATE_SENDING, STATE_READ },        /* the receipt overtook the outcome */
	{ STATE_RETRYING, STATE_SENDING },    /* the next attempt begins */
	{ STATE_RETRYING, STATE_SENT },       /* an earlier attempt turns out accepted */
	{ STATE_RETRYING, STATE_DELIVERED },  /* a receipt of an earlier attempt */
	{ STATE_RETRYING, STATE_READ },       /* a receipt of an earlier attempt */
	{ STATE_RETRYING, STATE_FAILED },     /* given up while waiting */
	{ STATE_RETRYING, STATE_CANCELLED },  /* between two attempts */
	{ STATE_RETRYING, STATE_EXPIRED },    /* validity ran out */
	{ STATE_UNKNOWN, STATE_SENDING },     /* sent again, by recorded policy */
	{ STATE_UNKNOWN, STATE_RETRYING },    /* the outcome came late: not sent, or refused */
	{ STATE_UNKNOWN, STATE_SENT },        /* the outcome or a receipt came late */
	{ STATE_UNKNOWN, STATE_DELIVERED },   /* a receipt settles it */
	{ STATE_UNKNOWN, STATE_READ },        /* a receipt settles it */
	{ STATE_UNKNOWN, STATE_FAILED },      /* a receipt, a late refusal, or policy */
	{ STATE_SENT, STATE_DELIVERED },      /* receipt */
	{ STATE_SENT, STATE_READ },           /* receipt; delivered was lost or is late */
	{ STATE_SENT, STATE_FAILED },         /* receipt */
	{ STATE_SENT, STATE_RETRYING },       /* receipt: failed for now, sent again */
	{ STATE_DELIVERED, STATE_READ },      /* receipt */
};

static const struct state_row *row(enum state state)
{
	static const struct state_row none = { "", "", "", false };

	return (size_t)state < STATE_COUNT ? &states[state] : &none;
}

const char *state_name(enum state state)
{
	return row(state)->name;
}

bool state_parse(const char *name, enum state *ret_state)
{
	for (size_t i = 0; i < STATE_COUNT; i++) {
		if (strcmp(name, states[i].name) == 0) {
			*ret_state = (enum state)i;
			return true;
		}
	}
	return false;
}

/* Who did not ask for it does not know the word: he sees failed. */
const char *state_status(enum state state, int failure_code, bool was_sent)
{
	const char *status = row(state)->status;

	if (state == STATE_CANCELLED && failure_code != GRAPH_CASE_CANCELLED)
		return states[STATE_FAILED].status;
	if (was_sent && strcmp(status, states[STATE_QUEUED].status) == 0)
		return states[STATE_SENT].status;
	return status;
}

const char *state_detail(enum state state, int failure_code)
{
	if (state == STATE_FAILED && failure_code == GRAPH_CASE_EXPIRED)
		return states[STATE_EXPIRED].detail;
	return row(state)->detail;
}

bool state_may_become(enum state from, enum state to)
{
	for (size_t i = 0; i < sizeof(arrows) / sizeof(arrows[0]); i++)
		if (arrows[i].from == from && arrows[i].to == to)
			return true;
	return false;
}

bool state_is_final(enum state state)
{
	return row(state)->final;
}
