#include "delivery/own.h"

#include <string.h>

#include "base/text.h"
#include "crypto/appsecret.h"

_Static_assert(CREDENTIALS_PROOF_BYTES == APPSECRET_PROOF_BYTES, "a proof has its place");

int own_ask(void *world, uint64_t tag, const char *tenant_id, const char *outlet_id,
	    struct err *ret_err)
{
	struct world *w = world;

	return store_own(w->store, tag, tenant_id, outlet_id, ret_err);
}

static int open_one(const struct world *w, const char *what, const struct store_own *found,
		    const struct store_sealed *sealed, char *ret, size_t size, struct err *ret_err)
{
	const struct seal_place place = { what, found->tenant_id, found->outlet_id };

	if (w->master_keys)
		return seal_open(w->master_keys, &place, sealed->bytes, sealed->len, ret, size,
				 ret_err);
	err_set(ret_err, ERR_TEMPORARY, 0,
		"MASTER_KEY_FILE is not set: the outlet's token cannot be read");
	return -1;
}

static int open_proof(const struct world *w, const struct store_own *found,
		      struct credentials *credentials, struct err *ret_err)
{
	char secret[CREDENTIALS_TOKEN_BYTES];
	int rc = 0;

	if (found->app_secret.len == 0)
		return 0;
	if (open_one(w, "outlet.app_secret", found, &found->app_secret, secret, sizeof(secret),
		     ret_err))
		return -1;
	if (appsecret_proof(secret, credentials->token, credentials->proof)) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for a proof of the app secret");
		rc = -1;
	}
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

/* The operator's fault, and to be mended: messages wait for that. */
static void log_unreadable(const struct world *w, const struct store_own *found,
			   const struct err *err)
{
	struct log_line line;

	log_begin(&line, w->log, LOG_ERROR, "secret_unreadable");
	log_str(&line, "tenant_id", found->tenant_id);
	log_str(&line, "outlet_id", found->outlet_id);
	log_str(&line, "cause", err->text);
	log_end(&line);
}

static void open_outlet(const struct world *w, const struct store_own *found,
			struct credentials *credentials, struct credentials_answer *answer)
{
	if (found->fault) {
		answer->verdict = CREDENTIALS_UNKNOWN;
		err_set(&answer->err, ERR_PERMANENT, 0, "%s", found->fault);
	} else if (open_one(w, "outlet.token", found, &found->token, credentials->token,
			    sizeof(credentials->token), &answer->err) == 0 &&
		   open_proof(w, found, credentials, &answer->err) == 0) {
		text_copy_cut(credentials->number, sizeof(credentials->number), found->number);
		answer->verdict = CREDENTIALS_OK;
		answer->credentials = credentials;
	} else {
		log_unreadable(w, found, &answer->err);
	}
}

void own_found(struct world *w, uint64_t tag, enum store_verdict verdict,
	       const struct store_own *found, const struct err *err)
{
	struct credentials credentials = { .proof = "" };
	struct credentials_answer answer = { .verdict = CREDENTIALS_AWAY };

	if (verdict == STORE_DONE)
		open_outlet(w, found, &credentials, &answer);
	else
		answer.err = *err;
	tenant_client_answer(w->tenant, tag, &answer);
	explicit_bzero(&credentials, sizeof(credentials));
}
