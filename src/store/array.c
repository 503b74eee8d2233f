/*
 * PostgreSQL counts time from 2000-01-01, we from 1970-01-01; both in microseconds UTC.
 */
#include "store/array.h"

#include <stdlib.h>
#include <string.h>

#define EPOCH_DIFFERENCE_US ((int64_t)946684800 * 1000000)

void array_init(struct array *a)
{
	memset(a, 0, sizeof(*a));
}

void array_fini(struct array *a)
{
	free(a->data);
	array_init(a);
}

void array_reset(struct array *a)
{
	a->len = 0;
	a->count = 0;
	a->failed = false;
}

static uint8_t *room(struct array *a, size_t len)
{
	uint8_t *at;

	if (a->failed)
		return NULL;
	if (a->space - a->len < len) {
		size_t space = a->space ? a->space * 2 : 16384;
		uint8_t *data;

		while (space - a->len < len)
			space *= 2;
		data = realloc(a->data, space);
		if (!data) {
			a->failed = true;
			return NULL;
		}
		a->data = data;
		a->space = space;
	}
	at = a->data + a->len;
	a->len += len;
	return at;
}

static void write_int(uint8_t *at, uint64_t v, unsigned len)
{
	for (unsigned i = len; i > 0; i--) {
		at[i - 1] = (uint8_t)v;
		v >>= 8;
	}
}

/* An integer, with its length before it when it is an element. */
static void put_int(struct array *a, uint64_t v, unsigned len)
{
	uint8_t *at = room(a, 4 + len);

	if (!at)
		return;
	write_int(at, len, 4);
	write_int(at + 4, v, len);
}

static void begin_param(struct array *a)
{
	if (a->count == ARRAY_PARAMS_MAX) {
		a->failed = true;
		return;
	}
	a->starts[a->count++] = a->len;
}

static void scalar(struct array *a, uint64_t v, unsigned len)
{
	uint8_t *at;

	begin_param(a);
	at = room(a, len);
	if (at)
		write_int(at, v, len);
}

void array_begin(struct array *a, enum array_type type, unsigned rows)
{
	uint8_t *at;

	begin_param(a);
	at = room(a, 20);
	if (!at)
		return;
	write_int(at, 1, 4);     /* dimensions */
	write_int(at + 4, 1, 4); /* there may be nulls */
	write_int(at + 8, (uint64_t)type, 4);
	write_int(at + 12, rows, 4);
	write_int(at + 16, 1, 4); /* lower bound */
}

void array_empty(struct array *a, enum array_type type)
{
	uint8_t *at;

	begin_param(a);
	at = room(a, 12);
	if (!at)
		return;
	memset(at, 0, 8); /* no dimensions, no nulls */
	write_int(at + 8, (uint64_t)type, 4);
}

void array_put_bool(struct array *a, bool v)
{
	put_int(a, v, 1);
}

void array_put_int2(struct array *a, int v)
{
	if (v > INT16_MAX)
		v = INT16_MAX;
	if (v < INT16_MIN)
		v = INT16_MIN;
	put_int(a, (uint64_t)v, 2);
}

void array_put_int4(struct array *a, int v)
{
	put_int(a, (uint64_t)v, 4);
}

void array_put_int8(struct array *a, int64_t v)
{
	put_int(a, (uint64_t)v, 8);
}

void array_put_time(struct array *a, int64_t wall_us)
{
	put_int(a, (uint64_t)(wall_us - EPOCH_DIFFERENCE_US), 8);
}

void array_put_uuid(struct array *a, struct message_id v)
{
	uint8_t *at = room(a, 4 + sizeof(v.bytes));

	if (!at)
		return;
	write_int(at, sizeof(v.bytes), 4);
	memcpy(at + 4, v.bytes, sizeof(v.bytes));
}

void array_put_text(struct array *a, const char *v)
{
	array_put_bytes(a, (const uint8_t *)v, strlen(v));
}

void array_put_bytes(struct array *a, const uint8_t *v, size_t len)
{
	uint8_t *at = room(a, 4 + len);

	if (!at)
		return;
	write_int(at, len, 4);
	memcpy(at + 4, v, len);
}

void array_put_null(struct array *a)
{
	uint8_t *at = room(a, 4);

	if (at)
		write_int(at, UINT32_MAX, 4);
}

void array_put_int2_or_null(struct array *a, int v)
{
	if (v)
		array_put_int2(a, v);
	else
		array_put_null(a);
}

void array_put_int4_or_null(struct array *a, int v)
{
	if (v)
		array_put_int4(a, v);
	else
		array_put_null(a);
}

void array_put_time_or_null(struct array *a, int64_t wall_us)
{
	if (wall_us)
		array_put_time(a, wall_us);
	else
		array_put_null(a);
}

void array_put_uuid_or_null(struct array *a, struct message_id v)
{
	if (message_id_is_none(v))
		array_put_null(a);
	else
		array_put_uuid(a, v);
}

void array_put_text_or_null(struct array *a, const char *v)
{
	if (v && *v)
		array_put_text(a, v);
	else
		array_put_null(a);
}

void array_uuid(struct array *a, struct message_id v)
{
	uint8_t *at;

	begin_param(a);
	at = room(a, sizeof(v.bytes));
	if (at)
		memcpy(at, v.bytes, sizeof(v.bytes));
}

void array_time(struct array *a, int64_t wall_us)
{
	scalar(a, (uint64_t)(wall_us - EPOCH_DIFFERENCE_US), 8);
}

void array_bool(struct array *a, bool v)
{
	scalar(a, v, 1);
}

void array_text(struct array *a, const char *v)
{
	const size_t len = strlen(v);
	uint8_t *at;

	begin_param(a);
	at = room(a, len);
	if (at)
		memcpy(at, v, len);
}

void array_bits(struct array *a, uint64_t bits)
{
	array_begin(a, ARRAY_INT2, (unsigned)__builtin_popcountll(bits));
	for (int bit = 0; bit < 64; bit++)
		if (bits >> bit & 1)
			array_put_int2(a, bit);
}

void array_int4(struct array *a, int v)
{
	scalar(a, (uint64_t)v, 4);
}

void array_int8(struct array *a, int64_t v)
{
	scalar(a, (uint64_t)v, 8);
}

bool array_values(const struct array *a, struct array_values *ret_values)
{
	if (a->failed)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		size_t end = i + 1 < a->count ? a->starts[i + 1] : a->len;

		ret_values->values[i] = (const char *)a->data + a->starts[i];
		ret_values->lengths[i] = (int)(end - a->starts[i]);
		ret_values->formats[i] = 1;
	}
	ret_values->count = (int)a->count;
	return true;
}

int64_t array_read_int(const char *data, int len)
{
	uint64_t v = len > 0 && (data[0] & 0x80) ? UINT64_MAX : 0;

	for (int i = 0; i < len; i++)
		v = v << 8 | (uint8_t)data[i];
	return (int64_t)v;
}

int64_t array_read_time(const char *data)
{
	return array_read_int(data, 8) + EPOCH_DIFFERENCE_US;
}
