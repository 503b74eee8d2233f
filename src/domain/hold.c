#include "domain/hold.h"

#include <stdlib.h>
#include <string.h>

static const char *const scopes[HOLD_SCOPES] = {
	[HOLD_ALL] = "all",
	[HOLD_TENANT] = "tenant",
	[HOLD_OUTLET] = "outlet",
	[HOLD_NUMBER] = "number",
};

static const char *const reasons[HOLD_REASONS] = {
	[HOLD_PAUSED] = "paused",   [HOLD_CALLER] = "caller",         [HOLD_TOKEN] = "token",
	[HOLD_RESTORE] = "restore", [HOLD_RESTRICTED] = "restricted", [HOLD_DISABLED] = "disabled",
};

const char *hold_scope_name(enum hold_scope scope)
{
	return scopes[scope];
}

bool hold_scope_parse(const char *name, enum hold_scope *ret_scope)
{
	for (unsigned i = 0; i < HOLD_SCOPES; i++) {
		if (strcmp(name, scopes[i]) == 0) {
			*ret_scope = (enum hold_scope)i;
			return true;
		}
	}
	return false;
}

const char *hold_reason_name(enum hold_reason reason)
{
	return reasons[reason];
}

bool hold_reason_parse(const char *name, enum hold_reason *ret_reason)
{
	for (unsigned i = 0; i < HOLD_REASONS; i++) {
		if (strcmp(name, reasons[i]) == 0) {
			*ret_reason = (enum hold_reason)i;
			return true;
		}
	}
	return false;
}

bool hold_number_fits(const char *text)
{
	return *text && strlen(text) < HOLD_NUMBER_BYTES &&
	       strspn(text, "0123456789") == strlen(text);
}

/* What a hold covers, and what is looked for. */
struct subject {
	bool token;
	enum hold_scope scope;
	const char *tenant_id;
	const char *outlet_id;
	const char *number;
};

static int compare(const struct subject *s, const struct hold *hold)
{
	int order = s->token - (hold->reason == HOLD_TOKEN);

	if (!order)
		order = (s->scope > hold->scope) - (s->scope < hold->scope);
	if (!order)
		order = strcmp(s->tenant_id, hold->tenant_id);
	if (!order)
		order = strcmp(s->outlet_id, hold->outlet_id);
	return order ? order : strcmp(s->number, hold->number);
}

static int by_subject_and_id(const void *a, const void *b)
{
	const struct hold *x = a;
	const struct hold *y = b;
	const struct subject s = { x->reason == HOLD_TOKEN, x->scope, x->tenant_id, x->outlet_id,
				   x->number };
	const int order = compare(&s, y);

	return order ? order : (x->id > y->id) - (x->id < y->id);
}

void hold_sort(struct hold_set *set)
{
	if (set->count > 1)
		qsort(set->holds, set->count, sizeof(*set->holds), by_subject_and_id);
}

static int to_hold(const void *key, const void *element)
{
	return compare(key, element);
}

static const struct hold *find(const struct hold_set *set, const struct subject *s)
{
	return set->count > 0 ? bsearch(s, set->holds, set->count, sizeof(*set->holds), to_hold)
			      : NULL;
}

const struct hold *hold_find(const struct hold_set *set, const char *tenant_id,
			     const char *outlet_id, const char *number)
{
	const struct subject subjects[] = {
		{ false, HOLD_ALL, "", "", "" },
		{ false, HOLD_TENANT, tenant_id, "", "" },
		{ false, HOLD_OUTLET, tenant_id, outlet_id, "" },
		{ false, HOLD_NUMBER, "", "", number },
	};
	const struct hold *found = NULL;

	for (unsigned i = 0; !found && i < HOLD_SCOPES; i++)
		found = find(set, &subjects[i]);
	return found;
}

const struct hold *hold_find_token(const struct hold_set *set, const char *tenant_id,
				   const char *outlet_id, const char *number)
{
	return find(set, &(struct subject){ true, HOLD_OUTLET, tenant_id, outlet_id, number });
}

bool hold_is_in(const struct hold_set *set, const struct hold *hold)
{
	return set->count > 0 &&
	       bsearch(hold, set->holds, set->count, sizeof(*hold), by_subject_and_id);
}
