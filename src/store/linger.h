/*
 * linger - how long the oldest write of a batch waits for company.
 *
 * A transaction costs about as much as 25 rows.  Waiting pays only when others come meanwhile:
 * rows of the last tenth of a second say how many to expect (docs/decisions/0004).
 */
#ifndef STORE_LINGER_H
#define STORE_LINGER_H

#include <stdint.h>

/* Rows submitted; starts as zeros. */
struct linger {
	int64_t since_ms;
	unsigned rows;     /* in the last whole tenth of a second */
	unsigned counting; /* in this one */
};

/* A row was submitted. */
void linger_count(struct linger *l);
/* The wait, ms. */
int64_t linger_ms(struct linger *l, int64_t now_ms);

#endif
