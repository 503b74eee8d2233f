/*
 * What waits stands in rings: tenants in the ring of a class, a tenant's lines in its own, tickets
 * in their line.  Only what may be in turn is linked: a line while it has tickets and its number
 * does not sleep, a tenant while it has such lines and does not sleep.  Who is found to have no
 * token sleeps until it has one (an alarm); a ticket whose pair must wait stands apart until then
 * and comes back to where it was in its line.  A line of a number that rests is in turn for its
 * urgent tickets, if it has any; so those are linked among themselves, too.
 */
#include "delivery/pace_turn.h"

void pace_link_tenant(struct pace *p, struct pace_tenant *t, unsigned class)
{
	if (!t->alarm.set && list_empty(&t->links[class]) && !list_empty(&t->rings[class]))
		list_append(&p->rings[class], &t->links[class]);
}

/* Its tickets that are in turn when it is. */
const struct list *pace_in_turn(const struct pace_line *line)
{
	return line->number->spares ? line->urgent : line->tickets;
}

void pace_link_line(struct pace *p, struct pace_line *line, unsigned class)
{
	const struct pace_number *n = line->number;

	if ((n->alarm.set && !n->spares) || list_empty(&pace_in_turn(line)[class]))
		return;
	if (list_empty(&line->links[class]))
		list_append(&line->tenant->rings[class], &line->links[class]);
	pace_link_tenant(p, line->tenant, class);
}

static void unlink_line(struct pace_line *line, unsigned class)
{
	struct pace_tenant *t = line->tenant;

	list_remove(&line->links[class]);
	if (list_empty(&t->rings[class])) {
		list_remove(&t->links[class]);
		t->left[class] = 0;
	}
}

/* One that was apart: only such as were, too, are before it in its line. */
static void put_in(struct pace *p, struct pace_ticket *t)
{
	struct list *tickets = &t->line->tickets[t->class];
	struct list *urgent = &t->line->urgent[t->class];
	struct list *after = tickets->next;

	while (after != tickets && LIST_OBJECT(after, struct pace_ticket, link)->order < t->order)
		after = after->next;
	list_append(after, &t->link);
	after = urgent->next;
	while (t->urgent && after != urgent &&
	       LIST_OBJECT(after, struct pace_ticket, urgent_link)->order < t->order)
		after = after->next;
	if (t->urgent)
		list_append(after, &t->urgent_link);
	t->state = PACE_WAITS;
	pace_link_line(p, t->line, t->class);
}

void pace_put_out(struct pace_ticket *t)
{
	list_remove(&t->link);
	list_remove(&t->urgent_link);
	if (list_empty(&pace_in_turn(t->line)[t->class]))
		unlink_line(t->line, t->class);
}

static void visit_lines(struct pace *p, struct pace_number *n, bool asleep)
{
	for (struct list *node = n->lines.next; node != &n->lines; node = node->next) {
		struct pace_line *line = LIST_OBJECT(node, struct pace_line, among);

		for (unsigned i = 0; i < SHARE_CLASSES; i++) {
			if (asleep && (!n->spares || list_empty(&line->urgent[i])))
				unlink_line(line, i);
			else if (!asleep)
				pace_link_line(p, line, i);
		}
	}
}

/* spares: but for what is urgent. */
void pace_number_sleeps(struct pace *p, struct pace_number *n, bool spares, int64_t until_ms)
{
	n->spares = spares;
	alarms_set(&p->alarms, &n->alarm, until_ms);
	visit_lines(p, n, true);
}

void pace_number_wakes(struct pace *p, struct pace_number *n)
{
	alarms_clear(&p->alarms, &n->alarm);
	n->spares = false;
	visit_lines(p, n, false);
}

void pace_tenant_sleeps(struct pace *p, struct pace_tenant *t, int64_t until_ms)
{
	alarms_set(&p->alarms, &t->alarm, until_ms);
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		list_remove(&t->links[i]);
}

void pace_tenant_wakes(struct pace *p, struct pace_tenant *t)
{
	alarms_clear(&p->alarms, &t->alarm);
	for (unsigned i = 0; i < SHARE_CLASSES; i++)
		pace_link_tenant(p, t, i);
}

void pace_wake(struct pace *p, int64_t now_ms)
{
	struct alarm *alarm;

	while ((alarm = alarms_take(&p->alarms, now_ms))) {
		if (alarm->kind == ALARM_NUMBER) {
			pace_number_wakes(p, LIST_OBJECT(alarm, struct pace_number, alarm));
		} else if (alarm->kind == ALARM_TENANT) {
			pace_tenant_wakes(p, LIST_OBJECT(alarm, struct pace_tenant, alarm));
		} else {
			put_in(p, LIST_OBJECT(alarm, struct pace_ticket, alarm));
		}
	}
}
