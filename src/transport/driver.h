/*
 * driver - moves one curl multi by the loop: its sockets are watched, its timer is kept, and
 * what is due at once runs in driver_run(), which the owner calls from its loop hook.
 *
 * One thread.  The loop outlives the driver.
 */
#ifndef TRANSPORT_DRIVER_H
#define TRANSPORT_DRIVER_H

#include <curl/curl.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"

struct driver;

struct driver *driver_new(struct loop *loop, struct err *ret_err) MUST_CHECK;
/* Closes all connections; every easy handle has been removed before. */
void driver_free(struct driver *d);

CURLM *driver_multi(struct driver *d);
/* Options an easy handle needs once before it is added to the multi. */
void driver_prepare(struct driver *d, CURL *easy);
/* Lets curl do what it asked to do at once. */
void driver_run(struct driver *d);
/* Connections open or being opened. */
unsigned driver_open(const struct driver *d);

#endif
