/*
 * item - one message under way in this worker, and the steps it takes.  Private to delivery.
 *
 * turn ─▶ gate ─▶ credentials ─▶ place ─▶ pass ─▶ begin ─▶ call ─▶ record ─┬─▶ copy ─▶ end   sent
 *  ▲       │          └─▶ defer ─▶ wait ─┐                         ├─▶ wait ─▶ …   tried again
 *  │       └─▶ shelve ─▶ end   held      │                         └─▶ end   failed, unknown
 *  └─────────────────────────────────────┘    give_up ─▶ end
 *
 * Between turn and gate, hours: what may not be sent at this time of the day is deferred.
 *
 * A step either answers at once or is pending; its completion calls item_done() with the
 * result, and the table in steps.c says which step comes next.
 */
#ifndef DELIVERY_ITEM_H
#define DELIVERY_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/table.h"
#include "delivery/bell.h"
#include "delivery/breakers.h"
#include "delivery/delivery.h"
#include "delivery/far.h"
#include "delivery/holds.h"
#include "delivery/job.h"
#include "delivery/lanes.h"
#include "delivery/pace.h"
#include "delivery/queues.h"
#include "delivery/tokens.h"
#include "delivery/turn.h"
#include "delivery/world.h"

/* The polls read what is due so soon; what waits longer need not be held in memory. */
#define DELIVERY_AHEAD_MS 2000

enum item_step {
	STEP_TURN = 0,    /* its turn among those to the same recipient */
	STEP_HOURS,       /* it may be sent at this time of the day */
	STEP_GATE,        /* no hold covers it */
	STEP_SHELVE,      /* that it is held is committed; then it leaves */
	STEP_CREDENTIALS, /* the outlet's number and token */
	STEP_PLACE,       /* room for one more call */
	STEP_PASS,        /* its number and the host work, or somebody waits */
	STEP_BEGIN,       /* attempt n is committed */
	STEP_CALL,        /* the Graph call */
	STEP_RECORD,      /* its outcome is committed */
	STEP_COPY,        /* sent: the Conversation Service gets its copy */
	STEP_DEFER,       /* to be tried later without an attempt: committed */
	STEP_WAIT,        /* until it is due */
	STEP_HOLD,        /* the store is to say how it stands: its turn is kept */
	STEP_GIVE_UP,     /* failed without a further attempt: committed */
	STEP_END,
	STEP_COUNT,
};

enum item_result {
	ITEM_OK = 0,
	ITEM_LATER,
	ITEM_NO,
	ITEM_RESULTS,
	ITEM_PENDING = ITEM_RESULTS, /* the result comes by item_done() */
};

/* The copy for the Conversation Service goes its own way beside the steps (copy.c). */
enum copy_state {
	COPY_NONE = 0, /* nothing to store */
	COPY_DUE,      /* not begun, or held back */
	COPY_POSTING,
	COPY_WRITING, /* the service has it (or failed): being noted in the store */
	COPY_OVER,    /* nothing more to do in this worker */
};

/* An attempt's answer while it is being recorded. */
struct item_record {
	struct graph_answer answer;
	enum store_next next;
	int64_t ended_wall_us;
	char title[128];
	char reason[512];
};

struct item {
	struct job job;      /* steps */
	struct job copy_job; /* the copy's post and its note in the store */
	struct delivery *delivery;
	struct list ready;   /* in delivery.ready while a result waits to be acted on */
	struct list queue;   /* among those at a gate or to pass */
	struct queue *stock; /* its queue, which counts it; null: it does not, or not any more */
	struct pace_ticket ticket;
	struct turn turn;
	struct message *message;         /* owned */
	struct credentials *credentials; /* owned, wiped; null until known */
	char number[CREDENTIALS_NUMBER_BYTES];
	struct delivery_waiter waiter;
	enum item_step step;
	enum item_result result;
	enum copy_state copy;
	bool has_place;
	bool gated;             /* it may have to wait for what the store holds before it */
	bool token_refused;     /* Meta refused this token: ask for another one */
	bool token_asked_again; /* once per message */
	bool token_bad;         /* so it is: its outlet is to be held */
	int probe;              /* it is to find out for this hold; 0: it is not */
	bool siblings_asked;
	bool hold_asked;  /* held: a call that asks the store how it stands is not answered yet */
	bool hold_seen;   /* held: the store has said so since the last look */
	bool later;       /* deferred until its hours begin: leaves memory */
	bool shelved;     /* its row says held; somebody still waits for it */
	int hold;         /* that covers it, with shelve */
	bool copy_stored; /* as the service said */
	bool told;
	bool departs;                  /* its call has its time */
	bool left;                     /* the last gate has let its body go */
	bool given_up;                 /* its reply was called lost while it might still come */
	struct message_id incarnation; /* that began the last attempt */
	unsigned attempt;              /* last begun, 0 none */
	unsigned counted;
	unsigned throttled;
	unsigned copy_tries;
	int64_t expires_wall_us;
	int64_t begun_wall_us;
	int64_t deadline_wall_us; /* of the attempt, as stored */
	int64_t deadline_boot_ms; /* the same, for the last gate */
	int64_t due_boot_ms;
	int64_t step_boot_ms; /* when it came to its step */
	uint64_t timer;
	uint64_t copy_timer;
	int failure_code; /* with give_up and defer */
	char wamid[WAMID_BYTES];
	char reason[256];
	struct item_record *record; /* owned; from the answer until it was committed and told */
	struct graph_answer *late;  /* owned; that came while `lost` was being recorded */
};

