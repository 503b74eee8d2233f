#include "store/aside.h"

#define MESSAGES_MAX (1u << 16)
#define WAIT_FIRST_MS 50
#define WAIT_LAST_MS 1000

int aside_init(struct aside *a)
{
	list_init(&a->ops);
	a->by_id = table_new(MESSAGES_MAX);
	return a->by_id ? 0 : -1;
}

void aside_fini(struct aside *a)
{
	struct list *node;

	while ((node = list_take_first(&a->ops)))
		op_free(LIST_OBJECT(node, struct op, node));
	table_free(a->by_id);
}

bool aside_put(struct aside *a, struct op *op, int64_t now_ms)
{
	if (!op->aside && !table_insert(a->by_id, op->id.bytes, sizeof(op->id.bytes), op))
		return false;
	op->wait_ms = op->aside ? op->wait_ms * 2 : WAIT_FIRST_MS;
	if (op->wait_ms > WAIT_LAST_MS)
		op->wait_ms = WAIT_LAST_MS;
	op->aside = true;
	op->not_before_ms = now_ms + op->wait_ms;
	list_append(&a->ops, &op->node);
	return true;
}

struct op *aside_take(struct aside *a, int64_t now_ms)
{
	for (struct list *node = a->ops.next; node != &a->ops; node = node->next) {
		struct op *op = LIST_OBJECT(node, struct op, node);

		if (op->not_before_ms <= now_ms) {
			list_remove(node);
			return op;
		}
	}
	return NULL;
}

struct op *aside_find(const struct aside *a, struct message_id id)
{
	return table_find(a->by_id, id.bytes, sizeof(id.bytes));
}

void aside_release(struct aside *a, struct op *op)
{
	table_remove(a->by_id, op->id.bytes, sizeof(op->id.bytes));
	op->aside = false;
	list_remove(&op->node);
}
