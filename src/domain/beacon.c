#include "domain/beacon.h"

#define LEAP (INT64_C(1) << 32) /* with a tick a second: 136 years */

static bool remembers(const struct beacon *row, const struct beacon_known *known)
{
	return known->any && message_id_equal(known->id, row->id);
}

enum beacon_verdict beacon_judge(const struct beacon *row, const struct beacon_server *server,
				 const struct beacon_known *known)
{
	if (row->server.system_identifier != server->system_identifier)
		return BEACON_OTHER_SYSTEM;
	if (row->server.timeline != server->timeline)
		return BEACON_OTHER_TIMELINE;
	if (remembers(row, known) && row->ticks < known->ticks)
		return BEACON_BEHIND;
	return BEACON_SAME;
}

int64_t beacon_leap(const struct beacon *row, const struct beacon_known *known)
{
	int64_t ticks = row->ticks;

	if (remembers(row, known) && known->ticks > ticks)
		ticks = known->ticks;
	return (ticks / LEAP + 1) * LEAP;
}

const char *beacon_why(enum beacon_verdict verdict)
{
	switch (verdict) {
	case BEACON_SAME:
		break;
	case BEACON_OTHER_SYSTEM:
		return "the database was restored into another PostgreSQL cluster";
	case BEACON_OTHER_TIMELINE:
		return "PostgreSQL was failed over, or recovered to a point in time";
	case BEACON_BEHIND:
		return "an earlier copy of the database was put in its place";
	}
	return "";
}
