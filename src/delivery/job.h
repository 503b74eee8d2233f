/*
 * job - anything that waits for the outside world: a request (pipeline) or an item
 * (delivery).  The world's completions name a job by its id and are handed to it through its
 * operations; a job that has ended meanwhile is simply not found (Law 7).
 *
 * An operation records the result and makes the job ready; what follows is decided by its
 * table of steps, from a loop hook.
 */
#ifndef DELIVERY_JOB_H
#define DELIVERY_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/graph_client.h"
#include "clients/tenant_client.h"
#include "store/store.h"

struct job;

/* A job leaves out (null) what it never asks for. */
struct job_operations {
	void (*quota)(struct job *job, const struct quota_answer *answer);
	void (*credentials)(struct job *job, const struct credentials_answer *answer);
	void (*written)(struct job *job, enum store_verdict verdict, uint64_t seq,
			const struct err *err);
	void (*status)(struct job *job, enum store_verdict verdict,
		       const struct store_status *status, const struct err *err);
	void (*first)(struct job *job, enum store_verdict verdict, const struct store_first *first,
		      const struct err *err);
	void (*found)(struct job *job, enum store_verdict verdict, const struct store_found *found,
		      const struct err *err);
	void (*received)(struct job *job, enum store_verdict verdict,
			 const struct store_received *received, const struct err *err);
	void (*managed)(struct job *job, enum store_verdict verdict, const struct store_rows *rows,
			const struct err *err);
	void (*graph)(struct job *job, const struct graph_answer *answer);
	bool (*gate)(struct job *job);
	void (*conversation)(struct job *job, bool stored, const struct err *err);
};

struct job {
	const struct job_operations *operations;
	uint64_t id; /* given by world_add() */
};

#endif
