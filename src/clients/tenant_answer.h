/*
 * tenant_answer - reading the Tenant Service's two answers.  Pure.
 */
#ifndef CLIENTS_TENANT_ANSWER_H
#define CLIENTS_TENANT_ANSWER_H

#include "clients/tenant_client.h"
#include "transport/transport.h"

/* Fills all of *ret_answer. */
void tenant_answer_quota(const struct transport_result *result, struct quota_answer *ret_answer);

/* OK: *ret_credentials is set.  Otherwise *ret_err says why. */
enum credentials_verdict tenant_answer_credentials(const struct transport_result *result,
						   struct credentials *ret_credentials,
						   struct err *ret_err);

#endif
