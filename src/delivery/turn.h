/*
 * turn - messages of one outlet and class to one recipient go out in the order they came in.
 * Private to delivery.
 *
 * Every message under way has an entry in the queue of its outlet, class and recipient, in the
 * order of its seq; it may begin when nobody before it blocks.  An entry leaves when
 * its message is accepted by Meta or has ended.  An entry that holds others up for `hold_ms`
 * (it waits for a later attempt, or for a reply) is passed: it blocks nobody any more.  The moment
 * goes along when it is handed over; of what began elsewhere it is reckoned from what was told.
 */
#ifndef DELIVERY_TURN_H
#define DELIVERY_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/list.h"
#include "base/loop.h"
#include "domain/message.h"

struct turns;
struct turn_queue;

/* Part of a larger object of its owner; zeroed before its first use. */
struct turn {
	struct list link;
	struct turn_queue *queue; /* null: in none */
	uint64_t seq;             /* of the message; 0: not given yet, comes last */
	bool waiting;             /* its owner is to be told when it may begin */
	bool passed;
	int64_t accepted_wall_us; /* of the message */
	int64_t begun_wall_us;    /* 0: here */
	int64_t pass_ms;          /* boot clock; 0: nobody waited behind it so far */
	uint64_t timer;
};

/* Told, from a loop timer or from turn_leave(), that a waiting entry may begin. */
typedef void turn_come_fn(void *arg, struct turn *entry);

struct turns *turns_new(struct loop *loop, size_t max, int64_t hold_ms, turn_come_fn *fn,
			void *arg) MUST_CHECK;
/* Entries still in it are forgotten. */
void turns_free(struct turns *turns);

/* Takes its place by seq in the message's queue.  False: no memory. */
bool turn_join(struct turns *turns, struct turn *entry, const struct message *message) MUST_CHECK;
/* Its attempt began then, elsewhere: who came before this joined has waited for it since. */
void turn_has_begun(struct turn *entry, int64_t begun_wall_us);
/* May it begin?  If not, it waits, and is told once. */
bool turn_may_begin(struct turns *turns, struct turn *entry) MUST_CHECK;
/* Would a message that joins now have to wait? */
bool turn_is_free(const struct turns *turns, const struct message *message);
/* Harmless when it is in no queue. */
void turn_leave(struct turns *turns, struct turn *entry);
/* `to` stands where `from` stood, and is passed when that would have been. */
void turn_hand_over(struct turns *turns, struct turn *from, struct turn *to);

#endif
