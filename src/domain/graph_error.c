#include "domain/graph_error.h"

#define ROW(first, last, sub, code, heading, cls, grows, first_s, last_s, advice) \
	{                                                                         \
		.first_code = (first),                                            \
		.last_code = (last),                                              \
		.subcode = (sub),                                                 \
		.name = (code),                                                   \
		.title = (heading),                                               \
		.class = GRAPH_##cls,                                             \
		.wait = GRAPH_WAIT_##grows,                                       \
		.first_wait_s = (first_s),                                        \
		.last_wait_s = (last_s),                                          \
		.action = (advice),                                               \
	},
#define CASE(which, code, heading, cls, grows, first_s, last_s, advice)                            \
	ROW(GRAPH_CASE_##which, GRAPH_CASE_##which, 0, code, heading, cls, grows, first_s, last_s, \
	    advice)

static const struct graph_error rows[] = {
#include "domain/graph_error_rows.h"
};

#undef ROW
#undef CASE

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct graph_error *find_code(int code)
{
	const struct graph_error *range = NULL;

	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct graph_error *row = &rows[i];

		if (row->subcode != 0 || code < row->first_code || code > row->last_code)
			continue;
		if (row->first_code == row->last_code)
			return row;
		range = row;
	}
	return range;
}

const struct graph_error *graph_error_find(int code, int subcode)
{
	/* Cases without a code have negative numbers; a peer must not be able to name them. */
	if (code < 0)
		return NULL;
	for (size_t i = 0; subcode != 0 && i < ROW_COUNT; i++)
		if (rows[i].first_code == code && rows[i].subcode == subcode)
			return &rows[i];
	return find_code(code);
}

const struct graph_error *graph_error_case(enum graph_case which)
{
	const struct graph_error *row = find_code((int)which);

	/* Every case has its row (tested); the answer to a number that is none of them is the
	 * one that never leads to a second send. */
	return row != NULL ? row : find_code(GRAPH_CASE_NET_AFTER);
}

const struct graph_error *graph_error_rows(size_t *ret_count)
{
	*ret_count = ROW_COUNT;
	return rows;
}

const char *graph_class_name(enum graph_class class)
{
	switch (class) {
	case GRAPH_NONE:
		return "none";
	case GRAPH_TRANSIENT:
		return "transient";
	case GRAPH_RATE_LIMITED:
		return "rate_limited";
	case GRAPH_AMBIGUOUS:
		return "ambiguous";
	case GRAPH_PERMANENT_REQUEST:
		return "permanent_request";
	case GRAPH_PERMANENT_RECIPIENT:
		return "permanent_recipient";
	case GRAPH_PERMANENT_ACCOUNT:
		return "permanent_account";
	case GRAPH_AUTH:
		return "auth";
	}
	return "";
}
