/*
 * One change of lanes is under way at most (store_lanes): it renews the lease, fences who is
 * finished, releases or takes what spread_plan() says about the last view, and brings the
 * next view.  When that view leaves something to do, the next change follows at once, a few
 * times; else after RENEW_MS.  Bells and the death of a worker only make it come sooner.
 */
#include "delivery/lanes.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "delivery/node_file.h"
#include "domain/spread.h"

#define RENEW_MS 2000
#define AGAIN_FIRST_MS 30 /* the store could not answer, perhaps for a lock; then twice as long … */
#define AGAIN_MS 250      /* … up to this; and when ROUNDS have not helped */
#define ROUNDS 4          /* changes that follow at once */
#define STEADY_MS 4000    /* after we could not renew, others have so long to do it as well */
#define COMPLAIN_MS 500   /* between two bells to those who hold too much */
#define LEFT_MS 4000      /* by then it has released them, or has them again */

struct lanes {
	struct world *world;
	const struct node *node;
	struct message_id self;
	struct lanes_events events;
	uint64_t owned;     /* as the last view said, less what is being released */
	uint64_t releasing; /* in the change that is under way */
	uint64_t newer; /* others have said of these that they have them since it was asked for */
	bool pending;
	bool again;
	bool fencing; /* in the change that is under way */
	bool known;
	bool fenced;
	bool draining;
	unsigned rounds;
	int64_t again_ms;
	uint64_t timer;
	int64_t asked_boot_ms;
	int64_t lease_until_boot_ms;
	int64_t view_boot_ms;
	int64_t view_asked_boot_ms;
	int64_t steady_boot_ms; /* since then our lease has held; 0: never yet */
	int64_t complained_boot_ms;
	struct store_lanes_view view; /* the last one, as bells have corrected it */
	struct lane_owner owners[MESSAGE_LANES];
	uint64_t left; /* who had these has said that it leaves them, whatever a view says … */
	struct message_id leavers[MESSAGE_LANES];
	int64_t left_boot_ms;
};

static void change(struct lanes *l);

static bool is_self(const struct lanes *l, const struct store_incarnation *i)
{
	return message_id_equal(i->id, l->self);
}

static bool is_far(const struct lanes *l, const struct store_incarnation *i)
{
	return !message_id_equal(i->node_id, node_id(l->node));
}

/* As far as we can tell between two views; for hints. */
static bool lease_out(const struct lanes *l, const struct store_incarnation *i)
{
	return i->lease_left_ms <= clock_boot_ms() - l->view_boot_ms;
}

/* The master saw it die, or every process of its node is gone: proof, whatever its lease. */
static bool proven_dead(const struct lanes *l, const struct store_incarnation *i)
{
	if (node_incarnation(l->node, i->id) == NODE_DEAD)
		return true;
	return is_far(l, i) &&
	       node_file_proves_gone(i->node_file, i->node_id, node_boot_id(l->node));
}

/* PostgreSQL said that its lease had run out.  When PostgreSQL has been away for all of us, that
 * says nothing yet. */
static bool lease_ran_out(const struct lanes *l, const struct store_incarnation *i)
{
	return i->lease_left_ms <= 0 && l->steady_boot_ms &&
	       l->view_boot_ms - l->steady_boot_ms >= STEADY_MS;
}

static bool to_be_fenced(const struct lanes *l, const struct store_incarnation *i,
			 struct store_lanes *c)
{
	bool dead;

	if (is_self(l, i) || c->fence_count == STORE_FENCE_MAX)
		return false;
	dead = proven_dead(l, i);
	if (!dead && !lease_ran_out(l, i))
		return false;
	c->fence[c->fence_count].id = i->id;
	c->fence[c->fence_count++].dead = dead;
	return true;
}

