/*
 * node - what the master and the workers of one node share: a page of memory with the
 * worker slots, and one inbox of bells per slot.
 *
 * A node of W workers has 2 W slots: worker number n lives in slot n or n + W, so that on a
 * reload the new worker n and the old one, which still drains, stand side by side; `owner`
 * says which of them serves.  Which lanes a worker owns is not known here: lanes.h.
 *
 * One writer: the master.  It writes the page before it forks and whenever a worker is born,
 * becomes ready, drains or dies; workers only read, but for the beat of their own slot.  A slot
 * is protected by its version (a seqlock): odd while the master writes.
 */
#ifndef DELIVERY_NODE_H
#define DELIVERY_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "domain/message_id.h"

#define NODE_WORKERS_MAX 64
#define NODE_SLOTS_MAX (2 * NODE_WORKERS_MAX)
#define NODE_DEAD_KEPT 256

enum node_life {
	NODE_FREE = 0, /* no process */
	NODE_STARTING,
	NODE_READY,
	NODE_DRAINING,
};

enum node_incarnation {
	NODE_ALIVE = 0, /* one of ours, running */
	NODE_DEAD,      /* one of ours, seen dead by the master */
	NODE_STRANGER,  /* of another node, or of an earlier life of this one */
};

struct node;

/* Shared memory and inboxes for `workers` workers; call it in the master, before any fork. */
struct node *node_new(unsigned workers, struct err *ret_err) MUST_CHECK;
void node_free(struct node *node);

/* Who this node is: an id new at each start of a master, the host's boot id, and the path of
 * its node file ("": none).  Set by the master before it forks; copied. */
void node_set_identity(struct node *node, struct message_id id, const char *boot_id,
		       const char *file);
struct message_id node_id(const struct node *node);
const char *node_boot_id(const struct node *node);
const char *node_file(const struct node *node);

unsigned node_workers(const struct node *node);
unsigned node_slots(const struct node *node);

/* Master only.  node_set() begins a life, node_set_life() goes on with it. */
void node_set_life(struct node *node, unsigned slot, enum node_life life);
void node_set(struct node *node, unsigned slot, enum node_life life, struct message_id incarnation);
void node_set_owner(struct node *node, unsigned number, unsigned slot);
/* The process of this slot has ended: its incarnation is published as dead. */
void node_set_dead(struct node *node, unsigned slot);

/* The slot's worker: its loop turns, at this time (clock_boot_ms()). */
void node_beat(struct node *node, unsigned slot, int64_t boot_ms);
/* When it last said so; 0: not in this life. */
int64_t node_beaten_ms(const struct node *node, unsigned slot);

/* Any process. */
enum node_life node_life(const struct node *node, unsigned slot);
/* The slot that serves worker number `number` mod workers. */
unsigned node_owner(const struct node *node, unsigned number);
/* This incarnation lives there, as far as the master has seen. */
bool node_lives(const struct node *node, unsigned slot, struct message_id incarnation);
/* Where this incarnation lives; -1: nowhere here. */
int node_slot(const struct node *node, struct message_id incarnation);
enum node_incarnation node_incarnation(const struct node *node, struct message_id incarnation);

/* The inbox: read_fd is read by the slot's worker, write_fd by everybody else.
 * SOCK_SEQPACKET, non-blocking, close-on-exec; owned by the node. */
int node_read_fd(const struct node *node, unsigned slot);
int node_write_fd(const struct node *node, unsigned slot);

#endif
