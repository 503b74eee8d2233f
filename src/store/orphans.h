/*
 * orphans - receipts that have found their messages.
 */
#ifndef STORE_ORPHANS_H
#define STORE_ORPHANS_H

#include <libpq-fe.h>

#include "base/compiler.h"
#include "domain/receipts.h"

/* Of the result of sql/statements/orphans.sql; null: there are none, or no memory. */
struct receipts *orphans_found(const PGresult *result) MUST_CHECK;

#endif