/* What the next change is to do, by the last view.  True: more than to renew. */
static bool plan(const struct lanes *l, struct store_lanes *ret_change, bool *ret_short)
{
	struct spread_worker workers[STORE_LIVE_MAX];
	struct store_lanes c = { .draining = l->draining };
	struct spread_plan p = { .release = 0 };
	unsigned count = 0;
	unsigned self = STORE_LIVE_MAX;

	for (unsigned n = 0; n < l->view.count; n++) {
		const struct store_incarnation *i = &l->view.live[n];

		if (to_be_fenced(l, i, &c))
			continue; /* its lanes are free by then */
		if (is_self(l, i))
			self = count;
		workers[count++] = (struct spread_worker){
			.id = i->id,
			.lanes = i->lanes,
			.wants = is_self(l, i) ? !l->draining : !i->draining,
		};
	}
	if (self < count && !l->view.held)
		p = spread_plan(workers, count, self);
	c.release = p.release;
	c.take = p.take;
	*ret_change = c;
	*ret_short = p.short_of;
	return c.release || c.take || c.fence_count;
}

static bool has_left(const struct lanes *l, const struct store_incarnation *i, unsigned lane)
{
	return l->left >> lane & 1 && message_id_equal(l->leavers[lane], i->id);
}

static void learn_owners(struct lanes *l)
{
	for (unsigned lane = 0; lane < MESSAGE_LANES; lane++)
		l->owners[lane].place = LANE_UNKNOWN;
	for (unsigned n = 0; n < l->view.count; n++) {
		const struct store_incarnation *i = &l->view.live[n];
		const int slot = node_slot(l->node, i->id);
		struct lane_owner owner = {
			.incarnation = i->id,
			.until_boot_ms = l->view_asked_boot_ms + i->lease_left_ms,
		};

		if (slot >= 0) {
			owner.place = LANE_SIBLING;
			owner.slot = (unsigned)slot;
		} else if (is_far(l, i)) {
			owner.place = LANE_FAR;
		}
		if (is_self(l, i))
			continue;
		for (unsigned lane = 0; lane < MESSAGE_LANES; lane++) {
			if (i->lanes >> lane & 1 && !has_left(l, i, lane))
				l->owners[lane] = owner;
		}
	}
}

static bool far_lives(const struct lanes *l)
{
	for (unsigned n = 0; n < l->view.count; n++) {
		if (is_far(l, &l->view.live[n]) && !lease_out(l, &l->view.live[n]))
			return true;
	}
	return false;
}

static void tell(struct lanes *l, enum bell_news news, uint64_t lanes)
{
	l->events.news(l->events.arg, news, lanes, true, far_lives(l));
}

/* Workers of other nodes do not see a death before their next renewal, and have a share in its
 * lanes. */
static void tell_far(struct lanes *l)
{
	if (far_lives(l))
		l->events.news(l->events.arg, BELL_LOOK, 0, false, true);
}

static void on_timer(void *arg)
{
	struct lanes *l = arg;

	l->timer = 0;
	l->rounds = 0;
	change(l);
}

static void change_later(struct lanes *l, int64_t wait_ms)
{
	if (!l->timer)
		l->timer = loop_timer(l->world->loop, clock_boot_ms() + wait_ms, on_timer, l);
}

/* Plans and submits the next change, now or when the one under way is done. */
static void change(struct lanes *l)
{
	struct store_lanes c;
	bool short_of;

	if (l->fenced)
		return;
	if (l->pending) {
		l->again = true;
		return;
	}
	loop_cancel(l->world->loop, l->timer);
	l->timer = 0;
	(void)plan(l, &c, &short_of);
	if (c.release) {
		l->owned &= ~c.release;
		l->releasing = c.release;
		/* Before anybody can take them: what siblings accept is not rung here any more. */
		l->events.news(l->events.arg, BELL_LEAVING, c.release, true, false);
		if (!l->draining)
			l->events.leaving(l->events.arg, c.release);
	}
	l->pending = true;
	l->again = false;
	l->fencing = c.fence_count > 0;
	l->newer = 0;
	l->asked_boot_ms = clock_boot_ms();
	store_lanes(l->world->store, 0, &c);
}

