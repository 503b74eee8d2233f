/*
 * driver - moves one curl multi by the loop: its sockets are watched, its timer is kept, and
 * what is due at once runs in driver_run(), which the owner calls from its loop hook.
 *
 * One thread.  The loop outlives the driver.
 */
#ifndef TRANSPORT_DRIVER_H
#define TRANSPORT_DRIVER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/loop.h"

struct driver;

/* An easy handle's part in it; lives as long as the handle. */
struct driver_user {
	struct driver *driver;
	bool opening; /* opened a connection that is not established yet */
};

struct driver *driver_new(struct loop *loop, struct err *ret_err) MUST_CHECK;
/* Closes all connections; every easy handle has been removed before. */
void driver_free(struct driver *d);

CURLM *driver_multi(struct driver *d);
/* Sets the options that an easy handle needs once, before it is added to the multi. */
void driver_prepare(struct driver *d, CURL *easy, struct driver_user *user);
/* The user's call got its connection, or is over. */
void driver_opened(struct driver_user *user);
/* Lets curl do what it asked to do at once. */
void driver_run(struct driver *d);
/* Connections that are established; about, as a name with two addresses may have two begun. */
unsigned driver_established(const struct driver *d);
/* Users that wait for one they opened. */
unsigned driver_opening(const struct driver *d);

#endif
