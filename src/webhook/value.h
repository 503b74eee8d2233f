/*
 * value - what the value of a change tells, receipts apart.  Private to src/webhook.
 */
#ifndef WEBHOOK_VALUE_H
#define WEBHOOK_VALUE_H

#include "webhook/body.h"
#include "json/json_in.h"

/* change: what is known of it so far; what it is about is added.  Something that lacks what
 * identifies it is told of as unknown. */
void webhook_value_inbound(const struct webhook_listener *listener,
			   const struct webhook_change *change, const struct json_value *v);
void webhook_value_preference(const struct webhook_listener *listener,
			      const struct webhook_change *change, const struct json_value *v);
void webhook_value_quality(const struct webhook_listener *listener,
			   const struct webhook_change *change, const struct json_value *v);
/* One for each restriction. */
void webhook_value_account(const struct webhook_listener *listener,
			   const struct webhook_change *change, const struct json_value *v);

/* Copies a text, or a number as one, cut; "" for all else. */
void webhook_value_text(const struct json_value *v, char text[WEBHOOK_TEXT_BYTES]);

#endif