/* Until the next renewal, or until the lease of another may have run out. */
static int64_t wait_ms(const struct lanes *l)
{
	int64_t wait = RENEW_MS;

	for (unsigned n = 0; n < l->view.count; n++) {
		const int64_t left = l->view.live[n].lease_left_ms;

		if (left > 0 && left < wait)
			wait = left + 1;
	}
	return wait;
}

/* Nobody will ask for the proof any more: all lives of a node that is gone are fenced. */
static void clean_up(const struct lanes *l, const struct store_lanes_view *next)
{
	for (unsigned n = 0; n < l->view.count; n++) {
		const struct store_incarnation *i = &l->view.live[n];
		bool left = !is_far(l, i) || !*i->node_file;

		for (unsigned o = 0; o < next->count && !left; o++)
			left = message_id_equal(next->live[o].node_id, i->node_id);
		if (!left && node_file_proves_gone(i->node_file, i->node_id, node_boot_id(l->node)))
			(void)unlink(i->node_file);
	}
}

/* The view leaves something to do: at once, unless that has not helped for a while. */
static void go_on(struct lanes *l)
{
	const int64_t now_ms = clock_boot_ms();
	struct store_lanes c;
	bool short_of;
	const bool more = plan(l, &c, &short_of);

	if (l->again || (more && l->rounds < ROUNDS)) {
		l->rounds++;
		change(l);
		return;
	}
	change_later(l, more ? AGAIN_MS : wait_ms(l));
	if (short_of && now_ms - l->complained_boot_ms >= COMPLAIN_MS) {
		l->complained_boot_ms = now_ms;
		tell(l, BELL_LOOK, 0);
	}
}

static void log_lanes(const struct lanes *l, const char *event, uint64_t lanes)
{
	log_text(l->world->log, LOG_INFO, event, "%d lanes, now %d", __builtin_popcountll(lanes),
		 __builtin_popcountll(l->owned));
}

static void take_view(struct lanes *l, uint64_t released)
{
	const bool lapsed = !lanes_leased(l);
	uint64_t ours = 0;
	uint64_t gained;

	for (unsigned n = 0; n < l->view.count; n++) {
		if (is_self(l, &l->view.live[n]))
			ours = l->view.live[n].lanes;
	}
	l->lease_until_boot_ms = spread_lease_until_ms(l->asked_boot_ms, STORE_LEASE_MS);
	gained = l->draining ? 0 : ours & (lapsed ? ours : ~l->owned);
	l->owned = l->draining ? 0 : ours;
	learn_owners(l);
	released &= ~ours;
	if (released) {
		log_lanes(l, "lanes_released", released);
		tell(l, BELL_FREED, released);
	}
	if (gained) {
		log_lanes(l, "lanes_taken", gained);
		tell(l, BELL_MINE, gained);
		l->events.taken(l->events.arg, gained);
	}
	l->events.known(l->events.arg);
}

/* In the view these lanes are the owner's now; null: nobody's. */
static void set_owner(struct lanes *l, uint64_t lanes, const struct message_id *owner)
{
	struct message_id node = { { 0 } }; /* another */
	bool found = !owner;

	if (owner && node_slot(l->node, *owner) >= 0)
		node = node_id(l->node);
	for (unsigned n = 0; n < l->view.count; n++) {
		struct store_incarnation *i = &l->view.live[n];

		if (is_self(l, i))
			continue;
		i->lanes &= ~lanes;
		if (owner && message_id_equal(i->id, *owner)) {
			i->lanes |= lanes;
			found = true;
		}
	}
	if (!found && l->view.count < STORE_LIVE_MAX)
		l->view.live[l->view.count++] = (struct store_incarnation){
			.id = *owner,
			.node_id = node,
			.lease_left_ms = STORE_LEASE_MS,
			.lanes = lanes,
		};
}

