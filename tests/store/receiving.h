/*
 * receiving - receipts of the harness's messages, for the tests of what they do.
 */
#ifndef TESTS_STORE_RECEIVING_H
#define TESTS_STORE_RECEIVING_H

#include "harness.h"

#define RECEIVED_S INT64_C(1795392000)

/* Of attempt 1 of message `tag`, so many seconds after RECEIVED_S; wamid "w.<tag>". */
struct receipt receiving_receipt(struct harness *h, unsigned tag, enum receipt_status status,
				 int at_s);
/* Gives these in as one webhook without a body and waits; h->received. */
void receiving_give(struct harness *h, const struct receipt *receipts, unsigned count);
/* One of attempt 1; returns how many were fresh. */
unsigned receiving_give_one(struct harness *h, unsigned tag, enum receipt_status status, int at_s);
/* Message `tag`, attempt 1 accepted. */
void receiving_send(struct harness *h, unsigned tag);
/* "<state> <work's state> <wait>"; static buffer. */
const char *receiving_stands(struct harness *h, unsigned tag);

#endif
