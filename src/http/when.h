/*
 * when - the members of a request that say when its message may be sent: send_at, deliver_between,
 * expires_at and ttl_seconds.
 */
#ifndef HTTP_WHEN_H
#define HTTP_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/message.h"
#include "domain/window.h"
#include "zone/zone.h"
#include "json/json_in.h"

#define WHEN_AHEAD_MIN_S 1
#define WHEN_AHEAD_MAX_S (365 * 86400)
#define WHEN_TTL_MIN_S 1
#define WHEN_TTL_MAX_S (30 * 86400)

/* Sets what m says of times (send_at, due, valid_until) and of its hours, which are written to
 * `window`.  False with ret_err as http_send_read(): a member is wrong, or the message could never
 * be sent in time. */
bool http_when_read(const struct json_value *root, int64_t now_wall_us, struct zones *zones,
		    struct message *m, char window[WINDOW_TEXT_BYTES],
		    struct err *ret_err) MUST_CHECK;

#endif
