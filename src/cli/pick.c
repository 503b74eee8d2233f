#include "cli/pick.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"

#define LIMIT_MAX 1000000

static const char *read_outlet(struct pick *p, const struct arguments *a)
{
	const char *fault;

	if (!a->outlet)
		return NULL;
	fault = arguments_outlet(a, &p->outlet);
	if (fault)
		return fault;
	p->filters[PICK_TENANT] = p->outlet.tenant_id;
	p->filters[PICK_OUTLET] = p->outlet.outlet_id;
	return NULL;
}

void pick_since(struct pick *p, int64_t wall_us)
{
	clock_rfc3339(wall_us, p->since);
	p->filters[PICK_SINCE] = p->since;
}

void pick_until(struct pick *p, int64_t wall_us)
{
	clock_rfc3339(wall_us, p->until);
	p->filters[PICK_UNTIL] = p->until;
}

static const char *read_times(struct pick *p, const struct arguments *a)
{
	int64_t us;

	if (a->since && !clock_rfc3339_parse(a->since, &us))
		return "--since is no time; write it as 2025-11-04T10:30:00Z";
	if (a->since)
		pick_since(p, us);
	if (a->until && !clock_rfc3339_parse(a->until, &us))
		return "--until is no time; write it as 2025-11-04T10:30:00Z";
	if (a->until)
		pick_until(p, us);
	return NULL;
}

const char *pick_read(struct pick *p, const struct arguments *a)
{
	const char *fault;

	*p = (struct pick){ .limit = MANAGE_LIMIT_DEFAULT };
	p->filters[PICK_TENANT] = a->tenant;
	p->filters[PICK_NUMBER] = a->number;
	p->filters[PICK_CODE] = a->code;
	fault = read_outlet(p, a);
	if (!fault)
		fault = read_times(p, a);
	if (fault)
		return fault;
	if (a->code && !manage_code_fits(a->code))
		return "--code is no error code; write one as `message show` gives it";
	if (a->limit && !text_to_u64(a->limit, 1, LIMIT_MAX, &p->limit))
		return "--limit is a number from 1 to 1000000";
	return NULL;
}

const char *pick_check_record(const struct arguments *a)
{
	if (a->yes && (!a->by || !a->why))
		return "--yes needs --by and --why, for the record";
	if ((a->why && strlen(a->why) > MANAGE_WHY_MAX) ||
	    (a->by && strlen(a->by) > MANAGE_WHO_MAX))
		return "--why has at most 500 bytes, --by 100";
	return NULL;
}
