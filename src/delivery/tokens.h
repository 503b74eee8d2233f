/*
 * tokens - outlets whose token Meta refuses.  Private to delivery.
 *
 * A message that nobody waits for does not fail for its outlet's token: the outlet is held
 * (holds.h, reason `token`), and what it sends from that number waits.  Others that send from
 * the same number do not: the token is the outlet's, and any outlet's record can name any
 * number.  Every TOKEN_PROBE_SECONDS the first of these messages that is ours is a probe: its
 * credentials are asked for again, and when the token is another one it is tried; the old one
 * too, ever more rarely, as a right may have been given to it.  What shows that the token works
 * releases the hold; until then the probe goes back to the others.  Who waits for a message is
 * not held: it is tried, and that is as good as a probe.
 */
#ifndef DELIVERY_TOKENS_H
#define DELIVERY_TOKENS_H

#include <stdbool.h>

#include "base/compiler.h"
#include "clients/graph_client.h"
#include "domain/hold.h"

struct delivery;
struct item;
struct tokens;

/* Null: no memory. */
struct tokens *tokens_new(struct delivery *d) MUST_CHECK;
void tokens_free(struct tokens *t);

/* The holds in force (sorted).  False: no memory, no change. */
bool tokens_learn(struct tokens *t, const struct hold_set *current) MUST_CHECK;
/* Lanes have become ours. */
void tokens_taken(struct tokens *t);
/* About once a second: probes what is due. */
void tokens_tick(struct tokens *t);
/* The row of a probe has become this item (null: it could not); the end of its load. */
void tokens_on_probe(struct tokens *t, struct item *item);
void tokens_on_loaded(struct tokens *t, bool loaded);

/* Its token was refused, and nobody waits for it: its outlet is to be held. */
void tokens_refused(struct item *item);
/* It is held for its token. */
void tokens_shelved(const struct item *item);
/* A probe knows its credentials; whether it is tried with them is for its `probe` to say. */
void tokens_on_credentials(struct item *item);
/* What an attempt came to says of the token. */
void tokens_on_answer(struct item *item, const struct graph_answer *answer);

/* Such holds that have messages of ours. */
unsigned tokens_held(const struct tokens *t);

#endif