/* Looking what the store holds for our lanes. */
struct poll {
	struct delivery *delivery;
	bool copies; /* for the Conversation Service; else to be sent */
	uint64_t timer;
	bool under_way;
	bool again;    /* what is under way may have missed what it is asked for */
	bool missed;   /* bells were, since it began */
	unsigned lane; /* of queues: looked at so far */
	int64_t queue;
	int64_t begun_ms;
};

/* Settling what is unknown (settle.c). */
struct settling_poll {
	uint64_t timer;
	bool loading;
	bool more;          /* rows may be left beyond the page */
	bool rung;          /* something is due that the look under way may have missed */
	bool changed;       /* what was looked at by another policy is to be read too … */
	bool changed_asked; /* … and is by the page under way */
	struct list writes; /* decisions being written */
};

/* What delivery_reserve() gives out. */
struct delivery_place {
	struct turn turn;
	struct pace_ticket ticket;
};

/* What a load was for.  SENDS: the queues (queues.c). */
enum { LOAD_SENDS = 0, LOAD_COPIES, LOAD_CALLS, LOAD_HELD, LOAD_PROBE, LOAD_DUE };

struct delivery {
	struct world *world;
	struct delivery_settings settings;
	struct bell *bell;
	struct turns *turns;
	struct far *far;
	struct breakers *breakers;
	struct lanes *lanes;
	struct holds *holds;
	struct tokens *tokens;
	struct table *items; /* by message id */
	struct list ready;
	struct pace *pace;
	uint64_t pace_timer;
	int64_t pace_wake_ms; /* of that timer */
	unsigned places;      /* taken, and not yet calls */
	unsigned reserved;    /* of these, for items still to come */
	delivery_told_fn *told;
	void *told_arg;
	bool draining;
	uint64_t bells_lost; /* counted so far (gauge.c) */
	uint64_t far_bells_lost;
	bool graph_fell_back; /* as logged */
	struct queues *queues;
	/* fallback polls (poll.c) */
	struct poll sends;
	struct poll copies;
	uint64_t due_timer; /* due.c */
	bool looked;  /* since the lanes are ours, all queues that wait in them were seen once */
	bool looking; /* what may have come before is being read: calls wait for that */
	bool unrung;  /* something was parked: its owner, whoever that is, is to look */
	bool deaf;    /* bells of other nodes are not heard, or not yet */
	struct settling_poll settling;
	/* messages by id (route.c) */
	struct list parked;  /* until the owner of their lane is known */
	struct list calls;   /* ours, to be loaded */
	struct list calling; /* being loaded */
	unsigned parked_count;
	/* the Conversation Service's health (copy.c) */
	unsigned copy_failures;
	int64_t copy_probe_boot_ms;
	struct log_rate copy_log;
};

/* item.c: birth and death.  Null: no room or no memory; the message stays in the store. */
struct item *item_new(struct delivery *d, const struct message *message);
void item_free(struct item *item);
void item_set_credentials(struct item *item, const struct credentials *credentials);
bool item_waited_for(const struct item *item);
/* Who waits is told when it ends, unless somebody does already; or at once, who only wants to know
 * that it is here. */
void item_join(struct item *item, const struct delivery_waiter *waiter);
/* Its row of work is gone. */
void item_work_over(const struct item *item);
/* Attempt n begins: its times, from now. */
void item_set_attempt(struct item *item, unsigned attempt, int64_t begun_wall_us,
		      int64_t deadline_wall_us);

/* steps.c */
extern const struct job_operations item_operations;
void item_enter(struct item *item, enum item_step step);
/* For turns_new(). */
void item_on_turn(void *arg, struct turn *turn);
void item_done(struct item *item, enum item_result result);
bool item_advance_all(struct delivery *d);
/* Another worker's attempt is under way, or our begin was refused: those behind it wait, until the
 * store says how it stands. */
void item_hold(struct item *item);
/* Neither begun nor about to be: may be handed back to the store. */
bool item_is_idle(const struct item *item);

/* place.c */
enum item_result item_take_place(struct item *item);
/* Without an attempt, it is as if it had not had it. */
void item_leave_place(struct item *item);
/* To those who wait and may go; true: some could. */
bool delivery_give_places(struct delivery *d);
/* A call has ended: Meta's limits may have been reached. */
void item_pace_answer(struct item *item, const struct graph_answer *answer);
bool delivery_place_free(const struct delivery *d);

