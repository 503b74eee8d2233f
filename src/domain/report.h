/*
 * report - which report of a tenant is asked for.  Plain values.
 */
#ifndef DOMAIN_REPORT_H
#define DOMAIN_REPORT_H

#include "domain/message.h"

#define REPORT_NAME_BYTES 16
#define REPORT_DAY_BYTES 11 /* 2026-11-23 */
#define REPORT_LIMIT_MAX 10000
#define REPORT_LIMIT_DEFAULT 1000

struct report_filter {
	char name[REPORT_NAME_BYTES];
	char tenant_id[MESSAGE_TOKEN_MAX + 1];
	char since[REPORT_DAY_BYTES]; /* "": 30 days ago */
	char until[REPORT_DAY_BYTES]; /* this day too; "": today */
	unsigned limit;               /* 1 to REPORT_LIMIT_MAX */
};

#endif
