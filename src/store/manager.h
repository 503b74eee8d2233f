/*
 * manager - a connection in role app for what is decided by key: one statement at a time, each a
 * transaction.  Made with the first one, closed when none has come for MANAGER_IDLE_MS.
 *
 * What waits longer than it may, or whose connection is lost, completes as STORE_AWAY.
 */
#ifndef STORE_MANAGER_H
#define STORE_MANAGER_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/loop.h"
#include "store/op.h"
#include "store/store.h"

#define MANAGER_IDLE_MS 30000

struct manager;

/* slow: for statements that may take some seconds. */
struct manager *manager_new(struct loop *loop, const struct store_settings *settings, bool slow,
			    struct list *completed, struct err *ret_err) MUST_CHECK;
void manager_free(struct manager *m);

/* Takes the op over.  False: STORE_MANAGE_WAITING_MAX wait already, and it is the caller's. */
bool manager_submit(struct manager *m, struct op *op) MUST_CHECK;
/* As writer_pump(). */
bool manager_pump(struct manager *m);

#endif
