/*
 * body - the body of a webhook, read in portions and told of thing by thing
 * (developers.facebook.com/documentation/business-messaging/whatsapp/webhooks; up to 1,000 updates
 * and 3 MB).
 *
 *   {"object": "whatsapp_business_account", "entry": [{"id": …, "time": …, "changes": [
 *     {"field": "messages", "value": {"metadata": {…}, "statuses": […], "messages": […]}}, …]}, …]}
 *
 * Invariants
 *  B1  Nothing that is not as it is known spoils anything else: a thing is told of, or counted as
 *      unknown.  Only where the text stops being JSON nothing more can be read; changes before
 *      that are told of.
 *  B2  A change is looked at when it is passed, as its field may stand behind its value.
 *  B3  However long the body, a call takes about the bytes it is given.
 */
#ifndef WEBHOOK_BODY_H
#define WEBHOOK_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "domain/receipt.h"
#include "webhook/change.h"

/* What they are handed is borrowed for the call. */
struct webhook_listener {
	void *arg;
	void (*receipt)(void *arg, const struct receipt *receipt);
	void (*change)(void *arg, const struct webhook_change *change);
	void (*unknown)(void *arg, enum webhook_unknown what);
	/* Once for each change of a number: its id and its telephone number, neither "", and its
	 * account, which may be.
	 * Null: not asked for. */
	void (*number)(void *arg, const char *number, const char *display, const char *account);
};

struct webhook_body;

/* The text is borrowed until it is freed.  Null: no memory. */
struct webhook_body *webhook_body_new(const char *text, size_t len,
				      const struct webhook_listener *listener) MUST_CHECK;
void webhook_body_free(struct webhook_body *b); /* null is allowed */

/* Reads on, about so many bytes.  True: there is more. */
bool webhook_body_read(struct webhook_body *b, size_t bytes) MUST_CHECK;

#endif
