/*
 * status - one status object of a webhook as a receipt
 * (research of its members: developers.facebook.com/documentation/business-messaging/whatsapp,
 * "status messages webhook reference", November 2026, and what older versions sent).
 */
#ifndef WEBHOOK_STATUS_H
#define WEBHOOK_STATUS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "domain/receipt.h"
#include "json/json_in.h"

/* What it borrows its texts from lives as long as the document, and this. */
struct webhook_status {
	struct receipt receipt;
	bool strange_status;    /* its word is not known */
	unsigned strange_count; /* members that are not known */
	char texts[4][24];      /* numbers that Meta writes as texts otherwise */
	unsigned text_count;
};

/* number: what it was sent from, borrowed.  False: it is no object, or lacks id, status or a time;
 * ret is then of no use. */
bool webhook_status_read(const struct json_value *v, const char *number,
			 struct webhook_status *ret) MUST_CHECK;

/* "1795392010", or the number: seconds since 1970, as microseconds.  0: neither. */
int64_t webhook_time_us(const struct json_value *v);

#endif
