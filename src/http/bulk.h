/*
 * bulk - the body of POST /api/v1/messages/bulk, read in portions, and its answer.
 *
 *   {"tenant_id": …, "defaults": {any field of send}, "messages": [{…}, …]}
 *
 * The body is walked once, which finds the items; each item is then read by itself, by the rules
 * of send.h, with the defaults for what it lacks.  So a long call costs its body, 8 bytes an item
 * and one item at a time.
 */
#ifndef HTTP_BULK_H
#define HTTP_BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "domain/message.h"
#include "http/idempotency.h"
#include "http/problem.h"
#include "http/response.h"
#include "zone/zone.h"

#define HTTP_BULK_ITEMS_MAX 10000

struct http_bulk;

enum http_bulk_reading { HTTP_BULK_MORE = 0, HTTP_BULK_READ, HTTP_BULK_WRONG };

/* Takes the body over: it is empty afterwards.  Null: no memory; body stays. */
struct http_bulk *http_bulk_new(struct str *body, struct zones *zones) MUST_CHECK;
void http_bulk_free(struct http_bulk *b);

/* Whose messages they are if the call does not say so; borrowed as long as b lives; before it is
 * read.  Null: it must. */
void http_bulk_of_tenant(struct http_bulk *b, const char *tenant_id);

/* Reads on, about so many bytes.  WRONG: ret_err, nothing of it can be taken (ERR_INVALID,
 * ERR_INTERNAL). */
enum http_bulk_reading http_bulk_read(struct http_bulk *b, size_t bytes, struct err *ret_err);
/* How far it has come: those bytes do not change any more, and are not needed to be read again. */
const char *http_bulk_text(const struct http_bulk *b, size_t *ret_len);

/* Borrowed; null: it has not come so far. */
const char *http_bulk_tenant(const struct http_bulk *b);
/* Behind READ. */
unsigned http_bulk_count(const struct http_bulk *b);

/* The moment that the times of items are compared with: before the first item is read. */
void http_bulk_came(struct http_bulk *b, int64_t wall_us);
/* One item as a new message, as http_send_read(); its Idempotency-Key ("": none) and its own text
 * (borrowed).  Null with ret_err: "messages[17].to: ...". */
struct message *http_bulk_item(const struct http_bulk *b, unsigned index,
			       char ret_key[IDEMPOTENCY_KEY_BYTES], struct err *ret_err) MUST_CHECK;
const char *http_bulk_item_text(const struct http_bulk *b, unsigned index, size_t *ret_len);
/* What the items share: the text of the defaults; "". */
const char *http_bulk_defaults_text(const struct http_bulk *b, size_t *ret_len);

/* Results, in the order of the items, in an own str: an array to be, without brackets. */
void http_bulk_taken(struct str *results, unsigned index, struct message_id id, const char *status,
		     bool replayed);
void http_bulk_refused(struct str *results, unsigned index, enum problem problem,
		       const char *message);

struct http_bulk_counts {
	unsigned accepted;
	unsigned refused;
};

/* 202 with Location of the batch; its body has failed when the results have. */
void http_bulk_answer(struct http_response *r, struct message_id batch_id,
		      const struct http_bulk_counts *counts, const struct str *results);
/* That answer once more, byte for byte. */
void http_bulk_again(struct http_response *r, struct message_id batch_id, int status,
		     const char *body);

#endif
