/*
 * What control calls share. control.c has the table of them.
 */
#ifndef SIMULATOR_CONTROL_H
#define SIMULATOR_CONTROL_H

#include "simulator/sim.h"

#include <jansson.h>

/* The body as an object; NULL when it is none, and that is answered. */
json_t *control_body(struct exchange *exchange);
/* Takes `json` over. */
void control_reply(struct exchange *exchange, int status, json_t *json);
/* 200, or 400 with what is wrong unless `fault` is NULL. */
void control_done(struct exchange *exchange, const char *fault);

void control_post_webhooks(struct sim *sim, struct exchange *exchange);
void control_get_webhooks(struct sim *sim, struct exchange *exchange);
void control_post_receipts(struct sim *sim, struct exchange *exchange);
void control_post_webhook(struct sim *sim, struct exchange *exchange);
void control_post_inbound(struct sim *sim, struct exchange *exchange);
void control_post_handshake(struct sim *sim, struct exchange *exchange);

#endif
