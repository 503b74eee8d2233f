#include "simulator/order.h"

#include <stdlib.h>

static void order_free(struct order *order)
{
	if (order->prev)
		order->prev->next = order->next;
	else
		*order->list = order->next;
	if (order->next)
		order->next->prev = order->prev;
	buf_free(&order->errand.request);
	buf_free(&order->errand.body);
	free(order);
}

static void order_ends(struct errand *errand)
{
	struct order *order = (struct order *)((char *)errand - offsetof(struct order, errand));

	if (order->asker)
		order->heard(order);
	order_free(order);
}

void order_run(struct order **list, struct errands *errands, struct buf *request, void *asker,
	       void (*heard)(struct order *order))
{
	struct order *order = buf_alloc(1, sizeof(*order));

	order->errand.request = *request;
	*request = (struct buf){ 0 };
	order->errand.done = order_ends;
	order->asker = asker;
	order->heard = heard;
	order->list = list;
	order->next = *list;
	if (order->next)
		order->next->prev = order;
	*list = order;
	errands_run(errands, &order->errand);
}

void order_forget(struct order *list, const void *asker)
{
	for (struct order *order = list; order; order = order->next)
		if (order->asker == asker)
			order->asker = NULL;
}

void order_free_all(struct order **list)
{
	/* order_free() takes it out of the list, which the analyser does not see. */
	while (*list)
		order_free(*list); // NOLINT(clang-analyzer-unix.Malloc)
}
