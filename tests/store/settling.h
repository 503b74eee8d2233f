/*
 * settling - messages whose reply was lost, for the tests of how that is settled.
 */
#ifndef TESTS_STORE_SETTLING_H
#define TESTS_STORE_SETTLING_H

#include "harness.h"

/* Message `tag`, whose attempt 1 was lost so many seconds ago. */
void settling_lose(struct harness *h, unsigned tag, int ago_s);
/* Loads what is to be looked at, by this policy with a quarantine of 60 s; how many. */
unsigned settling_look(struct harness *h, enum unknown_policy policy, bool changed);
/* The one that is due. */
const struct store_unknown *settling_look_at_one(struct harness *h, enum unknown_policy policy);
/* `resend`, by the policy in force now; 60 s to the next look. */
struct store_settle settling_decision(struct harness *h, unsigned tag, enum settle_verdict verdict);
enum store_verdict settling_settle(struct harness *h, unsigned tag, enum settle_verdict verdict);
/* State of message and work, how work waits, by which policy (static buffer). */
const char *settling_stands(struct harness *h, unsigned tag);
/* Attempt, decision, who and why; or "none". */
const char *settling_decided(struct harness *h, unsigned tag);

#endif
