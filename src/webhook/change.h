/*
 * change - what a webhook tells besides receipts, one thing at a time.
 *
 * Plain values.  Texts are borrowed for the call that tells of it, never null, "" when they are
 * missing, and cut at WEBHOOK_TEXT_BYTES - 1 (json is never).  Numbers that identify something are
 * texts, however Meta wrote them.
 */
#ifndef WEBHOOK_CHANGE_H
#define WEBHOOK_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBHOOK_TEXT_BYTES 256

/* The fields that an app can subscribe to and that are known: rows of field.c. */
enum webhook_field {
	WEBHOOK_MESSAGES = 0,
	WEBHOOK_USER_PREFERENCES,
	WEBHOOK_NUMBER_QUALITY,
	WEBHOOK_ACCOUNT,
	WEBHOOK_CAPABILITY,
	WEBHOOK_ACCOUNT_ALERTS,
	WEBHOOK_TEMPLATE_STATUS,
	WEBHOOK_TEMPLATE_QUALITY,
	WEBHOOK_TEMPLATE_CATEGORY,
	WEBHOOK_TEMPLATE_COMPONENTS,
	WEBHOOK_NUMBER_NAME,
	WEBHOOK_SECURITY,
	WEBHOOK_OTHER, /* none of these */
	WEBHOOK_FIELDS,
};

enum webhook_kind {
	WEBHOOK_INBOUND = 0, /* a customer has written: one of messages */
	WEBHOOK_PREFERENCE,  /* a customer wants no marketing messages, or wants them again */
	WEBHOOK_QUALITY,     /* what a number may send has changed */
	WEBHOOK_RESTRICTION, /* of an account: one for each restriction, one when there is none */
	WEBHOOK_WHOLE,       /* all else: a whole change */
};

struct webhook_change {
	enum webhook_kind kind;
	enum webhook_field field;
	const char *field_text; /* as Meta wrote it */
	const char *account;    /* entry.id: the WhatsApp Business account */
	const char *number;     /* metadata.phone_number_id */
	const char *display;    /* display_phone_number, of metadata or of QUALITY */

	/* INBOUND, PREFERENCE */
	const char *phone;  /* from, wa_id: digits */
	const char *user;   /* from_user_id, user_id: business-scoped */
	int64_t at_wall_us; /* by Meta; of QUALITY and RESTRICTION the entry's time; 0: not said */
	const char *wamid;  /* INBOUND */
	const char *type;   /* INBOUND: text, image …; PREFERENCE: the category */
	bool stop;          /* PREFERENCE */

	/* QUALITY, RESTRICTION */
	const char *event;
	/* QUALITY: the new one, by whatever name; RESTRICTION: its type, or the state of a ban */
	const char *limit;
	int64_t until_wall_us; /* RESTRICTION: 0: not said */

	const char *json; /* its object in the body, as it came; not ended by 0 */
	size_t json_len;
};

/* What was not as it is known; it is in the body that is kept, and nothing else of the webhook
 * suffers. */
enum webhook_unknown {
	WEBHOOK_UNKNOWN_OBJECT = 0, /* the webhook is of another product */
	WEBHOOK_UNKNOWN_FIELD,
	WEBHOOK_UNKNOWN_STATUS, /* the word of a receipt, which is kept */
	WEBHOOK_UNKNOWN_MEMBER, /* of a receipt, which is kept */
	WEBHOOK_UNKNOWN_SHAPE,  /* a thing that is not of its kind, or lacks what identifies it */
	WEBHOOK_UNKNOWN_JSON,   /* from somewhere on the body is no JSON */
	WEBHOOK_UNKNOWNS,
};

/* OTHER for what is not known. */
enum webhook_field webhook_field_parse(const char *text);
/* "other" for OTHER. */
const char *webhook_field_name(enum webhook_field field);

#endif
