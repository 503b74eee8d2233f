/*
 * notice - what a webhook tells besides receipts and is acted upon, and all of one webhook, in the
 * order they came, with texts of their own.  Pure.
 *
 * INBOUND and PREFERENCE name a user by telephone number, by business-scoped id, or by both.
 */
#ifndef DOMAIN_NOTICE_H
#define DOMAIN_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "domain/message_id.h"

#define NOTICES_MAX 50000     /* as many as 4 MiB can hold */
#define NOTICE_TEXT_MAX 255   /* bytes of a text; what is longer is cut */
#define NOTICE_OPT_OUT 131050 /* code of a receipt: the user wants no marketing messages */

enum notice_kind {
	NOTICE_INBOUND = 0, /* a user has written: their window of 24 hours is open */
	NOTICE_PREFERENCE,  /* a user wants no marketing messages, or wants them again */
	NOTICE_NUMBER,      /* a number, how it is displayed, its account */
	NOTICE_QUALITY,     /* what a number may send has changed */
	NOTICE_ACCOUNT,     /* what an account may do has changed */
	NOTICE_KINDS,
};

/* Texts that are missing are "" or null. */
struct notice {
	enum notice_kind kind;
	const char *number;  /* phone_number_id; with INBOUND, PREFERENCE, NUMBER */
	const char *display; /* its telephone number; with NUMBER, QUALITY */
	const char *account; /* with ACCOUNT; also with others, when it is known */
	const char *phone;
	const char *user;
	int64_t at_wall_us;    /* by Meta; 0: not said, which QUALITY and ACCOUNT may leave out */
	int64_t until_wall_us; /* of a restriction; 0: not said */
	const char *wamid;     /* of INBOUND; of PREFERENCE: of the message that failed so */
	/* INBOUND: text, image …; PREFERENCE: the category; ACCOUNT: the restriction's type or the
	 * ban's state; QUALITY: the limit of conversations */
	const char *type;
	const char *event; /* QUALITY, ACCOUNT */
	bool stop;         /* PREFERENCE */
	bool has_id;       /* PREFERENCE: it is known of which message it was */
	struct message_id id;
	const char *raw; /* INBOUND: as it came; not ended by 0 */
	size_t raw_len;
};

struct notices;

enum notices_verdict {
	NOTICES_ADDED = 0,
	NOTICES_BAD,  /* something that identifies it is missing, or no UTF-8 */
	NOTICES_FULL, /* NOTICES_MAX, or no memory */
};

/* "inbound", "preference", "number", "quality", "account": as in SQL. */
const char *notice_kind_name(enum notice_kind kind);

/* Null: no memory. */
struct notices *notices_new(void) MUST_CHECK;
void notices_free(struct notices *list); /* null is allowed */

/* Copies it; of a text that is not UTF-8 nothing is kept. */
enum notices_verdict notices_add(struct notices *list, const struct notice *notice) MUST_CHECK;
unsigned notices_count(const struct notices *list); /* null: 0 */
/* at < count; valid until the list is freed; none of its texts is null. */
const struct notice *notices_at(const struct notices *list, unsigned at);

#endif
