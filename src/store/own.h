/*
 * own - what the tables of our own tenants say (own_outlet.sql), as an op of the reader.
 */
#ifndef STORE_OWN_H
#define STORE_OWN_H

#include "base/compiler.h"
#include "store/op.h"
#include "store/store.h"

struct op_own {
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char outlet_id[MESSAGE_TOKEN_MAX + 1];
};

/* 0, or -1: not sent. */
int own_send(const struct op_own *own, PGconn *handle) MUST_CHECK;
/* Tells what a completed op came to. */
void own_tell(const struct op *op, store_own_fn *fn, void *arg);

#endif