static const struct store_incarnation *find_live(const struct store_lanes_view *view,
						 struct message_id id)
{
	for (unsigned n = 0; n < view->count; n++) {
		if (message_id_equal(view->live[n].id, id))
			return &view->live[n];
	}
	return NULL;
}

/* Takes a view, but for what bells have told since it was asked for, which may be newer than it.
 * Who was told to be the owner, and is not in the view, has just come or gone: nobody knows. */
static void replace_view(struct lanes *l, const struct store_lanes_view *view)
{
	const struct store_incarnation *self = find_live(view, l->self);
	const uint64_t newer = l->newer & ~(self ? self->lanes : 0);
	uint64_t told[STORE_LIVE_MAX] = { 0 };
	uint64_t nobody = newer;

	for (unsigned n = 0; n < view->count && newer; n++) {
		const struct store_incarnation *i = find_live(&l->view, view->live[n].id);

		if (i && !is_self(l, i))
			told[n] = i->lanes & newer;
		nobody &= ~told[n];
	}
	l->view = *view;
	set_owner(l, nobody, NULL);
	for (unsigned n = 0; n < view->count; n++) {
		if (told[n])
			set_owner(l, told[n], &view->live[n].id);
	}
}

static void log_held(const struct lanes *l, bool held)
{
	if (held)
		log_text(l->world->log, LOG_ERROR, "lanes_held",
			 "PostgreSQL was restored or failed over: nothing is sent before "
			 "`message-sender queue release`");
	else
		log_text(l->world->log, LOG_WARNING, "lanes_open", "released: work goes on");
}

void lanes_on_view(struct lanes *l, const struct store_lanes_view *view)
{
	const uint64_t released = l->releasing;

	l->pending = false;
	l->releasing = 0;
	if (!view) {
		change_later(l, l->again_ms);
		l->again_ms = 2 * l->again_ms < AGAIN_MS ? 2 * l->again_ms : AGAIN_MS;
		return;
	}
	l->again_ms = AGAIN_FIRST_MS;
	clean_up(l, view);
	if (view->held != l->view.held && !view->fenced)
		log_held(l, view->held);
	replace_view(l, view);
	l->view_boot_ms = clock_boot_ms();
	l->view_asked_boot_ms = l->asked_boot_ms;
	if (l->asked_boot_ms - l->left_boot_ms >= LEFT_MS)
		l->left = 0;
	if (!l->steady_boot_ms || !lanes_leased(l))
		l->steady_boot_ms = l->view_boot_ms;
	l->known = true;
	if (view->fenced) {
		l->fenced = true;
		l->owned = 0;
		learn_owners(l);
		l->events.known(l->events.arg);
		log_text(l->world->log, LOG_WARNING, "fenced", "%s",
			 view->held ? "PostgreSQL was restored or failed over"
				    : "others have taken our lanes: our lease had run out");
		return;
	}
	take_view(l, released);
	if (l->fencing)
		tell_far(l);
	l->fencing = false;
	go_on(l);
}

/* So that what follows need not wait for the next view. */
static void correct_view(struct lanes *l, uint64_t lanes, const struct message_id *owner)
{
	set_owner(l, lanes, owner);
	learn_owners(l);
}

static void leave(struct lanes *l, uint64_t lanes, struct message_id incarnation)
{
	l->left |= lanes;
	l->left_boot_ms = clock_boot_ms();
	for (unsigned lane = 0; lane < MESSAGE_LANES; lane++) {
		if (lanes >> lane & 1)
			l->leavers[lane] = incarnation;
	}
	learn_owners(l);
}

