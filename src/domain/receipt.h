/*
 * receipt - what Meta reports by webhook of a message that it took: the statuses, what each of them
 * does to the message's state, and the limits of what is kept.  Pure.
 *
 * Receipts come in any order, repeated, late, or before our own outcome.  Rules:
 *   R1  A state follows the greatest rank seen: sent, delivered, read.  played is more than read,
 *       and the message's state is read.
 *   R2  failed counts while nothing better than sent is known.
 *   R3  What has failed, was cancelled or expired stays so; what was delivered or read does not
 *       fail.  Receipts that say otherwise are kept and shown as contradicting.
 *   R4  A status that is not known is kept as Meta wrote it, and does nothing.
 *   R5  Any receipt of an attempt, failed too, proves that Meta had accepted the attempt.
 *   R6  failed for a transient cause or a rate limit is definite, and does not fail the message
 *       while attempts are left: it is sent again (docs/decisions/0027).
 */
#ifndef DOMAIN_RECEIPT_H
#define DOMAIN_RECEIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/message_id.h"
#include "domain/state.h"

/* Bytes, without the ending 0: what is longer is cut, but for these two, without which a receipt
 * says nothing: then it is none. */
#define RECEIPT_WAMID_MAX 255
#define RECEIPT_STATUS_MAX 32
#define RECEIPT_NAME_MAX 160 /* number, recipient, user, category, pricing */
#define RECEIPT_TEXT_MAX 512 /* title, details */
#define RECEIPT_ATTEMPT_MAX 32767

/* In order of rank up to PLAYED. */
enum receipt_status {
	RECEIPT_SENT = 0,
	RECEIPT_DELIVERED,
	RECEIPT_READ,
	RECEIPT_PLAYED, /* a voice note */
	RECEIPT_FAILED,
	RECEIPT_OTHER, /* a word that is not known */
};

/* One status object.  A text that is missing is "" or null. */
struct receipt {
	enum receipt_status status;
	const char *status_text; /* as Meta wrote it; needed with OTHER only */
	const char *wamid;       /* not empty */
	int64_t at_wall_us;      /* by Meta; after 2008, before 2200 */

	bool has_callback;    /* it came with callback data of ours: */
	struct message_id id; /* … its message … */
	unsigned attempt;     /* … and the attempt, 1 to RECEIPT_ATTEMPT_MAX */

	const char *number;    /* metadata.phone_number_id; nothing is found by it */
	const char *recipient; /* recipient_id */
	const char *user;      /* recipient_user_id */

	const char *category; /* of its price */
	const char *pricing_model;
	int billable; /* 1, 0; -1: not said */

	/* Of errors[0]: */
	int code; /* 0: none */
	const char *title;
	const char *details; /* error_data.details, else message where it is not the title */
};

/* OTHER for what is not known. */
enum receipt_status receipt_status_parse(const char *text);
/* "" for OTHER. */
const char *receipt_status_name(enum receipt_status status);

/* "<message_id>:<attempt>", as every call of ours carries it. */
bool receipt_callback_parse(const char *text, struct message_id *ret_id,
			    unsigned *ret_attempt) MUST_CHECK;

/* What the receipt of an attempt that has begun makes of its message; `now` when it does nothing.
 * The same rule in SQL is compared with this one by a test. */
enum state receipt_state(enum state now, enum receipt_status status);
/* It says otherwise than how the message stands (R3). */
bool receipt_contradicts(enum state state, enum receipt_status status);

/* R6: the least wait before the message is sent again, ms: the error's own with a rate limit,
 * else 0; -1: never again. */
int64_t receipt_again_ms(const struct receipt *receipt);

/* Why the message has failed, for people: Meta's title and details, and what to do. */
#define RECEIPT_REASON_BYTES 512
void receipt_reason(const struct receipt *receipt, char text[RECEIPT_REASON_BYTES]);

#endif
