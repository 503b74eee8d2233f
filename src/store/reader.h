/*
 * reader - the connection that reads for callers, in role reader: one message by its id, the
 * first request by its key, the messages of one tenant; and the bells between nodes (LISTEN,
 * NOTIFY).
 *
 * What waits longer than READER_TIMEOUT_MS, or whose connection is lost, completes as
 * STORE_AWAY.
 */
#ifndef STORE_READER_H
#define STORE_READER_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"
#include "base/loop.h"
#include "store/op.h"
#include "store/store.h"

#define READER_TIMEOUT_MS 1500

struct reader;

struct reader *reader_new(struct loop *loop, const struct store_settings *settings,
			  const struct store_callbacks *callbacks, struct list *completed,
			  struct err *ret_err) MUST_CHECK;
void reader_free(struct reader *r);

/* Takes the op over. */
void reader_submit(struct reader *r, struct op *op);
/* As writer_pump(). */
bool reader_pump(struct reader *r);

bool reader_ready(const struct reader *r);
const struct err *reader_trouble(const struct reader *r);
unsigned reader_pending(const struct reader *r);

/* The channel of one worker, or (null) of all; name: STORE_CHANNEL_BYTES. */
void reader_channel(const struct message_id *incarnation, char *name);

/* The status in a completed op's result. */
void reader_status(const struct op *op, struct store_status *ret_status);
/* One row of many statuses, and whose it is.  False: of another shape. */
bool reader_look(const struct op *op, int row, uint64_t *ret_tag, struct store_status *ret_status);
/* The version of all API keys, and the one that was asked for, if there is one; outlets:
 * API_KEY_OUTLETS_BYTES.  False: of another shape. */
bool reader_api_key(const struct op *op, int64_t *ret_version, struct api_key *ret_key,
		    char *ret_outlets, bool *ret_found);
/* So too what became of a key; its text is the op's. */
void reader_first(const struct op *op, struct store_first *ret_first);

#endif
