/*
 * manage - what is allowed to whoever decides about messages by hand, at the command line or with a
 * key: how long its words are, how many messages a command is about, how fast it goes.  Pure.
 */
#ifndef DOMAIN_MANAGE_H
#define DOMAIN_MANAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/str.h"

#define MANAGE_WHO_MAX 100 /* bytes */
#define MANAGE_WHY_MAX 500
#define MANAGE_WAMID_MAX 150
#define MANAGE_LIMIT_DEFAULT 1000
#define MANAGE_BATCH_MAX 200 /* messages a transaction */

#define REPLAY_RATE_DEFAULT 50 /* messages a second */
#define REPLAY_RATE_MAX 1000
#define REPLAY_SINCE_US INT64_C(86400000000) /* unless it is said since when */

/* What a person may decide about a lost reply: sent, failed or resend. */
bool manage_decides(const char *text) MUST_CHECK;
/* An error code as messages have it: 131026, -8. */
bool manage_code_fits(const char *text) MUST_CHECK;

/* Messages of the next transaction of a replay, of so many that are left. */
unsigned replay_batch(uint64_t rate, uint64_t left);
/* From when a transaction began that replayed so many, to when the next one may, ms. */
int64_t replay_wait_ms(uint64_t rate, uint64_t replayed);
/* Adds a message to the arrays of its statement, which hold the ids and the lanes of their tenants;
 * both are begun with the first one.  replay_close(): false: no memory. */
void replay_add(struct str *ids, struct str *lanes, const char *id, const char *tenant_id);
bool replay_close(struct str *ids, struct str *lanes) MUST_CHECK;

#endif