void lanes_on_news(struct lanes *l, enum bell_news news, uint64_t lanes,
		   struct message_id incarnation)
{
	if (message_id_equal(incarnation, l->self))
		return; /* our own, by way of the store */
	if (news == BELL_LEAVING) {
		leave(l, lanes, incarnation);
		return;
	}
	if (news == BELL_MINE) {
		l->newer |= lanes;
		l->left &= ~lanes;
		correct_view(l, lanes, &incarnation);
		l->events.known(l->events.arg);
		return;
	}
	if (news == BELL_FREED)
		correct_view(l, lanes, NULL);
	l->rounds = 0;
	change(l);
}

struct lanes *lanes_new(struct world *world, const struct node *node, struct message_id incarnation,
			const struct lanes_events *events, struct err *ret_err)
{
	struct lanes *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(ret_err, ERR_TEMPORARY, 0, "no memory for the lanes");
		return NULL;
	}
	l->world = world;
	l->again_ms = AGAIN_FIRST_MS;
	l->node = node;
	l->self = incarnation;
	l->events = *events;
	change_later(l, 0);
	return l;
}

void lanes_free(struct lanes *l)
{
	if (!l)
		return;
	loop_cancel(l->world->loop, l->timer);
	free(l);
}

bool lanes_leased(const struct lanes *l)
{
	return !l->fenced && clock_boot_ms() < l->lease_until_boot_ms;
}

uint64_t lanes_ours(const struct lanes *l)
{
	return lanes_leased(l) ? l->owned : 0;
}

struct lane_owner lanes_owner(const struct lanes *l, unsigned lane)
{
	const struct lane_owner *owner = &l->owners[lane];

	if (lanes_ours(l) >> lane & 1)
		return (struct lane_owner){ .place = LANE_OURS };
	/* Another one may have it as soon as the master calls it dead, or its lease is out. */
	if (clock_boot_ms() >= owner->until_boot_ms ||
	    (owner->place == LANE_SIBLING && !node_lives(l->node, owner->slot, owner->incarnation)))
		return (struct lane_owner){ .place = LANE_UNKNOWN };
	return *owner;
}

bool lanes_known(const struct lanes *l)
{
	return l->known;
}

bool lanes_held(const struct lanes *l)
{
	return l->view.held;
}

bool lanes_fenced(const struct lanes *l)
{
	return l->fenced;
}

static bool sibling_ready(const struct lanes *l)
{
	const int self = node_slot(l->node, l->self);

	for (unsigned s = 0; s < node_slots(l->node); s++) {
		if (node_life(l->node, s) == NODE_READY && self != (int)s)
			return true;
	}
	return false;
}

bool lanes_has_far(const struct lanes *l)
{
	for (unsigned n = 0; n < l->view.count; n++) {
		if (is_far(l, &l->view.live[n]))
			return true;
	}
	return false;
}

bool lanes_has_others(const struct lanes *l)
{
	if (sibling_ready(l))
		return true;
	for (unsigned n = 0; n < l->view.count; n++) {
		const struct store_incarnation *i = &l->view.live[n];

		if (is_far(l, i) && !i->draining && !lease_out(l, i))
			return true;
	}
	return false;
}

bool lanes_serves(const struct lanes *l, unsigned lane)
{
	switch (lanes_owner(l, lane).place) {
	case LANE_OURS:
		return true;
	case LANE_SIBLING:
		/* The whole node stops: a bell may ring in an inbox that nobody reads. */
		return sibling_ready(l);
	case LANE_FAR:
	case LANE_UNKNOWN:
		break;
	}
	return lanes_has_others(l);
}

bool lanes_leaving(const struct lanes *l)
{
	if (!l->draining || l->fenced)
		return false;
	for (unsigned n = 0; n < l->view.count; n++) {
		if (is_self(l, &l->view.live[n]) && l->view.live[n].lanes)
			return true;
	}
	return false;
}

void lanes_drain(struct lanes *l)
{
	l->draining = true;
	l->owned = 0;
	l->rounds = 0;
	change(l);
}
