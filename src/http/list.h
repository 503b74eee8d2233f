/*
 * list - the parameters of GET /api/v1/messages: tenant_id, status, since, limit, cursor.
 */
#ifndef HTTP_LIST_H
#define HTTP_LIST_H

#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/filter.h"

/* tenant_id: whose messages are meant if it does not say so; null: it must.  False with ret_err:
 * ERR_INVALID, "<parameter>: <what is wrong and what would be right>". */
bool http_list_read(const char *query, const char *tenant_id, struct message_filter *ret_filter,
		    struct err *ret_err) MUST_CHECK;

#endif
