/*
 * array - the parameters of one prepared statement: binary arrays and scalars, built one
 * after the other in one buffer (PostgreSQL's binary formats: array_send, uuid_send,
 * timestamptz_send...; all integers in network order).
 *
 * Use: array_reset(); then for each parameter array_begin() and exactly `rows` puts, or one
 * of the scalars; at the end array_values().  Out of memory sets `failed` once and for all
 * until the next reset.  One block of memory, kept between uses.
 */
#ifndef STORE_ARRAY_H
#define STORE_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/message_id.h"

#define ARRAY_PARAMS_MAX 32

/* Elements: their OIDs in pg_type, fixed for ever. */
enum array_type {
	ARRAY_BOOL = 16,
	ARRAY_BYTEA = 17,
	ARRAY_INT8 = 20,
	ARRAY_INT2 = 21,
	ARRAY_INT4 = 23,
	ARRAY_TEXT = 25,
	ARRAY_TIME = 1184, /* timestamptz */
	ARRAY_UUID = 2950,
};

struct array {
	uint8_t *data;
	size_t len;
	size_t space;
	unsigned count; /* parameters begun */
	size_t starts[ARRAY_PARAMS_MAX];
	bool failed;
};

/* As libpq wants them; pointers into the buffer, valid until the next change. */
struct array_values {
	const char *values[ARRAY_PARAMS_MAX];
	int lengths[ARRAY_PARAMS_MAX];
	int formats[ARRAY_PARAMS_MAX];
	int count;
};

void array_init(struct array *a);
void array_fini(struct array *a);
void array_reset(struct array *a);

/* An array parameter of `rows` elements, 1 or more. */
void array_begin(struct array *a, enum array_type type, unsigned rows);
/* One without elements: unnest() makes nulls of it, beside longer ones. */
void array_empty(struct array *a, enum array_type type);
void array_put_bool(struct array *a, bool v);
void array_put_int2(struct array *a, int v); /* cut to the range of int2 */
void array_put_int4(struct array *a, int v);
void array_put_int8(struct array *a, int64_t v);
void array_put_uuid(struct array *a, struct message_id v);
void array_put_time(struct array *a, int64_t wall_us);
void array_put_text(struct array *a, const char *v);
void array_put_bytes(struct array *a, const uint8_t *v, size_t len);
void array_put_null(struct array *a);
/* Null instead of 0, respectively of "" and of a null pointer. */
void array_put_int2_or_null(struct array *a, int v);
void array_put_int4_or_null(struct array *a, int v);
void array_put_time_or_null(struct array *a, int64_t wall_us);
void array_put_uuid_or_null(struct array *a, struct message_id v);
void array_put_text_or_null(struct array *a, const char *v);

/* A whole parameter: the numbers of the bits that are set, as smallint[]; at least one. */
void array_bits(struct array *a, uint64_t bits);

/* Scalar parameters. */
void array_uuid(struct array *a, struct message_id v);
void array_time(struct array *a, int64_t wall_us);
void array_bool(struct array *a, bool v);
void array_text(struct array *a, const char *v);
void array_int4(struct array *a, int v);
void array_int8(struct array *a, int64_t v);

/* False: memory had run out. */
bool array_values(const struct array *a, struct array_values *ret_values);

/* Reading results: big-endian integers, and times as wall-clock microseconds. */
int64_t array_read_int(const char *data, int len);
int64_t array_read_time(const char *data);

#endif
