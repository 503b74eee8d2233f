#include "store/queue.h"

#define MESSAGES_MAX (1u << 20)

static struct op *op_of(struct list *node)
{
	return LIST_OBJECT(node, struct op, node);
}

int queue_init(struct queue *q)
{
	*q = (struct queue){ .by_id = table_new(MESSAGES_MAX) };
	list_init(&q->ops);
	return q->by_id ? 0 : -1;
}

void queue_fini(struct queue *q)
{
	struct list *node;

	while ((node = list_take_first(&q->ops)))
		op_free(op_of(node));
	table_free(q->by_id);
}

struct op *queue_last(const struct queue *q, struct message_id id)
{
	return table_find(q->by_id, id.bytes, sizeof(id.bytes));
}

static void forget_id(struct queue *q, const struct op *op)
{
	if (queue_last(q, op->id) == op)
		table_remove(q->by_id, op->id.bytes, sizeof(op->id.bytes));
}

/* When the table is full, ops of one message are only less well merged: the sender never
 * submits two that would have to be kept apart. */
static void remember_id(struct queue *q, struct op *op)
{
	struct op *before = queue_last(q, op->id);

	if (before) {
		op->before_serial = before->serial;
		op->before_kind = before->kind;
		forget_id(q, before);
	}
	if (!table_insert(q->by_id, op->id.bytes, sizeof(op->id.bytes), op))
		op->before_serial = 0;
}

void queue_add(struct queue *q, struct op *op)
{
	op->serial = ++q->serial;
	remember_id(q, op);
	list_append(&q->ops, &op->node);
	q->count++;
}

void queue_add_cancel(struct queue *q, struct op *op)
{
	op->serial = ++q->serial;
	op->before_serial = 0;
	list_append(q->ops.next, &op->node);
	q->count++;
	q->cancels++;
}

void queue_remove(struct queue *q, struct op *op)
{
	forget_id(q, op);
	list_remove(&op->node);
	q->count--;
	if (op_is_settling(op))
		q->cancels--;
}

void queue_take_message(struct queue *q, struct message_id id, struct list *to)
{
	struct list *node = q->ops.next;

	if (!queue_last(q, id))
		return;
	while (node != &q->ops) {
		struct op *op = op_of(node);

		node = node->next;
		if (!message_id_equal(op->id, id))
			continue;
		queue_remove(q, op);
		list_append(to, &op->node);
	}
}

struct op *queue_first(const struct queue *q)
{
	return list_empty(&q->ops) ? NULL : op_of(q->ops.next);
}

unsigned queue_take(struct queue *q, struct op **ops, unsigned rows, size_t bytes)
{
	struct op *first = queue_first(q);
	uint64_t first_serial = first && !op_is_settling(first) ? first->serial : 0;
	unsigned count = 0;
	size_t total = 0;
	struct op *op;

	while (count < rows && (op = queue_first(q))) {
		if (first_serial == 0 && !op_is_settling(op))
			first_serial = op->serial;
		if (count > 0 && total + op->bytes > bytes)
			break;
		if (op->before_serial > 0 && op->before_serial >= first_serial &&
		    op->before_kind >= op->kind)
			break;
		total += op->bytes;
		queue_remove(q, op);
		ops[count++] = op;
	}
	return count;
}
