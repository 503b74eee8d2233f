#include "store/orphans.h"

#include <string.h>

#include "store/array.h"

/* The columns of sql/statements/orphans.sql. */
enum column {
	MESSAGE_ID = 0,
	ATTEMPT,
	STATUS,
	AT,
	WAMID,
	NUMBER,
	CATEGORY,
	PRICING_MODEL,
	BILLABLE,
	RECIPIENT,
	USER,
	CODE,
	TITLE,
	DETAILS,
	COLUMNS,
};

struct row {
	const PGresult *result;
	int at;
};

static const char *text(const struct row *r, enum column c)
{
	return PQgetvalue(r->result, r->at, (int)c); /* "" for null */
}

/* 0 for null. */
static int number(const struct row *r, enum column c)
{
	return (int)array_read_int(text(r, c), PQgetlength(r->result, r->at, (int)c));
}

static bool is_null(const struct row *r, enum column c)
{
	return PQgetisnull(r->result, r->at, (int)c);
}

static struct receipt read_row(const struct row *r)
{
	struct receipt receipt = {
		.status = receipt_status_parse(text(r, STATUS)),
		.status_text = text(r, STATUS),
		.wamid = text(r, WAMID),
		.at_wall_us = array_read_time(text(r, AT)),
		.has_callback = true,
		.attempt = (unsigned)number(r, ATTEMPT),
		.number = text(r, NUMBER),
		.recipient = text(r, RECIPIENT),
		.user = text(r, USER),
		.category = text(r, CATEGORY),
		.pricing_model = text(r, PRICING_MODEL),
		.billable = is_null(r, BILLABLE) ? -1 : number(r, BILLABLE),
		.code = number(r, CODE),
		.title = text(r, TITLE),
		.details = text(r, DETAILS),
	};

	memcpy(receipt.id.bytes, text(r, MESSAGE_ID), sizeof(receipt.id.bytes));
	return receipt;
}

struct receipts *orphans_found(const PGresult *result)
{
	const int rows = result && PQnfields(result) == COLUMNS ? PQntuples(result) : 0;
	struct receipts *list = rows > 0 ? receipts_new() : NULL;

	for (int i = 0; list && i < rows; i++) {
		const struct row row = { result, i };
		const struct receipt receipt = read_row(&row);

		/* One that cannot be taken is found again. */
		if (receipts_add(list, &receipt) == RECEIPTS_FULL)
			break;
	}
	if (list && receipts_count(list) == 0) {
		receipts_free(list);
		return NULL;
	}
	return list;
}
