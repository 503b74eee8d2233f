/*
 * loop - the one event loop of a process: descriptors (epoll, level-triggered), timers, and
 * hooks that run once each round before it waits.
 *
 * Everything runs on the one thread.  Callbacks may add and remove watches and timers at
 * will, their own too: events of a removed watch are dropped (ids with generation).
 * Round: fire timers that are due, run hooks (flush, pump queues; repeated while one of
 * them says it did something, at most LOOP_HOOK_ROUNDS times), tell who asked for it that the
 * round is over, wait, dispatch events.
 * A hook is where recorded completions are turned into the next step, so no callback ever
 * calls back up.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

#define LOOP_HOOK_ROUNDS 8

struct loop;

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP... as reported by epoll. */
typedef void loop_ready_fn(void *arg, int fd, uint32_t events);
typedef void loop_timer_fn(void *arg);
/* True: something was done that may give another hook work. */
typedef bool loop_hook_fn(void *arg);
typedef void loop_wait_fn(void *arg);

struct loop *loop_new(struct err *ret_err) MUST_CHECK;
/* Watches and timers left are dropped; descriptors are not closed. */
void loop_free(struct loop *loop);

/* Returns an id, or 0 with ret_err.  events as for epoll_ctl (EPOLLEXCLUSIVE allowed). */
uint64_t loop_watch(struct loop *loop, int fd, uint32_t events, loop_ready_fn *fn, void *arg,
		    struct err *ret_err) MUST_CHECK;
/* Changes what is waited for; id must be alive. */
void loop_rewatch(struct loop *loop, uint64_t watch, uint32_t events);
/* Call before closing the descriptor.  0 and dead ids are ignored. */
void loop_unwatch(struct loop *loop, uint64_t watch);
/* The same for a descriptor that the caller closes next and that no other one, here or in a
 * child, is a duplicate of: the close takes it out of epoll, at no cost of its own. */
void loop_unwatch_closing(struct loop *loop, uint64_t watch);

/* Calls fn once at or after boot_ms (never within this call).  Returns an id; ends the
 * process when there is no memory.  */
uint64_t loop_timer(struct loop *loop, int64_t boot_ms, loop_timer_fn *fn, void *arg);
/* 0, fired and dead ids are ignored. */
void loop_cancel(struct loop *loop, uint64_t timer);

/* Hooks run in the order they were added; at most 16; never removed. */
void loop_hook(struct loop *loop, loop_hook_fn *fn, void *arg);
/* fn is called once a round, after the hooks, before the loop waits; one only. */
void loop_before_wait(struct loop *loop, loop_wait_fn *fn, void *arg);

/* The time of this round: clock_boot_ms() read after the wait. */
int64_t loop_now_ms(const struct loop *loop);

/* Runs until loop_stop().  0, or -1 when epoll itself fails. */
int loop_run(struct loop *loop, struct err *ret_err) MUST_CHECK;
void loop_stop(struct loop *loop);

#endif
