/*
 * own - without a Tenant Service, our own tables say what an outlet sends with: the tenant client
 * asks here.  Private to delivery.
 *
 * What is stored is sealed (crypto/seal.h); it is opened for the client's cache and nowhere else.
 * An app secret is not kept at all, only the proof that follows from it and the token.
 */
#ifndef DELIVERY_OWN_H
#define DELIVERY_OWN_H

#include <stdint.h>

#include "base/err.h"
#include "delivery/world.h"
#include "store/store.h"

/* For the tenant client; arg: the world. */
int own_ask(void *world, uint64_t tag, const char *tenant_id, const char *outlet_id,
	    struct err *ret_err);
/* What the store found. */
void own_found(struct world *w, uint64_t tag, enum store_verdict verdict,
	       const struct store_own *found, const struct err *err);

#endif
