/*
 * Errands that a test has ordered by a control call, which waits for their end.
 */
#ifndef SIMULATOR_ORDER_H
#define SIMULATOR_ORDER_H

#include "simulator/errand.h"

struct order {
	struct errand errand;
	void *asker; /* whom to tell; NULL once it is gone */
	void (*heard)(struct order *order);
	struct order **list;
	struct order *prev, *next;
};

/* Takes what is in `request` over. `heard` is told of the end, then the order is gone. */
void order_run(struct order **list, struct errands *errands, struct buf *request, void *asker,
	       void (*heard)(struct order *order));
/* The asker is told nothing any more. */
void order_forget(struct order *list, const void *asker);
/* All of them, when no errand is under way any more. */
void order_free_all(struct order **list);

#endif
