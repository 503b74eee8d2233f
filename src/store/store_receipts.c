#include "base/loop.h"
#include "store/receipts.h"
#include "store/store_private.h"

int store_receipts(struct store *s, uint64_t tag, struct receipts *receipts,
		   struct notices *notices, char *body, size_t body_len, struct err *ret_err)
{
	struct list ops;
	struct list *node;

	if (s->webhook_bytes >= STORE_WEBHOOK_BYTES || store_pending(s) >= s->max_pending) {
		meter_bound(s->meter, BOUND_WRITES);
		err_set(ret_err, ERR_LIMIT, 0, "database: too many webhooks wait already");
		return -1;
	}
	list_init(&ops);
	if (!receipts_ops(tag, receipts, notices, body, body_len, &s->webhook_bytes,
			  loop_now_ms(s->loop), &ops)) {
		err_set(ret_err, ERR_LIMIT, 0, "database: no memory");
		return -1;
	}
	while ((node = list_take_first(&ops)))
		writer_submit(s->writer, LIST_OBJECT(node, struct op, node));
	return 0;
}

void store_count_orphans(struct store *s, bool counts)
{
	writer_count_orphans(s->writer, counts);
}
