/*
 * report - the parameters of GET /api/v1/reports/{name}: tenant_id, since, until, limit.
 */
#ifndef HTTP_REPORT_H
#define HTTP_REPORT_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/report.h"

/* Is there a report of this name for callers? */
bool http_report_is(const char *name);

/* name: of a report that is; tenant_id: whose it is unless it says so (null: it must).  False with
 * ret_err: ERR_INVALID, "<parameter>: <what is wrong and what would be right>". */
bool http_report_read(const char *name, const char *query, const char *tenant_id,
		      struct report_filter *ret_filter, struct err *ret_err) MUST_CHECK;

#endif
