#include "domain/receipt.h"

#include <string.h>

#include "base/text.h"
#include "domain/graph_error.h"

static const char *const names[] = {
	[RECEIPT_SENT] = "sent",     [RECEIPT_DELIVERED] = "delivered", [RECEIPT_READ] = "read",
	[RECEIPT_PLAYED] = "played", [RECEIPT_FAILED] = "failed",       [RECEIPT_OTHER] = "",
};

enum receipt_status receipt_status_parse(const char *text)
{
	for (int i = 0; i < RECEIPT_OTHER; i++)
		if (strcmp(text, names[i]) == 0)
			return (enum receipt_status)i;
	return RECEIPT_OTHER;
}

const char *receipt_status_name(enum receipt_status status)
{
	return names[status];
}

bool receipt_callback_parse(const char *text, struct message_id *ret_id, unsigned *ret_attempt)
{
	char id[MESSAGE_ID_TEXT_BYTES];
	uint64_t attempt;

	if (strlen(text) < MESSAGE_ID_TEXT_BYTES || text[MESSAGE_ID_TEXT_BYTES - 1] != ':')
		return false;
	memcpy(id, text, MESSAGE_ID_TEXT_BYTES - 1);
	id[MESSAGE_ID_TEXT_BYTES - 1] = '\0';
	if (!message_id_parse(id, ret_id) ||
	    !text_to_u64(text + MESSAGE_ID_TEXT_BYTES, 1, RECEIPT_ATTEMPT_MAX, &attempt))
		return false;
	*ret_attempt = (unsigned)attempt;
	return true;
}

static bool has_ended(enum state state)
{
	return state == STATE_FAILED || state == STATE_CANCELLED || state == STATE_EXPIRED;
}

/* What a status alone stands for. */
static enum state state_of(enum receipt_status status)
{
	switch (status) {
	case RECEIPT_SENT:
		return STATE_SENT;
	case RECEIPT_DELIVERED:
		return STATE_DELIVERED;
	case RECEIPT_READ:
	case RECEIPT_PLAYED:
		return STATE_READ;
	case RECEIPT_FAILED:
	case RECEIPT_OTHER:
		break;
	}
	return STATE_FAILED;
}

/* 0: nothing is known from Meta yet. */
static int rank(enum state state)
{
	return state == STATE_READ ? 3 : state == STATE_DELIVERED ? 2 : state == STATE_SENT ? 1 : 0;
}

enum state receipt_state(enum state now, enum receipt_status status)
{
	if (status == RECEIPT_OTHER || has_ended(now))
		return now;
	if (status == RECEIPT_FAILED)
		return rank(now) > 1 ? now : STATE_FAILED;
	return rank(state_of(status)) > rank(now) ? state_of(status) : now;
}

bool receipt_contradicts(enum state state, enum receipt_status status)
{
	if (has_ended(state))
		return status >= RECEIPT_DELIVERED && status <= RECEIPT_PLAYED;
	return status == RECEIPT_FAILED && rank(state) > 1;
}

int64_t receipt_again_ms(const struct receipt *receipt)
{
	const struct graph_error *error = graph_error_find(receipt->code, 0);

	if (receipt->status != RECEIPT_FAILED || !error)
		return -1;
	if (error->class == GRAPH_TRANSIENT)
		return 0;
	return error->class == GRAPH_RATE_LIMITED ? INT64_C(1000) * error->first_wait_s : -1;
}

/* Adds what fits. */
static void say(char text[RECEIPT_REASON_BYTES], const char *more)
{
	const size_t len = strlen(text);

	if (more)
		text_copy_cut(text + len, RECEIPT_REASON_BYTES - len, more);
}

void receipt_reason(const struct receipt *receipt, char text[RECEIPT_REASON_BYTES])
{
	const struct graph_error *error = graph_error_find(receipt->code, 0);

	text[0] = '\0';
	say(text, receipt->title);
	if (!*text)
		say(text, error ? error->title : "WhatsApp could not deliver it");
	if (receipt->details && *receipt->details) {
		say(text, ": ");
		say(text, receipt->details);
	}
	say(text, error ? ". " : ".");
	say(text, error ? error->action : "");
}