/* attempt.c: begin, call, record. */
enum item_result item_begin(struct item *item);
enum item_result item_call(struct item *item);
enum item_result item_record(struct item *item);
void item_keep_answer(struct item *item, const struct graph_answer *answer);
/* Pending: it waits for what may come late, or is recorded once more. */
enum item_result item_recorded(struct item *item);
/* The process ends: if its call is under way, it was not sent when its body has not been asked
 * for, else its reply is lost; which may yet come, and is then recorded over that. */
void item_give_up_call(struct item *item);
void item_take_late(struct item *item, const struct graph_answer *answer);

/* pass.c */
enum item_result item_pass(struct item *item);
/* For breakers_new(). */
void item_on_wake(void *arg, struct list *entry);

/* hours.c */
/* Its validity lasts, and it is inside its hours. */
bool item_in_time(const struct item *item);
enum item_result item_hours(struct item *item);

/* due.c: what is scheduled is loaded shortly before it is due. */
void due_start(struct delivery *d);
void due_stop(struct delivery *d);
/* A page was read to its end; more: there may be more. */
void due_on_loaded(struct delivery *d, bool more);

/* gauge.c */
void delivery_gauge(struct delivery *d);

/* holds.c: whether an attempt of it may begin. */
bool item_is_allowed(const struct item *item);
/* No hold covers it; else it is written down as held. */
enum item_result item_gate(struct item *item);
enum item_result item_shelve(struct item *item);
/* That was committed, or not to be: it leaves, unless it is held and somebody waits for it. */
void item_shelved(struct item *item, bool done);
/* It is held no more: it takes its turn. */
void item_unshelve(struct item *item);

/* tell.c: results for waiters. */
void delivery_tell(struct delivery *d, const struct delivery_waiter *waiter,
		   const struct delivery_result *result);
void item_tell(struct item *item, enum delivery_end end);

/* copy.c */
extern const struct job_operations copy_operations;
/* Is the service thought to be up?  If not, is it time to look? */
bool copy_may_post(const struct delivery *d);
bool copy_may_probe(const struct delivery *d);
void item_copy_begin(struct item *item);
enum item_result item_copy_await(struct item *item);
/* The worker drains: it waits no longer than a second for the item's copy. */
void item_copy_drain(struct item *item);

/* route.c: to whoever owns the lane. */
void route_ring(struct delivery *d, const struct bell_ring *ring);
void route_order(struct delivery *d, const struct delivery_order *order);
void route_call(struct delivery *d, const struct bell_call *call);
/* The item is about to go: its waiter follows the message to its next owner. */
void route_item(struct item *item);
/* Its lane is not ours any more: as route_item(), and true. */
bool route_away(struct item *item);
/* Owners may have become known. */
void route_parked(struct delivery *d);
/* Loads what was called; true: something was. */
bool route_load(struct delivery *d);
/* Asks the store how a held message stands, unless that is being asked. */
void route_ask(struct item *item);
void route_adopted(struct delivery *d, struct item *item);
/* A page of rows was read: who waits for one of them joins it, and need not be loaded. */
void route_join(struct delivery *d);
/* loaded: the store could tell. */
void route_loaded(struct delivery *d, bool loaded);
/* Nobody will take them: who waits is told. */
void route_release(struct delivery *d);
void route_free(struct delivery *d);

/* poll.c */
void poll_start(struct delivery *d);
void poll_stop(struct delivery *d);
void poll_now(struct delivery *d);
/* Lanes have become ours, or bells may have been lost: which queues wait in our lanes is looked
 * at before anything begins at once, and before what rings meanwhile. */
void poll_missed(struct delivery *d);
void poll_on_queue(void *arg, enum store_verdict verdict, const struct store_queue *queue,
		   bool more);
bool poll_room_for_copy(const struct delivery *d);
/* The end of a load of copies. */
void poll_copies_loaded(struct delivery *d, bool more);

/* adopt.c: rows of the store become items. */
void adopt_on_row(void *arg, uint64_t tag, enum store_verdict verdict, const struct store_work *row,
		  bool more, const struct err *err);
/* Null: there is none. */
struct item *item_of_row(const struct delivery *d, const struct store_work *row);

/* settle.c: lost replies are settled by policy. */
void settle_start(struct delivery *d);
void settle_stop(struct delivery *d);
/* Something of our lanes is due: looked at soon, not at the next poll. */
void settle_now(struct delivery *d);
/* Lanes have become ours: their policies may have been others. */
void settle_taken(struct delivery *d);
void settle_on_row(void *arg, uint64_t tag, enum store_verdict verdict,
		   const struct store_unknown *row, bool more, const struct err *err);
void settle_free(struct delivery *d);

#endif
