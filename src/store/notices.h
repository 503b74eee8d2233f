/*
 * notices - how what webhooks tell besides receipts becomes parameters of
 * sql/statements/notices, and what came of it.
 */
#ifndef STORE_NOTICES_H
#define STORE_NOTICES_H

#include <libpq-fe.h>

#include "store/batch_private.h"
#include "store/op.h"

void notices_fill(struct array *a, struct op *const *ops, unsigned count,
		  const struct fill_context *context);
void notices_read(const PGresult *result, struct op *const *ops, unsigned count);

#endif
